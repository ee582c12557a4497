#include <stdlib.h>

#include "base/mem.h"
#include "wsp/apply.h"
#include "wsp/order.h"

/* The points of a batch that share a finest slot: the newest of them is its value. */
struct minute {
	int64_t slot_s;
	double value;
	size_t level;    /* the archive it belongs to by age */
	size_t n_points; /* of that level */
	size_t n_later;  /* points that came so late that they belong to a coarser archive: they say nothing new */
};

/* One wsp_store() at work. */
struct store {
	struct wsp *w;
	struct wsp_how how;
	struct minute *minute; /* in order of time */
	size_t n;
	struct change *change; /* room for n */
	double *scratch;       /* room for n */
	int64_t finest_base_s; /* -1: not read yet */
};

/*
 * Rule (a): the first archive whose slots, up to the one of accepted_s, still hold the minute. Not whisper's age ≤
 * retention: a point as old as that would share its slot with the newest one, and no reader would see it there.
 */
static size_t level_of(const struct wsp *w, int64_t t_s, int64_t accepted_s)
{
	size_t level = 0;

	for (; level + 1 < w->n_archives; level++) {
		const struct wsp_archive *a = &w->archive[level];

		if (accepted_s - t_s <= wsp_span_s(a) - a->step_s ||
		    wsp_align(accepted_s, a->step_s) - wsp_align(t_s, a->step_s) < wsp_span_s(a))
			break;
	}
	return level;
}

/* Of a minute that comes fresh and late the fresh points count, as if they had been stored before the late ones came. */
static size_t to_minutes(const struct order *o, const struct wsp *w, struct minute *out)
{
	uint32_t step_s = w->archive[0].step_s;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct ordered *p = &o->at[i];
		size_t level = level_of(w, p->t_s, p->accepted_s);
		struct minute *m = n == 0 ? NULL : &out[n - 1];

		if (m == NULL || p->t_s >= m->slot_s + step_s) {
			int64_t slot_s = m != NULL && p->t_s < m->slot_s + 2 * (int64_t)step_s
						 ? m->slot_s + step_s
						 : wsp_align(p->t_s, step_s);

			out[n++] = (struct minute){ slot_s, p->value, level, 1, 0 };
		} else if (level < m->level) {
			*m = (struct minute){ m->slot_s, p->value, level, 1, m->n_later + m->n_points };
		} else if (level == m->level) {
			m->value = p->value;
			m->n_points++;
		} else {
			m->n_later++;
		}
	}
	return n;
}

/* Is minute i in the finest archive, just so? Then it was stored while it was fresh. */
static enum rc is_stored(struct store *s, size_t i, bool *stored, struct why *why)
{
	const struct wsp_archive *finest = &s->w->archive[0];
	const struct minute *m = &s->minute[i];
	unsigned char slot[WSP_SLOT_BYTES], same[WSP_SLOT_BYTES];
	enum rc rc = RC_OK;

	if (s->finest_base_s < 0)
		rc = wsp_read_base(s->w, finest, &s->finest_base_s, why);
	if (rc == RC_OK)
		rc = wsp_read_slots(s->w, finest, wsp_slot_index(finest, s->finest_base_s, m->slot_s), 1, slot, why);
	if (rc != RC_OK)
		return rc;
	bytes_put_be32(same, (uint32_t)m->slot_s);
	bytes_put_be_double(same + 4, m->value);
	*stored = s->finest_base_s != 0 && memcmp(slot, same, sizeof(slot)) == 0;
	return RC_OK;
}

/*
 * Every minute of a slot is there: aggregate archive by archive, as propagation does, so that the result is the very
 * value that propagation once left.
 */
static double reduce_whole(const struct store *s, size_t level, const struct minute *m, size_t n)
{
	must(n > 0);
	for (size_t i = 0; i < n; i++)
		s->scratch[i] = m[i].value;
	for (size_t l = 1; l <= level; l++) {
		uint32_t ratio = s->w->archive[l].step_s / s->w->archive[l - 1].step_s;

		for (size_t i = 0; i < n / ratio; i++) {
			struct aggregate a = aggregate_start(s->w->aggregation);

			for (uint32_t k = 0; k < ratio; k++)
				aggregate_add(&a, s->scratch[i * ratio + k]);
			s->scratch[i] = wsp_aggregated(&a, ratio);
		}
		n /= ratio;
	}
	return s->scratch[0];
}

