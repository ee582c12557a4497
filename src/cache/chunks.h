/*
 * Chunks of four points, one cache line each, by number; beside them the number of the chunk that follows each, so that
 * chains cost 4 bytes a chunk. From slabs of 32 Ki chunks; used again newest first, never given back to the system.
 *
 * Threads  each stripe has a few free chunks of its own, under the stripe's lock; the pool's lock is taken once per
 *          CHUNKS_BATCH chunks. What is read of a chunk needs the lock of the series it belongs to.
 */
#ifndef CACHE_CHUNKS_H
#define CACHE_CHUNKS_H

#include "base/lock.h"
#include "model/point.h"

enum {
	CHUNK_POINTS = 4,
	CHUNKS_BATCH = 32,
	SLAB_BITS = 15,
	SLAB_CHUNKS = 1 << SLAB_BITS,
	SLABS_MAX = 1 << 16,
	CHUNK_BYTES = CHUNK_POINTS * sizeof(struct taken) + sizeof(uint32_t),
	SLAB_BYTES = SLAB_CHUNKS * CHUNK_BYTES, /* 2 MiB of points, then 128 KiB of numbers */
};
_Static_assert(sizeof(struct taken) == 16, "a chunk is one cache line");

struct chunks {
	struct lock lock;
	/* under lock; a slab's address is read without it by who has a number of one of its chunks */
	struct taken *slab[SLABS_MAX];
	uint32_t n_slabs, n_fresh; /* chunks never given out: the last n_fresh of the last slab */
	uint32_t free, n_free;     /* chain of used ones */
};

/* A stripe's own free chunks: a chain of used ones and a run of fresh ones. */
struct chunks_own {
	uint32_t free, n_free;
	uint32_t fresh, n_fresh;
};

void chunks_init(struct chunks *c);
void chunks_fini(struct chunks *c);
uint32_t chunks_take(struct chunks *c, struct chunks_own *own);
/* A chain of n chunks, from first to last, is free again. */
void chunks_give_back(struct chunks *c, struct chunks_own *own, uint32_t first, uint32_t last, uint32_t n);
uint64_t chunks_bytes(struct chunks *c);

static inline struct taken *chunks_points(const struct chunks *c, uint32_t chunk)
{
	return c->slab[chunk >> SLAB_BITS] + (size_t)(chunk & (SLAB_CHUNKS - 1)) * CHUNK_POINTS;
}

/* Where the number of the chunk behind this one stands. */
static inline uint32_t *chunks_next(const struct chunks *c, uint32_t chunk)
{
	return (uint32_t *)(c->slab[chunk >> SLAB_BITS] + (size_t)SLAB_CHUNKS * CHUNK_POINTS) +
	       (chunk & (SLAB_CHUNKS - 1));
}

#endif
