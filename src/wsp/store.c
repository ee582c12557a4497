#include <stdlib.h>

#include "base/mem.h"
#include "wsp/apply.h"
#include "wsp/order.h"

/* The points of a batch that share a finest slot: the newest of them is its value. */
struct minute {
	int64_t slot_s;
	double value;
	size_t n_points;
};

/* One wsp_store() at work. */
struct store {
	struct wsp *w;
	int64_t accepted_s;
	struct minute *minute; /* in order of time */
	size_t n;
	struct change *change; /* room for n */
	double *scratch;       /* room for n */
	int64_t finest_base_s; /* -1: not read yet */
};

static size_t to_minutes(const struct order *o, uint32_t step_s, struct minute *out)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		int64_t slot_s = wsp_align(o->at[i].t_s, step_s);

		if (n == 0 || out[n - 1].slot_s != slot_s)
			out[n++] = (struct minute){ .slot_s = slot_s };
		out[n - 1].value = o->at[i].value;
		out[n - 1].n_points++;
	}
	return n;
}

/*
 * Rule (a): the first archive whose slots, up to the one of accepted_s, still hold the minute. Not whisper's age ≤
 * retention: a point as old as that would share its slot with the newest one, and no reader would see it there.
 */
static size_t level_of(const struct store *s, size_t i)
{
	size_t level = 0;

	for (; level + 1 < s->w->n_archives; level++) {
		const struct wsp_archive *a = &s->w->archive[level];

		if (wsp_align(s->accepted_s, a->step_s) - wsp_align(s->minute[i].slot_s, a->step_s) < wsp_span_s(a))
			break;
	}
	return level;
}

/* Is minute i in the finest archive, just so? Then it was stored while it was fresh. */
static enum rc is_stored(struct store *s, size_t i, bool *stored, struct why *why)
{
	const struct wsp_archive *finest = &s->w->archive[0];
	const struct minute *m = &s->minute[i];
	unsigned char slot[WSP_SLOT_BYTES], same[WSP_SLOT_BYTES];
	enum rc rc = RC_OK;

	if (s->finest_base_s < 0)
		rc = wsp_read_base(s->w->fd, finest, &s->finest_base_s, why);
	if (rc == RC_OK)
		rc = wsp_read_slots(s->w->fd, finest, wsp_slot_index(finest, s->finest_base_s, m->slot_s), 1, slot,
				    why);
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

/* Rule (b) for the slot at slot_s: its minutes from `first` on; those before `end` belong to this archive by age. */
static enum rc to_change(struct store *s, size_t level, int64_t slot_s, size_t first, size_t end, struct change *out,
			 struct why *why)
{
	uint32_t step_s = s->w->archive[level].step_s, n_slots = step_s / s->w->archive[0].step_s;
	struct change c = { .slot_s = slot_s, .has = true };
	bool stored = true;
	size_t last = first;
	enum rc rc;

	while (last < s->n && s->minute[last].slot_s < slot_s + step_s)
		last++;
	if (last - first == n_slots) {
		c.fill = c.replace = true;
		c.value = reduce_whole(s, level, &s->minute[first], last - first);
		*out = c;
		return RC_OK;
	}
	for (size_t i = first; i < end && i < last && stored; i++) {
		rc = is_stored(s, i, &stored, why);
		if (rc != RC_OK)
			return rc;
	}
	c.fill = !stored;
	c.value = reduce_part(s, &s->minute[first], last - first, n_slots);
	*out = c;
	return RC_OK;
}

/* The minutes [start, end), all of one archive by age. */
static enum rc store_level(struct store *s, size_t level, size_t start, size_t end, struct wsp_stored *out,
			   struct why *why)
{
	uint32_t step_s = s->w->archive[level].step_s;
	size_t n = 0, at = 0;
	enum rc rc;

	for (size_t i = start; i < end;) {
		int64_t slot_s = wsp_align(s->minute[i].slot_s, step_s);
		size_t first = i;

		/* The slot's older minutes, which by age go to a coarser archive, count for it as well. */
		while (first > 0 && s->minute[first - 1].slot_s >= slot_s)
			first--;
		rc = to_change(s, level, slot_s, first, end, &s->change[n++], why);
		if (rc != RC_OK)
			return rc;
		while (i < end && s->minute[i].slot_s < slot_s + step_s)
			i++;
	}
	rc = wsp_apply(s->w, level, s->change, n, AS_PRODUCT, why);
	if (rc != RC_OK)
		return rc;
	for (size_t i = start; i < end; i++) {
		while (s->minute[i].slot_s >= s->change[at].slot_s + step_s)
			at++;
		if (s->change[at].kept)
			out->n_kept += s->minute[i].n_points;
		else
			out->n_written += s->minute[i].n_points;
	}
	return RC_OK;
}

static enum rc store_minutes(struct store *s, struct wsp_stored *out, struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t end = s->n; end > 0 && rc == RC_OK;) {
		size_t level = level_of(s, end - 1), start = end - 1;

		while (start > 0 && level_of(s, start - 1) == level)
			start--;
		rc = store_level(s, level, start, end, out, why);
		end = start;
	}
	return rc;
}

enum rc wsp_store(struct wsp *w, const struct point *points, size_t n, int64_t accepted_s, struct wsp_stored *out,
		  struct why *why)
{
	struct store s = { .w = w, .accepted_s = accepted_s, .finest_base_s = -1 };
	struct minute few_minutes[ORDER_FEW];
	struct change few_changes[ORDER_FEW];
	double few_values[ORDER_FEW];
	struct wsp_stored stored;
	struct order o;
	enum rc rc = order_points(&o, w, points, n, accepted_s, LAST_GIVEN_LAST, why);

	if (rc != RC_OK)
		return rc;
	s.minute = o.n <= ORDER_FEW ? few_minutes : must_alloc(o.n * sizeof(*s.minute));
	s.change = o.n <= ORDER_FEW ? few_changes : must_alloc(o.n * sizeof(*s.change));
	s.scratch = o.n <= ORDER_FEW ? few_values : must_alloc(o.n * sizeof(*s.scratch));
	s.n = to_minutes(&o, w->archive[0].step_s, s.minute);
	stored = (struct wsp_stored){ .n_too_old = o.n_too_old };
	rc = store_minutes(&s, &stored, why);
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
