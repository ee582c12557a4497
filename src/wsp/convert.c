#include "wsp/convert.h"

#include <math.h>

#include "wsp/apply.h"

/* Index of the first slot of c at or after t_s; may lie outside of it. */
static int64_t index_from(const struct wsp_column *c, int64_t t_s)
{
	return (wsp_align(t_s + c->step_s - 1, c->step_s) - wsp_column_start_s(c)) / c->step_s;
}

static int64_t clamp(int64_t i, const struct wsp_column *c)
{
	return i < 0 ? 0 : i > c->n ? c->n : i;
}

/* How much of [t_s, t_s + step_s) a finer column knows, and the aggregate of that. */
struct share {
	uint32_t n_known, n_all;
	double value;
};

static struct share share_of(const struct wsp_column *fine, enum aggregation how, int64_t t_s, uint32_t step_s)
{
	int64_t from = index_from(fine, t_s), until = index_from(fine, t_s + step_s);
	struct aggregate a = aggregate_start(how);
	struct share s = { .n_all = (uint32_t)(until - from) };

	for (int64_t i = clamp(from, fine); i < clamp(until, fine); i++)
		if (!isnan(fine->value[i]))
			aggregate_add(&a, fine->value[i]);
	s.n_known = a.n;
	if (a.n > 0)
		s.value = how == AGGREGATION_AVERAGE_ZERO ? a.value / s.n_all : aggregate_result(&a);
	return s;
}

/* Is a larger than b? */
static bool is_larger(struct share a, struct share b)
{
	return (uint64_t)a.n_known * b.n_all > (uint64_t)b.n_known * a.n_all;
}

/* Of all finer columns that which knows most of the slot. */
static struct share best_share(const struct wsp_table *from, enum aggregation how, int64_t t_s, uint32_t step_s)
{
	struct share best = { .n_known = 0, .n_all = 1 };

	for (size_t i = 0; i < from->retention.n_archives && from->column[i].step_s < step_s; i++) {
		struct share s = share_of(&from->column[i], how, t_s, step_s);

		if (s.n_known > 0 && is_larger(s, best))
			best = s;
	}
	return best;
}

static const struct wsp_column *column_of_step(const struct wsp_table *t, uint32_t step_s)
{
	for (size_t i = 0; i < t->retention.n_archives; i++)
		if (t->column[i].step_s == step_s)
			return &t->column[i];
	return NULL;
}

static bool is_enough(struct share s, float xff)
{
	return s.n_known > 0 && (double)s.n_known / (double)s.n_all >= (double)xff;
}

/* A new archive that is being filled. */
struct filling {
	const struct wsp_table *from;
	const struct retention *to;
	const struct wsp_column *same;  /* the old one of its step, or NULL */
	const struct wsp_column *finer; /* the next finer new one, filled already, or NULL */
	int64_t last_until_s;           /* what lies before, and this archive does not take, is lost */
};

/* Rules 1 and 2. */
static double value_at(const struct filling *f, int64_t t_s, uint32_t step_s)
{
	enum aggregation how = f->to->aggregation;
	double value = (double)NAN;
	struct share best, next = { .n_known = 0 };

	if (f->same != NULL && t_s >= wsp_column_start_s(f->same) && t_s <= f->same->end_s)
		value = f->same->value[(t_s - wsp_column_start_s(f->same)) / step_s];
	if (!isnan(value) && how == f->from->retention.aggregation)
		return value;
	best = best_share(f->from, how, t_s, step_s);
	if (!isnan(value))
		return best.n_known == best.n_all ? best.value : value;
	if (is_enough(best, f->to->xff) || (best.n_known > 0 && t_s < f->last_until_s))
		return best.value;
	if (f->finer != NULL)
		next = share_of(f->finer, how, t_s, step_s);
	return is_enough(next, f->to->xff) ? next.value : value;
}

