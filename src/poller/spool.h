/*
 * What is measured and not sent yet: every message goes through it. Messages are appended in order, synced at each
 * spool_commit(), and read in the same order by whoever sends them; what was sent is passed by the cursor and its files
 * go. Bounded: when it is full the oldest segment goes, sent or not. It survives kill -9 and a power cut.
 *
 * While the disk takes nothing (full, broken) messages wait in memory, bounded too, and are sent from there.
 *
 * Threads: spool_add() and spool_commit() belong to one thread, spool_read() and spool_done() to one other.
 * Source: docs/formats/spool.md.
 */
#ifndef POLLER_SPOOL_H
#define POLLER_SPOOL_H

#include "base/instant.h"
#include "poller/spool_format.h"

enum { SPOOL_MEMORY_MAX_BYTES = 1 << 20 };

struct spool;

/*
 * Open the folder, made when it is not there, with what was left in it.
 * Errors   RC_REFUSED another poller has it: why names its pid · RC_DISK
 */
CHECKED enum rc spool_open(const char *path, uint64_t max_bytes, struct spool **out, struct why *why);
/* What was added and not committed is lost. NULL is fine. */
void spool_close(struct spool *s);

/* Another message; p->id is made here. It may be read after spool_commit(). */
void spool_add(struct spool *s, const struct parcel *p);
/*
 * What was added is on the disk when this returns RC_OK, and may be read in any case.
 * Errors   RC_DISK not on the disk, only in memory: the next call tries again
 */
CHECKED enum rc spool_commit(struct spool *s, struct why *why);

/*
 * The oldest whole records that are not done: at least one, about max_bytes at most. *from is where the
 * first lies; each takes spool_record_bytes().
 * Errors   RC_END there are none · RC_DISK the disk does not give them
 */
CHECKED enum rc spool_read(struct spool *s, size_t max_bytes, struct buf *out, uint64_t *from, struct why *why);
/* Everything before this place is sent. */
void spool_done(struct spool *s, uint64_t up_to);

/* Wait until there is something to read, spool_wake() is called, or the deadline. */
void spool_wait(struct spool *s, struct mono deadline);
/* spool_wait() returns at once, now and from now on. */
void spool_wake(struct spool *s);

struct spool_state {
	uint64_t waiting_bytes; /* not done */
	uint64_t memory_bytes;  /* of those, and of what is not committed: not on the disk */
	uint64_t dropped;       /* messages that went unsent because it was full */
	uint64_t damaged_bytes; /* passed over */
};
struct spool_state spool_state(struct spool *s);

#endif
