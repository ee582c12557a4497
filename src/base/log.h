/*
 * One line per event: `2026-11-22T19:01:35Z info event=broker.bound hosts=12`. error: a person must act · warning: we
 * cope, service is less · info: life events · debug: the rest · critical: the daemon cannot go on. Never a secret.
 * What happens per message or per point is a counter, not a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/rc.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL };

/* "debug" … "critical" in any case; false when it is none of them. */
bool log_level_parse(const char *name, enum log_level *out);
const char *log_level_name(enum log_level level);

/*
 * Where lines go (before the first call: critical ones to stderr): to stderr from `stderr_level` on, to the file at `path`
 * (NULL: none) from `file_level` on. When stderr is journald's, lines for it go there with fields of their own (journald.h).
 * Errors   RC_DISK  the file cannot be opened for appending
 * Threads  log_open() before any other thread is started; log_reopen() and log_change() from the main loop.
 */
CHECKED enum rc log_open(const char *path, enum log_level file_level, enum log_level stderr_level, struct why *why);
/* Open the file anew at the same path: somebody has moved it away. Errors: RC_DISK: it goes on in the old file. */
CHECKED enum rc log_reopen(struct why *why);
/* Other levels and another file while lines are written. Errors: RC_DISK: nothing has changed. */
CHECKED enum rc log_change(const char *path, enum log_level file_level, enum log_level stderr_level, struct why *why);
void log_close(void);

/*
 * Write one line. The format starts with the event's name and goes on with key=value pairs:
 * log_line(LOG_LEVEL_INFO, "journal.replayed", "points=%zu took_ms=%d", n, ms). Line breaks in it become spaces.
 * Threads  any.
 */
void log_line(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * For an event that may repeat: prints the first, then at most one line a minute with the number left out.
 * One static `struct log_limit` a call site; `burst` lets so many through in a minute, for the two ends of an outage.
 */
struct log_limit {
	long burst;         /* 0: 1 */
	atomic_long next_s; /* monotonic */
	atomic_long n_said; /* since then, less a minute */
	atomic_long skipped;
};
enum { LOG_BURST = 10 };
void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
	PRINTF_LIKE(4, 5);

#endif
