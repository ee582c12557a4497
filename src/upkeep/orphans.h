/*
 * Notes of what is nowhere any more: removed for good with its host, or with a trash that somebody else has emptied. Private
 * to upkeep/.
 */
#ifndef UPKEEP_ORPHANS_H
#define UPKEEP_ORPHANS_H

#include "upkeep/state.h"

/*
 * Take out of DELETED_HOSTS and DELETED_PLUGINS what is neither in HOSTS, or INFOS@, nor in the trash. Errors: RC_PEER,
 * RC_DISK.
 */
CHECKED enum rc orphans_drop(struct upkeep *u, struct why *why);

#endif