static double reduce_part(const struct store *s, const struct minute *m, size_t n, uint32_t n_slots)
{
	struct aggregate a = aggregate_start(s->w->aggregation);

	for (size_t i = 0; i < n; i++)
		aggregate_add(&a, m[i].value);
	return wsp_aggregated(&a, n_slots);
}

/*
 * Rule (b) for the slot at slot_s of archive `level`, whose minutes are [first, last); those of finer archives by age
 * count when they make it whole.
 */
static enum rc to_change(struct store *s, size_t level, int64_t slot_s, size_t first, size_t last, struct change *out,
			 struct why *why)
{
	uint32_t n_slots = s->w->archive[level].step_s / s->w->archive[0].step_s;
	struct change c = { .slot_s = slot_s, .has = true, .touch = s->w->rewrite };
	bool stored = true;
	enum rc rc;

	if (last - first == n_slots) {
		c.fill = c.replace = true;
		c.due = s->how.again;
		c.value = reduce_whole(s, level, &s->minute[first], last - first);
		*out = c;
		return RC_OK;
	}
	for (size_t i = first; i < last && stored; i++) {
		if (s->minute[i].level < level)
			continue;
		rc = is_stored(s, i, &stored, why);
		if (rc != RC_OK)
			return rc;
	}
	c.fill = !stored;
	c.value = reduce_part(s, &s->minute[first], last - first, n_slots);
	*out = c;
	return RC_OK;
}

/* The changes to archive `level` into s->change. */
static enum rc to_changes(struct store *s, size_t level, size_t *n_out, struct why *why)
{
	uint32_t step_s = s->w->archive[level].step_s;
	enum rc rc = RC_OK;
	size_t n = 0;

	for (size_t i = 0; i < s->n && rc == RC_OK;) {
		const struct minute *m = &s->minute[i];
		size_t first = i, last = i + 1;

		if (m->level != level) {
			i++;
			continue;
		}
		if (level == 0) {
			s->change[n++] = (struct change){ .slot_s = m->slot_s,
							  .value = m->value,
							  .has = true,
							  .fill = true,
							  .replace = true,
							  .due = s->how.again,
							  .touch = s->w->rewrite };
			i++;
			continue;
		}
		int64_t slot_s = wsp_align(m->slot_s, step_s);

		while (first > 0 && s->minute[first - 1].slot_s >= slot_s)
			first--;
		while (last < s->n && s->minute[last].slot_s < slot_s + step_s)
			last++;
		rc = to_change(s, level, slot_s, first, last, &s->change[n++], why);
		i = last;
	}
	*n_out = n;
	return rc;
}

static void count(const struct store *s, size_t level, struct wsp_stored *out)
{
	uint32_t step_s = s->w->archive[level].step_s;
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->minute[i].level != level)
			continue;
		while (s->minute[i].slot_s >= s->change[at].slot_s + step_s)
			at++;
		if (s->change[at].kept)
			out->n_kept += s->minute[i].n_points;
		else
			out->n_written += s->minute[i].n_points;
		out->n_kept += s->minute[i].n_later;
	}
}

/* The earliest minute that a reader of the coarse archives has not heard of yet. */
static int64_t held_from(const struct change *change, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (change[i].changed || change[i].due)
			return change[i].slot_s;
	return 0;
}

/* A batch that laps itself cannot wait. */
static bool may_hold(const struct wsp *w, const struct change *change, size_t n)
{
	return w->n_archives > 1 && !wsp_overtakes(w, change[n - 1].slot_s, change[0].slot_s);
}

static enum rc store_fresh(struct wsp *w, struct wsp_how how, struct change *change, size_t n, int64_t *held_from_s,
			   struct why *why)
{
	bool hold = how.hold_coarse && may_hold(w, change, n);
	enum rc rc = wsp_apply(w, 0, change, n, hold ? AS_PRODUCT_ALONE : AS_PRODUCT, why);

	if (rc == RC_OK && hold)
		*held_from_s = held_from(change, n);
	return rc;
}

static enum rc store_level(struct store *s, size_t level, struct wsp_stored *out, struct why *why)
{
	size_t n;
	enum rc rc = to_changes(s, level, &n, why);

