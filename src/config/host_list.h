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
 * Read it; lines that do not fit are warned about. An empty list is a warning. Errors: RC_ABSENT, RC_DISK.
 * Owner    *out on RC_OK only; ended by host_list_fini().
 */
CHECKED enum rc host_list_read(const char *path, struct host_list *out, config_warn_fn *warn, void *argument,
			       struct why *why);
void host_list_parse(struct text content, const char *name, struct host_list *out, config_warn_fn *warn,
		     void *argument);
void host_list_fini(struct host_list *l);

#endif
