#include "query/table.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/number.h"
#include "wire/print_number.h"
#include "wire/reply.h"

enum {
	HOLDS_MAX_S = 60, /* others may write the files: no reply outlives a minute */
	PRINTED_AT_ONCE = 64,
	USUAL_VALUE_BYTES = 12,
	SHOWN_MAX_BYTES = 64,
};

void table_init(struct table *t)
{
	*t = (struct table){ .step_s = 1 };
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		span_fini(&t->column[i].span);
	free(t->column);
	table_init(t);
}

static bool has_column(const struct table *t, struct text ds)
{
	for (size_t i = 0; i < t->n; i++)
		if (text_equal(t->column[i].ds, ds))
			return true;
	return false;
}

enum rc table_add(struct table *t, struct text ds, struct why *why)
{
	if (has_column(t, ds))
		return RC_OK;
	if (t->n == QUERY_MAX_DS)
		return because(why, RC_REFUSED, "ds: more than %d in one question", QUERY_MAX_DS);
	array_grow(&t->column, &t->capacity, t->n, sizeof(*t->column));
	t->column[t->n++] = (struct column){ .ds = ds };
	return RC_OK;
}

static enum rc read_max_points(struct text t, int64_t *out, struct why *why)
{
	*out = INT64_MAX;
	if (t.s == NULL)
		return RC_OK;
	if (t.n > 9 || !number_parse_seconds(t, out) || *out < 1 || memchr(t.s, '.', t.n) != NULL)
		return because(why, RC_REFUSED, "max_points: \"%.*s\": expected a whole number from 1 on", TEXT_ARG(t));
	return RC_OK;
}

enum rc table_shape_read(const struct query_data *asked, struct table_shape *out, struct why *why)
{
	struct text reduce = asked->reduce;
	enum rc rc = read_max_points(asked->max_points, &out->max_points, why);

	if (rc != RC_OK)
		return rc;
	out->reduces = reduce.s != NULL;
	if (out->reduces && !aggregation_parse(reduce, &out->reduce))
		return because(why, RC_REFUSED, "reduce: \"%.*s\": expected average, min, max, sum or last",
			       reduce.n > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : (int)reduce.n, reduce.s);
	return RC_OK;
}

/* The one place where values are read. */
static enum rc read_series(const struct query *q, const struct series *s, struct window w, int64_t now_s,
			   struct span *out, struct why *why)
{
	return engine_fetch(q->engine, s, w.from_s, w.until_s, now_s, out, why);
}

/*
 * One series. Absent means "no such series" and also "the span is older than this file goes back": the second is known
 * by asking for its newest slot, and answered as one slot without a value.
 */
static enum rc fetch(const struct query *q, const struct series *s, struct window w, int64_t now_s, struct span *out,
		     struct why *why)
{
	enum rc rc = read_series(q, s, w, now_s, out, why);
	struct span newest;

	if (rc != RC_ABSENT || w.until_s >= now_s)
		return rc;
	rc = read_series(q, s, (struct window){ now_s, now_s }, now_s, &newest, why);
	if (rc != RC_OK)
		return rc;
	*out = (struct span){ .start_s = w.until_s - w.until_s % newest.step_s,
			      .step_s = newest.step_s,
			      .n = 1,
			      .aggregation = newest.aggregation,
			      .value = must_alloc(sizeof(double)) };
	out->value[0] = NAN;
	span_fini(&newest);
	return RC_OK;
}

/* Fetch every column; those that are missing or damaged leave the table. */
static enum rc fetch_all(const struct query *q, struct series s, struct window w, int64_t now_s, struct table *t,
			 struct why *why)
{
	size_t n = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->n && rc == RC_OK; i++) {
		struct column c = t->column[i];

		s.ds = c.ds;
		rc = fetch(q, &s, w, now_s, &c.span, why);
		if (rc == RC_OK) {
			c.own_step_s = c.span.step_s;
			t->column[n++] = c;
		}
		t->n_damaged += rc == RC_DAMAGED;
		if (rc == RC_ABSENT || rc == RC_DAMAGED || rc == RC_REFUSED)
			rc = RC_OK;
	}
	t->n = n;
	if (rc == RC_OK && n == 0)
		rc = because(why, RC_ABSENT,
			     t->n_damaged > 0 ? "none of the ds can be read: damaged files"
					      : "no such plugin, or none of the ds");
	return rc;
}

/*
 * The step that every column can be brought to: the least common multiple, which is the coarsest step as long as each
 * divides the next. The bound keeps odd files of others from asking for slots of centuries.
 */
static enum rc choose_step(struct table *t, struct why *why)
{
	t->step_s = 1;
	for (size_t i = 0; i < t->n; i++) {
		int64_t a = t->step_s, b = t->column[i].span.step_s;

		must(b > 0);
		while (b != 0) {
			int64_t rest = a % b;

			a = b;
			b = rest;
		}
		t->step_s = t->step_s / a * t->column[i].span.step_s;
		if (t->step_s > INT32_MAX)
			return because(why, RC_REFUSED, "ds: their steps have no usable common multiple, ask apart");
	}
	return RC_OK;
}

static int64_t step_up(int64_t t_s, int64_t step_s)
{
	must(step_s > 0);
	return (t_s + step_s - 1) / step_s * step_s;
}

/*
 * The slots of the reply: those that a fetch at the common step would answer. A column's own start is its first
 * boundary after `from`, so the first common boundary not before it is the common grid's first.
 */
