/*
 * munin's warning and critical ranges, read and judged as munin-limits does. Pure functions.
 * Source: munin's LimitsOld.pm, get_limits() and process_service() (Debian's munin 2.0.73).
 */
#ifndef CTL_LIMITS_H
#define CTL_LIMITS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/* Outside of it is bad; NAN: that end is open. */
struct limits_range {
	bool is_there;
	double min, max;
};

/*
 * "min:max", ":max", "min:", ":" (all is fine), or a number alone, the most. What is none of these is 0:0: it shows.
 * s == NULL or empty: not there. Beside munin, numbers may have an exponent: 1e6.
 */
struct limits_range limits_read(struct text t);

/* As munin-limits compares: the value rounded to two decimals, the ends themselves still fine. */
bool limits_exceeded(const struct limits_range *r, double value);

/* unknown_limit: how many values may be missing in a row; 3 when it is not there or no whole number. */
unsigned limits_read_unknown(struct text t);

/* "10:20", ":92" */
void limits_print(const struct limits_range *r, struct buf *out);
/* As monitoring plugins write ranges in performance data: "10:20", "~:92", "10:"; nothing when it is not there. */
void limits_print_perfdata(const struct limits_range *r, struct buf *out);

#endif
