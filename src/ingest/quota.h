/*
 * How many series there may be: of one host, in all, new within a minute. Asked for each series that the registry does not
 * know; one that is stored already is not new, and points of the journal never come by here. The limits and their state are
 * for all to see, the rest is private to ingest/.
 *
 * Counted is what is stored, and what waits to be. A host is counted when it first has something new, the
 * whole by a thread of its own (`count`); both again when the limit has been reached, for files may have gone: a host after a
 * minute, the whole after ten. While the first count of the whole goes on new series wait for it for 2 s from its
 * beginning, then they are let in, and count. What came within this minute is forgotten by a restart.
 *
 * Threads  store alone, but where it says any.
 */
#ifndef INGEST_QUOTA_H
#define INGEST_QUOTA_H

#include <stdatomic.h>

#include "base/lock.h"
#include "base/map.h"
#include "engine/engine.h"

/* 0: no limit. */
struct quota_limits {
	uint64_t per_host, total, per_minute;
};

struct quota_state {
	struct quota_limits limits;
	uint64_t n_series;    /* stored or known, with a limit of all and once they are counted; else 0 */
	int64_t refused_s[3]; /* Unix seconds of the last one by per_host, total, per_minute; 0: never */
};

struct quota {
	struct engine *engine;
	/* any thread */
	atomic_uint_fast64_t per_host, total, per_minute;
	_Atomic(int64_t) refused_s[3];
	atomic_uint changes; /* of the limits */
	atomic_bool leaving;
	/* thread store only */
	struct map hosts;        /* name → struct host_count */
	uint32_t n_sources_seen; /* of the registry's: in hosts */
	unsigned changes_seen;
	struct mono minute; /* when it began */
	uint64_t n_minute;
	pthread_t thread;
	bool thread_begun;
	/* under lock */
	struct lock lock;
	struct signal signal;
	bool counting, counted;
	uint64_t n_counted, n_admitted; /* admitted: since the count began */
	struct mono count_began, counted_at;
};

void quota_init(struct quota *q, struct engine *engine, const struct quota_limits *limits);
/* Ends the count. */
void quota_fini(struct quota *q);
/* The engine has replayed: begin to count when there is a limit of all. */
void quota_begin(struct quota *q);
/* Threads: any. */
void quota_set(struct quota *q, const struct quota_limits *limits);
void quota_look(struct quota *q, struct quota_state *out);
/* Is there any limit? Threads: any. */
bool quota_is_on(const struct quota *q);

/*
 * May this series, which the registry does not know, be added to it? Then it counts.
 * Returns  REASON_NONE, or why not: REASON_SERIES_…
 */
enum reason quota_admit(struct quota *q, const struct series *s, int64_t now_s, struct mono now);

#endif
