/*
 * All the points of a .wsp file in memory, each archive in order of time: what is converted, mended and compared. An
 * archive's window ends with the newest time of any of them, as far as its step resolves it; what lies before the window no
 * reader can see, and it is left out.
 */
#ifndef WSP_TABLE_H
#define WSP_TABLE_H

#include "wsp/check.h"

enum { WSP_TABLE_MOST_SLOTS = 8 << 20 }; /* in one archive: 64 MiB of memory */

struct wsp_column {
	uint32_t step_s, n;
	int64_t end_s; /* time of the newest slot, value[n - 1] */
	double *value; /* NAN: no point */
};

/* Ended by wsp_table_fini(); zeroed is fine. */
struct wsp_table {
	struct retention retention;
	struct wsp_column column[RETENTION_MAX_ARCHIVES];
	int64_t newest_s; /* 0: there is no point at all */
};

static inline int64_t wsp_column_start_s(const struct wsp_column *c)
{
	return c->end_s - (int64_t)c->step_s * (c->n - 1);
}

/* All slots unknown. Errors: RC_FULL more slots than WSP_TABLE_MOST_SLOTS. Owner: out, on RC_OK. */
CHECKED enum rc wsp_table_init(struct wsp_table *out, const struct retention *r, int64_t newest_s, struct why *why);
void wsp_table_fini(struct wsp_table *t);

/*
 * The points that scan found in their places, in slots that lie in the file. w is checked->wsp with a descriptor.
 * Errors   RC_FULL as above · RC_DISK, RC_DAMAGED
 */
CHECKED enum rc wsp_table_read(const struct wsp *w, const struct wsp_checked *checked, struct wsp_table *out,
			       struct why *why);
/* Into a blank file of t's archives. Slot 0 gets the oldest point of each. Errors: RC_DISK. */
CHECKED enum rc wsp_table_write(const struct wsp_table *t, struct wsp *w, struct why *why);
/*
 * Does a reader who opens the file of w find t's points, and no others?
 * Errors   RC_DAMAGED no: why names archive and time · RC_DISK
 */
CHECKED enum rc wsp_table_compare(const struct wsp_table *t, const struct wsp *w, struct why *why);
uint64_t wsp_table_n_points(const struct wsp_table *t);

#endif
