/*
 * The hostIDs that ever stood on the host-list, in the file LISTED_NAME below wsp_path: who is not on the list today but in
 * here was taken off it, whatever sent its points. One hostID a line, in the order in which they came; `*` and patterns are
 * no hostIDs. Written by the daemon at its start and at a reload, read by upkeep; it is replaced as a whole, so that a reader
 * sees the old one or the new one.
 */
#ifndef CONFIG_LISTED_H
#define CONFIG_LISTED_H

#include "base/map.h"
#include "config/host_list.h"

#define LISTED_NAME ".listed"

/*
 * Put every hostID of the file into out, which map_init() made; the values mean nothing and are not NULL. A file that is not
 * there is an empty one.
 * Errors   RC_DISK not readable, RC_REFUSED over 256 MiB: why is "file: why"
 */
CHECKED enum rc listed_read(const char *path, struct map *out, struct why *why);

/*
 * Add the hostIDs of a list. Written only when there is a new one: beside the file, synced, then renamed. *n_new, which may be
 * NULL: how many there were.
 * Errors   RC_DISK, RC_REFUSED as above: the file is as before
 * Threads  any: one waits for the other
 */
CHECKED enum rc listed_add(const char *path, const struct host_list *hosts, size_t *n_new, struct why *why);

#endif
