#include "wsp/order.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

enum rc order_check_now(int64_t now_s, struct why *why)
{
	if (now_s < 0 || now_s > (int64_t)UINT32_MAX * 2)
		return because(why, RC_REFUSED, "now %" PRId64 " is not a time", now_s);
	return RC_OK;
}

static int by_time_first_given_last(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->t_s != y->t_s)
		return x->t_s < y->t_s ? -1 : 1;
	return (x->given < y->given) - (x->given > y->given);
}

static int by_time_last_given_last(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->t_s != y->t_s)
		return x->t_s < y->t_s ? -1 : 1;
	return (x->given > y->given) - (x->given < y->given);
}

enum rc order_points(struct order *o, const struct wsp *w, const struct point *points, size_t n, int64_t now_s,
		     struct why *why)
{
	bool sorted = true;
	enum rc rc = order_check_now(now_s, why);

	if (rc != RC_OK)
		return rc;
	o->at = n <= ORDER_FEW ? o->few : must_alloc(n * sizeof(*o->at));
	o->n = o->n_too_old = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t t_s = points[i].t_s;

		if (t_s < now_s && (t_s < -(int64_t)UINT32_MAX || now_s - t_s > w->max_retention_s)) {
			o->n_too_old++;
			continue;
		}
		if (t_s < 0 || t_s > UINT32_MAX) {
			order_fini(o);
			return because(why, RC_REFUSED, "time %" PRId64 " does not fit a slot", t_s);
		}
		sorted = sorted && (o->n == 0 || o->at[o->n - 1].t_s < t_s);
		o->at[o->n++] = (struct ordered){ t_s, points[i].value, i, now_s };
	}
	if (!sorted)
		qsort(o->at, o->n, sizeof(*o->at), by_time_first_given_last);
	return RC_OK;
}

void order_taken(struct order *o, const struct wsp *w, const struct taken *points, size_t n)
{
	bool sorted = true;

	o->at = n <= ORDER_FEW ? o->few : must_alloc(n * sizeof(*o->at));
	o->n = o->n_too_old = 0;
	for (size_t i = 0; i < n; i++) {
		const struct taken *p = &points[i];

		if ((int64_t)p->accepted_s - p->t_s > w->max_retention_s) {
			o->n_too_old++;
			continue;
		}
		sorted = sorted && (o->n == 0 || o->at[o->n - 1].t_s <= p->t_s);
		o->at[o->n++] = (struct ordered){ p->t_s, p->value, i, p->accepted_s };
	}
	if (!sorted)
		qsort(o->at, o->n, sizeof(*o->at), by_time_last_given_last);
}

void order_fini(struct order *o)
{
	if (o->at != o->few)
		free(o->at);
	o->at = NULL;
	o->n = 0;
}
