/*
 * The names that carbon lines carried before, each with its series number: one table for all connections. Agents send
 * their series in the same order tick after tick, so every name remembers which one came after it: a line that is the
 * expected one costs a compare, neither hash nor split. Any other is found by its hash.
 *
 * Memory: per name 14 bytes and its text, rounded up to 8, and 9 to 19 bytes of table. Names are never taken out (series
 * are not either); at max_bytes no more are added, and who is not in it is asked of the registry line by line.
 *
 * Threads: one.
 */
#ifndef CARBON_KNOWN_H
#define CARBON_KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"
#include "base/text.h"

#define KNOWN_NONE UINT32_MAX

/* Found by a handle (a number), for the table moves when it grows. */
struct known_name {
	uint32_t id;   /* series number, REGISTRY_NONE: not known yet */
	uint32_t next; /* handle of the name that came after it the last time */
	uint32_t mark; /* with id: the intake's era it was checked in; else: the last batch that took it along */
	uint16_t n;    /* bytes of key */
	char key[];
};

/* The tag is the low half of the hash: where to look first, and what to compare before the name is touched. */
struct known_slot {
	uint32_t tag;
	uint32_t handle; /* KNOWN_NONE: free */
};

struct known {
	char *bytes; /* names one behind the other, each on 8 bytes; a handle counts these */
	size_t n_bytes, capacity_bytes, max_bytes;
	struct known_slot *slot;
	uint32_t n_slots; /* a power of two, or 0 */
	uint32_t n;
	uint64_t seed;
};

void known_init(struct known *k, size_t max_bytes);
void known_fini(struct known *k);

static inline struct known_name *known_at(const struct known *k, uint32_t handle)
{
	return (struct known_name *)(void *)(k->bytes + (size_t)handle * 8);
}

/* The handle of a name, or KNOWN_NONE. */
uint32_t known_find(const struct known *k, struct text key);

/*
 * The same in three steps, for many names at once: each step brings what the next one needs from memory into the cache
 * while the steps of the other names run.
 */
static inline uint32_t known_tag(const struct known *k, struct text key)
{
	uint32_t tag = (uint32_t)text_hash(key, k->seed);

	if (k->n_slots > 0)
		__builtin_prefetch(&k->slot[tag & (k->n_slots - 1)]);
	return tag;
}
static inline void known_approach(const struct known *k, uint32_t tag)
{
	enum { MOST = 8 }; /* slots on one cache line */

	for (uint32_t i = 0; i < MOST && k->n_slots > 0; i++) {
		const struct known_slot *s = &k->slot[(tag + i) & (k->n_slots - 1)];

		if (s->handle == KNOWN_NONE)
			return;
		if (s->tag == tag) {
			const char *e = k->bytes + (size_t)s->handle * 8;

			__builtin_prefetch(e, 1);
			__builtin_prefetch(e + 40, 1); /* most names end on that cache line */
			return;
		}
	}
}
uint32_t known_find_tagged(const struct known *k, struct text key, uint32_t tag);

/* Add a name that is not there; KNOWN_NONE when max_bytes would be passed, or it is too long. Pointers of known_at() end. */
uint32_t known_add(struct known *k, struct text key, uint32_t id, uint32_t mark);

/* Whether p begins with this name and a blank behind it. KNOWN_SLACK bytes from p on may be read. */
enum { KNOWN_SLACK = 1024 };
static inline bool known_is_next(const struct known_name *e, const char *p)
{
	size_t n = e->n, i = 0;
	uint64_t a, b;

	if (p[n] != ' ')
		return false;
	if (n < 8)
		return memcmp(e->key, p, n) == 0;
	for (; i + 8 < n; i += 8) {
		memcpy(&a, e->key + i, 8);
		memcpy(&b, p + i, 8);
		if (a != b)
			return false;
	}
	memcpy(&a, e->key + n - 8, 8);
	memcpy(&b, p + n - 8, 8);
	return a == b;
}

size_t known_bytes(const struct known *k);

#endif
