#include "cache/chunks.h"

#include "base/rc.h"
#include "cache/pages.h"

void chunks_init(struct chunks *c)
{
	lock_init(&c->lock);
	c->n_slabs = c->n_fresh = c->free = c->n_free = 0;
}

void chunks_fini(struct chunks *c)
{
	for (uint32_t i = 0; i < c->n_slabs; i++)
		pages_free(c->slab[i], SLAB_BYTES);
	lock_fini(&c->lock);
}

static uint32_t taken_off(const struct chunks *c, uint32_t *free, uint32_t *n_free)
{
	uint32_t chunk = *free;

	*free = *chunks_next(c, chunk);
	(*n_free)--;
	return chunk;
}

static void put_on(const struct chunks *c, uint32_t *free, uint32_t *n_free, uint32_t chunk)
{
	*chunks_next(c, chunk) = *free;
	*free = chunk;
	(*n_free)++;
}

/* Used chunks are preferred: they are more likely still in the processor's cache. */
static void refill(struct chunks *c, struct chunks_own *own)
{
	lock_take(&c->lock);
	while (c->n_free > 0 && own->n_free < CHUNKS_BATCH)
		put_on(c, &own->free, &own->n_free, taken_off(c, &c->free, &c->n_free));
	if (own->n_free == 0) {
		if (c->n_fresh == 0) {
			must(c->n_slabs < SLABS_MAX);
			c->slab[c->n_slabs++] = pages_new(SLAB_BYTES);
			c->n_fresh = SLAB_CHUNKS;
		}
		own->fresh = c->n_slabs * SLAB_CHUNKS - c->n_fresh;
		own->n_fresh = CHUNKS_BATCH;
		c->n_fresh -= CHUNKS_BATCH;
	}
	lock_give_back(&c->lock);
}

uint32_t chunks_take(struct chunks *c, struct chunks_own *own)
{
	if (own->n_free == 0 && own->n_fresh == 0)
		refill(c, own);
	if (own->n_free > 0)
		return taken_off(c, &own->free, &own->n_free);
	own->n_fresh--;
	return own->fresh++;
}

void chunks_give_back(struct chunks *c, struct chunks_own *own, uint32_t first, uint32_t last, uint32_t n)
{
	*chunks_next(c, last) = own->free;
	own->free = first;
	own->n_free += n;
	if (own->n_free <= (uint32_t)2 * CHUNKS_BATCH)
		return;
	lock_take(&c->lock);
	while (own->n_free > CHUNKS_BATCH)
		put_on(c, &c->free, &c->n_free, taken_off(c, &own->free, &own->n_free));
	lock_give_back(&c->lock);
}

uint64_t chunks_bytes(struct chunks *c)
{
	uint64_t n;

	lock_take(&c->lock);
	n = (uint64_t)c->n_slabs * SLAB_BYTES;
	lock_give_back(&c->lock);
	return n;
}
