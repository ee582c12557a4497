#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wsp/apply.h"
#include "wsp/order.h"

enum rc wsp_update(struct wsp *w, struct point p, int64_t now_s, struct why *why)
{
	struct change c = { .value = p.value, .has = true };
	enum rc rc = order_check_now(now_s, why);
	size_t level;

	if (rc != RC_OK)
		return rc;
	if (p.t_s > now_s || p.t_s < 0 || p.t_s > UINT32_MAX || now_s - p.t_s >= w->max_retention_s)
		return because(why, RC_REFUSED,
			       "time %" PRId64 " at %" PRId64 ": expected not ahead and younger than %" PRIu32 " s",
			       p.t_s, now_s, w->max_retention_s);
	level = wsp_archive_for_age(w, now_s - p.t_s);
	must(level < w->n_archives);
	c.slot_s = wsp_align(p.t_s, w->archive[level].step_s);
	return wsp_apply(w, level, &c, 1, AS_WHISPER, why);
}

/* One change per slot of step_s: of several points in a slot the last in order. Returns their number. */
static size_t to_changes(const struct ordered *at, size_t n, uint32_t step_s, struct change *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t slot_s = wsp_align(at[i].t_s, step_s);

		if (n_out == 0 || out[n_out - 1].slot_s != slot_s)
			n_out++;
		out[n_out - 1] = (struct change){ .slot_s = slot_s, .value = at[i].value, .has = true };
	}
	return n_out;
}

enum rc wsp_update_many(struct wsp *w, const struct point *points, size_t n, int64_t now_s, struct why *why)
{
	struct change few[ORDER_FEW], *change = few;
	struct order o;
	size_t end;
	enum rc rc = order_points(&o, w, points, n, now_s, why);

	if (rc != RC_OK)
		return rc;
	if (o.n > ORDER_FEW)
		change = must_alloc(o.n * sizeof(*change));
	/* Newest first: each archive's points are propagated before those of the next coarser one go in. */
	for (end = o.n; end > 0 && rc == RC_OK;) {
		size_t level = wsp_archive_for_age(w, now_s - o.at[end - 1].t_s), start = end - 1;

		while (start > 0 && wsp_archive_for_age(w, now_s - o.at[start - 1].t_s) == level)
			start--;
		rc = wsp_apply(w, level, change,
			       to_changes(o.at + start, end - start, w->archive[level].step_s, change), AS_WHISPER,
			       why);
		end = start;
	}
	if (change != few)
		free(change);
	order_fini(&o);
	return rc;
}
