/* The journal's own state, for the files of this folder. */
#ifndef JOURNAL_JOURNAL_INSIDE_H
#define JOURNAL_JOURNAL_INSIDE_H

#include "base/lock.h"
#include "journal/directory.h"
#include "journal/group.h"
#include "journal/journal.h"

enum {
	JOURNAL_LEAST_SEGMENT_BYTES = 1 << 20,
	JOURNAL_MOST_SEGMENT_BYTES = 64 << 20,
	JOURNAL_MAX_WAITING_BYTES = 64 << 20,
	JOURNAL_MAX_SPARES = 2,
	JOURNAL_MAX_NAMES_BYTES = 1 << 30, /* then another file of names */
};

/* A segment with points, or of an earlier run. */
struct journal_segment {
	uint32_t number, run; /* run 0: unknown, no point in it */
	uint64_t n_bytes;     /* counted against max_bytes: all of it while it is open, then what is used */
	bool damaged;         /* set aside instead of removed */
	bool going;           /* someone removes it */
};

struct journal_names {
	uint32_t number, run;
	bool damaged;
};

/* An open file, thread journal only. */
struct journal_file {
	int fd; /* -1: none */
	uint32_t number;
	uint64_t end;      /* behind the last synced byte */
	bool used;         /* something in it is synced */
	uint64_t reserved; /* names: what has disk space */
};

struct journal {
	/* fixed after open */
	struct journal_options options;
	char *path;
	int dir_fd, lock_fd;
	uint64_t segment_bytes, max_bytes;
	uint32_t run;
	pthread_t thread;
	bool started;

	/* under lock */
	struct lock lock;
	struct signal changed;
	struct group *filling;
	uint64_t appended, synced, n_flying_bytes;
	uint32_t current;                /* the segment that appends go to */
	uint64_t n_current;              /* bytes of it given out, at least */
	uint32_t first_flying;           /* the lowest segment that thread journal may write, UINT32_MAX none */
	uint32_t closing;                /* the segment that thread journal is closing, 0 none */
	uint32_t highest_names;          /* number of a file of names */
	struct journal_segment *segment; /* in order of their numbers */
	size_t n_segments, capacity_segments;
	struct journal_names *names;
	size_t n_names, capacity_names;
	uint32_t spare[JOURNAL_MAX_SPARES];
	size_t n_spares, n_spares_coming; /* coming: being renamed */
	uint64_t n_held_bytes;            /* of all segments */
	uint64_t n_commits, n_points, commit_ns_sum, commit_ns_most;
	bool failing, stopping, replayed;
	bool refusing;      /* the first segment could not be made; the thread has not said so yet */
	struct why failure; /* the last one, while failing or refusing */

	/* thread journal only */
	struct group *flying;
	struct journal_file open_segment, open_names;
};

/* journal.c: all with the lock held */
struct journal_segment *journal_find(struct journal *j, uint32_t number);
void journal_drop_segment(struct journal *j, uint32_t number);
struct journal_segment *journal_add_segment(struct journal *j, uint32_t number, uint32_t run, uint64_t n_bytes);
/* What a closed segment takes on disk. */
uint64_t journal_closed_bytes(const struct journal *j, uint64_t n_used);

struct journal_names *journal_add_names(struct journal *j, uint32_t number, uint32_t run);

/* writer.c: thread journal, without the lock. */
/* Make the first segment; after a failure the next call tries another number. */
CHECKED enum rc writer_start(struct journal *j, struct why *why);
/*
 * Write and sync j->flying. After a failure what is not synced has been given to segments with new numbers, and the same
 * call tries again.
 */
CHECKED enum rc writer_write(struct journal *j, struct why *why);
void writer_stop(struct journal *j);

#endif
