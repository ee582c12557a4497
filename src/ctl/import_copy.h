/*
 * A .wsp file of others, copied into the staging folder.
 */
#ifndef CTL_IMPORT_COPY_H
#define CTL_IMPORT_COPY_H

#include <stdint.h>

#include "base/rc.h"

/*
 * Check an open file, copy it as it is at one moment, and count its values.
 * Errors   RC_DAMAGED · RC_END it has no value · RC_PEER it is being written all the time · RC_DISK
 */
CHECKED enum rc import_copy_wsp(int fd, int staging_fd, const char *name, uint64_t *n_points, struct why *why);

#endif
