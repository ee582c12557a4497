/*
 * A cleaning from beginning to end, and the removal of what lay in the trash long enough. Private to upkeep/.
 */
#ifndef UPKEEP_CLEAN_H
#define UPKEEP_CLEAN_H

#include "upkeep/state.h"

/* upkeep_clean() when it is its turn. */
CHECKED enum rc clean_run(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why);
/* A path as a JSON text, behind a comma unless it is the first. False: it does not fit, nor will another; list is whole. */
bool clean_list_add(struct buf *list, struct text path);
/* Remove entries older than trash_s, and their notes; none when nothing can be judged, see find.h. Names of those removed, as JSON texts with commas, are added to out. */
CHECKED enum rc clean_trash(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why);

#endif
