#include "query/seen_files.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"
#include "values/wsp_adopt.h"

enum {
	KNOWN_MAX = 1 << 18,            /* plugins and hosts; when full all are forgotten */
	HOST_YOUNG_MS = 10 * 60 * 1000, /* its plugins may become others */
	LOOKED_AT = 2,
	KEY_MAX_BYTES = 2 * NAME_MAX_BYTES + FOLDER_MAX_BYTES + 4,
};

struct known {
	struct mono since;
	uint32_t t_s;
	uint32_t changes; /* wsp_adopt_changes() before it was looked up */
};

struct seen_files {
	struct lock lock;
	struct map known; /* under lock */
};

struct seen_files *seen_files_new(void)
{
	struct seen_files *f = must_alloc(sizeof(*f));

	lock_init(&f->lock);
	map_init(&f->known);
	return f;
}

void seen_files_free(struct seen_files *f)
{
	if (f == NULL)
		return;
	map_fini(&f->known, free);
	lock_fini(&f->lock);
	free(f);
}

static bool recall(struct seen_files *f, struct text key, struct known *out)
{
	const struct known *k;

	if (f == NULL)
		return false;
	lock_take(&f->lock);
	k = map_get(&f->known, key);
	if (k != NULL && k->changes != wsp_adopt_changes())
		k = NULL;
	if (k != NULL)
		*out = *k;
	lock_give_back(&f->lock);
	return k != NULL;
}

static void remember(struct seen_files *f, struct text key, uint32_t t_s, uint32_t changes)
{
	struct known *k, *before;

	if (f == NULL)
		return;
	k = must_alloc(sizeof(*k));
	*k = (struct known){ mono_now(), t_s, changes };
	lock_take(&f->lock);
	if (f->known.n >= KNOWN_MAX) {
		map_fini(&f->known, free);
		map_init(&f->known);
	}
	before = map_put(&f->known, key, k);
	lock_give_back(&f->lock);
	free(before);
}

/* Parts with a NUL between: names have none. */
static struct text key_of(char room[KEY_MAX_BYTES], struct text host, struct text folder, struct text plugin)
{
	const struct text part[] = { host, folder, plugin };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		must(n + part[i].n + 1 <= KEY_MAX_BYTES);
		if (part[i].n > 0)
			memcpy(room + n, part[i].s, part[i].n);
		n += part[i].n;
		room[n++] = '\0';
	}
	return (struct text){ room, n };
}

/* The files written last, newest first. */
struct latest {
	size_t n;
	struct {
		int64_t written_s;
		size_t n_ds;
		char ds[NAME_MAX_BYTES];
	} file[LOOKED_AT];
};

static void consider(void *argument, struct text ds, int64_t written_s)
{
	struct latest *l = argument;
	size_t at = l->n;

	if (ds.n > NAME_MAX_BYTES || (at == LOOKED_AT && l->file[--at].written_s >= written_s))
		return;
	for (; at > 0 && l->file[at - 1].written_s < written_s; at--)
		l->file[at] = l->file[at - 1];
	l->file[at].written_s = written_s;
	memcpy(l->file[at].ds, ds.s, ds.n);
	l->file[at].n_ds = ds.n;
	if (l->n < LOOKED_AT)
		l->n++;
}

/* False: the disk did not answer, so nothing is known. */
static bool look(const struct query *q, struct series s, uint32_t *newest_s)
{
	struct values *v = engine_values(q->engine);
	struct latest l = { 0 };
	enum rc rc = values_each(v, &s, consider, &l, NULL);

	*newest_s = 0;
	for (size_t i = 0; i < l.n && (rc == RC_OK || rc == RC_DAMAGED || rc == RC_ABSENT); i++) {
		uint32_t t_s = 0;

		s.ds = (struct text){ l.file[i].ds, l.file[i].n_ds };
		rc = values_newest(v, &s, &t_s, NULL);
		if (rc == RC_OK && t_s > *newest_s)
			*newest_s = t_s;
	}
	return rc == RC_OK || rc == RC_DAMAGED || rc == RC_ABSENT;
}

uint32_t seen_files_plugin(const struct query *q, struct text host, struct text folder, struct text plugin)
{
	char room[KEY_MAX_BYTES];
	struct known k = { .t_s = 0 };
	uint32_t changes = wsp_adopt_changes();
	struct text key;

	if (folder.n == 0 || folder.n >= FOLDER_MAX_BYTES || name_check_host(host, NULL) != RC_OK ||
	    name_check_plugin_or_ds(plugin, NULL) != RC_OK)
		return 0;
	key = key_of(room, host, folder, plugin);
	if (!recall(q->seen, key, &k) && look(q, (struct series){ host, folder, plugin, TEXT_NONE }, &k.t_s))
		remember(q->seen, key, k.t_s, changes);
	return k.t_s;
}

bool seen_files_host(const struct query *q, struct text host, uint32_t *t_s)
{
	char room[KEY_MAX_BYTES];
	struct known k;

	if (!recall(q->seen, key_of(room, host, TEXT_NONE, TEXT_NONE), &k) ||
	    mono_ms_between(k.since, mono_now()) > HOST_YOUNG_MS)
		return false;
	*t_s = k.t_s;
	return true;
}

void seen_files_put_host(const struct query *q, struct text host, uint32_t t_s, uint32_t changes)
{
	char room[KEY_MAX_BYTES];

	remember(q->seen, key_of(room, host, TEXT_NONE, TEXT_NONE), t_s, changes);
}
