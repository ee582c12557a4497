/* What of one file another cannot hold, and times that nothing can have. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wsp/slots.h"

/* One archive, all in memory. */
struct whole {
	const struct wsp_archive *archive;
	unsigned char *bytes;
	int64_t base_s;
};

static enum rc read_whole(const struct wsp *w, size_t level, struct whole *out, struct why *why)
{
	enum rc rc;

	*out = (struct whole){ .archive = &w->archive[level] };
	rc = wsp_read_archive(w, out->archive, &out->bytes, why);
	if (rc == RC_OK)
		out->base_s = bytes_get_be32(out->bytes);
	return rc;
}

/* The time of a slot that holds a value in its place; 0: it does not. */
static int64_t known_s(const struct whole *x, uint32_t i)
{
	const unsigned char *slot = x->bytes + (size_t)i * WSP_SLOT_BYTES;
	int64_t slot_s = bytes_get_be32(slot);

	return x->base_s != 0 && slot_s != 0 && slot_s % x->archive->step_s == 0 &&
			       wsp_slot_index(x->archive, x->base_s, slot_s) == i &&
			       !isnan(bytes_get_be_double(slot + 4))
		       ? slot_s
		       : 0;
}

static uint64_t span_s(const struct wsp_archive *a)
{
	return (uint64_t)a->n_points * a->step_s;
}

/* Mark those of other's slots that mine, of the same step or a finer one, holds; or held as long as other would have. */
static void mark(const struct whole *mine, const struct whole *other, bool *held)
{
	const struct wsp_archive *a = other->archive;
	int64_t newest_s = 0, expired_s = 0;

	for (uint32_t i = 0; i < mine->archive->n_points; i++) {
		int64_t t_s = known_s(mine, i), slot_s = wsp_align(t_s, a->step_s);
		uint32_t at = wsp_slot_index(a, other->base_s, slot_s);

		if (t_s != 0 && known_s(other, at) == slot_s)
			held[at] = true;
		newest_s = t_s > newest_s ? t_s : newest_s;
	}
	if (span_s(mine->archive) >= span_s(a))
		expired_s = newest_s - (int64_t)span_s(mine->archive);
	for (uint32_t i = 0; i < a->n_points; i++)
		held[i] = held[i] || known_s(other, i) <= expired_s;
}

static enum rc count_lost(const struct wsp *w, const struct whole *other, int64_t latest_s, uint64_t *n_lost,
			  struct why *why)
{
	bool *held = must_alloc(other->archive->n_points * sizeof(*held));
	enum rc rc = RC_OK;

	for (size_t level = 0; level < w->n_archives && rc == RC_OK; level++) {
		struct whole mine;

		if (other->archive->step_s % w->archive[level].step_s != 0)
			continue;
		rc = read_whole(w, level, &mine, why);
		if (rc != RC_OK)
			break;
		mark(&mine, other, held);
		free(mine.bytes);
	}
	for (uint32_t i = 0; i < other->archive->n_points && rc == RC_OK; i++) {
		int64_t t_s = known_s(other, i);

		*n_lost += t_s != 0 && t_s <= latest_s && !held[i];
	}
	free(held);
	return rc;
}

/* An archive of the same step that is no shorter takes all. */
static bool has_room(const struct wsp *w, const struct wsp_archive *a)
{
	for (size_t i = 0; i < w->n_archives; i++)
		if (w->archive[i].step_s == a->step_s && w->archive[i].n_points >= a->n_points)
			return true;
	return false;
}

enum rc wsp_lost(const struct wsp *w, const struct wsp *other, int64_t latest_s, uint64_t *n_lost, struct why *why)
{
	enum rc rc = RC_OK;

	*n_lost = 0;
	for (size_t level = 0; level < other->n_archives && rc == RC_OK; level++) {
		struct whole whole;

		if (has_room(w, &other->archive[level]))
			continue;
		rc = read_whole(other, level, &whole, why);
		if (rc != RC_OK)
			break;
		rc = count_lost(w, &whole, latest_s, n_lost, why);
		free(whole.bytes);
	}
	return rc;
}

/* The archive without what is later, begun at its earliest value: slot 0 is the one by which others are found. */
static void lay_anew(const struct whole *x, int64_t latest_s, unsigned char *out)
{
	int64_t base_s = 0;

	for (uint32_t i = 0; i < x->archive->n_points; i++) {
		int64_t t_s = known_s(x, i);

		if (t_s != 0 && t_s <= latest_s && (base_s == 0 || t_s < base_s))
			base_s = t_s;
	}
	for (uint32_t i = 0; i < x->archive->n_points; i++) {
		int64_t t_s = known_s(x, i);

		if (t_s != 0 && t_s <= latest_s)
			memcpy(out + (size_t)wsp_slot_index(x->archive, base_s, t_s) * WSP_SLOT_BYTES,
			       x->bytes + (size_t)i * WSP_SLOT_BYTES, WSP_SLOT_BYTES);
	}
}

enum rc wsp_clear_future(struct wsp *w, int64_t latest_s, uint64_t *n_cleared, struct why *why)
{
	enum rc rc = RC_OK;

	*n_cleared = 0;
	for (size_t level = 0; level < w->n_archives && rc == RC_OK; level++) {
		uint64_t before = *n_cleared;
		unsigned char *fresh;
		struct whole whole;

		rc = read_whole(w, level, &whole, why);
		if (rc != RC_OK)
			break;
		for (uint32_t i = 0; i < whole.archive->n_points; i++)
			*n_cleared += bytes_get_be32(whole.bytes + (size_t)i * WSP_SLOT_BYTES) > latest_s;
		if (*n_cleared > before) {
			size_t n = (size_t)whole.archive->n_points * WSP_SLOT_BYTES;

			fresh = must_alloc(n);
			lay_anew(&whole, latest_s, fresh);
			rc = wsp_write(w, fresh, n, whole.archive->offset, why);
			w->seen_base_s[level] = w->guess_base_s[level] = 0;
			free(fresh);
		}
		free(whole.bytes);
	}
	return rc;
}
