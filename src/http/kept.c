#include "http/kept.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

enum {
	SHARDS = 16,
	OVERHEAD_BYTES = 2048, /* of a reply's headers and places in tables */
	ASKED = 64 * 1024,     /* questions remembered to have been asked */
};

struct place {
	struct kept *kept;
	struct place *older, *newer;
	size_t counted_bytes;
	size_t question_bytes;
	char question[];
};

/* Under its lock. */
struct shard {
	struct lock lock;
	struct map place;
	struct place *oldest, *newest; /* in order of use */
};

struct kept_replies {
	size_t max_bytes;
	atomic_size_t bytes;
	struct shard shard[SHARDS];
	_Atomic(uint32_t) asked[ASKED]; /* hashes, each in its place */
};

struct kept_replies *kept_replies_new(size_t max_bytes)
{
	struct kept_replies *r = must_alloc(sizeof(*r));

	r->max_bytes = max_bytes;
	for (size_t i = 0; i < SHARDS; i++) {
		lock_init(&r->shard[i].lock);
		map_init(&r->shard[i].place);
	}
	return r;
}

void kept_let_go(struct kept *k)
{
	struct MHD_Response *packed;

	if (k == NULL || atomic_fetch_sub(&k->n_holders, 1) > 1)
		return;
	packed = atomic_load(&k->packed);
	if (packed != NULL)
		MHD_destroy_response(packed);
	MHD_destroy_response(k->plain);
	free(k);
}

static void free_places(struct place *chain)
{
	for (struct place *next; chain != NULL; chain = next) {
		next = chain->older;
		kept_let_go(chain->kept);
		free(chain);
	}
}

void kept_replies_free(struct kept_replies *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		free_places(r->shard[i].newest);
		map_fini(&r->shard[i].place, NULL);
		lock_fini(&r->shard[i].lock);
	}
	free(r);
}

static struct shard *shard_of(struct kept_replies *r, struct text question)
{
	return &r->shard[text_hash(question, 0) % SHARDS];
}

static void unlink_place(struct shard *s, struct place *p)
{
	*(p->older == NULL ? &s->oldest : &p->older->newer) = p->newer;
	*(p->newer == NULL ? &s->newest : &p->newer->older) = p->older;
}

static void link_newest(struct shard *s, struct place *p)
{
	p->older = s->newest;
	p->newer = NULL;
	*(s->newest == NULL ? &s->oldest : &s->newest->newer) = p;
	s->newest = p;
}

static size_t bytes_of(const struct place *p)
{
	return OVERHEAD_BYTES + p->question_bytes + p->kept->body.n + atomic_load(&p->kept->extra_bytes);
}

/* A reply grows once, when it is packed. */
static void count_again(struct kept_replies *r, struct place *p)
{
	size_t bytes = bytes_of(p);

	atomic_fetch_add(&r->bytes, bytes - p->counted_bytes);
	p->counted_bytes = bytes;
}

/* Out of the tables, onto the chain of those to be freed without the lock. */
static void take_out(struct kept_replies *r, struct shard *s, struct place *p, struct place **chain)
{
	unlink_place(s, p);
	map_remove(&s->place, (struct text){ p->question, p->question_bytes });
	atomic_fetch_sub(&r->bytes, p->counted_bytes);
	p->older = *chain;
	*chain = p;
}

struct kept *kept_find(struct kept_replies *r, struct text question)
{
	struct shard *s = shard_of(r, question);
	struct kept *k = NULL;
	struct place *p;

	lock_take(&s->lock);
	p = map_get(&s->place, question);
	if (p != NULL) {
		k = p->kept;
		atomic_fetch_add(&k->n_holders, 1);
		count_again(r, p);
		if (s->newest != p) {
			unlink_place(s, p);
			link_newest(s, p);
		}
	}
	lock_give_back(&s->lock);
	return k;
}

bool kept_asked_before(struct kept_replies *r, struct text question)
{
	uint64_t hash = text_hash(question, 0);
	_Atomic(uint32_t) *place = &r->asked[hash % ASKED];
	uint32_t mark = (uint32_t)(hash >> 32) | 1; /* 0: nothing yet */

	if (atomic_load_explicit(place, memory_order_relaxed) == mark)
		return true;
	atomic_store_explicit(place, mark, memory_order_relaxed);
	return false;
}

void kept_put(struct kept_replies *r, struct text question, struct kept *k)
{
	struct shard *s = shard_of(r, question);
	struct place *p = must_alloc(sizeof(*p) + question.n), *gone = NULL, *before;

	p->kept = k;
	p->question_bytes = question.n;
	memcpy(p->question, question.s, question.n);
	if (bytes_of(p) > r->max_bytes) {
		free(p);
		return;
	}
	atomic_fetch_add(&k->n_holders, 1);
	lock_take(&s->lock);
	before = map_get(&s->place, question);
	if (before != NULL)
		take_out(r, s, before, &gone);
	count_again(r, p);
	map_put(&s->place, question, p);
	link_newest(s, p);
	/* the other shards give when it is their turn */
	while (atomic_load(&r->bytes) > r->max_bytes && s->oldest != NULL)
		take_out(r, s, s->oldest, &gone);
	lock_give_back(&s->lock);
	free_places(gone);
}

void kept_replies_forget(struct kept_replies *r)
{
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &r->shard[i];
		struct place *gone = NULL;

		lock_take(&s->lock);
		while (s->oldest != NULL)
			take_out(r, s, s->oldest, &gone);
		lock_give_back(&s->lock);
		free_places(gone);
	}
}
