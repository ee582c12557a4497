/*
 * A tree of .rrd files: munin's, told by its datafile and by its files' names, or any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/map.h"
#include "base/mem.h"
#include "ctl/import_sources.h"
#include "ctl/import_staging.h"
#include "ctl/import_walk.h"
#include "import/datafile.h"
#include "import/rrd_name.h"
#include "import/rrd_slots.h"
#include "wsp/wsp.h"

struct rrd {
	struct import *im;
	const struct import_options *o;
	bool own_archives; /* --archives rrd */
	int root_fd;
	struct arena arena;
	/* munin's */
	bool is_munin;
	struct buf bytes;
	struct datafile datafile;
	struct map claimed; /* paths that the datafile names */
	struct map paths;   /* "GROUP/HOST" → service */
	struct map hosts;   /* host → "GROUP;HOST", of which it is the name */
	/* the file read last: a file of several data sources is read once */
	char *path;
	struct rrdfile file;
};

/* --rename OLD=NEW,OLD=NEW */
static struct text renamed(const struct rrd *r, struct text host)
{
	const char *at = r->o->renames;

	if (r->o->map.host != NULL)
		return text_of(r->o->map.host);
	while (at != NULL && *at != '\0') {
		size_t n = strcspn(at, ",");
		const char *equals = memchr(at, '=', n);

		if (equals != NULL && text_equal((struct text){ at, (size_t)(equals - at) }, host))
			return (struct text){ equals + 1, n - (size_t)(equals + 1 - at) };
		at += n + (at[n] == ',');
	}
	return host;
}

static enum rc check_renames(const char *renames, struct why *why)
{
	for (const char *at = renames; at != NULL && *at != '\0';) {
		size_t n = strcspn(at, ",");
		const char *equals = memchr(at, '=', n);

		if (equals == NULL || equals == at || (size_t)(equals - at) == n - 1)
			return because(why, RC_REFUSED, "--rename %s: expected OLD=NEW, or several with commas",
				       renames);
		at += n + (at[n] == ',');
	}
	return RC_OK;
}

static int open_file(const struct rrd *r, const char *path)
{
	return fileio_open_beneath(r->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
}

/* Two groups may have hosts of one name: the second is called as munin writes it, with its group. */
static struct text host_of(struct rrd *r, const struct datafile_service *s)
{
	const struct datafile_service *of = map_get(&r->hosts, s->host);

	if (of == NULL) {
		map_put(&r->hosts, s->host, (void *)(uintptr_t)s);
		of = s;
	}
	return renamed(r, text_equal(of->path, s->path) ? s->host : s->path);
}

static void add_service(struct rrd *r, const struct datafile_service *s)
{
	for (const struct datafile_field *f = s->field; f != NULL; f = f->next) {
		struct stat st;
		struct buf path;

		buf_init(&path, SIZE_MAX);
		datafile_rrd(s, f, &path);
		buf_add(&path, "", 1);
		if (fstatat(r->root_fd, path.at, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			map_put(&r->claimed, (struct text){ path.at, path.n - 1 }, r);
			import_add(r->im, (struct import_series){ .host = host_of(r, s),
								  .plugin = s->name,
								  .ds = f->name,
								  .path = path.at,
								  .of = s });
		}
		buf_fini(&path);
	}
}

static void remember_path(struct rrd *r, const struct datafile_service *s)
{
	char *path = arena_alloc(&r->arena, s->path.n);

	for (size_t i = 0; i < s->path.n; i++)
		path[i] = s->path.s[i] == ';' || s->path.s[i] == ':' ? '/' : s->path.s[i];
	map_put(&r->paths, (struct text){ path, s->path.n }, (void *)(uintptr_t)s);
}

static int read_datafile(struct rrd *r, const char *folder)
{
	char *path = must_format("%s/datafile", folder);
	struct why why;
	enum rc rc = fileio_read_all(path, &r->bytes, &why);

	if (rc == RC_ABSENT) {
		free(path);
		return EXIT_FINE;
	}
	if (rc == RC_OK) {
		r->is_munin = true;
		rc = datafile_read(buf_text(&r->bytes), &r->datafile, &why);
	}
	if (rc != RC_OK)
		ctl_fail("%s: %s", path, why.text);
	free(path);
	if (rc != RC_OK)
		return EXIT_UNUSABLE;
	for (const struct datafile_service *s = r->datafile.service; s != NULL; s = s->next) {
		remember_path(r, s);
		add_service(r, s);
	}
	return EXIT_FINE;
}

/* "GROUP/HOST" of a path, the longest that the datafile knows. */
static struct text known_host(const struct rrd *r, struct text path, const struct datafile_service **of)
{
	for (size_t n = path.n; n > 0; n--) {
		struct text prefix = { path.s, n - 1 };

		if (path.s[n - 1] != '-')
			continue;
		*of = map_get(&r->paths, prefix);
		if (*of != NULL)
			return prefix;
	}
	return TEXT_NONE;
}

static bool add_munin(struct rrd *r, const char *path)
{
	const struct datafile_service *of = NULL;
	struct text host = known_host(r, text_of(path), &of);
	struct series s = { .host = TEXT_NONE };

	if (!rrd_name_munin(text_of(path), host, &s))
		return false;
	import_add(r->im, (struct import_series){ .host = of != NULL ? host_of(r, of) : renamed(r, s.host),
						  .plugin = s.plugin,
						  .ds = s.ds,
						  .path = path });
	return true;
}

static void found(void *argument, const char *path)
{
	struct rrd *r = argument;
	struct rrdfile names = { .n_ds = 0 };
	struct why why;
	int fd;
	enum rc rc;

	if (map_get(&r->claimed, text_of(path)) != NULL)
		return;
	fd = open_file(r, path);
	rc = fd < 0 ? because(&why, RC_DISK, "%s", strerror(errno)) : rrdfile_read_names(fd, &names, &why);
	if (fd >= 0)
		close(fd);
	if (rc != RC_OK) {
		import_skip(r->im, path, why.text);
		return;
	}
	/* no other program calls its only data source that */
	if (names.n_ds == 1 && strcmp(names.ds[0], "42") == 0 && add_munin(r, path)) {
		rrdfile_fini(&names);
		return;
	}
	for (size_t i = 0; i < names.n_ds; i++) {
		struct series s = { .host = TEXT_NONE };
		struct arena a;

		arena_init(&a);
		if (rrd_name_plain(text_of(path), text_of(names.ds[i]), names.n_ds == 1, &a, &s) ||
		    r->o->map.host != NULL)
			import_add(r->im, (struct import_series){ .host = renamed(r, s.host),
								  .plugin = s.plugin,
								  .ds = s.ds,
								  .path = path,
								  .index = i });
		else if (i == 0)
			import_skip(r->im, path, "it stands in no host's folder: --host says whose it is");
		arena_fini(&a);
	}
	rrdfile_fini(&names);
}

static enum rc read_file(struct rrd *r, const char *path, struct why *why)
{
	struct rrdfile file;
	int fd;
	enum rc rc;

	if (r->path != NULL && strcmp(r->path, path) == 0)
		return RC_OK;
	fd = open_file(r, path);
	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "%s", strerror(errno));
	rc = rrdfile_read(fd, &file, why);
	close(fd);
	if (rc != RC_OK)
		return rc;
	rrdfile_fini(&r->file);
	free(r->path);
	r->file = file;
	r->path = must_strdup(path);
	return RC_OK;
}

static enum rc lay(const struct rrd *r, size_t ds, const struct retention *how, struct wsp *w, uint64_t *n_points,
		   struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < how->n_archives && rc == RC_OK; i++) {
		const struct archive *a = &how->archive[i];
		double *value = must_alloc(a->n_points * sizeof(*value));
		int64_t newest_s = rrd_slots_newest_s(&r->file, a);

		*n_points += rrd_slots_fill(&r->file, ds, how, a, value);
		rc = wsp_lay(w, i, newest_s - (int64_t)(a->n_points - 1) * a->step_s, value, a->n_points, why);
		free(value);
	}
	return rc;
}

