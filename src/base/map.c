#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/rc.h"

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
	must(getrandom(&m->seed, sizeof(m->seed), 0) == (ssize_t)sizeof(m->seed));
}

void map_fini(struct map *m, void (*free_value)(void *))
{
	for (size_t i = 0; i < m->capacity; i++) {
		if (m->slot[i].key == NULL)
			continue;
		free(m->slot[i].key);
		if (free_value != NULL)
			free_value(m->slot[i].value);
	}
	free(m->slot);
	*m = (struct map){ 0 };
}

/* The key's slot, or the free one where it would go. There is always a free one. */
static size_t find(const struct map *m, struct text key, uint64_t hash)
{
	size_t i = hash & (m->capacity - 1);

	while (m->slot[i].key != NULL && (m->slot[i].hash != hash || m->slot[i].key_bytes != key.n ||
					  (key.n > 0 && memcmp(m->slot[i].key, key.s, key.n) != 0)))
		i = (i + 1) & (m->capacity - 1);
	return i;
}

void *map_get(const struct map *m, struct text key)
{
	if (m->n == 0)
		return NULL;
	return m->slot[find(m, key, text_hash(key, m->seed))].value;
}

static void grow(struct map *m)
{
	struct map_slot *old = m->slot;
	size_t old_capacity = m->capacity;

	m->capacity = old_capacity == 0 ? 64 : old_capacity * 2;
	m->slot = must_alloc(m->capacity * sizeof(*m->slot));
	for (size_t i = 0; i < old_capacity; i++) {
		size_t at;

		if (old[i].key == NULL)
			continue;
		at = old[i].hash & (m->capacity - 1);
		while (m->slot[at].key != NULL)
			at = (at + 1) & (m->capacity - 1);
		m->slot[at] = old[i];
	}
	free(old);
}

void *map_put(struct map *m, struct text key, void *value)
{
	uint64_t hash = text_hash(key, m->seed);
	void *before;
	size_t i;

	must(value != NULL);
	if ((m->n + 1) * 2 > m->capacity)
		grow(m);
	i = find(m, key, hash);
	before = m->slot[i].value;
	if (m->slot[i].key == NULL) {
		m->slot[i] = (struct map_slot){ hash, must_strndup(key.s, key.n), key.n, NULL };
		m->n++;
	}
	m->slot[i].value = value;
	return before;
}

void *map_remove(struct map *m, struct text key)
{
	size_t mask = m->capacity - 1, i, j;
	void *value;

	if (m->n == 0)
		return NULL;
	i = find(m, key, text_hash(key, m->seed));
	if (m->slot[i].key == NULL)
		return NULL;
	value = m->slot[i].value;
	free(m->slot[i].key);
	/* close the gap: an entry behind it moves up when its own place is not between the gap and itself */
	for (j = (i + 1) & mask; m->slot[j].key != NULL; j = (j + 1) & mask) {
		size_t home = m->slot[j].hash & mask;

		if (((j - home) & mask) >= ((j - i) & mask)) {
			m->slot[i] = m->slot[j];
			i = j;
		}
	}
	m->slot[i] = (struct map_slot){ 0 };
	m->n--;
	return value;
}

bool map_next(const struct map *m, size_t *at, struct text *key, void **value)
{
	for (; *at < m->capacity; (*at)++) {
		const struct map_slot *s = &m->slot[*at];

		if (s->key == NULL)
			continue;
		*key = (struct text){ s->key, s->key_bytes };
		*value = s->value;
		(*at)++;
		return true;
	}
	return false;
}
