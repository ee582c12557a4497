/*
 * Which series there are: names ↔ numbers. Numbers are dense from 0 in order of arrival and live as long as the process;
 * series are never taken out. Two levels, because a message speaks of one plugin of one host: source = host + folder +
 * plugin, series = source + ds. Made for 1 million series in memory that stays small (see docs/architecture.md).
 *
 * Threads  any may look up, name and add; a number once seen by a thread can be used by it without a lock. Looking up takes
 *          no lock; adding takes one, for some 10 ms when a table of 1 million grows (lookups go on meanwhile).
 * Limits   names as model/name.h has them (longer ones are our own mistake when adding); 2^28 series, 2^26 sources.
 */
#ifndef CACHE_REGISTRY_H
#define CACHE_REGISTRY_H

#include "model/point.h"

struct registry;

#define REGISTRY_NONE UINT32_MAX

struct registry *registry_new(void);
void registry_free(struct registry *r);

/*
 * Find, or with add make, the source of (host, plugin). The folder is part of what is remembered, not of the key: when it
 * differs from the one known (a host that moved), a new source with the new folder takes its place, and series of the old
 * one stay what they are (points accepted before go to the old folder). Moved back, the old source is the known one again.
 * folder is ignored when add is false.
 * Returns  REGISTRY_NONE when absent and add is false.
 */
uint32_t registry_source(struct registry *r, struct text host, struct text folder, struct text plugin, bool add);
/*
 * The series `ds` of a source, likewise. Data sources that come in the order of the last time are found by one comparison,
 * those up to eight further on without a hash.
 */
uint32_t registry_series(struct registry *r, uint32_t source, struct text ds, bool add);
/* Both in one: for readers. REGISTRY_NONE when either is absent. */
uint32_t registry_find(struct registry *r, struct text host, struct text plugin, struct text ds);

/* Texts live until registry_free(). */
void registry_name(const struct registry *r, uint32_t id, struct series *out);
uint32_t registry_source_of(const struct registry *r, uint32_t id);
/* Likewise of a source; out->ds is none. */
void registry_source_name(const struct registry *r, uint32_t source, struct series *out);
/*
 * The numbers of all series of (host, plugin), in whatever folders: appended to *id (array_grow style: *capacity grows, *n
 * counts).
 */
void registry_series_of(struct registry *r, struct text host, struct text plugin, uint32_t **id, size_t *n,
			size_t *capacity);
/* How many numbers are given out; all below are valid. */
uint32_t registry_n_series(const struct registry *r);
uint32_t registry_n_sources(const struct registry *r);
uint64_t registry_bytes(const struct registry *r);

/*
 * All series numbers in path order (folder, plugin, ds: as the files lie), for a flusher's pass. Fills id[0 .. *n) of those
 * known at the call; *n ≤ registry_n_series(). Costs a sort when series were added since the last call.
 * Owner    *id borrowed until the next call; one caller at a time.
 */
void registry_in_path_order(struct registry *r, const uint32_t **id, uint32_t *n);

/* A word per source for the caller: for "who has already been told of it". Relaxed atomics inside. 0 when new. */
uint32_t registry_mark(const struct registry *r, uint32_t source);
void registry_set_mark(struct registry *r, uint32_t source, uint32_t mark);

#endif
