#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wsp/apply.h"

enum { CHUNK = 1536 };

/* What an archive holds, each time once, in order of time. */
struct held {
	struct change *at; /* slot_s and value */
	size_t n;
};

static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return (x->slot_s > y->slot_s) - (x->slot_s < y->slot_s);
}

/* Slots whose time does not belong where it stands are nobody's: a reader passes them over. */
static void take_slots(const struct wsp_archive *a, int64_t base_s, int64_t latest_s, uint32_t first, uint32_t n,
		       const unsigned char *bytes, struct held *out)
{
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *slot = bytes + (size_t)i * WSP_SLOT_BYTES;
		int64_t slot_s = bytes_get_be32(slot);
		double value = bytes_get_be_double(slot + 4);

		if (slot_s != 0 && slot_s <= latest_s && slot_s % a->step_s == 0 &&
		    wsp_slot_index(a, base_s, slot_s) == first + i && !isnan(value))
			out->at[out->n++] =
				(struct change){ .slot_s = slot_s, .value = value, .has = true, .fill = true };
	}
}

static enum rc read_held(const struct wsp *w, const struct wsp_archive *a, int64_t latest_s, struct held *out,
			 struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	int64_t base_s;
	uint32_t n_now;
	enum rc rc = wsp_read_base(w, a, &base_s, why);

	*out = (struct held){ 0 };
	if (rc != RC_OK || base_s == 0)
		return rc;
	if (a->n_points > WSP_MAX_FETCH)
		return because(why, RC_FULL, "an archive of %u slots: expected at most %d", a->n_points, WSP_MAX_FETCH);
	out->at = must_alloc(a->n_points * sizeof(*out->at));
	for (uint32_t done = 0; done < a->n_points && rc == RC_OK; done += n_now) {
		n_now = a->n_points - done < CHUNK ? a->n_points - done : CHUNK;
		rc = wsp_read_slots(w, a, done, n_now, bytes, why);
		if (rc == RC_OK)
			take_slots(a, base_s, latest_s, done, n_now, bytes, out);
	}
	qsort(out->at, out->n, sizeof(*out->at), by_time);
	return rc;
}

/* Slots of step_s become those of `into`'s step, where enough of each are known. In place: there are only fewer. */
static void consolidate(const struct wsp *into, uint32_t step_s, uint32_t from_step_s, struct held *h)
{
	uint32_t n_slots = step_s / from_step_s;
	size_t n = 0;

	for (size_t i = 0; i < h->n;) {
		int64_t slot_s = wsp_align(h->at[i].slot_s, step_s);
		struct aggregate a = aggregate_start(into->aggregation);

		for (; i < h->n && h->at[i].slot_s < slot_s + step_s; i++)
			aggregate_add(&a, h->at[i].value);
		if ((double)a.n / n_slots >= (double)into->xff)
			h->at[n++] = (struct change){
				.slot_s = slot_s, .value = wsp_aggregated(&a, n_slots), .has = true, .fill = true
			};
	}
	h->n = n;
}

static enum rc fill_from(struct wsp *into, size_t level, const struct wsp *from, const struct wsp_archive *source,
			 int64_t latest_s, struct why *why)
{
	struct held held;
	enum rc rc = read_held(from, source, latest_s, &held, why);

	if (rc == RC_OK && source->step_s < into->archive[level].step_s)
		consolidate(into, into->archive[level].step_s, source->step_s, &held);
	if (rc == RC_OK && held.n > 0)
		rc = wsp_apply(into, level, held.at, held.n, AS_PRODUCT_ALONE, why);
	free(held.at);
	return rc;
}

enum rc wsp_fill(struct wsp *into, const struct wsp *from, int64_t latest_s, struct why *why)
{
	enum rc rc = RC_OK;

	/* the coarsest first, as the finest would be last in apply.h: what is cut short is done again from the start */
	for (size_t level = into->n_archives; level > 0 && rc == RC_OK; level--) {
		uint32_t step_s = into->archive[level - 1].step_s;

		/* what reaches back furthest first; finer ones add what is still missing */
		for (size_t i = from->n_archives; i > 0 && rc == RC_OK; i--)
			if (from->archive[i - 1].step_s <= step_s && step_s % from->archive[i - 1].step_s == 0)
				rc = fill_from(into, level - 1, from, &from->archive[i - 1], latest_s, why);
	}
	return rc;
}
