/*
 * The last readings of counters, kept over a restart so that the first rates after it are known: a small text file that
 * is replaced as a whole.
 *
 *	numeter-poller counters 1
 *	PLUGIN <tab> GRAPH <tab> FIELD <tab> SECONDS <tab> READING
 *	end CHECKSUM            crc32c of everything before this line, 8 hex digits
 */
#ifndef POLLER_PAST_H
#define POLLER_PAST_H

#include "base/buf.h"
#include "poller/plugin.h"

enum { PAST_MAX_BYTES = 16 << 20 };

void past_init(struct plugin_past *p);
void past_fini(struct plugin_past *p);
/* Errors: RC_DAMAGED not such a file, or not whole: nothing is taken. */
CHECKED enum rc past_parse(struct text content, struct plugin_past *out, struct why *why);

/* Whether a plugin's own counters stand for its readings of before by now. */
typedef bool past_is_known_fn(void *argument, struct text plugin);
/* Forget the readings of before oldest_s, and those of plugins that are known. */
void past_prune(struct plugin_past *p, int64_t oldest_s, past_is_known_fn *is_known, void *argument);

/*
 * Text of the file: past_print_begin(), past_print_readings() of what is remembered only, for each plugin past_print(),
 * past_print_end(). Of a reading that stands there twice the later one counts.
 */
void past_print_begin(struct buf *out);
void past_print_readings(struct buf *out, const struct plugin_past *p);
void past_print(struct buf *out, const struct plugin *p);
void past_print_end(struct buf *out);

/* Errors: RC_ABSENT, RC_DAMAGED, RC_DISK. */
CHECKED enum rc past_read(const char *path, struct plugin_past *out, struct why *why);
CHECKED enum rc past_write(const char *path, struct text content, struct why *why);

#endif
