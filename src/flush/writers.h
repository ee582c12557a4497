/*
 * The threads that write: jobs of series numbers in, points written, numbers of what waits for a sync out. Private to
 * flush/. Driven by the pace keeper (flush.c).
 */
#ifndef FLUSH_WRITERS_H
#define FLUSH_WRITERS_H

#include "base/lock.h"
#include "flush/flush.h"

enum { JOB_SERIES = 512 }; /* neighbours in one call: the engine of files guesses better, and keeps folders open */

struct job {
	uint32_t id[JOB_SERIES];
	size_t n;
	bool coarse;   /* write what is held back, too, however young it is */
	unsigned pass; /* of writers.pass when it was queued */
	struct job *next;
};

/* A series that was taken and written. */
struct written {
	uint32_t id;
	uint32_t held_before_s; /* its held_from_s before that; 0: none */
	bool took_replay;       /* taken when the replay had ended: with all that it brought */
};

struct writers {
	/* fixed after start */
	const struct flush_options *options;
	unsigned n_threads;
	pthread_t *thread;
	/* any thread */
	atomic_bool
		distrust; /* a sync failed: what reads back from a file may not be on its disk, so it is written again */
	struct lock lock;
	struct signal work, idle;
	/* under lock */
	struct job *first, **end, *spare;
	size_t n_queued, n_at_work; /* jobs */
	bool stopping;
	struct written *written; /* not synced */
	size_t n_written, written_capacity;
	uint64_t n_series_written, n_points_written, n_failed, n_refused;
	uint64_t n_failed_of_pass; /* set to 0 by the pace keeper */
	size_t n_open[2];          /* jobs queued or at work, of even and odd passes */
	bool skipped[2];           /* of these, a series was passed over: it was taken and not synced yet */
	struct why why;            /* of the newest failure */
	/* the pace keeper's thread only */
	unsigned pass; /* 0 and 1 in turn */
	struct job *filling;
};

void writers_start(struct writers *w, const struct flush_options *options);
/* Begin nothing more, and let nobody wait; the threads end after the job at hand. */
void writers_halt(struct writers *w);
/* Jobs not begun are dropped: their series were not taken. */
void writers_stop(struct writers *w);
/* After writers_stop(), when nobody reads its counts any more. */
void writers_fini(struct writers *w);

/* Queue one series; waits while many jobs are queued. coarse: as in struct job. */
void writers_add(struct writers *w, uint32_t id, bool coarse);
/* Queue what writers_add() has gathered so far. */
void writers_push(struct writers *w);
/* Wait until nothing is queued or at work. */
void writers_wait(struct writers *w);

/*
 * The next pass begins; nothing is being gathered. writers_pass_is_written() says whether every series that the pass
 * before queued was written, and none has failed since failures were counted anew.
 */
void writers_begin_pass(struct writers *w);
bool writers_pass_is_written(struct writers *w);

/* The series written since the last call: the caller syncs, then settles or gives them back. Owner: the caller's, free(). */
size_t writers_take_written(struct writers *w, struct written **out);
size_t writers_n_written(struct writers *w);

#endif
