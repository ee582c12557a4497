/* munin's datafile and paths of .rrd files: whatever they say, infos are strict JSON and names are slices of the path. */
#include <stdlib.h>

#include "base/mem.h"
#include "import/datafile.h"
#include "import/rrd_name.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_service(const struct datafile_service *s)
{
	struct json_value v;
	struct buf out;

	must(s->name.n > 0 && s->path.n >= s->host.n);
	buf_init(&out, SIZE_MAX);
	if (datafile_info(s, &out))
		must(json_check(buf_text(&out), false, &v, NULL) == RC_OK && v.type == JSON_OBJECT);
	else
		must(out.n == 0);
	for (const struct datafile_field *f = s->field; f != NULL; f = f->next) {
		struct series series;

		buf_clear(&out);
		datafile_rrd(s, f, &out);
		must(out.n > s->path.n + s->name.n + f->name.n);
		(void)rrd_name_munin(buf_text(&out), TEXT_NONE, &series);
	}
	buf_fini(&out);
}

static bool is_inside(struct text part, struct text whole)
{
	return part.s >= whole.s && part.s + part.n <= whole.s + whole.n;
}

static void check_path(struct text path)
{
	struct series s;
	struct arena a;

	if (rrd_name_munin(path, TEXT_NONE, &s))
		must(is_inside(s.host, path) && is_inside(s.plugin, path) && is_inside(s.ds, path) && s.host.n > 0 &&
		     s.plugin.n > 0 && s.ds.n > 0);
	arena_init(&a);
	if (rrd_name_plain(path, TEXT("value"), true, &a, &s))
		must(is_inside(s.host, path));
	(void)rrd_name_plain(path, TEXT("value"), false, &a, &s);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text bytes = { (const char *)data, size };
	struct datafile d;

	if (datafile_read(bytes, &d, NULL) == RC_OK)
		for (const struct datafile_service *s = d.service; s != NULL; s = s->next)
			check_service(s);
	datafile_fini(&d);
	if (size < 600)
		check_path(bytes);
	return 0;
}
