/*
 * A host's new name. Private to upkeep/.
 *
 * <wsp_path>/.rename says which is under way; it is written before the folder moves, and goes when the metadata stands under
 * the new name.
 */
#ifndef UPKEEP_RENAME_H
#define UPKEEP_RENAME_H

#include "upkeep/state.h"

/* upkeep_rename() when it is its turn. */
CHECKED enum rc rename_run(struct upkeep *u, struct text host, struct text new_name, struct buf *out, struct why *why);
/* One that was cut short: finished when the folder had moved, else forgotten. */
CHECKED enum rc rename_resume(struct upkeep *u, struct why *why);

#endif
