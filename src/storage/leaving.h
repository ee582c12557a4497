/*
 * Keys that were taken off the host-list a short while ago and are still bound: a list read while it was being written lacks
 * hosts that the next one has again. One thread.
 */
#ifndef STORAGE_LEAVING_H
#define STORAGE_LEAVING_H

#include "base/instant.h"
#include "base/map.h"

struct leaving {
	struct map due;       /* key → struct mono, owned */
	struct mono earliest; /* of these */
};

typedef void leaving_fn(void *argument, struct text key);

void leaving_init(struct leaving *l);
void leaving_fini(struct leaving *l);
/* It goes at `due`; one that is here already goes when it was to. */
void leaving_add(struct leaving *l, struct text key, struct mono due);
/* It is listed again, or was not here. */
void leaving_keep(struct leaving *l, struct text key);
bool leaving_has(const struct leaving *l, struct text key);
/* Take out all that go by now, and call fn for each, which no longer finds it here. How many there were. */
size_t leaving_take(struct leaving *l, struct mono now, leaving_fn *fn, void *argument);

#endif
