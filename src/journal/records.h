/*
 * Reads the records of one file of a journal in order, whatever the file holds: bytes of an earlier life of the file, a
 * torn end, damage in the middle. Only whole records of this file come out.
 */
#ifndef JOURNAL_RECORDS_H
#define JOURNAL_RECORDS_H

#include "journal/format.h"

struct records {
	/* what was found so far; all of it after RC_END */
	uint64_t end;             /* behind the last whole record */
	uint64_t n_damaged_bytes; /* in damaged places, a torn end included */
	bool torn;                /* no mark of the end: the writer did not come to close the file, or it is cut */
	bool damaged;             /* bytes that had been synced are not what they were */
	bool has_page;
	struct format_page page; /* when has_page */
	struct why why;          /* of the first damage */

	/* private */
	int fd;
	enum format_kind kind;
	uint32_t number;
	unsigned char *window; /* a stretch of the file: window[0 .. n_window) from window_at on */
	size_t n_window;
	uint64_t window_at, at, seen; /* seen: how far it was read */
	bool ended;
};

/*
 * Start with file `number` (of its name; its header may say otherwise when it is reused).
 * Errors   RC_DISK · RC_REFUSED the file is of another version
 * Owner    fd and window (RECORDS_WINDOW_BYTES) are borrowed; nothing to end.
 */
enum { RECORDS_WINDOW_BYTES = 1 << 20 };
CHECKED enum rc records_open(struct records *r, int fd, enum format_kind kind, uint32_t number, unsigned char *window,
			     struct why *why);
/*
 * After RC_END, when what was written later shows that all of this file had been synced: is there a sign that bytes are
 * missing at its end? If so it is damaged, and why says so.
 */
bool records_end_damaged(struct records *r);
/* The next whole record; its body is borrowed until the next call. Errors: RC_END; RC_DISK. */
CHECKED enum rc records_next(struct records *r, struct format_record *out, const unsigned char **body, struct why *why);

#endif
