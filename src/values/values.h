/*
 * Where values are kept: one contract, several engines. Today .wsp files (values_wsp.h); the shape also suits a remote
 * batch engine: many series in one call, the same call safe to repeat, part of it allowed to fail. Callers (ingest,
 * query) know nothing of files.
 */
#ifndef VALUES_VALUES_H
#define VALUES_VALUES_H

#include "base/rc.h"
#include "model/point.h"
#include "model/reason.h"

/* The points of one series in one call. */
struct values_batch {
	struct series series;
	const struct point *point;
	size_t n_points;
	/* answer */
	enum rc rc;         /* RC_OK stored · RC_REFUSED can never be · RC_DISK, RC_PEER try again */
	struct why why;     /* when rc is not RC_OK */
	enum reason reason; /* when RC_REFUSED: REASON_TOO_OLD all of them, REASON_FILE, or REASON_DS_NAME any name */
	size_t n_kept_old;  /* points whose slot was left as stored (rules b and c of docs/spec/system.md "Files") */
	size_t n_too_old; /* when RC_OK: points not stored, for the series keeps less; those with t_s < oldest_taken_s */
	int64_t oldest_taken_s; /* Unix seconds; set when n_too_old > 0 */
};

struct values;

struct values_ops {
	enum rc (*write)(struct values *v, struct values_batch *batch, size_t n, int64_t accepted_s);
	enum rc (*fetch)(struct values *v, const struct series *s, int64_t from_s, int64_t until_s, int64_t now_s,
			 struct span *out, struct why *why);
	void (*close)(struct values *v);
};

/* Every engine's struct begins with this. */
struct values {
	const struct values_ops *ops;
};

/*
 * Store every batch; each series stands in at most one of them. accepted_s: when the points were taken (decides the
 * archive, not the clock of a later replay).
 * Errors   RC_OK when every batch is RC_OK or RC_REFUSED, else the first other code; look into each batch.
 * Threads  one writer at a time.
 */
CHECKED static inline enum rc values_write(struct values *v, struct values_batch *batch, size_t n, int64_t accepted_s)
{
	return v->ops->write(v, batch, n, accepted_s);
}

/*
 * Read one series: see wsp_fetch() for span and units.
 * Errors   RC_ABSENT no such series (or the span is outside its retention) · RC_REFUSED · RC_DAMAGED · RC_DISK
 * Threads  any, also while another writes.
 */
CHECKED static inline enum rc values_fetch(struct values *v, const struct series *s, int64_t from_s, int64_t until_s,
					   int64_t now_s, struct span *out, struct why *why)
{
	return v->ops->fetch(v, s, from_s, until_s, now_s, out, why);
}

static inline void values_close(struct values *v)
{
	if (v != NULL)
		v->ops->close(v);
}

#endif
