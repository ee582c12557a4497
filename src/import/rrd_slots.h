/*
 * Rows of .rrd archives → slots of .wsp archives. Pure: no I/O, no clock.
 *
 * A row of step S that ends at t is what was measured from t-S on: as a point it stands at t-S. The slot of time T in an
 * archive of step A gets the first of these that is known:
 *   1. the row of an archive of the same step, which covers exactly T to T+A;
 *   2. rows of a finer archive whose step divides A, reduced by the file's aggregation, when as many of them as the
 *      file's xff asks for are known; finest first;
 *   3. the one row of a coarser archive whose step A divides, when it begins at T and no finer archive reaches back to T.
 * So nothing is spread: a row is at most one slot of each archive. An archive ends with the newest row of its own step,
 * or where there is none with the slot in which the newest row of all begins, and holds what fits before that.
 */
#ifndef IMPORT_RRD_SLOTS_H
#define IMPORT_RRD_SLOTS_H

#include "import/rrdfile.h"
#include "model/retention.h"

/* The newest slot of archive a of a file that is made of r. */
int64_t rrd_slots_newest_s(const struct rrdfile *r, const struct archive *a);

/*
 * Fill value[0 .. a->n_points), the last one being that of rrd_slots_newest_s(): one archive `a` of a file with retention
 * `how`, of data source ds. Unknown: NAN. Returns how many are known.
 */
size_t rrd_slots_fill(const struct rrdfile *r, size_t ds, const struct retention *how, const struct archive *a,
		      double *value);

/*
 * The archives of the .rrd itself: steps and rows of AVERAGE, aggregation average, xff of the finest.
 * Errors   RC_REFUSED a .wsp file cannot have these
 */
CHECKED enum rc rrd_slots_retention(const struct rrdfile *r, struct retention *out, struct why *why);

/* Does every AVERAGE row have a place by the rules above, as far as the archives reach back? Else a step that has not. */
bool rrd_slots_fits(const struct rrdfile *r, const struct retention *how, uint32_t *step_s);

#endif
