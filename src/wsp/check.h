/*
 * Is a .wsp file whole? Its header, its length, and the place and time of every slot. Reads only, believes nothing.
 * Source   docs/formats/whisper.md "Header", "Slots".
 */
#ifndef WSP_CHECK_H
#define WSP_CHECK_H

#include "wsp/wsp.h"

/* What the slots of one archive hold. A bad slot is counted once, for the first of these that is true of it. */
struct wsp_scan {
	uint64_t n_known;     /* points in their places */
	uint64_t n_off_step;  /* a time that is no multiple of the step */
	uint64_t n_future;    /* a time after latest_s */
	uint64_t n_misplaced; /* a time that belongs to another slot */
	uint64_t n_nan;       /* no number as value */
	bool base_lost; /* slot 0, by which readers find the others, is not one of those in place, though there are some */
	uint32_t first_bad; /* index of the first bad slot */
	uint32_t turn;      /* slot i holds times with time / step ≡ i + turn (mod slots) */
	int64_t newest_s;   /* of the known; 0: none */
};

static inline uint64_t wsp_scan_n_bad(const struct wsp_scan *s)
{
	return s->n_off_step + s->n_future + s->n_misplaced + s->n_nan;
}

/*
 * Look at every slot of an archive. Which time belongs where is what most of the slots say, slot 0 when they are equal.
 * Errors   RC_DISK, RC_DAMAGED the file ends early
 */
CHECKED enum rc wsp_scan(const struct wsp *w, size_t level, int64_t latest_s, struct wsp_scan *out, struct why *why);

struct wsp_checked {
	bool regular;    /* it is a file at all */
	bool header_bad; /* then header_why says why, and nothing else is known but file_bytes */
	struct why header_why;
	uint64_t file_bytes, expected_bytes;
	struct wsp wsp;                               /* the layout; fd is -1 */
	struct wsp_scan scan[RETENTION_MAX_ARCHIVES]; /* of slots that are in the file */
};

/* The slots of archive `level` that lie wholly before the file's end. */
uint32_t wsp_slots_within(const struct wsp *w, size_t level, uint64_t file_bytes);

/*
 * Check the open file fd, which stays the caller's. latest_s: no slot may be newer.
 * Errors   RC_DISK it cannot be read; everything else is in *out
 */
CHECKED enum rc wsp_check(int fd, int64_t latest_s, struct wsp_checked *out, struct why *why);
/* Nothing wrong? */
bool wsp_checked_fine(const struct wsp_checked *c);

#endif
