#include "cache/newest.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rc.h"
#include "cache/pages.h"

enum { BLOCK_BITS = 18, BLOCK_SERIES = 1 << BLOCK_BITS, BLOCK_BYTES = BLOCK_SERIES * 4, BLOCKS_MAX = 1024 };

struct newest {
	_Atomic(_Atomic(uint32_t) *) block[BLOCKS_MAX]; /* made by who notes */
};

struct newest *newest_new(void)
{
	return must_alloc(sizeof(struct newest));
}

void newest_free(struct newest *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		pages_free(atomic_load_explicit(&n->block[i], memory_order_relaxed), BLOCK_BYTES);
	free(n);
}

/* NULL: no series of this stretch has had a point. */
static _Atomic(uint32_t) *block_of(const struct newest *n, uint32_t id)
{
	return id >> BLOCK_BITS < BLOCKS_MAX ? atomic_load_explicit(&n->block[id >> BLOCK_BITS], memory_order_acquire)
					     : NULL;
}

void newest_note(struct newest *n, const struct numbered *point, size_t n_points)
{
	for (size_t i = 0; i < n_points; i++) {
		uint32_t id = point[i].id;
		_Atomic(uint32_t) *block = block_of(n, id);

		if (block == NULL) {
			must(id >> BLOCK_BITS < BLOCKS_MAX);
			block = pages_new(BLOCK_BYTES);
			atomic_store_explicit(&n->block[id >> BLOCK_BITS], block, memory_order_release);
		}
		block += id & (BLOCK_SERIES - 1);
		if (atomic_load_explicit(block, memory_order_relaxed) < point[i].t_s)
			atomic_store_explicit(block, point[i].t_s, memory_order_relaxed);
	}
}

uint32_t newest_of(const struct newest *n, uint32_t id)
{
	_Atomic(uint32_t) *block = block_of(n, id);

	return block == NULL ? 0 : atomic_load_explicit(&block[id & (BLOCK_SERIES - 1)], memory_order_relaxed);
}
