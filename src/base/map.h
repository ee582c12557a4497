/*
 * A hash table from byte strings to pointers. Keys are copied; values are the caller's. Seeded, so that a sender
 * cannot choose names that meet in one bucket. Not thread-safe.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct map_slot {
	uint64_t hash;
	char *key; /* NULL: free */
	size_t key_bytes;
	void *value;
};

struct map {
	struct map_slot *slot;
	size_t n, capacity; /* capacity: a power of two, or 0 */
	uint64_t seed;
};

void map_init(struct map *m);
/* Keys are freed; values too where free_value is given. */
void map_fini(struct map *m, void (*free_value)(void *));
/* NULL when not there. */
void *map_get(const struct map *m, struct text key);
/* Add or replace; returns the value that stood there before, or NULL. value is not NULL. */
void *map_put(struct map *m, struct text key, void *value);
/* Take out; returns the value, or NULL. */
void *map_remove(struct map *m, struct text key);
/* The next entry from *at on (start with 0); false at the end. Nothing may be put or removed meanwhile. */
bool map_next(const struct map *m, size_t *at, struct text *key, void **value);

#endif