static enum rc stage(void *argument, const struct import_series *s, int staging_fd, const char *name,
		     uint64_t *n_points, struct why *why)
{
	struct rrd *r = argument;
	const struct config *c = r->im->config;
	const struct retention *how = schema_pick(&c->schema, s->host, s->plugin, s->ds);
	struct retention own;
	uint32_t step_s;
	struct wsp w;
	enum rc rc = read_file(r, s->path, why);

	if (rc != RC_OK)
		return rc;
	if (s->index >= r->file.n_ds)
		return because(why, RC_DAMAGED, "it has other data sources than before");
	if (r->own_archives) {
		rc = rrd_slots_retention(&r->file, &own, why);
		if (rc != RC_OK)
			return rc;
		how = &own;
	} else if (!rrd_slots_fits(&r->file, how, &step_s)) {
		return because(why, RC_REFUSED,
			       "its rows of %u s fit none of the series' archives: --archives rrd keeps them",
			       (unsigned)step_s);
	}
	rc = wsp_create(staging_fd, name, how, c->wsp_sparse ? WSP_SPARSE : WSP_RESERVE, &w, why);
	if (rc != RC_OK)
		return rc;
	if (staging_give(staging_fd, w.fd) < 0)
		rc = because(why, RC_DISK, "%s", strerror(errno));
	else
		rc = lay(r, s->index, how, &w, n_points, why);
	wsp_close(&w);
	return rc == RC_OK && *n_points == 0 ? RC_END : rc;
}

static bool info(void *argument, const struct import_series *s, struct buf *out)
{
	(void)argument;
	return s->of != NULL && datafile_info(s->of, out);
}

static int run(struct rrd *r, const char *folder)
{
	int status = read_datafile(r, folder);

	if (status == EXIT_FINE)
		status = import_walk(r->im, folder, ".rrd", found, r);
	if (status == EXIT_FINE)
		status = import_run(r->im, &(struct import_source){ .stage = stage, .info = info, .argument = r });
	return status;
}

int import_rrd(struct import *im, const char *folder, const struct import_options *o)
{
	struct rrd r = { .im = im, .o = o };
	struct why why;
	int status;

	if (!rrdfile_is_built())
		return ctl_fail("this numeterctl was built without librrd");
	if (o->archives != NULL && strcmp(o->archives, "rrd") == 0)
		r.own_archives = true;
	else if (o->archives != NULL && strcmp(o->archives, "config") != 0)
		return ctl_fail("--archives %s: expected config or rrd", o->archives);
	if (check_renames(o->renames, &why) != RC_OK)
		return ctl_fail("%s", why.text);
	r.root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.root_fd < 0)
		return ctl_fail("%s: %s", folder, strerror(errno));
	arena_init(&r.arena);
	buf_init(&r.bytes, DATAFILE_MAX_BYTES);
	map_init(&r.claimed);
	map_init(&r.paths);
	map_init(&r.hosts);
	status = run(&r, folder);
	if (r.is_munin)
		datafile_fini(&r.datafile);
	rrdfile_fini(&r.file);
	free(r.path);
	map_fini(&r.claimed, NULL);
	map_fini(&r.paths, NULL);
	map_fini(&r.hosts, NULL);
	buf_fini(&r.bytes);
	arena_fini(&r.arena);
	close(r.root_fd);
	return status;
}
