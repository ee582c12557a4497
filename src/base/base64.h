/*
 * Bytes as letters: base64 of RFC 4648 with `+`, `/` and padding.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>

#include "base/buf.h"

void base64_add(struct buf *out, struct text bytes);
/* Append what the letters stand for; false when they are not base64: then nothing is added. */
bool base64_add_decoded(struct buf *out, struct text letters);

#endif
