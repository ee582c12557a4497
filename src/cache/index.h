/*
 * A hash table of numbers: 8 bytes a slot, 32 bits of the hash and the number. What the number stands for, and whether it
 * is the one that is looked for, the caller knows.
 *
 * Readers take no lock and are never stopped. One writer at a time (the caller's lock). Growing makes a new table beside
 * the old one and then drops the old one's memory, whose addresses go on to read as empty: who finds nothing looks again
 * when the table has changed meanwhile. Growing past 1 million numbers takes some 10 ms, in which others may look up.
 *
 *	do {
 *		table = index_table(x);
 *		for (at = index_home(table, hash); (id = index_next(table, hash, &at)) != INDEX_NONE;)
 *			if (it is the one)
 *				return id;
 *	} while (index_table(x) != table);
 */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

/* The place of a hash is its upper bits: slots lie in the order of their hashes, and growing needs the slots only. */
struct index_table {
	_Atomic uint64_t *slot; /* hash << 32 | number + 1; 0: free */
	uint32_t mask, shift;
	struct index_table *older;
};

struct index {
	_Atomic(struct index_table *) table;
	uint32_t n; /* writers only */
};

void index_init(struct index *x);
void index_fini(struct index *x);
/* Writers: add a number that is not there; put another in the place of one that is. */
void index_add(struct index *x, uint32_t hash, uint32_t id);
void index_replace(struct index *x, uint32_t hash, uint32_t id, uint32_t new_id);
size_t index_bytes(const struct index *x);

static inline const struct index_table *index_table(const struct index *x)
{
	return atomic_load_explicit(&x->table, memory_order_acquire);
}

static inline uint32_t index_home(const struct index_table *t, uint32_t hash)
{
	return hash >> t->shift;
}

/* The next number with this hash from *at on; INDEX_NONE: no more. */
static inline uint32_t index_next(const struct index_table *t, uint32_t hash, uint32_t *at)
{
	for (;;) {
		uint64_t slot = atomic_load_explicit(&t->slot[*at], memory_order_acquire);

		if (slot == 0)
			return INDEX_NONE;
		*at = (*at + 1) & t->mask;
		if ((uint32_t)(slot >> 32) == hash)
			return (uint32_t)slot - 1;
	}
}

#endif
