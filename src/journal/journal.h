/*
 * The journal: every accepted point, appended and synced before anybody is told that it is safe, kept until it is in a
 * synced file. Knows series by number and names as texts; knows nothing of .wsp, cache or brokers.
 *
 * A directory of segments and, for each run of the daemon, one file of names. A run never appends to what an earlier one
 * wrote: it opens a new segment and a new names file, so that ids of two runs cannot be mixed up. Writers append to memory;
 * one thread (`journal`) writes and syncs what has gathered (group commit).
 *
 * Life     journal_open() → journal_replay() → journal_start() → append… → journal_close()
 * Source   docs/formats/journal.md
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>

#include "base/rc.h"
#include "model/point.h"

struct journal;

struct journal_options {
	const char *path;      /* made when absent; locked (flock): RC_REFUSED names the other's pid */
	uint32_t commit_ms;    /* a group is synced this long after its first record at the latest */
	uint64_t commit_bytes; /* or when it has this many bytes */
	uint64_t max_bytes;    /* of all segments: reached, append answers RC_FULL; two segments (2 MiB) at least */
	uint32_t retry_ms;     /* the first pause after a failure; it doubles up to 20 times that. 0: 100 */
	/*
	 * Called on thread `journal` without a lock: everything up to `position` is synced (rc RC_OK), or syncing failed
	 * (rc RC_DISK, why says why; said once per outage): then nothing is lost, the journal tries again by itself in a
	 * new segment, and until it succeeds append answers RC_DISK. Success after that is reported like any other.
	 */
	void (*committed)(void *argument, uint64_t position, enum rc rc, const struct why *why);
	void *argument;
};

/*
 * Errors: RC_DISK; RC_REFUSED another process holds the directory, or a file there is of another version of the format:
 * why names which; nothing was touched. Segments there wait for journal_replay(); until it has succeeded none is retired.
 */
CHECKED enum rc journal_open(const struct journal_options *options, struct journal **out, struct why *why);

/* What a replay hands out, in the order in which it was appended. */
struct journal_reader {
	/* a name is said before the first point of its id in its run; ids of two runs are unrelated: run tells them apart */
	void (*name)(void *argument, uint32_t run, uint32_t id, const struct series *series);
	/* the points of one record: all accepted at one second; segment: number, for journal_retire() */
	void (*points)(void *argument, uint32_t run, uint32_t segment, const struct numbered *point, size_t n,
		       uint32_t accepted_s);
	/* asked before each record; true: give up. NULL: never */
	bool (*enough)(void *argument);
	void *argument;
};

struct journal_replayed {
	uint64_t n_points, n_names, n_segments, n_bytes;
	uint64_t n_damaged_bytes; /* in which no whole record was found, torn tails included */
	uint64_t n_damaged_files; /* in which bytes are not what had been synced, or points without names: kept */
	uint64_t n_unnamed; /* points whose id has no name: names file damaged; skipped, the segment is set aside */
	struct why why;     /* of the first damage, "" when none */
};

/*
 * Read everything that earlier runs left, whole records behind damaged ones too. A file with damage in the middle, or a
 * segment with points without names, is renamed to "<name>.damaged" when it retires. Points may come twice.
 * A torn end is damage when its run went on in a later segment.
 * Errors   RC_DISK a read failed, RC_END the reader had enough: nothing is retired in this run
 */
CHECKED enum rc journal_replay(struct journal *j, const struct journal_reader *reader, struct journal_replayed *out,
			       struct why *why);

/*
 * Make the first segment and start the thread. A disk that does not let it (it is full, say) is an outage like any other:
 * `committed` says so, append answers RC_DISK, and it is tried again.
 */
void journal_start(struct journal *j);
/* Write and sync what was appended, once, then stop. What could not be synced is lost, and was reported as such. */
void journal_close(struct journal *j);

/*
 * Name a series of this run. Synced before the points that follow. Memory only; cannot fail.
 * Threads  one caller at a time for name and append (the engine's lock).
 */
void journal_name(struct journal *j, uint32_t id, const struct series *series);

/*
 * Append points, all accepted at accepted_s. Copies; never blocks on the disk.
 * Errors   RC_FULL   max_bytes would be passed, or 64 MiB wait for the disk already: nothing was taken
 *          RC_DISK   the last sync failed and none has succeeded since, why says of what: nothing was taken
 * Shape    *position: what `committed` must reach before these points are safe: points of this run so far.
 *          *segment: no point of these is in a segment with a lower number (they may be in later ones: when they did not
 *          fit, or after a failed sync). Both grow.
 */
CHECKED enum rc journal_append(struct journal *j, const struct numbered *point, size_t n, uint32_t accepted_s,
			       uint64_t *position, uint32_t *segment, struct why *why);

/*
 * Every point in a segment with a number below `oldest_needed` is in a synced file: those segments go (the open one
 * stays; start another one with journal_roll()). Also names files that no segment needs. Does I/O. Threads: any one.
 * Errors   RC_DISK a file could not be removed; it is tried again with the next call
 */
CHECKED enum rc journal_retire(struct journal *j, uint32_t oldest_needed, struct why *why);

/* Points from now on go to a new segment; returns its number. Memory only, as append. */
uint32_t journal_roll(struct journal *j);
/* The number of the segment that the next append goes to, unless it fills before. */
uint32_t journal_current(struct journal *j);

struct journal_stats {
	uint64_t n_bytes, max_bytes; /* of all segments that hold points (spares not counted) */
	uint64_t n_segments;
	uint32_t oldest_segment, current_segment;
	uint64_t appended, synced; /* positions */
	uint64_t n_commits, n_points;
	uint64_t commit_ns_sum, commit_ns_most; /* write and sync, wall time */
	bool failing;                           /* the last sync failed */
	bool full;                              /* not even one more point would be taken now */
};
void journal_stats(struct journal *j, struct journal_stats *out); /* Threads: any. */

/*
 * For people and tools, also while a daemon runs: check every segment of a directory.
 * each: one line a segment. Errors: RC_DAMAGED some segment has damage other than the torn tail of a run's last · RC_ABSENT · RC_DISK
 */
struct journal_segment_info {
	const char *name; /* "segment-0000000012", "names-0000000003", "….damaged" */
	uint32_t number, run;
	uint64_t n_bytes, n_records, n_points;      /* of a file of names: n_points counts names */
	uint32_t first_accepted_s, last_accepted_s; /* 0: no record */
	uint64_t n_damaged_bytes;
	bool torn; /* ends in a torn record or in unused space behind the last: normal after a crash */
	struct why why;
};
CHECKED enum rc journal_verify(const char *path, void (*each)(void *argument, const struct journal_segment_info *info),
			       void *argument, struct why *why);

#endif
