/*
 * Who ever stood on the host-list by its name: <wsp_path>/.listed, one hostID a line. Private to upkeep/.
 */
#ifndef UPKEEP_LISTED_H
#define UPKEEP_LISTED_H

#include "base/map.h"
#include "base/rc.h"

/* Add what the file has to out (initialised; a name → itself non-NULL). No file is no error. Errors: RC_DISK, RC_FULL. */
CHECKED enum rc listed_read(int root_fd, struct map *out, struct why *why);
/* Write the file anew. */
CHECKED enum rc listed_write(int root_fd, const struct map *listed, struct why *why);

#endif
