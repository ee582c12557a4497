/*
 * From cache to values: every dirty series is written once an interval, spread evenly over it, in path order, by a few
 * threads (`flush-N`); then values are synced together, points settled, journal segments retired. One thread (`flush`)
 * keeps the pace. What cannot be written stays and is tried again; said once, then counted.
 */
#ifndef FLUSH_FLUSH_H
#define FLUSH_FLUSH_H

#include "base/instant.h"
#include "engine/engine.h"

struct flush;

/* A series' points that can never be stored. Called on a flush thread; must keep them aside durably before it returns. */
typedef enum rc flush_refused_fn(void *argument, const struct values_batch *batch, struct why *why);

struct flush_options {
	struct engine *engine;
	uint32_t interval_s;     /* from 1 */
	uint32_t coarse_delay_s; /* 0: never hold coarse archives back */
	unsigned n_threads;      /* 0: as many as there are cores */
	flush_refused_fn *refused;
	void *argument;
};

struct flush *flush_start(const struct flush_options *options);
/* Ends after the files that are being written; the rest stays in the journal. Whoever waits is answered RC_PEER. */
void flush_stop(struct flush *f);
/* After flush_stop(), when nobody calls any more. */
void flush_free(struct flush *f);

/*
 * Write everything, or one host's series, sync, retire; returns when done. host: TEXT_NONE for all. Threads: any.
 * Errors: RC_DISK, RC_PEER something could not be written (the rest was); why says what.
 */
CHECKED enum rc flush_now(struct flush *f, struct text host, struct why *why);

/* What flush_alone() runs. */
typedef enum rc flush_alone_fn(void *argument, struct why *why);

/*
 * Write everything of one host (TEXT_NONE: of nobody), sync, then run fn while no file is being written, nor will be
 * before it returns: for who changes files themselves. fn runs on thread `flush`, also when something could not be
 * written; meanwhile points gather in the cache, so it should take parts of a second.
 * Returns  what fn returns; RC_PEER, fn not called: the daemon is stopping. Threads: any but fn itself.
 */
CHECKED enum rc flush_alone(struct flush *f, struct text host, flush_alone_fn *fn, void *argument, struct why *why);
/*
 * The same for an fn that relies on the host's points, held back coarse ones too, being in their files: when one could not
 * be written or synced, fn is not called and that error (RC_DISK, RC_PEER) is the answer.
 */
CHECKED enum rc flush_alone_written(struct flush *f, struct text host, flush_alone_fn *fn, void *argument,
				    struct why *why);

/* Grows with each flush_alone() that ran its fn: files may be others than before. Threads: any; one load. */
uint32_t flush_n_alone(const struct flush *f);

struct flush_stats {
	uint64_t n_series_written, n_points_written, n_failed, n_refused, n_syncs, sync_ns_sum;
	bool failing;
	struct why why;              /* of the present outage */
	uint64_t pass_done, pass_of; /* where the present pass is */
	/*
	 * What was accepted before is in synced files; what the replay brought only if whole_pass: a pass that began after
	 * it has ended and is synced.
	 */
	struct mono all_before;
	bool whole_pass;
};
void flush_stats(struct flush *f, struct flush_stats *out);

#endif
