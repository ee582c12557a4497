#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wsp/order.h"
#include "wsp/slots.h"

enum { CHUNK = 1536 };

/* The values of n slots from start_s on; n ≤ n_points. */
static enum rc read_values(const struct wsp *w, const struct wsp_archive *a, int64_t start_s, size_t n, double *out,
			   struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	int64_t base_s, expected_s = start_s;
	uint32_t index, n_now;
	enum rc rc = wsp_read_base(w, a, &base_s, why);

	if (rc != RC_OK)
		return rc;
	index = wsp_slot_index(a, base_s, start_s);
	for (size_t done = 0; done < n; done += n_now) {
		n_now = n - done < CHUNK ? (uint32_t)(n - done) : CHUNK;
		if (base_s != 0)
			rc = wsp_read_slots(w, a, index, n_now, bytes, why);
		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < n_now; i++, expected_s += a->step_s) {
			const unsigned char *slot = bytes + (size_t)i * WSP_SLOT_BYTES;
			bool there = base_s != 0 && bytes_get_be32(slot) == expected_s;

			out[done + i] = there ? bytes_get_be_double(slot + 4) : (double)NAN;
		}
		index = (uint32_t)(((uint64_t)index + n_now) % a->n_points);
	}
	return RC_OK;
}

/* The first archive that reaches from_s, which is not before the longest. */
static const struct wsp_archive *pick(const struct wsp *w, int64_t from_s, int64_t now_s)
{
	const struct wsp_archive *a = w->archive;

	while (wsp_span_s(a) < now_s - from_s)
		a++;
	return a;
}

bool wsp_fetches_finest(const struct wsp *w, int64_t from_s, int64_t now_s)
{
	return from_s > now_s || (from_s >= now_s - w->max_retention_s && pick(w, from_s, now_s) == w->archive);
}

enum rc wsp_fetch(const struct wsp *w, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
		  struct why *why)
{
	const struct wsp_archive *a;
	int64_t oldest_s, start_s, end_s;
	double *value;
	size_t n;
	enum rc rc;

	if (until_s < from_s)
		return because(why, RC_REFUSED, "from %" PRId64 " is after until %" PRId64, from_s, until_s);
	rc = order_check_now(now_s, why);
	if (rc != RC_OK)
		return rc;
	oldest_s = now_s - w->max_retention_s;
	if (from_s > now_s || until_s < oldest_s)
		return because(why, RC_ABSENT, "nothing is kept from %" PRId64 " to %" PRId64, from_s, until_s);
	if (from_s < oldest_s)
		from_s = oldest_s;
	if (until_s > now_s)
		until_s = now_s;
	a = pick(w, from_s, now_s);
	start_s = wsp_align(from_s, a->step_s) + a->step_s;
	end_s = wsp_align(until_s, a->step_s) + a->step_s;
	if (start_s == end_s)
		end_s += a->step_s;
	n = (size_t)((end_s - start_s) / a->step_s);
	must(n >= 1 && n <= a->n_points);
	if (n > WSP_MAX_FETCH)
		return because(why, RC_FULL, "%zu slots in one answer: expected at most %d", n, WSP_MAX_FETCH);
	value = must_realloc(NULL, n * sizeof(*value)); /* all of it is filled in */
	rc = read_values(w, a, start_s, n, value, why);
	if (rc != RC_OK) {
		free(value);
		return rc;
	}
	*out = (struct span){ start_s, a->step_s, n, w->aggregation, value };
	return RC_OK;
}
