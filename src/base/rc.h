/*
 * The one way to fail: `enum rc` says what the caller should do, `struct why` what a person should read.
 * Not a log: what returns an rc does not log; the loop or main that decides what happens next logs once.
 */
#ifndef BASE_RC_H
#define BASE_RC_H

#include <stdarg.h>

enum rc {
	RC_OK,      /* go on */
	RC_END,     /* no more */
	RC_ABSENT,  /* no such thing */
	RC_REFUSED, /* bad input: will never be taken */
	RC_DAMAGED, /* bad stored bytes */
	RC_FULL,    /* a limit of ours is hit */
	RC_PEER,    /* a server is away: try again later */
	RC_DISK,    /* the kernel said no */
};

#define CHECKED __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* One sentence for a person, written by the code that knows the cause. */
struct why {
	char text[512];
};

/*
 * Write the cause and hand the code back: `return because(why, RC_DISK, "open %s: %s", path, strerror(errno));`
 * Owner    why may be NULL, then only the code counts. Text that is too long is cut.
 */
enum rc because(struct why *why, enum rc rc, const char *format, ...) PRINTF_LIKE(3, 4);

/* Put "noun: " before what `why` already says. */
void why_prepend(struct why *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* The code's name for logs and tests, e.g. "absent". */
const char *rc_name(enum rc rc);

/* For our own mistakes only; stays in release builds and ends the process with file and line. */
#define must(condition) ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))
void must_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

#endif
