/*
 * Which data sources a plugin of a host has.
 */
#ifndef QUERY_DS_LIST_H
#define QUERY_DS_LIST_H

#include "base/arena.h"
#include "query/query.h"

/* The next part of a comma list that can be a name; false at the end. *rest.s is NULL behind the last one. */
bool query_next_ds(struct text *rest, struct text *ds);

struct ds_list {
	struct text *ds;
	size_t n, capacity;
};

void ds_list_fini(struct ds_list *l);
/* Once each. */
void ds_list_add(struct ds_list *l, struct text ds);

/*
 * First those that the info names (info.s NULL: none), in its order, then what else is stored or pending, by name. What
 * cannot be a name is left out. s->ds is not looked at; s->folder.n 0: nothing is stored.
 * Errors   RC_DISK
 * Owner    texts live in the arena or the info.
 */
CHECKED enum rc ds_list_all(const struct query *q, const struct series *s, struct text info, struct arena *a,
			    struct ds_list *out, struct why *why);

#endif
