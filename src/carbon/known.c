#include "carbon/known.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"

enum { FIRST_SLOTS = 1024, FIRST_BYTES = 64 * 1024 };

static const size_t header_bytes = offsetof(struct known_name, key);

void known_init(struct known *k, size_t max_bytes)
{
	*k = (struct known){ .max_bytes = max_bytes };
	must(getrandom(&k->seed, sizeof(k->seed), 0) == (ssize_t)sizeof(k->seed));
}

void known_fini(struct known *k)
{
	free(k->bytes);
	free(k->slot);
	*k = (struct known){ 0 };
}

uint32_t known_find(const struct known *k, struct text key)
{
	return known_find_tagged(k, key, (uint32_t)text_hash(key, k->seed));
}

uint32_t known_find_tagged(const struct known *k, struct text key, uint32_t tag)
{
	uint32_t mask = k->n_slots - 1;

	if (k->n_slots == 0)
		return KNOWN_NONE;
	for (uint32_t at = tag & mask;; at = (at + 1) & mask) {
		const struct known_slot *s = &k->slot[at];

		if (s->handle == KNOWN_NONE)
			return KNOWN_NONE;
		if (s->tag == tag) {
			const struct known_name *e = known_at(k, s->handle);

			if (e->n == key.n && memcmp(e->key, key.s, key.n) == 0)
				return s->handle;
		}
	}
}

static void put_slot(struct known_slot *slot, uint32_t n_slots, struct known_slot one)
{
	uint32_t mask = n_slots - 1, at = one.tag & mask;

	while (slot[at].handle != KNOWN_NONE)
		at = (at + 1) & mask;
	slot[at] = one;
}

static void grow_slots(struct known *k, uint32_t n_slots)
{
	struct known_slot *bigger = must_alloc(n_slots * sizeof(*bigger));

	memset(bigger, 0xFF, n_slots * sizeof(*bigger));
	for (uint32_t i = 0; i < k->n_slots; i++)
		if (k->slot[i].handle != KNOWN_NONE)
			put_slot(bigger, n_slots, k->slot[i]);
	free(k->slot);
	k->slot = bigger;
	k->n_slots = n_slots;
}

uint32_t known_add(struct known *k, struct text key, uint32_t id, uint32_t mark)
{
	size_t n_bytes = (header_bytes + key.n + 7) / 8 * 8;
	bool full = k->n + 1 > k->n_slots / 8 * 7;
	uint32_t n_slots = !full ? k->n_slots : k->n_slots == 0 ? FIRST_SLOTS : k->n_slots * 2;
	uint32_t handle = (uint32_t)(k->n_bytes / 8);
	struct known_name *e;

	if (key.n >= KNOWN_SLACK || k->n_bytes + n_bytes + (size_t)n_slots * sizeof(*k->slot) > k->max_bytes ||
	    k->n_bytes / 8 >= KNOWN_NONE - UINT16_MAX)
		return KNOWN_NONE;
	if (full)
		grow_slots(k, n_slots);
	if (k->n_bytes + n_bytes > k->capacity_bytes) {
		k->capacity_bytes = k->capacity_bytes == 0 ? FIRST_BYTES : k->capacity_bytes * 2;
		if (k->capacity_bytes < k->n_bytes + n_bytes)
			k->capacity_bytes = k->n_bytes + n_bytes;
		k->bytes = must_realloc(k->bytes, k->capacity_bytes);
	}
	e = known_at(k, handle);
	memset(e, 0, n_bytes);
	e->id = id;
	e->next = KNOWN_NONE;
	e->mark = mark;
	e->n = (uint16_t)key.n;
	memcpy(e->key, key.s, key.n);
	k->n_bytes += n_bytes;
	k->n++;
	put_slot(k->slot, k->n_slots, (struct known_slot){ (uint32_t)text_hash(key, k->seed), handle });
	return handle;
}

size_t known_bytes(const struct known *k)
{
	return k->n_bytes + (size_t)k->n_slots * sizeof(*k->slot);
}
