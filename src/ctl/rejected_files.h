/*
 * The files of what was kept aside, read in the order in which it came; the daemon may be writing them meanwhile.
 * Source: docs/spec/system.md "Kept aside".
 */
#ifndef CTL_REJECTED_FILES_H
#define CTL_REJECTED_FILES_H

#include <stdint.h>

#include "base/buf.h"

enum { REJECTED_LINE_MAX_BYTES = 32 << 20 };

struct rejected_files {
	const char *path;
	int dir_fd, fd, watch_fd; /* fd: of the file that is read; -1: none yet */
	char name[32];            /* of it; "": none yet */
	struct buf pending;       /* a line whose end has not come yet */
	bool skipping;            /* a line that was too long, up to its end */
};

/*
 * since_s: days that ended before are not looked at.
 * Errors   RC_ABSENT, RC_DISK; rejected_files_close() is to be called anyway
 */
CHECKED enum rc rejected_files_open(const char *path, int64_t since_s, struct rejected_files *out, struct why *why);
void rejected_files_close(struct rejected_files *r);

/* Return RC_OK to go on; what else ends the walk. */
typedef enum rc rejected_line_fn(void *argument, struct text line);

/* Every whole line that there is behind those of the last call. Errors: RC_DISK, those of fn. */
CHECKED enum rc rejected_files_read(struct rejected_files *r, rejected_line_fn *fn, void *argument, struct why *why);
/* Wait until something in the folder has changed. Errors: RC_DISK. */
CHECKED enum rc rejected_files_wait(struct rejected_files *r, struct why *why);

#endif