/* Is anything of c known in [from_s, until_s)? A slot that begins before and reaches into it counts too. */
static bool is_known(const struct wsp_column *c, int64_t from_s, int64_t until_s)
{
	int64_t first = index_from(c, wsp_align(from_s, c->step_s)), until = index_from(c, until_s);

	for (int64_t i = clamp(first, c); i < clamp(until, c); i++)
		if (!isnan(c->value[i]))
			return true;
	return false;
}

/* Rule 3. */
static void place_coarser(const struct wsp_column *coarse, struct wsp_column *c)
{
	for (uint32_t i = 0; i < coarse->n; i++) {
		int64_t t_s = wsp_column_start_s(coarse) + (int64_t)i * coarse->step_s,
			slot_s = wsp_align(t_s, c->step_s);

		if (!isnan(coarse->value[i]) && slot_s >= wsp_column_start_s(c) && slot_s <= c->end_s &&
		    !is_known(c, t_s, t_s + coarse->step_s))
			c->value[(slot_s - wsp_column_start_s(c)) / c->step_s] = coarse->value[i];
	}
}

/* From when on a reader finds finer points than those of archive i. */
static int64_t finer_from_s(const struct wsp_table *t, size_t i, int64_t now_s)
{
	const struct wsp_column *finer = i == 0 ? NULL : &t->column[i - 1];
	int64_t start_s, read_from_s;

	if (finer == NULL)
		return INT64_MAX;
	start_s = wsp_column_start_s(finer);
	read_from_s = now_s - (int64_t)finer->step_s * finer->n;
	return start_s > read_from_s ? start_s : read_from_s + 1;
}

static void fill(const struct filling *f, struct wsp_column *c)
{
	const struct wsp_table *from = f->from;
	int64_t start_s = wsp_column_start_s(c);

	for (uint32_t i = 0; i < c->n; i++)
		c->value[i] = value_at(f, start_s + (int64_t)i * c->step_s, c->step_s);
	for (size_t i = 0; i < from->retention.n_archives; i++)
		if (from->column[i].step_s > c->step_s)
			place_coarser(&from->column[i], c);
}

static bool is_covered(const struct wsp_table *t, int64_t from_s, int64_t until_s)
{
	for (size_t i = 0; i < t->retention.n_archives; i++)
		if (is_known(&t->column[i], from_s, until_s))
			return true;
	return false;
}

static void count_lost(const struct wsp_table *from, const struct wsp_table *into, struct wsp_converted *told)
{
	*told = (struct wsp_converted){ 0, 0, 0 };
	for (size_t i = 0; i < from->retention.n_archives; i++) {
		const struct wsp_column *c = &from->column[i];

		for (uint32_t k = 0; k < c->n; k++) {
			int64_t t_s = wsp_column_start_s(c) + (int64_t)k * c->step_s;

			if (isnan(c->value[k]))
				continue;
			told->n_points++;
			if (is_covered(into, t_s, t_s + c->step_s))
				continue;
			told->n_lost++;
			if (t_s > told->lost_until_s)
				told->lost_until_s = t_s;
		}
	}
}

enum rc wsp_convert(const struct wsp_table *from, const struct retention *to, int64_t now_s, struct wsp_table *out,
		    struct wsp_converted *told, struct why *why)
{
	struct wsp_table t = { .newest_s = 0 };
	enum rc rc = wsp_table_init(&t, to, from->newest_s, why);

	if (rc != RC_OK)
		return rc;
	if (from->newest_s != 0)
		for (size_t i = 0; i < to->n_archives; i++)
			fill(&(struct filling){ from, to, column_of_step(from, to->archive[i].step_s),
						i == 0 ? NULL : &t.column[i - 1], finer_from_s(&t, i, now_s) },
			     &t.column[i]);
	count_lost(from, &t, told);
	*out = t;
	return RC_OK;
}

bool wsp_same_retention(const struct retention *a, const struct retention *b)
{
	if (a->n_archives != b->n_archives || a->aggregation != b->aggregation || a->xff != b->xff)
		return false;
	for (size_t i = 0; i < a->n_archives; i++)
		if (a->archive[i].step_s != b->archive[i].step_s || a->archive[i].n_points != b->archive[i].n_points)
			return false;
	return true;
}
