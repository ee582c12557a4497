/*
 * Times and spans of time as they are typed, and as they are shown to people, in the zone of the process.
 */
#ifndef CTL_WHEN_H
#define CTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { WHEN_BYTES = 32 };

/*
 * A date or time as ISO 8601 has it: 2026-11-28, 2026-11-28T17:05, 2026-11-28 17:05:30, with Z or +01:00 behind it or else
 * in the zone of the process. False: it is none (Unix seconds, "-6h", "now" are for when_read() or the daemon).
 */
bool when_read_date(struct text t, int64_t *out);
/* A date, Unix seconds, now, or a time back: -6h, -30min, -7d. */
bool when_read(struct text t, int64_t now_s, int64_t *out);
/* A span: 90s, 10min, 48h, 3d, 2w; a bare number is seconds. */
bool when_read_span(struct text t, int64_t *out);

/* "2026-11-28 17:05:30"; 0: "-". */
const char *when_print(int64_t t_s, char out[WHEN_BYTES]);
/* "3 min ago", "in 12 s", "never" for 0. */
const char *when_print_age(int64_t t_s, int64_t now_s, char out[WHEN_BYTES]);

#endif
