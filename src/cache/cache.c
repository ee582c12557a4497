#include "cache/cache.h"

#include "base/lock.h"
#include "base/mem.h"
#include "cache/chunks.h"
#include "cache/eras.h"
#include "cache/pages.h"

enum {
	STRIPE_BITS = 10, /* so many consecutive series share a lock … */
	STRIPES = 256,    /* … and with those a multiple of this further on */
	RUN_MAX = 1024,   /* points appended before a waiting reader gets its turn */
	BLOCK_BITS = 16,
	BLOCK_SERIES = 1 << BLOCK_BITS,
	BLOCKS_MAX = 4096,
	AHEAD = 12, /* points between asking for a series' state and using it */
};

/* One chain of points: the first n_taken are taken, the rest is not. All zero for a series that never had one. */
struct state {
	/* under the stripe's lock */
	uint32_t first, last; /* chunks, when n > 0 */
	uint32_t n, n_taken;
	uint32_t held_from_s;
	uint16_t era;      /* slot of the oldest not taken point's, when there is one */
	uint16_t kept_era; /* of the oldest point taken or held back, when is_taken or held_from_s */
	uint8_t skip;      /* points of the first chunk that are gone */
	bool is_taken;
	/* written under it, read without */
	_Atomic bool dirty;
	_Atomic uint32_t version;
};
_Static_assert(sizeof(struct state) == 32, "what a series costs here");

struct stripe {
	_Alignas(64) struct lock lock;
	struct chunks_own own; /* under lock */
};

struct cache {
	/* fixed after new */
	uint64_t max_chunks;
	uint64_t max_bytes;
	/* of all stripes together */
	_Alignas(64) _Atomic uint64_t n_chunks, n_points, n_dirty, n_blocks;
	struct lock block_lock;                    /* makes blocks */
	_Atomic(struct state *) block[BLOCKS_MAX]; /* filled under it, read without */
	struct eras eras;
	struct chunks chunks;
	struct stripe stripe[STRIPES];
};

/* What a call changed; added to the cache's counts once, at its end. Wraps below zero and back. */
struct tally {
	uint64_t n_chunks, n_points, n_dirty;
	uint64_t n_holds; /* of the era being appended to */
};

struct cache *cache_new(uint64_t max_bytes)
{
	/* some room below the hard end of chunk numbers: what is accepted may be a little more than max_bytes */
	const uint64_t most = (uint64_t)(SLABS_MAX - SLABS_MAX / 8) * SLAB_CHUNKS;
	struct cache *c = pages_new(sizeof(*c));

	c->max_bytes = max_bytes;
	c->max_chunks = max_bytes / CHUNK_BYTES < most ? max_bytes / CHUNK_BYTES : most;
	lock_init(&c->block_lock);
	eras_init(&c->eras);
	chunks_init(&c->chunks);
	for (size_t i = 0; i < STRIPES; i++)
		lock_init(&c->stripe[i].lock);
	return c;
}

void cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < STRIPES; i++)
		lock_fini(&c->stripe[i].lock);
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		pages_free(atomic_load_explicit(&c->block[i], memory_order_relaxed),
			   BLOCK_SERIES * sizeof(struct state));
	chunks_fini(&c->chunks);
	eras_fini(&c->eras);
	lock_fini(&c->block_lock);
	pages_free(c, sizeof(*c));
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	if (n != 0)
		atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void count_all(struct cache *c, const struct tally *t)
{
	count(&c->n_chunks, t->n_chunks);
	count(&c->n_points, t->n_points);
	count(&c->n_dirty, t->n_dirty);
}

static struct stripe *stripe_of(struct cache *c, uint32_t id)
{
	return &c->stripe[(id >> STRIPE_BITS) % STRIPES];
}

/* NULL when the series never had a point. */
static struct state *known_state(struct cache *c, uint32_t id)
{
	struct state *block = NULL;

	if (id >> BLOCK_BITS < BLOCKS_MAX)
		block = atomic_load_explicit(&c->block[id >> BLOCK_BITS], memory_order_acquire);
	return block == NULL ? NULL : &block[id & (BLOCK_SERIES - 1)];
}

static struct state *state_of(struct cache *c, uint32_t id)
{
	_Atomic(struct state *) *block;

	must(id >> BLOCK_BITS < BLOCKS_MAX);
	block = &c->block[id >> BLOCK_BITS];
	if (atomic_load_explicit(block, memory_order_acquire) == NULL) {
		lock_take(&c->block_lock);
		if (atomic_load_explicit(block, memory_order_relaxed) == NULL) {
			atomic_store_explicit(block, pages_new(BLOCK_SERIES * sizeof(struct state)),
					      memory_order_release);
			count(&c->n_blocks, 1);
		}
		lock_give_back(&c->block_lock);
	}
	return known_state(c, id);
}

