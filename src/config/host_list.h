/*
 * The host-list file: one hostID a line. Source: docs/spec/system.md "host-list".
 */
#ifndef CONFIG_HOST_LIST_H
#define CONFIG_HOST_LIST_H

#include "config/config.h"

struct host_list {
	char **key; /* binding keys: hostIDs, patterns as they stand, "#" for a line `*` */
	size_t n, capacity;
};

/*
 * Read it: one hostID a line, blanks may follow it; empty lines and lines that begin with `#` are comments. A line with
 * a blank before or inside the ID, with a `#`, a control character or invalid UTF-8 is warned about and left out. A word
 * `*` of a longer line is warned about and kept: it is a topic pattern. A repeated line counts once. An empty list is a
 * warning, not an error.
 * Errors   RC_ABSENT, RC_DISK not readable, RC_REFUSED over 64 MiB: why is "file: why"
 * Owner    *out on RC_OK only; ended by host_list_fini(). warn may be NULL.
 */
CHECKED enum rc host_list_read(const char *path, struct host_list *out, config_warn_fn *warn, void *argument,
			       struct why *why);
void host_list_parse(struct text content, const char *name, struct host_list *out, config_warn_fn *warn,
		     void *argument);
void host_list_fini(struct host_list *l);
/* Owner: *out is a list of its own, ended by host_list_fini(). */
void host_list_copy(const struct host_list *l, struct host_list *out);
/* `#`, or a key with a word `*`: stands for more than one hostID, or for none. */
bool host_list_is_pattern(const char *key);

#endif
