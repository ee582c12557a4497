/* Archives as a whole: laid out at once, and counted. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wsp/slots.h"

enum { CHUNK = 1536 };

enum rc wsp_lay(struct wsp *w, size_t level, int64_t first_s, const double *value, size_t n, struct why *why)
{
	const struct wsp_archive *a = &w->archive[level];
	unsigned char *bytes;
	size_t from = 0;
	enum rc rc;

	must(level < w->n_archives && first_s % a->step_s == 0 && n <= a->n_points);
	while (from < n && isnan(value[from]))
		from++;
	if (from == n)
		return RC_OK;
	first_s += (int64_t)from * a->step_s;
	if (first_s <= 0 || first_s + (int64_t)(n - from) * a->step_s > UINT32_MAX)
		return because(why, RC_REFUSED, "a time that the format cannot hold");
	/* slot 0 holds a known value, by which the places of all others go */
	bytes = must_alloc((n - from) * WSP_SLOT_BYTES);
	for (size_t i = from; i < n; i++) {
		unsigned char *slot = bytes + (i - from) * WSP_SLOT_BYTES;

		if (isnan(value[i]))
			continue;
		bytes_put_be32(slot, (uint32_t)(first_s + (int64_t)(i - from) * a->step_s));
		bytes_put_be_double(slot + 4, value[i]);
	}
	rc = wsp_write(w, bytes, (n - from) * WSP_SLOT_BYTES, a->offset, why);
	free(bytes);
	return rc;
}

static uint64_t count_slots(const struct wsp_archive *a, int64_t base_s, uint32_t first, uint32_t n,
			    const unsigned char *bytes)
{
	uint64_t n_known = 0;

	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *slot = bytes + (size_t)i * WSP_SLOT_BYTES;
		int64_t slot_s = bytes_get_be32(slot);

		n_known += slot_s != 0 && slot_s % a->step_s == 0 && wsp_slot_index(a, base_s, slot_s) == first + i &&
			   !isnan(bytes_get_be_double(slot + 4));
	}
	return n_known;
}

enum rc wsp_count(const struct wsp *w, uint64_t *n_known, struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	enum rc rc = RC_OK;

	*n_known = 0;
	for (size_t level = 0; level < w->n_archives && rc == RC_OK; level++) {
		const struct wsp_archive *a = &w->archive[level];
		int64_t base_s;
		uint32_t n_now;

		rc = wsp_read_base(w, a, &base_s, why);
		if (rc != RC_OK || base_s == 0)
			continue;
		for (uint32_t done = 0; done < a->n_points && rc == RC_OK; done += n_now) {
			n_now = a->n_points - done < CHUNK ? a->n_points - done : CHUNK;
			rc = wsp_read_slots(w, a, done, n_now, bytes, why);
			if (rc == RC_OK)
				*n_known += count_slots(a, base_s, done, n_now, bytes);
		}
	}
	return rc;
}

uint64_t wsp_length(const struct wsp *w)
{
	const struct wsp_archive *last = &w->archive[w->n_archives - 1];

	return last->offset + (uint64_t)last->n_points * WSP_SLOT_BYTES;
}

enum rc wsp_read_archive(const struct wsp *w, const struct wsp_archive *a, unsigned char **out, struct why *why)
{
	unsigned char *bytes;
	enum rc rc;

	if (a->n_points > WSP_MAX_FETCH)
		return because(why, RC_FULL, "an archive of %u slots: expected at most %d", a->n_points, WSP_MAX_FETCH);
	bytes = must_alloc((size_t)a->n_points * WSP_SLOT_BYTES);
	rc = wsp_read_slots(w, a, 0, a->n_points, bytes, why);
	if (rc == RC_OK)
		*out = bytes;
	else
		free(bytes);
	return rc;
}

/* Slots lie where their times say, seen from the first; two files may begin anywhere. */
static bool archive_covers(const struct wsp_archive *a, const unsigned char *mine, const unsigned char *others,
			   int64_t latest_s)
{
	int64_t base_s = bytes_get_be32(mine), others_base_s = bytes_get_be32(others);

	for (uint32_t i = 0; i < a->n_points; i++) {
		const unsigned char *slot = others + (size_t)i * WSP_SLOT_BYTES;
		int64_t slot_s = bytes_get_be32(slot);

		if (slot_s == 0 || slot_s > latest_s || slot_s % a->step_s != 0 ||
		    wsp_slot_index(a, others_base_s, slot_s) != i || isnan(bytes_get_be_double(slot + 4)))
			continue;
		if (base_s == 0 ||
		    bytes_get_be32(mine + (size_t)wsp_slot_index(a, base_s, slot_s) * WSP_SLOT_BYTES) < slot_s)
			return false;
	}
	return true;
}

enum rc wsp_covers(const struct wsp *w, const struct wsp *other, int64_t latest_s, bool *covers, struct why *why)
{
	enum rc rc = RC_OK;

	*covers = w->n_archives == other->n_archives;
	for (size_t i = 0; i < w->n_archives && *covers; i++)
		*covers = w->archive[i].step_s == other->archive[i].step_s &&
			  w->archive[i].n_points == other->archive[i].n_points;
	for (size_t i = 0; i < w->n_archives && *covers && rc == RC_OK; i++) {
		unsigned char *mine = NULL, *others = NULL;

		rc = wsp_read_archive(w, &w->archive[i], &mine, why);
		if (rc == RC_OK)
			rc = wsp_read_archive(other, &other->archive[i], &others, why);
		if (rc == RC_OK && mine != NULL && others != NULL)
			*covers = archive_covers(&w->archive[i], mine, others, latest_s);
		free(mine);
		free(others);
	}
	return rc;
}
