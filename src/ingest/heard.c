#include "ingest/heard.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

enum { KNOWN_MAX = 1 << 20, KEY_MAX_BYTES = 1024 };

struct heard {
	struct lock lock;
	struct map known; /* under lock: host, and host NUL plugin → int64_t, owned */
};

struct heard *heard_new(void)
{
	struct heard *h = must_alloc(sizeof(*h));

	lock_init(&h->lock);
	map_init(&h->known);
	return h;
}

void heard_free(struct heard *h)
{
	if (h == NULL)
		return;
	map_fini(&h->known, free);
	lock_fini(&h->lock);
	free(h);
}

static void note(struct heard *h, struct text key, int64_t t_s)
{
	int64_t *at;

	lock_take(&h->lock);
	at = map_get(&h->known, key);
	if (at == NULL) {
		if (h->known.n >= KNOWN_MAX) {
			map_fini(&h->known, free);
			map_init(&h->known);
		}
		at = must_alloc(sizeof(*at));
		map_put(&h->known, key, at);
	}
	if (*at < t_s)
		*at = t_s;
	lock_give_back(&h->lock);
}

/* A host's name has no NUL. */
static void make_key(struct buf *out, struct text host, struct text plugin)
{
	buf_init(out, KEY_MAX_BYTES);
	buf_add_text(out, host);
	if (plugin.s != NULL) {
		buf_add(out, "", 1);
		buf_add_text(out, plugin);
	}
}

void heard_note(struct heard *h, struct text host, struct text plugin, int64_t t_s)
{
	struct buf key;

	note(h, host, t_s);
	if (plugin.s == NULL)
		return;
	make_key(&key, host, plugin);
	note(h, buf_text(&key), t_s);
	buf_fini(&key);
}

int64_t heard_of(struct heard *h, struct text host, struct text plugin)
{
	const int64_t *at;
	struct buf key;
	int64_t t_s;

	make_key(&key, host, plugin);
	lock_take(&h->lock);
	at = map_get(&h->known, buf_text(&key));
	t_s = at == NULL ? 0 : *at;
	lock_give_back(&h->lock);
	buf_fini(&key);
	return t_s;
}