/* 0 stays the version of a series that never had a point. */
static void change(struct state *s)
{
	uint32_t version = atomic_load_explicit(&s->version, memory_order_relaxed) + 1;

	atomic_store_explicit(&s->version, version == 0 ? 1 : version, memory_order_release);
}

static void note_dirty(struct state *s, struct tally *t)
{
	bool dirty = s->n > s->n_taken || s->held_from_s != 0;

	if (dirty == atomic_load_explicit(&s->dirty, memory_order_relaxed))
		return;
	atomic_store_explicit(&s->dirty, dirty, memory_order_relaxed);
	t->n_dirty += dirty ? 1 : UINT64_MAX;
}

/* The point behind the last; chunks are added as needed. */
static struct taken *new_point(struct cache *c, struct stripe *stripe, struct state *s, struct tally *t)
{
	uint32_t at = (s->skip + s->n) % CHUNK_POINTS;

	if (s->n == 0 || at == 0) {
		uint32_t chunk = chunks_take(&c->chunks, &stripe->own);

		if (s->n == 0) {
			s->first = chunk;
			s->skip = 0;
			at = 0;
		} else {
			*chunks_next(&c->chunks, s->last) = chunk;
		}
		s->last = chunk;
		t->n_chunks++;
	}
	must(s->n < UINT32_MAX - CHUNK_POINTS);
	s->n++;
	t->n_points++;
	return chunks_points(&c->chunks, s->last) + at;
}

static void append(struct cache *c, struct stripe *stripe, const struct numbered *point, uint32_t accepted_s,
		   uint16_t era, struct tally *t)
{
	struct state *s = state_of(c, point->id);
	struct taken *at = NULL;
	bool first = s->n == s->n_taken;

	if (!first)
		at = chunks_points(&c->chunks, s->last) + (s->skip + s->n - 1) % CHUNK_POINTS;
	if (at == NULL || at->t_s != point->t_s)
		at = new_point(c, stripe, s, t);
	*at = (struct taken){ point->t_s, accepted_s, point->value };
	if (first || eras_before(&c->eras, era, s->era)) {
		if (!first)
			eras_release(&c->eras, s->era, 1);
		s->era = era;
		t->n_holds++;
	}
	note_dirty(s, t);
	change(s);
}

void cache_append(struct cache *c, const struct numbered *point, size_t n, uint32_t accepted_s, uint32_t era)
{
	struct tally t = { 0 };
	uint16_t slot;
	size_t i = 0;

	if (n == 0)
		return;
	slot = eras_begin(&c->eras, era, n); /* one for each point; what is not needed is given up below */
	while (i < n) {
		struct stripe *stripe = stripe_of(c, point[i].id);
		size_t end = n - i > RUN_MAX ? i + RUN_MAX : n;

		lock_take(&stripe->lock);
		do {
			if (i + AHEAD < n)
				__builtin_prefetch(known_state(c, point[i + AHEAD].id), 1);
			append(c, stripe, &point[i], accepted_s, slot, &t);
			i++;
		} while (i < end && stripe_of(c, point[i].id) == stripe);
		lock_give_back(&stripe->lock);
	}
	if (n > t.n_holds)
		eras_release(&c->eras, slot, n - t.n_holds);
	count_all(c, &t);
}

bool cache_full(const struct cache *c)
{
	return atomic_load_explicit(&c->n_chunks, memory_order_relaxed) >= c->max_chunks;
}

static void copy_points(const struct cache *c, const struct state *s, struct taken **points, size_t *n,
			size_t *capacity)
{
	uint32_t chunk = s->first, at = s->skip, left = s->n;

	if (left == 0)
		return;
	array_grow(points, capacity, *n + left - 1, sizeof(**points));
	for (;;) {
		uint32_t some = CHUNK_POINTS - at < left ? CHUNK_POINTS - at : left;

		memcpy(*points + *n, chunks_points(&c->chunks, chunk) + at, some * sizeof(**points));
		*n += some;
		left -= some;
		if (left == 0)
			return;
		at = 0;
		chunk = *chunks_next(&c->chunks, chunk);
	}
}

void cache_read(struct cache *c, uint32_t id, struct taken **points, size_t *n, size_t *capacity, uint32_t *held_from_s)
{
	struct stripe *stripe = stripe_of(c, id);
	const struct state *s = known_state(c, id);

	*held_from_s = 0;
	if (s == NULL)
		return;
	lock_take(&stripe->lock);
	copy_points(c, s, points, n, capacity);
	*held_from_s = s->held_from_s;
	lock_give_back(&stripe->lock);
}

uint32_t cache_version(struct cache *c, uint32_t id)
{
	struct state *s = known_state(c, id);

	return s == NULL ? 0 : atomic_load_explicit(&s->version, memory_order_acquire);
}

bool cache_dirty(struct cache *c, uint32_t id)
{
	struct state *s = known_state(c, id);

	return s != NULL && atomic_load_explicit(&s->dirty, memory_order_relaxed);
}

