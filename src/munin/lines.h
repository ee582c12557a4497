/*
 * Bytes as they come → whole lines. A line that is longer than allowed is left out whole, never cut in two: half a
 * value would be another value. So is what stands before the connection's end without a line feed.
 */
#ifndef MUNIN_LINES_H
#define MUNIN_LINES_H

#include <stdbool.h>

#include "base/buf.h"

enum { LINES_MAX_BYTES = 64 * 1024 };

struct lines {
	struct buf bytes; /* read and not taken yet */
	size_t taken;     /* of them */
	bool skipping;    /* inside a line that is too long */
	size_t n_skipped; /* lines that were too long */
};

void lines_init(struct lines *l);
void lines_fini(struct lines *l);
/* Forget what was read: another connection. n_skipped stays. */
void lines_clear(struct lines *l);
void lines_add(struct lines *l, const void *bytes, size_t n);
/* The next whole line without LF or CR LF; false when there is none yet. Borrowed until lines_add(). */
bool lines_next(struct lines *l, struct text *line);

#endif
