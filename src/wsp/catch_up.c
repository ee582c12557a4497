#include <stdlib.h>

#include "base/mem.h"
#include "wsp/apply.h"

enum { CHUNK = 1536 };

bool wsp_overtakes(const struct wsp *w, int64_t t_s, int64_t from_s)
{
	for (size_t i = 0; i + 1 < w->n_archives; i++)
		if (t_s - wsp_align(from_s, w->archive[i + 1].step_s) >= wsp_span_s(&w->archive[i]))
			return true;
	return false;
}

/* One change that changes nothing for each coarse slot with a finest slot from from_s on. Returns their number. */
static enum rc find_due(const struct wsp *w, int64_t from_s, struct change *out, size_t *n_out, struct why *why)
{
	const struct wsp_archive *a = &w->archive[0];
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	int64_t base_s, first_s = wsp_align(from_s, a->step_s), slot_s = first_s, known_until_s = first_s;
	uint32_t index, n_now;
	enum rc rc = wsp_read_base(w, a, &base_s, why);

	*n_out = 0;
	if (rc != RC_OK || base_s == 0)
		return rc;
	index = wsp_slot_index(a, base_s, first_s);
	for (uint32_t done = 0; done < a->n_points; done += n_now) {
		n_now = a->n_points - done < CHUNK ? a->n_points - done : CHUNK;
		rc = wsp_read_slots(w, a, index, n_now, bytes, why);
		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < n_now; i++, slot_s += a->step_s) {
			if (slot_s < known_until_s || bytes_get_be32(bytes + (size_t)i * WSP_SLOT_BYTES) != slot_s)
				continue;
			out[(*n_out)++] = (struct change){ .slot_s = slot_s, .due = true, .touch = w->rewrite };
			known_until_s = wsp_align(slot_s, w->archive[1].step_s) + w->archive[1].step_s;
		}
		index = (uint32_t)(((uint64_t)index + n_now) % a->n_points);
	}
	return RC_OK;
}

enum rc wsp_catch_up(struct wsp *w, int64_t from_s, struct why *why)
{
	struct change *change;
	size_t n;
	enum rc rc;

	if (w->n_archives == 1)
		return RC_OK;
	change = must_alloc(((size_t)wsp_span_s(&w->archive[0]) / w->archive[1].step_s + 2) * sizeof(*change));
	rc = find_due(w, from_s, change, &n, why);
	if (rc == RC_OK && n > 0)
		rc = wsp_apply(w, 0, change, n, AS_PRODUCT, why);
	free(change);
	return rc;
}
