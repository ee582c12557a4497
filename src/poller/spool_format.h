/*
 * The bytes of the spool: a segment's header and its records, and the cursor. No I/O.
 * Source: docs/formats/spool.md.
 */
#ifndef POLLER_SPOOL_FORMAT_H
#define POLLER_SPOOL_FORMAT_H

#include <stdbool.h>

#include "base/buf.h"
#include "poller/parcel.h"

enum {
	SPOOL_HEADER_BYTES = 16, /* of a segment */
	SPOOL_RECORD_BYTES = 40, /* of a record, before its three texts */
	SPOOL_CURSOR_BYTES = 24,
	SPOOL_TEXT_MAX_BYTES = 4 << 20, /* of a payload */
};

void spool_put_header(char out[SPOOL_HEADER_BYTES], uint64_t start);
bool spool_get_header(const char in[SPOOL_HEADER_BYTES], uint64_t *start);
void spool_put_cursor(char out[SPOOL_CURSOR_BYTES], uint64_t offset);
bool spool_get_cursor(const char in[SPOOL_CURSOR_BYTES], uint64_t *offset);

/* The length of p's record; 0: it has none, a text is too long. */
size_t spool_record_bytes(const struct parcel *p);
void spool_put_record(struct buf *out, const struct parcel *p);
/*
 * Take the record at the front of *rest; its texts are slices of it.
 * Errors   RC_END *rest is empty, or ends inside the record · RC_DAMAGED that is none; *rest stays
 */
CHECKED enum rc spool_take_record(struct text *rest, struct parcel *out);
/* Bytes from the front of t to the next whole record behind it, damaged ones passed over; t.n when there is none. */
size_t spool_find_record(struct text t);

#endif
