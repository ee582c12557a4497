/*
 * Points accepted but not yet known to be safe in their files, by series number (cache/registry.h). Readers see them at
 * once. A flusher takes a series' points (they stay readable), writes them, and after the files are synced settles them
 * (they go) or gives them back.
 *
 * Memory: 64-byte chunks of four points, chained by 4 bytes, from slabs of 2 MiB that are recycled and never returned; per
 * series 32 bytes. max_bytes bounds chunks in use; taken from the system is up to a slab and 1.1 MiB more.
 *
 * Eras: the caller numbers stretches of its journal; the cache remembers, in O(1) a series, the oldest era that has a point
 * it still holds.
 *
 * Threads: any; inside, locks over stretches of series numbers, never held over I/O. One series is taken by one flusher at
 * a time (take answers false for one already taken).
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>

#include "base/rc.h"
#include "model/point.h"

struct cache;

struct cache *cache_new(uint64_t max_bytes);
void cache_free(struct cache *c);

/*
 * Add points, all accepted at accepted_s in era `era` (not below any era given before). A point with the time of its
 * series' newest not taken one replaces it; otherwise both stay, in order: the last wins when they are written.
 * Fast when ids come in runs or in rising order. Always takes all (cache_full() is asked before).
 */
void cache_append(struct cache *c, const struct numbered *point, size_t n, uint32_t accepted_s, uint32_t era);

/* Is max_bytes reached by chunks in use? Ask before accepting; what is accepted then is a little more at most. */
bool cache_full(const struct cache *c);

/*
 * All points held of a series, oldest accepted first, taken ones included: appended to *points (array_grow style: *capacity
 * grows, *n counts). Also the time from which on the coarse archives are held back, 0 none (cache_set_held()).
 */
void cache_read(struct cache *c, uint32_t id, struct taken **points, size_t *n, size_t *capacity,
		uint32_t *held_from_s);

/*
 * A counter that changes whenever points of the series are added, given back, or settled; for caches of replies: ask for it
 * before cache_read(). 0: it never had a point. No lock.
 */
uint32_t cache_version(struct cache *c, uint32_t id);

/*
 * Does the series hold points that are not taken, or held-back coarse slots (also while it is taken)? One load, no lock: the
 * flusher asks for every series.
 */
bool cache_dirty(struct cache *c, uint32_t id);

/*
 * Take all points of a series for writing: copied to points, as cache_read(); the cache keeps them until settle or give
 * back, and new ones are kept apart. A series that holds nothing but held-back coarse slots is taken with no points.
 * False: nothing to take, or taken already; then nothing is filled.
 */
bool cache_take(struct cache *c, uint32_t id, struct taken **points, size_t *n, size_t *capacity,
		uint32_t *held_from_s);
/* What was taken is durable (or refused for good): gone. Its eras are released, unless coarse slots are held back. */
void cache_settle(struct cache *c, uint32_t id);
/* Not written: back in front of the newer ones, as if never taken. */
void cache_give_back(struct cache *c, uint32_t id);
/*
 * The coarse archives of this series are held back from from_s on (0: no longer). While they are, its eras stay needed.
 * Called between take and settle.
 */
void cache_set_held(struct cache *c, uint32_t id, uint32_t from_s);

/*
 * The oldest era that holds a point or held-back slots of any series; `none` when there is none. Never newer than the
 * truth, points of appends under way included; older when the only point of an era was replaced, or while a held-back
 * series goes on holding back, or with more than 1,024 eras at once (the later ones then count as the newest of those).
 */
uint32_t cache_oldest_era(struct cache *c, uint32_t none);

struct cache_stats {
	uint64_t n_points;                /* held, taken ones included */
	uint64_t bytes_used, bytes_taken; /* chunks in use; memory taken from the system in all */
	uint64_t max_bytes;
	uint64_t n_dirty_series;
};
void cache_stats(struct cache *c, struct cache_stats *out);

#endif
