/*
 * The points of a file in other archives. Pure: table in, table out.
 *
 * A slot of a new archive gets, in this order,
 *  1. what the old archive of the same step holds there (when the aggregation changes: unless a finer one knows the whole slot);
 *  2. the aggregate of that finer old archive which knows the largest share of the slot, of equal ones the finest: when the
 *     share is at least xff, as whisper propagates, or no finer new archive reaches back to the slot, as whisper stores late
 *     points; else of the next finer new archive, when it knows a share of at least xff;
 *  3. the value of a coarser old slot that begins in it, when nothing is known of all the time that this coarser slot covers:
 *     one point, as whisper-resize leaves it; finer points are not made up.
 * So a point is lost only when no new archive reaches back to it.
 * Source   docs/formats/whisper.md "Other archives"
 */
#ifndef WSP_CONVERT_H
#define WSP_CONVERT_H

#include "wsp/table.h"

struct wsp_converted {
	uint64_t n_points;    /* of the old table, all archives */
	uint64_t n_lost;      /* of these: nothing in the new one covers their time */
	int64_t lost_until_s; /* the newest of the lost; 0: none */
};

/*
 * now_s: readers will go by it; which archive they look into hangs on the age of a point.
 * Errors   RC_FULL `to` has more slots than a table can hold
 * Owner    *out is ended by wsp_table_fini().
 */
CHECKED enum rc wsp_convert(const struct wsp_table *from, const struct retention *to, int64_t now_s,
			    struct wsp_table *out, struct wsp_converted *told, struct why *why);

/* The same archives, aggregation and xff? */
bool wsp_same_retention(const struct retention *a, const struct retention *b);

#endif
