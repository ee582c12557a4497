/*
 * The values of several series of one plugin over one span of time, brought to one start, step and count. Private to
 * query/ and what draws from it.
 */
#ifndef QUERY_TABLE_H
#define QUERY_TABLE_H

#include "query/query.h"
#include "query/window.h"

struct column {
	struct text ds;
	struct span span; /* value NULL: nothing known there, every slot is null */
	int64_t own_step_s;
};

struct table {
	struct column *column;
	size_t n, capacity;
	size_t n_damaged;
	int64_t start_s, end_s; /* the slots of the reply; end_s is behind the last */
	int64_t step_s;
};

/* How many slots there may be, and how several become one then. */
struct table_shape {
	int64_t max_points;
	bool reduces; /* by `reduce`, else by each series' own aggregation */
	enum aggregation reduce;
};

/* Errors: RC_REFUSED max_points or reduce cannot be read: why names the parameter. */
CHECKED enum rc table_shape_read(const struct query_data *asked, struct table_shape *out, struct why *why);

void table_init(struct table *t);
void table_fini(struct table *t);
/* One more column, once each; ds is borrowed. Errors: RC_REFUSED over QUERY_MAX_DS. */
CHECKED enum rc table_add(struct table *t, struct text ds, struct why *why);

/*
 * Read all columns; those that are missing or damaged leave the table. s->ds is not looked at.
 * Errors   RC_ABSENT none is left · RC_REFUSED no common step · RC_PEER, RC_DISK
 */
CHECKED enum rc table_read(const struct query *q, const struct series *s, const struct window *w,
			   const struct table_shape *shape, int64_t now_s, struct table *t, struct why *why);

/* The value of slot i of a column; NAN: not known. */
double table_value(const struct table *t, const struct column *c, size_t i);
static inline size_t table_n_slots(const struct table *t)
{
	return (size_t)((t->end_s - t->start_s) / t->step_s);
}

/* "TS_start": N, "TS_step": N, "DATAS": {…} */
void table_print(const struct table *t, struct buf *out);

/* The second from which on the clock alone may change what was read: some end of the window reaches another slot. */
int64_t table_holds_until(const struct table *t, const struct query_data *asked, bool original, const struct window *w,
			  int64_t now_s);

/*
 * Of a plan of one host and plugin, for who draws: the info as it is stored (s == NULL: none, or ds were named), the ds, and
 * their values. Errors: as table_read().
 */
struct text query_plan_info(const struct query_plan *p);
size_t query_plan_ds(const struct query_plan *p, const struct text **ds);
CHECKED enum rc query_plan_read(const struct query *q, const struct query_plan *p, const struct table_shape *shape,
				int64_t now_s, struct table *out, struct query_basis *basis, struct why *why);

#endif
