/*
 * Tells when a file is another one than before: written, replaced by a rename (as editors and configuration management do),
 * gone and come again; also when one of the links on the way to it points elsewhere. It watches folders, not the file, so
 * that it never loses it. After the first sign it waits until there is none for WATCH_QUIET_MS, WATCH_MOST_MS at most, and
 * then looks at the file itself: a sign that changed nothing is none. One thread.
 */
#ifndef STORAGE_WATCH_H
#define STORAGE_WATCH_H

#include <stdbool.h>

#include "base/instant.h"
#include "base/rc.h"

enum { WATCH_QUIET_MS = 200, WATCH_MOST_MS = 2000 };

struct watch;

/*
 * path: absolute, of a file that need not be there.
 * Errors   RC_DISK  the kernel has no (more) inotify for us, or a folder on the way may not be read
 */
CHECKED enum rc watch_new(const char *path, struct watch **out, struct why *why);
/* NULL is fine. */
void watch_free(struct watch *w);
/* To poll(2) for reading; -1 for NULL. */
int watch_fd(const struct watch *w);
/* Read what there is to read; w may be NULL. */
void watch_read(struct watch *w, struct mono now);
/* Milliseconds until watch_changed() wants to be asked; -1: when watch_fd() is readable. w may be NULL. */
int watch_due_ms(const struct watch *w, struct mono now);
/* Is the file another one now than when watch_seen() was last called, and quiet? w may be NULL. */
bool watch_changed(struct watch *w, struct mono now);
/* Whoever reads the file says so before he opens it. w may be NULL. */
void watch_seen(struct watch *w);

#endif
