/*
 * What waits in memory to be synced together: records without their headers' numbers, in parts, one for each segment that
 * they go to; and the names that must be synced before them. Its memory is kept from one group to the next.
 */
#ifndef JOURNAL_GROUP_H
#define JOURNAL_GROUP_H

#include <stdbool.h>

#include "base/instant.h"
#include "model/point.h"

struct group_part {
	uint32_t segment; /* where it goes; moved when the segment cannot be synced */
	size_t from;      /* its first byte; it ends where the next begins */
	uint64_t n_points;
	bool synced;
};

struct group_bytes {
	unsigned char *at;
	size_t n, capacity;
	size_t open_record; /* where the record starts that may still grow; GROUP_NONE */
};
#define GROUP_NONE SIZE_MAX

struct group {
	struct group_bytes points, names;
	struct group_part *part;
	size_t n_parts, capacity_parts;
	struct mono first;           /* when the first byte came */
	uint64_t position, n_points; /* position: what is synced when all of it is */
};

void group_init(struct group *g);
void group_fini(struct group *g);
void group_clear(struct group *g);
bool group_empty(const struct group *g);

/* Where the part of `segment` goes on from now on. */
void group_to_segment(struct group *g, uint32_t segment);
/*
 * Add points to the last part, as many as fit into room_bytes of the segment. Returns how many; *used: bytes taken.
 */
size_t group_add(struct group *g, const struct numbered *point, size_t n, uint32_t accepted_s, size_t room_bytes,
		 size_t *used);
void group_name(struct group *g, uint32_t id, const struct series *series);
size_t group_part_end(const struct group *g, size_t part);

/* Bytes that n points need at most in new records. */
size_t group_bytes_for(size_t n);

#endif
