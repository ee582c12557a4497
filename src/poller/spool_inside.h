/*
 * What the files of the spool share: opening, adding, reading. Nobody else includes this.
 */
#ifndef POLLER_SPOOL_INSIDE_H
#define POLLER_SPOOL_INSIDE_H

#include "base/lock.h"
#include "poller/spool.h"

enum { SPOOL_NAME_BYTES = 32 };

/* One file of records: those from `start` on, n_bytes of them behind the header. */
struct segment {
	uint64_t start, n_bytes;
};

struct spool {
	/* fixed after open */
	uint64_t max_bytes, segment_bytes;
	int dir_fd, lock_fd, cursor_fd;
	/* under lock */
	struct lock lock;
	struct signal signal;
	struct segment *segment; /* oldest first */
	size_t n_segments, capacity;
	uint64_t cursor;    /* all before it is done */
	uint64_t disk_end;  /* all before it is in segments */
	struct buf memory;  /* what follows disk_end */
	size_t n_committed; /* of memory: may be read */
	uint64_t n_dropped, n_damaged;
	bool last_is_broken; /* the last segment's file is not what was written: nothing more goes there */
	bool woken;
	/* the adding thread only */
	int fd;         /* of the last segment, -1: the next record begins a new one */
	struct buf one; /* the record being added */
	/* while opening only */
	uint64_t foreign_end; /* offsets before it may be those of files left alone */
};

/* The name of the segment whose first record lies at `start`. */
void spool_segment_name(uint64_t start, char name[SPOOL_NAME_BYTES]);

/* Another segment behind the others. Threads: under lock, but while opening. */
void spool_add_segment(struct spool *s, uint64_t start, uint64_t n_bytes);

/*
 * Up to n bytes of a segment's records from `from` on, appended to out; fewer where the file ends.
 * Errors   RC_ABSENT the file is gone · RC_DISK
 */
CHECKED enum rc spool_read_segment(struct spool *s, const struct segment *g, uint64_t from, size_t n, struct buf *out,
				   struct why *why);

/* The longest run of whole records at the front of t that keeps within n bytes; one record in any case. */
size_t spool_whole_records(struct text t, uint64_t n);

#endif
