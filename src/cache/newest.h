/*
 * The newest time that was accepted of each series, by its number (cache/registry.h): 4 bytes a series. For "when was it
 * last heard of"; it never goes back, points that are written and settled stay counted.
 *
 * Threads  one at a time notes; any may ask meanwhile.
 */
#ifndef CACHE_NEWEST_H
#define CACHE_NEWEST_H

#include "model/point.h"

struct newest;

struct newest *newest_new(void);
void newest_free(struct newest *n);
void newest_note(struct newest *n, const struct numbered *point, size_t n_points);
/* Unix seconds; 0: no point yet. */
uint32_t newest_of(const struct newest *n, uint32_t id);

#endif
