/*
 * Quantities for people.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <stdint.h>

#include "base/buf.h"

enum { SHOW_BYTES = 64 };

/* "512 B", "12.3 MiB"; three digits or four. */
const char *show_bytes(double n, char out[SHOW_BYTES]);
/* "12 s", "4 min 10 s", "3 h 2 min", "5 d 3 h". */
const char *show_duration(double s, char out[SHOW_BYTES]);
/* Unix seconds as "2026-11-22T19:01:35Z"; 0: "-". */
const char *show_time(int64_t s, char out[SHOW_BYTES]);

/* All of it on stdout. */
void show_buf(const struct buf *b);

#endif
