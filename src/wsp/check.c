#include "wsp/check.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fileio.h"
#include "wsp/header.h"

enum { CHUNK = 1536 };

typedef void slot_fn(void *argument, uint32_t index, uint32_t t_s, double value);

/* Every slot that was written, in order. */
static enum rc each_slot(const struct wsp *w, const struct wsp_archive *a, slot_fn *fn, void *argument, struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];

	for (uint32_t i = 0, n; i < a->n_points; i += n) {
		enum rc rc;

		n = a->n_points - i < CHUNK ? a->n_points - i : CHUNK;
		rc = wsp_read_slots(w, a, i, n, bytes, why);
		if (rc != RC_OK)
			return rc;
		for (uint32_t k = 0; k < n; k++) {
			const unsigned char *slot = bytes + (size_t)k * WSP_SLOT_BYTES;
			uint32_t t_s = bytes_get_be32(slot);

			if (t_s != 0)
				fn(argument, i + k, t_s, bytes_get_be_double(slot + 4));
		}
	}
	return RC_OK;
}

/* Boyer and Moore's majority of the turns that the slots speak for. */
struct vote {
	const struct wsp_archive *archive;
	int64_t latest_s;
	uint32_t turn;
	uint64_t lead;
};

static uint32_t turn_of(const struct wsp_archive *a, uint32_t index, uint32_t t_s)
{
	return (uint32_t)(((uint64_t)(t_s / a->step_s) + a->n_points - index) % a->n_points);
}

static void count_vote(void *argument, uint32_t index, uint32_t t_s, double value)
{
	struct vote *v = argument;
	uint32_t turn;

	(void)value;
	if (t_s % v->archive->step_s != 0 || t_s > v->latest_s)
		return;
	turn = turn_of(v->archive, index, t_s);
	if (v->lead == 0)
		v->turn = turn;
	v->lead += turn == v->turn ? 1 : -(uint64_t)1;
}

struct scanning {
	const struct wsp_archive *archive;
	int64_t latest_s;
	bool slot_0_known;
	struct wsp_scan *out;
};

static void look(void *argument, uint32_t index, uint32_t t_s, double value)
{
	struct scanning *x = argument;
	struct wsp_scan *s = x->out;

	if (wsp_scan_n_bad(s) == 0)
		s->first_bad = index;
	if (t_s % x->archive->step_s != 0) {
		s->n_off_step++;
	} else if (t_s > x->latest_s) {
		s->n_future++;
	} else if (turn_of(x->archive, index, t_s) != s->turn) {
		s->n_misplaced++;
	} else {
		x->slot_0_known = x->slot_0_known || index == 0;
		if (isnan(value)) {
			s->n_nan++;
			return;
		}
		s->n_known++;
		if (t_s > s->newest_s)
			s->newest_s = t_s;
	}
}

static enum rc scan_turned(const struct wsp *w, const struct wsp_archive *a, int64_t latest_s, uint32_t turn,
			   struct wsp_scan *out, struct why *why)
{
	struct scanning x = { .archive = a, .latest_s = latest_s, .out = out };
	enum rc rc;

	*out = (struct wsp_scan){ .turn = turn };
	rc = each_slot(w, a, look, &x, why);
	out->base_lost = !x.slot_0_known && out->n_known > 0;
	return rc;
}

enum rc wsp_scan(const struct wsp *w, size_t level, int64_t latest_s, struct wsp_scan *out, struct why *why)
{
	const struct wsp_archive *a = &w->archive[level];
	struct vote vote = { .archive = a, .latest_s = latest_s };
	struct wsp_scan voted = { .turn = 0 };
	int64_t base_s;
	enum rc rc = wsp_read_base(w, a, &base_s, why);

	if (rc == RC_OK)
		rc = scan_turned(w, a, latest_s, turn_of(a, 0, (uint32_t)base_s), out, why);
	if (rc != RC_OK || out->n_misplaced <= out->n_known)
		return rc;
	rc = each_slot(w, a, count_vote, &vote, why);
	if (rc == RC_OK)
		rc = scan_turned(w, a, latest_s, vote.turn, &voted, why);
	if (rc == RC_OK && voted.n_known > out->n_known)
		*out = voted;
	return rc;
}

uint32_t wsp_slots_within(const struct wsp *w, size_t level, uint64_t file_bytes)
{
	const struct wsp_archive *a = &w->archive[level];
	uint64_t n = file_bytes <= a->offset ? 0 : (file_bytes - a->offset) / WSP_SLOT_BYTES;

	return n < a->n_points ? (uint32_t)n : a->n_points;
}

enum rc wsp_check(int fd, int64_t latest_s, struct wsp_checked *out, struct why *why)
{
	unsigned char bytes[WSP_MAX_HEADER_BYTES];
	const struct wsp_archive *last;
	struct stat st;
	struct wsp w;
	size_t n;
	enum rc rc;

	*out = (struct wsp_checked){ .wsp = { .fd = -1 } };
	if (fstat(fd, &st) < 0)
		return because(why, RC_DISK, "stat: %s", strerror(errno));
	out->regular = S_ISREG(st.st_mode);
	if (!out->regular)
		return RC_OK;
	out->file_bytes = (uint64_t)st.st_size;
	rc = fileio_pread_some(fd, bytes, sizeof(bytes), 0, &n, why);
	if (rc != RC_OK)
		return rc;
	out->header_bad = wsp_header_decode(bytes, n, UINT64_MAX, &out->wsp, &out->header_why) != RC_OK;
	if (out->header_bad)
		return RC_OK;
	last = &out->wsp.archive[out->wsp.n_archives - 1];
	out->expected_bytes = last->offset + (uint64_t)last->n_points * WSP_SLOT_BYTES;
	w = out->wsp;
	w.fd = fd;
	for (size_t i = 0; rc == RC_OK && i < w.n_archives; i++) {
		w.zero_from = w.archive[i].offset + (uint64_t)wsp_slots_within(&w, i, out->file_bytes) * WSP_SLOT_BYTES;
		rc = wsp_scan(&w, i, latest_s, &out->scan[i], why);
	}
	/* it became shorter under our hands: it will be looked at again */
	return rc == RC_DAMAGED ? RC_DISK : rc;
}

bool wsp_checked_fine(const struct wsp_checked *c)
{
	if (!c->regular || c->header_bad || c->file_bytes != c->expected_bytes)
		return false;
	for (size_t i = 0; i < c->wsp.n_archives; i++)
		if (c->scan[i].base_lost || wsp_scan_n_bad(&c->scan[i]) > 0)
			return false;
	return true;
}
