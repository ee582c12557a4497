/*
 * Memory for many small things that all end together: one message batch, one reply. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/text.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunk; /* the one being filled */
	size_t total_bytes;        /* handed out since the last reset */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
/* Everything handed out is gone; the largest chunk is kept for the next round. */
void arena_reset(struct arena *a);
/* n bytes aligned for any type, not cleared; borrowed until arena_reset(). Never NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* Give back the unused end of the newest allocation (which was n_old bytes long). */
void arena_trim(struct arena *a, void *newest, size_t n_old, size_t n_used);
struct text arena_text(struct arena *a, struct text t);

#endif
