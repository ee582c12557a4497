#include "cache/index.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rc.h"
#include "cache/pages.h"

enum { FIRST_BITS = 13 };

static size_t slots_bytes(const struct index_table *t)
{
	return ((size_t)t->mask + 1) * sizeof(*t->slot);
}

static struct index_table *table_new(unsigned bits, struct index_table *older)
{
	struct index_table *t = must_alloc(sizeof(*t));

	must(bits < 32);
	*t = (struct index_table){ .mask = (UINT32_C(1) << bits) - 1, .shift = 32 - bits, .older = older };
	t->slot = pages_new(slots_bytes(t));
	return t;
}

static void put(struct index_table *t, uint64_t slot)
{
	uint32_t at = index_home(t, (uint32_t)(slot >> 32));

	while (atomic_load_explicit(&t->slot[at], memory_order_relaxed) != 0)
		at = (at + 1) & t->mask;
	atomic_store_explicit(&t->slot[at], slot, memory_order_release);
}

static void grow(struct index *x)
{
	struct index_table *old = atomic_load_explicit(&x->table, memory_order_relaxed);
	struct index_table *new = table_new(32 - old->shift + 1, old);

	for (size_t i = 0; i <= old->mask; i++) {
		uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

		if (slot != 0)
			put(new, slot);
	}
	atomic_store_explicit(&x->table, new, memory_order_seq_cst);
	pages_drop(old->slot, slots_bytes(old));
}

void index_init(struct index *x)
{
	x->n = 0;
	atomic_init(&x->table, table_new(FIRST_BITS, NULL));
}

void index_fini(struct index *x)
{
	struct index_table *t = atomic_load_explicit(&x->table, memory_order_relaxed), *older;

	for (; t != NULL; t = older) {
		older = t->older;
		pages_free(t->slot, slots_bytes(t));
		free(t);
	}
}

void index_add(struct index *x, uint32_t hash, uint32_t id)
{
	struct index_table *t = atomic_load_explicit(&x->table, memory_order_relaxed);

	must(id != INDEX_NONE);
	if (x->n >= (t->mask + 1) / 2)
		grow(x);
	put(atomic_load_explicit(&x->table, memory_order_relaxed), (uint64_t)hash << 32 | (id + 1));
	x->n++;
}

void index_replace(struct index *x, uint32_t hash, uint32_t id, uint32_t new_id)
{
	struct index_table *t = atomic_load_explicit(&x->table, memory_order_relaxed);
	uint64_t old = (uint64_t)hash << 32 | (id + 1), slot;
	uint32_t at = index_home(t, hash);

	while ((slot = atomic_load_explicit(&t->slot[at], memory_order_relaxed)) != old) {
		must(slot != 0);
		at = (at + 1) & t->mask;
	}
	atomic_store_explicit(&t->slot[at], (uint64_t)hash << 32 | (new_id + 1), memory_order_release);
}

size_t index_bytes(const struct index *x)
{
	return slots_bytes(atomic_load_explicit(&x->table, memory_order_acquire));
}
