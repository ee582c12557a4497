/*
 * Tells when a file is another one than before: written, replaced by a rename (as editors and configuration management do),
 * gone and come again; also when one of the links on the way to it points elsewhere. It watches folders, not the file, so
 * that it never loses it. After the first sign it waits until there is none for WATCH_QUIET_MS, WATCH_MOST_MS at most, and
 * then looks at the file itself: a sign that changed nothing is none. A file that is being written is looked at when its
 * writer closes it, or has written nothing for WATCH_WRITTEN_MS. When the kernel does not let us watch, which is logged, it
 * looks every WATCH_LOOK_MS, and tries to watch again. One thread.
 */
#ifndef STORAGE_WATCH_H
#define STORAGE_WATCH_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/instant.h"

enum { WATCH_QUIET_MS = 200, WATCH_MOST_MS = 2000, WATCH_WRITTEN_MS = 30000, WATCH_LOOK_MS = 3000 };

struct watch;

/* What tells one state of a file from another; all 0 when it is not there. */
struct watch_state {
	dev_t device;
	ino_t inode;
	off_t n_bytes;
	struct timespec written, changed;
};

struct watch_state watch_look(const char *path);

/*
 * path: absolute, of a file that need not be there. seen: what watch_look() said before whoever reads the file opened it; a
 * change since then is noticed too.
 */
struct watch *watch_new(const char *path, struct watch_state seen);
/* NULL is fine. */
void watch_free(struct watch *w);
/* To poll(2) for reading; -1 for NULL. */
int watch_fd(const struct watch *w);
/* Read what there is to read; w may be NULL. */
void watch_read(struct watch *w, struct mono now);
/* Milliseconds until watch_changed() wants to be asked; -1: when watch_fd() is readable. w may be NULL. */
int watch_due_ms(const struct watch *w, struct mono now);
/* Is the file another one now than when it was seen last, and quiet? w may be NULL. */
bool watch_changed(struct watch *w, struct mono now);
/* The file was read; this is what watch_look() said before. w may be NULL. */
void watch_seen(struct watch *w, struct watch_state seen);

#endif
