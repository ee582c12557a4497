/*
 * gzip, both ways, in memory. Source: RFC 1952.
 */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include "base/buf.h"

/* Append t, packed fast rather than small. False, and out as before, when it would not fit or not become smaller. */
bool gzip_pack(struct text t, struct buf *out);

/* Append t unpacked. Errors: RC_REFUSED not one whole gzip stream · RC_FULL over out's ceiling. */
CHECKED enum rc gzip_unpack(struct text t, struct buf *out, struct why *why);

#endif
