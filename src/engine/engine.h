/*
 * Registry, cache and journal as one: a point is accepted in all of them or in none, is readable at once, and is reported
 * safe when its journal record is synced. Inputs give numbered points; readers ask by name; flush/ empties it into values.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "cache/cache.h"
#include "cache/newest.h"
#include "cache/registry.h"
#include "journal/journal.h"
#include "values/values.h"

struct engine;

struct engine_options {
	struct values *values; /* borrowed */
	const char *journal_path;
	uint32_t journal_commit_ms;
	uint64_t journal_commit_bytes, journal_max_bytes, cache_max_bytes;
	/* asked now and then while engine_start() replays: true ends it. NULL: never */
	bool (*enough)(void *argument);
	void *argument;
};

/* Lock and look at the journal. Errors: RC_DISK; RC_REFUSED another daemon has it. */
CHECKED enum rc engine_open(const struct engine_options *options, struct engine **out, struct why *why);
/*
 * Bring back what earlier runs had accepted, then take points. Readers may ask meanwhile.
 * Errors: RC_DISK · RC_END it was to end: the journal is as before, engine_close() is all that may follow.
 */
CHECKED enum rc engine_start(struct engine *e, struct journal_replayed *out, struct why *why);
/* Sync what was accepted; what is not in files yet stays in the journal. */
void engine_close(struct engine *e);

/*
 * Who wants to know that points are safe: called on thread `journal` after every commit, see journal_options. Set before
 * engine_start(); several may listen.
 */
typedef void engine_committed_fn(void *argument, uint64_t position, enum rc rc, const struct why *why);
void engine_listen(struct engine *e, engine_committed_fn *committed, void *argument);

/*
 * Accept points of known series (engine_registry()), all at accepted_s. Readable at once; safe when `committed` reports a
 * position not below *position.
 * Errors   RC_FULL cache or journal at its limit, RC_DISK the journal cannot be written: nothing taken, try again
 * Threads  any.
 */
CHECKED enum rc engine_accept(struct engine *e, const struct numbered *point, size_t n, uint32_t accepted_s,
			      uint64_t *position, struct why *why);

/* Has engine_start() read all that there was? Threads: any. */
bool engine_replay_ended(struct engine *e);
/* When the oldest point that the replay brought had been accepted, Unix seconds; 0: it brought none. Threads: any. */
uint32_t engine_oldest_replayed_s(struct engine *e);

/*
 * Did the replay bring points of this series that have not been settled since? They may have been written in part before.
 * engine_settled() is to be called after cache_settle(), of points that were taken after engine_replay_ended() said true: what
 * was taken before may have left some of them behind, and those too may have been written in part.
 */
bool engine_replayed(struct engine *e, uint32_t id);
void engine_settled(struct engine *e, uint32_t id);

/* Retire journal segments without points that are still needed. Call after values_sync() and settling. Errors: RC_DISK. */
CHECKED enum rc engine_retire(struct engine *e, struct why *why);

/* Points from now on go to a new journal segment, so that the older ones can retire when all is written. */
void engine_roll(struct engine *e);

/* How full cache or journal is, whichever is fuller: 0 to 100 percent of its limit, and above. */
unsigned engine_pressure(struct engine *e);

struct registry *engine_registry(struct engine *e);
struct cache *engine_cache(struct engine *e);
const struct newest *engine_newest(struct engine *e); /* of what was accepted or replayed since the start */
struct journal *engine_journal(struct engine *e);
struct values *engine_values(struct engine *e);

/*
 * Read one series, stored and pending together: values_fetch(). A series the registry does not know is read from values.
 */
CHECKED enum rc engine_fetch(struct engine *e, const struct series *s, int64_t from_s, int64_t until_s, int64_t now_s,
			     struct span *out, struct why *why);
/* Changes whenever an engine_fetch() of this series may answer otherwise, the clock aside. 0: no pending point ever. */
uint32_t engine_version(struct engine *e, const struct series *s);

#endif
