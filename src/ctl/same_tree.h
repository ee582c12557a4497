/*
 * Commands that look at files themselves, and ask the daemon what they are: both must mean the same tree.
 */
#ifndef CTL_SAME_TREE_H
#define CTL_SAME_TREE_H

#include "ctl/command.h"

/*
 * Has a daemon that answers the wsp_path of the configuration? Not when that was changed since its start. Nobody answers,
 * or one that does not tell: yes.
 * Returns  EXIT_FINE, or EXIT_UNUSABLE: why is on stderr
 */
CHECKED int same_tree(struct ctl *ctl);

#endif
