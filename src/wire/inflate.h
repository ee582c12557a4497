/*
 * Unpack a compressed body: zlib or gzip data, told apart by their first bytes. Private to wire/.
 */
#ifndef WIRE_INFLATE_H
#define WIRE_INFLATE_H

#include "base/arena.h"
#include "base/text.h"
#include "model/reason.h"

/*
 * Returns  REASON_NONE and *out (in a) · REASON_TOO_LARGE more than max_bytes come out · REASON_COMPRESSION the data
 *          are neither, damaged, cut, or something follows them; *detail says which
 */
enum reason inflate_body(struct arena *a, struct text packed, size_t max_bytes, struct text *out, const char **detail);

#endif
