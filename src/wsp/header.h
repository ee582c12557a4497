/*
 * The header of a .wsp file: bytes ↔ struct wsp. Private to wsp/ and its tests.
 * Source: docs/formats/whisper.md "Header".
 */
#ifndef WSP_HEADER_H
#define WSP_HEADER_H

#include "wsp/slots.h"

/* What can be kept in a .wsp file: whisper's rules, and what its 32-bit fields hold. Errors: RC_REFUSED. */
CHECKED enum rc wsp_header_check(const struct retention *r, struct why *why);

/* The header of a new file; r has passed wsp_header_check(). Returns its length. */
size_t wsp_header_encode(const struct retention *r, unsigned char out[WSP_MAX_HEADER_BYTES]);

/*
 * Read and check a header: bytes[0 .. n) are the start of a file of file_bytes. Nothing of it is believed: after
 * RC_OK every slot lies inside the file, archives follow each other as create writes them, and whisper's rules hold.
 * Fills all of out; fd is -1. Errors: RC_DAMAGED.
 */
CHECKED enum rc wsp_header_decode(const unsigned char *bytes, size_t n, uint64_t file_bytes, struct wsp *out,
				  struct why *why);

#endif