static void choose_slots(struct table *t)
{
	must(t->step_s > 0);
	t->start_s = INT64_MAX;
	t->end_s = INT64_MIN;
	for (size_t i = 0; i < t->n; i++) {
		const struct span *s = &t->column[i].span;
		int64_t last_s = s->start_s + (int64_t)(s->n - 1) * s->step_s;
		int64_t start_s = step_up(s->start_s, t->step_s), end_s = last_s - last_s % t->step_s + t->step_s;

		if (end_s <= start_s)
			end_s = start_s + t->step_s;
		if (start_s < t->start_s)
			t->start_s = start_s;
		if (end_s > t->end_s)
			t->end_s = end_s;
	}
}

/* Join a column's slots: as asked from the common step on, all else by its own aggregation. */
static void join(struct column *c, const struct table *t, int64_t common_step_s, const struct table_shape *shape)
{
	if (shape->reduces) {
		span_consolidate(&c->span, (uint32_t)common_step_s);
		c->span.aggregation = shape->reduce;
	}
	span_consolidate(&c->span, (uint32_t)t->step_s);
}

/*
 * Read the finer columns again over whole slots of the reply, so that its first and last slot are as complete as those
 * of the coarse ones, and join their values.
 */
static enum rc consolidate(const struct query *q, struct series s, int64_t now_s, int64_t common_step_s,
			   const struct table_shape *shape, struct table *t, struct why *why)
{
	const struct window whole = { t->start_s - 1, t->end_s - 1 };

	for (size_t i = 0; i < t->n; i++) {
		struct column *c = &t->column[i];
		enum rc rc;

		if (c->span.step_s == t->step_s)
			continue;
		span_fini(&c->span);
		s.ds = c->ds;
		rc = read_series(q, &s, whole, now_s, &c->span, why);
		if (rc == RC_DISK || rc == RC_PEER)
			return rc;
		if (rc != RC_OK)
			c->span.value = NULL;
		else if (common_step_s % c->span.step_s == 0)
			join(c, t, common_step_s, shape);
		else
			span_fini(&c->span); /* replaced meanwhile by a file with other archives */
	}
	return RC_OK;
}

/* A longer step when there are more slots than asked for. */
static void coarsen(struct table *t, int64_t max_points)
{
	int64_t n = (t->end_s - t->start_s) / t->step_s;

	if (n <= max_points)
		return;
	t->step_s *= (n + max_points - 1) / max_points;
	choose_slots(t);
}

enum rc table_read(const struct query *q, const struct series *s, const struct window *w,
		   const struct table_shape *shape, int64_t now_s, struct table *t, struct why *why)
{
	int64_t common_step_s;
	enum rc rc = fetch_all(q, *s, *w, now_s, t, why);

	if (rc == RC_OK)
		rc = choose_step(t, why);
	if (rc != RC_OK)
		return rc;
	common_step_s = t->step_s;
	choose_slots(t);
	coarsen(t, shape->max_points);
	return consolidate(q, *s, now_s, common_step_s, shape, t, why);
}

double table_value(const struct table *t, const struct column *c, size_t i)
{
	int64_t slot = c->span.value == NULL ? -1 : (t->start_s - c->span.start_s) / t->step_s + (int64_t)i;

	return slot < 0 || slot >= (int64_t)c->span.n ? (double)NAN : c->span.value[slot];
}

/* The slots from `first` on of a column, null where there are none; copied in pieces that always fit. */
static void print_values(const struct span *s, int64_t first, size_t n, struct buf *out)
{
	char text[PRINTED_AT_ONCE * (PRINT_NUMBER_MAX_BYTES + 2)], *o = text;

	for (size_t i = 0; i < n && !out->full; i++) {
		int64_t slot = first + (int64_t)i;
		double v = s->value == NULL || slot < 0 || slot >= (int64_t)s->n ? (double)NAN : s->value[slot];

		if (isfinite(v)) {
			o += print_number(v, o);
		} else {
			memcpy(o, "null", 4);
			o += 4;
		}
		if (i + 1 < n) {
			memcpy(o, ", ", 2);
			o += 2;
		}
		if (i % PRINTED_AT_ONCE == PRINTED_AT_ONCE - 1 || i + 1 == n) {
			buf_add(out, text, (size_t)(o - text));
			o = text;
		}
	}
}

void table_print(const struct table *t, struct buf *out)
{
	size_t n = table_n_slots(t), usual = t->n * n * USUAL_VALUE_BYTES;

	if (out->n < out->max && usual < out->max - out->n)
		(void)buf_room(out, usual);
	buf_addf(out, "\"TS_start\": %lld, \"TS_step\": %lld, \"DATAS\": {", (long long)t->start_s,
		 (long long)t->step_s);
	for (size_t i = 0; i < t->n && !out->full; i++) {
		const struct span *s = &t->column[i].span;

		if (i > 0)
			buf_add_str(out, ", ");
		reply_string(out, t->column[i].ds);
		buf_add_str(out, ": [");
		print_values(s, s->value == NULL ? 0 : (t->start_s - s->start_s) / t->step_s, n, out);
		buf_add_str(out, "]");
	}
	buf_add_str(out, "}");
}

int64_t table_holds_until(const struct table *t, const struct query_data *asked, bool original, const struct window *w,
			  int64_t now_s)
{
	int64_t until_s = now_s + HOLDS_MAX_S;
	struct window later;

	if (window_read(asked, original, now_s + 1, &later, NULL) != RC_OK || later.from_s == w->from_s ||
	    later.until_s == w->until_s)
		return now_s + 1; /* a fixed end: which archive reaches back to it changes at any second */
	for (size_t i = 0; i < t->n; i++) {
		/* what a file keeps goes back whole steps from now */
		const int64_t end[] = { now_s, w->from_s, w->until_s };
		int64_t step_s = t->column[i].own_step_s;

		for (size_t j = 0; j < ARRAY_LEN(end); j++)
			if (now_s + step_s - end[j] % step_s < until_s)
				until_s = now_s + step_s - end[j] % step_s;
	}
	return until_s;
}
