/*
 * How long values are kept and how finely: the archives of a file, finest first, and how fine slots become coarse ones.
 */
#ifndef MODEL_RETENTION_H
#define MODEL_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/text.h"

enum { RETENTION_MAX_ARCHIVES = 32 };

/* Numbers are those of the .wsp header. The last two are only read in files of others, never configured. */
enum aggregation {
	AGGREGATION_AVERAGE = 1,
	AGGREGATION_SUM,
	AGGREGATION_LAST,
	AGGREGATION_MAX,
	AGGREGATION_MIN,
	AGGREGATION_AVERAGE_ZERO, /* unknown slots count as 0 */
	AGGREGATION_ABSMAX,
	AGGREGATION_ABSMIN,
};

struct archive {
	uint32_t step_s;
	uint32_t n_points;
};

struct retention {
	struct archive archive[RETENTION_MAX_ARCHIVES]; /* finest first */
	size_t n_archives;
	enum aggregation aggregation;
	float xff; /* 0..1: share of known fine slots that makes a coarse one known */
};

/* 60:1440 300:2016 600:4608 3600:8784, average, 0.5: the original's. */
extern const struct retention retention_default;

/* "average", "sum", "last", "max", "min"; false otherwise. */
bool aggregation_parse(struct text name, enum aggregation *out);
const char *aggregation_name(enum aggregation a);

/*
 * Read "60:1440, 300:2016" or Graphite's "10s:6h, 1min:7d" (mixed forms too; comma and/or blanks between archives).
 * Fills archive and n_archives only, sorted finest first, and checks Whisper's rules.
 * Units    bare number before the colon: seconds; after it: points. With s, m/min, h, d, w, y: that long.
 * Errors   RC_REFUSED  why names the archive and what was expected
 * Source   whisper.py 1.1.4 parseRetentionDef(), validateArchiveList()
 */
CHECKED enum rc retention_parse(struct text t, struct retention *out, struct why *why);

/* Whisper's rules: no two steps alike, each coarser a multiple, longer in time, enough fine points for a coarse one. */
CHECKED enum rc retention_check(const struct retention *r, struct why *why);

static inline int64_t archive_span_s(const struct archive *a)
{
	return (int64_t)a->step_s * a->n_points;
}

/* Seconds of the longest archive. */
int64_t retention_longest_s(const struct retention *r);

/* Running aggregate of known values, added in time order. */
struct aggregate {
	enum aggregation how;
	uint32_t n;
	double value;
};

static inline struct aggregate aggregate_start(enum aggregation how)
{
	return (struct aggregate){ how, 0, 0.0 };
}

void aggregate_add(struct aggregate *a, double value);
/* NAN when nothing was added. AVERAGE_ZERO is an average here; who knows the slot count divides by it instead. */
double aggregate_result(const struct aggregate *a);

#endif
