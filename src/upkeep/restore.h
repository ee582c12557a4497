/*
 * Back out of the trash. Private to upkeep/.
 */
#ifndef UPKEEP_RESTORE_H
#define UPKEEP_RESTORE_H

#include "upkeep/state.h"

/* upkeep_restore() when it is its turn. */
CHECKED enum rc restore_run(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out,
			    struct why *why);

#endif
