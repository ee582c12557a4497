/*
 * Log lines for systemd's journal with fields of their own: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, NUMETER_EVENT, and each
 * key=value of the line as NUMETER_<KEY>. Only where standard error is connected to journald already, so that nothing goes
 * where the administrator did not send it. Without libsystemd the same lines go to standard error as text.
 * Source: systemd.exec(5) "JOURNAL_STREAM"; sd_journal_sendv(3).
 */
#ifndef BASE_JOURNALD_H
#define BASE_JOURNALD_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"

/* Does journal_stream, "DEVICE:INODE" or NULL, mean this file? */
bool journald_is_stream(const char *journal_stream, const struct stat *st);
/* Is standard error connected to journald, and was this built with libsystemd? */
bool journald_has_stderr(void);

/* Each one "FIELD=value", lying in text; at most JOURNALD_MAX_FIELDS. */
enum { JOURNALD_MAX_FIELDS = 40 };
struct journald_fields {
	char text[8192];
	size_t start[JOURNALD_MAX_FIELDS], n_bytes[JOURNALD_MAX_FIELDS];
	size_t n;
};

/*
 * The fields of one line. said: what stands behind its event, `key=value key="a b" …`; a value in quotes ends at a quote with
 * a blank, a colon or nothing behind it. What is no key=value is in MESSAGE alone, as is what no longer fits.
 */
void journald_fields(enum log_level level, const char *event, struct text said, struct journald_fields *out);

/* Hand one line to journald. False: it is not there, or this was built without. Threads: any. */
bool journald_send(enum log_level level, const char *event, struct text said);

#endif