/* The hold of the not taken points passes to the taken ones, which keep the older of the two. */
static void keep_era(struct cache *c, struct state *s)
{
	if (s->n == s->n_taken)
		return;
	if (s->held_from_s == 0) {
		s->kept_era = s->era;
	} else if (eras_before(&c->eras, s->era, s->kept_era)) {
		eras_release(&c->eras, s->kept_era, 1);
		s->kept_era = s->era;
	} else {
		eras_release(&c->eras, s->era, 1);
	}
}

bool cache_take(struct cache *c, uint32_t id, struct taken **points, size_t *n, size_t *capacity, uint32_t *held_from_s)
{
	struct stripe *stripe = stripe_of(c, id);
	struct state *s = known_state(c, id);
	struct tally t = { 0 };
	bool some;

	if (s == NULL)
		return false;
	lock_take(&stripe->lock);
	some = !s->is_taken && (s->n > 0 || s->held_from_s != 0);
	if (some) {
		copy_points(c, s, points, n, capacity);
		*held_from_s = s->held_from_s;
		keep_era(c, s);
		s->is_taken = true;
		s->n_taken = s->n;
		note_dirty(s, &t);
	}
	lock_give_back(&stripe->lock);
	count_all(c, &t);
	return some;
}

/* The oldest n points go, and with them the chunks that hold no other. */
static void drop(struct cache *c, struct stripe *stripe, struct state *s, uint32_t n, struct tally *t)
{
	uint32_t whole, last = s->first, behind;

	if (n == 0)
		return;
	whole = (s->skip + n + (n == s->n ? CHUNK_POINTS - 1 : 0)) / CHUNK_POINTS;
	s->skip = (uint8_t)((s->skip + n) % CHUNK_POINTS);
	if (whole > 0) {
		if (n == s->n) {
			last = behind = s->last;
		} else {
			for (uint32_t i = 1; i < whole; i++)
				last = *chunks_next(&c->chunks, last);
			behind = *chunks_next(&c->chunks, last);
		}
		chunks_give_back(&c->chunks, &stripe->own, s->first, last, whole);
		s->first = behind;
	}
	s->n -= n;
	t->n_points -= n;
	t->n_chunks -= whole;
}

void cache_settle(struct cache *c, uint32_t id)
{
	struct stripe *stripe = stripe_of(c, id);
	struct state *s = known_state(c, id);
	struct tally t = { 0 };

	must(s != NULL);
	lock_take(&stripe->lock);
	must(s->is_taken);
	drop(c, stripe, s, s->n_taken, &t);
	s->n_taken = 0;
	s->is_taken = false;
	if (s->held_from_s == 0)
		eras_release(&c->eras, s->kept_era, 1);
	change(s);
	lock_give_back(&stripe->lock);
	count_all(c, &t);
}

void cache_give_back(struct cache *c, uint32_t id)
{
	struct stripe *stripe = stripe_of(c, id);
	struct state *s = known_state(c, id);
	struct tally t = { 0 };
	bool newer;

	must(s != NULL);
	lock_take(&stripe->lock);
	must(s->is_taken);
	newer = s->n > s->n_taken;
	if (s->n_taken > 0 && (!newer || eras_before(&c->eras, s->kept_era, s->era))) {
		eras_hold(&c->eras, s->kept_era);
		if (newer)
			eras_release(&c->eras, s->era, 1);
		s->era = s->kept_era;
	}
	if (s->held_from_s == 0)
		eras_release(&c->eras, s->kept_era, 1);
	s->n_taken = 0;
	s->is_taken = false;
	note_dirty(s, &t);
	change(s);
	lock_give_back(&stripe->lock);
	count_all(c, &t);
}

void cache_set_held(struct cache *c, uint32_t id, uint32_t from_s)
{
	struct stripe *stripe = stripe_of(c, id);
	struct state *s = known_state(c, id);
	struct tally t = { 0 };

	must(s != NULL);
	lock_take(&stripe->lock);
	must(s->is_taken);
	s->held_from_s = from_s;
	note_dirty(s, &t);
	lock_give_back(&stripe->lock);
	count_all(c, &t);
}

uint32_t cache_oldest_era(struct cache *c, uint32_t none)
{
	return eras_oldest(&c->eras, none);
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
	*out = (struct cache_stats){
		.n_points = atomic_load_explicit(&c->n_points, memory_order_relaxed),
		.bytes_used = atomic_load_explicit(&c->n_chunks, memory_order_relaxed) * CHUNK_BYTES,
		.bytes_taken =
			chunks_bytes(&c->chunks) + sizeof(*c) - sizeof(c->chunks.slab) +
			atomic_load_explicit(&c->n_blocks, memory_order_relaxed) * BLOCK_SERIES * sizeof(struct state),
		.max_bytes = c->max_bytes,
		.n_dirty_series = atomic_load_explicit(&c->n_dirty, memory_order_relaxed),
	};
}
