#include "cache/eras.h"

#include "base/rc.h"

void eras_init(struct eras *e)
{
	for (size_t i = 0; i < ERAS_MAX; i++) {
		atomic_init(&e->slot[i].number, 0);
		atomic_init(&e->slot[i].n_holders, 0);
	}
	lock_init(&e->lock);
	e->n_used = 0;
	e->latest = 0;
}

void eras_fini(struct eras *e)
{
	lock_fini(&e->lock);
}

static bool is_held(const struct era *era)
{
	return atomic_load_explicit(&era->n_holders, memory_order_acquire) > 0;
}

static uint32_t number_of(const struct era *era)
{
	return atomic_load_explicit(&era->number, memory_order_relaxed);
}

/* All slots are held: the newest era not after this one; if all are after it, the oldest becomes as old as this one. */
static uint32_t shared(struct eras *e, uint32_t number)
{
	uint32_t below = ERAS_MAX, oldest = 0;

	for (uint32_t i = 0; i < ERAS_MAX; i++) {
		uint32_t other = number_of(&e->slot[i]);

		if (other <= number && (below == ERAS_MAX || other > number_of(&e->slot[below])))
			below = i;
		if (other < number_of(&e->slot[oldest]))
			oldest = i;
	}
	if (below < ERAS_MAX)
		return below;
	atomic_store_explicit(&e->slot[oldest].number, number, memory_order_relaxed);
	return oldest;
}

static uint32_t slot_for(struct eras *e, uint32_t number)
{
	uint32_t unused = ERAS_MAX, i;

	lock_must_hold(&e->lock);
	if (is_held(&e->slot[e->latest]) && number_of(&e->slot[e->latest]) == number)
		return e->latest;
	for (i = 0; i < e->n_used; i++) {
		if (!is_held(&e->slot[i]))
			unused = unused == ERAS_MAX ? i : unused;
		else if (number_of(&e->slot[i]) == number)
			return i;
	}
	if (unused == ERAS_MAX && e->n_used == ERAS_MAX)
		return shared(e, number);
	i = unused < ERAS_MAX ? unused : e->n_used++;
	atomic_store_explicit(&e->slot[i].number, number, memory_order_relaxed);
	return i;
}

uint16_t eras_begin(struct eras *e, uint32_t number, uint64_t n)
{
	uint16_t slot;

	must(n > 0);
	lock_take(&e->lock);
	slot = (uint16_t)slot_for(e, number);
	e->latest = slot;
	atomic_fetch_add_explicit(&e->slot[slot].n_holders, n, memory_order_relaxed);
	lock_give_back(&e->lock);
	return slot;
}

uint32_t eras_oldest(struct eras *e, uint32_t none)
{
	uint32_t oldest = none;
	bool any = false;

	lock_take(&e->lock);
	for (uint32_t i = 0; i < e->n_used; i++) {
		if (!is_held(&e->slot[i]))
			continue;
		if (!any || number_of(&e->slot[i]) < oldest)
			oldest = number_of(&e->slot[i]);
		any = true;
	}
	lock_give_back(&e->lock);
	return oldest;
}
