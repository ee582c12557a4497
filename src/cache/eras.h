/*
 * How many holders each era has: the cache counts here, per series and not per point, who still needs which stretch of the
 * journal. A series remembers the slot of an era (2 bytes), not its number.
 *
 * Threads  any. Taking and giving up a hold are atomics; only a new era and the question for the oldest take a lock.
 */
#ifndef CACHE_ERAS_H
#define CACHE_ERAS_H

#include <stdbool.h>

#include "base/lock.h"

/* More eras than these at once are not told apart: a further one counts as the newest of those before it. */
enum { ERAS_MAX = 1024 };

struct eras {
	struct era {
		_Atomic uint32_t number;
		_Atomic uint64_t n_holders; /* 0: free */
	} slot[ERAS_MAX];
	struct lock lock;
	/* under lock */
	uint32_t n_used; /* slots from there on were never used */
	uint16_t latest;
};

void eras_init(struct eras *e);
void eras_fini(struct eras *e);

/* n holds (at least 1) on an era; returns its slot. */
uint16_t eras_begin(struct eras *e, uint32_t number, uint64_t n);
/* The oldest era that has a holder, `none` when none has. Never newer than the truth while holds move. */
uint32_t eras_oldest(struct eras *e, uint32_t none);

/* One more hold on a slot that has one. */
static inline void eras_hold(struct eras *e, uint16_t slot)
{
	atomic_fetch_add_explicit(&e->slot[slot].n_holders, 1, memory_order_relaxed);
}

static inline void eras_release(struct eras *e, uint16_t slot, uint64_t n)
{
	atomic_fetch_sub_explicit(&e->slot[slot].n_holders, n, memory_order_release);
}

/* Is the era of slot a older than that of b? Both have a holder. */
static inline bool eras_before(const struct eras *e, uint16_t a, uint16_t b)
{
	return a != b && atomic_load_explicit(&e->slot[a].number, memory_order_relaxed) <
				 atomic_load_explicit(&e->slot[b].number, memory_order_relaxed);
}

#endif
