/*
 * A file of ours as messages name it: read whole, taken line by line, warned about and refused as "file:line: why".
 * Not a parser; ini.h and host_list.h are, and both stand on this.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/buf.h"
#include "config/config.h"

struct source {
	const char *name;     /* as messages show it; borrowed */
	config_warn_fn *warn; /* may be NULL */
	void *argument;
};

void source_warn(const struct source *s, size_t line, const char *format, ...) PRINTF_LIKE(3, 4);
/* Always RC_REFUSED, with why "file:line: …". */
enum rc source_refuse(const struct source *s, size_t line, struct why *why, const char *format, ...) PRINTF_LIKE(4, 5);

/* The whole file. Errors: RC_ABSENT, RC_DISK, RC_REFUSED over out's ceiling; why is "path: why". */
CHECKED enum rc source_read(const char *path, struct buf *out, struct why *why);

/* Take the next line off *rest, without its LF or CR LF; false at the end. A last line may lack the LF. */
bool source_next_line(struct text *rest, struct text *line);

/* Text for a message of one line: control characters and what is not UTF-8 as `?`, cut behind 60 bytes. */
struct shown {
	char text[72];
};
const char *source_show(struct text t, struct shown *out);

#endif
