#include "values/wsp_memory.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/lock.h"
#include "base/mem.h"

enum { BLOCK = 4096, BLOCKS = 1 << 14, LAYOUTS = UINT8_MAX };

struct block {
	struct wsp_memo memo[BLOCK];
	uint32_t generation[BLOCK]; /* of the memory, when the memo was taken last */
	uint8_t compared[BLOCK];
};

struct wsp_memory {
	_Atomic(struct block *) block[BLOCKS];
	struct wsp layout[LAYOUTS]; /* fixed below n_layouts */
	atomic_uint n_layouts;      /* grows under lock */
	atomic_uint generation;
	struct lock lock;
};

struct wsp_memory *wsp_memory_new(void)
{
	struct wsp_memory *m = must_alloc(sizeof(*m));

	for (size_t i = 0; i < BLOCKS; i++)
		atomic_init(&m->block[i], NULL);
	atomic_init(&m->n_layouts, 0);
	atomic_init(&m->generation, 0);
	lock_init(&m->lock);
	return m;
}

void wsp_memory_free(struct wsp_memory *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < BLOCKS; i++)
		free(atomic_load(&m->block[i]));
	lock_fini(&m->lock);
	free(m);
}

static struct block *block_of(struct wsp_memory *m, uint32_t number)
{
	uint32_t i = (number - 1) / BLOCK;
	struct block *block;

	if (number == 0 || i >= BLOCKS)
		return NULL;
	block = atomic_load_explicit(&m->block[i], memory_order_acquire);
	if (block == NULL) {
		struct block *made = must_alloc(sizeof(*made));

		if (atomic_compare_exchange_strong(&m->block[i], &block, made))
			block = made;
		else
			free(made);
	}
	return block;
}

struct wsp_memo *wsp_memory_of(struct wsp_memory *m, uint32_t number)
{
	struct block *block = block_of(m, number);
	uint32_t generation = atomic_load(&m->generation), at = (number - 1) % BLOCK;

	if (block == NULL)
		return NULL;
	if (block->generation[at] != generation)
		block->memo[at] = (struct wsp_memo){ .changed_ns = 0 };
	block->generation[at] = generation;
	return &block->memo[at];
}

void wsp_memory_forget(struct wsp_memory *m)
{
	atomic_fetch_add(&m->generation, 1);
}

uint8_t *wsp_memory_compared(struct wsp_memory *m, uint32_t number)
{
	struct block *block = block_of(m, number);

	return block == NULL ? NULL : &block->compared[(number - 1) % BLOCK];
}

static bool is_like(const struct wsp *a, const struct wsp *b)
{
	if (a->aggregation != b->aggregation || a->xff != b->xff || a->n_archives != b->n_archives)
		return false;
	for (size_t i = 0; i < a->n_archives; i++)
		if (a->archive[i].step_s != b->archive[i].step_s || a->archive[i].n_points != b->archive[i].n_points)
			return false;
	return true;
}

static unsigned find(const struct wsp_memory *m, const struct wsp *w, unsigned from, unsigned until)
{
	while (from < until && !is_like(&m->layout[from], w))
		from++;
	return from;
}

bool wsp_memory_keep_layout(struct wsp_memory *m, const struct wsp *w, uint8_t *layout)
{
	unsigned n = atomic_load_explicit(&m->n_layouts, memory_order_acquire), i = find(m, w, 0, n);

	if (i == n) {
		lock_take(&m->lock);
		n = atomic_load(&m->n_layouts);
		i = find(m, w, i, n);
		if (i == n && n < LAYOUTS) {
			m->layout[n] = *w;
			m->layout[n].fd = -1;
			m->layout[n].overlay = NULL;
			m->layout[n].zero_from = UINT64_MAX;
			atomic_store_explicit(&m->n_layouts, n + 1, memory_order_release);
		}
		lock_give_back(&m->lock);
	}
	*layout = (uint8_t)i;
	return i < LAYOUTS;
}

const struct wsp *wsp_memory_layout(const struct wsp_memory *m, uint8_t layout)
{
	must(layout < atomic_load_explicit(&m->n_layouts, memory_order_acquire));
	return &m->layout[layout];
}