	if (rc != RC_OK || n == 0)
		return rc;
	rc = level == 0 ? store_fresh(s->w, s->how, s->change, n, &out->held_from_s, why)
			: wsp_apply(s->w, level, s->change, n, AS_PRODUCT, why);
	if (rc == RC_OK)
		count(s, level, out);
	return rc;
}

/*
 * The usual batch: all points fresh and in order of time. Its changes to the finest archive into out, which has room for
 * n; 0 when it is another kind of batch.
 */
static size_t to_fresh_changes(const struct wsp *w, const struct taken *points, size_t n, bool again,
			       struct change *out)
{
	uint32_t step_s = w->archive[0].step_s;
	int64_t young_s = wsp_span_s(&w->archive[0]) - step_s, slot_s = INT64_MIN / 2;
	uint32_t before_s = 0;
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		const struct taken *p = &points[i];

		if (p->t_s < before_s || (int64_t)p->accepted_s - p->t_s > young_s)
			return 0;
		before_s = p->t_s;
		if (p->t_s >= slot_s + step_s) {
			slot_s = p->t_s < slot_s + 2 * (int64_t)step_s ? slot_s + step_s : wsp_align(p->t_s, step_s);
			out[n_out++] = (struct change){ .slot_s = slot_s,
							.has = true,
							.fill = true,
							.replace = true,
							.due = again,
							.touch = w->rewrite };
		}
		out[n_out - 1].value = p->value;
	}
	return n_out;
}

/* Points in order of time that were changes of the finest archive. */
static void count_fresh(const struct wsp *w, const struct taken *points, size_t n, const struct change *change,
			struct wsp_stored *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		while (points[i].t_s >= change[at].slot_s + w->archive[0].step_s)
			at++;
		out->n_kept += change[at].kept;
		out->n_written += !change[at].kept;
	}
}

static enum rc store_any(struct wsp *w, const struct taken *points, size_t n, struct wsp_how how,
			 struct wsp_stored *out, struct why *why)
{
	struct store s = { .w = w, .how = how, .finest_base_s = -1 };
	struct minute few_minutes[ORDER_FEW];
	struct change few_changes[ORDER_FEW];
	double few_values[ORDER_FEW];
	struct wsp_stored stored;
	struct order o;
	size_t coarsest = 0;
	enum rc rc = RC_OK;

	order_taken(&o, w, points, n);
	s.minute = o.n <= ORDER_FEW ? few_minutes : must_alloc(o.n * sizeof(*s.minute));
	s.change = o.n <= ORDER_FEW ? few_changes : must_alloc(o.n * sizeof(*s.change));
	s.scratch = o.n <= ORDER_FEW ? few_values : must_alloc(o.n * sizeof(*s.scratch));
	s.n = to_minutes(&o, w, s.minute);
	stored = (struct wsp_stored){ .n_too_old = o.n_too_old };
	for (size_t i = 0; i < s.n; i++)
		coarsest = s.minute[i].level > coarsest ? s.minute[i].level : coarsest;
	/* Newest first: each archive's points are propagated before those of the next coarser one go in. */
	for (size_t level = 0; level <= coarsest && rc == RC_OK; level++)
		rc = store_level(&s, level, &stored, why);
	if (s.minute != few_minutes) {
		free(s.minute);
		free(s.change);
		free(s.scratch);
	}
	order_fini(&o);
	if (rc == RC_OK)
		*out = stored;
	return rc;
}

enum rc wsp_store(struct wsp *w, const struct taken *points, size_t n, struct wsp_how how, struct wsp_stored *out,
		  struct why *why)
{
	struct wsp_stored stored = { 0, 0, 0, 0 };
	struct change few[ORDER_FEW], *change = n <= ORDER_FEW ? few : must_alloc(n * sizeof(*change));
	size_t n_changes = to_fresh_changes(w, points, n, how.again, change);
	enum rc rc = RC_OK;

	if (n_changes > 0) {
		rc = store_fresh(w, how, change, n_changes, &stored.held_from_s, why);
		count_fresh(w, points, n, change, &stored);
	} else if (n > 0) {
		rc = store_any(w, points, n, how, &stored, why);
	}
	if (change != few)
		free(change);
	if (rc == RC_OK)
		*out = stored;
	return rc;
}
