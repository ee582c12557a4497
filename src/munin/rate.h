/*
 * What a counter says between two readings: COUNTER, DERIVE and ABSOLUTE as munin (RRDtool) takes them. Pure.
 *
 * COUNTER   never falls: where it does it has wrapped, at 2^32 or else at 2^64
 * DERIVE    may fall
 * ABSOLUTE  is reset by reading: divided by the time since the last reading, not differenced
 * A rate below min or above max is unknown, so a DERIVE with `min 0` survives a reset.
 * Source: rrdcreate(1), rrd_update.c of RRDtool 1.7; docs/spec/poller.md.
 */
#ifndef MUNIN_RATE_H
#define MUNIN_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum rate_type { RATE_NONE, RATE_COUNTER, RATE_DERIVE, RATE_ABSOLUTE };

/* The type of a field by its attribute `type`, in capitals as munin wants it; RATE_NONE for GAUGE and whatever else. */
enum rate_type rate_type_of(struct text type);

/* A counter's text as a number: exact where it is a whole number of up to 64 bits. */
struct rate_reading {
	bool known;
	bool whole; /* sign and magnitude hold it; else value does */
	bool negative;
	uint64_t magnitude;
	double value;
};

struct rate_reading rate_read(struct text t);

struct rate_limits {
	double min, max; /* NAN: none */
};

/* The two texts as munin-node gives them; `U`, empty and what is no number are none. */
struct rate_limits rate_limits_of(struct text min, struct text max);

/*
 * The rate a second from one reading to the next, `seconds` later. False: unknown, because one of them is, because
 * seconds is not above 0, or by the limits.
 */
bool rate_between(enum rate_type type, struct rate_limits limits, struct rate_reading last, struct rate_reading now,
		  int64_t seconds, double *out);

#endif
