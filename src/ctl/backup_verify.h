/*
 * Is a backup whole, and can it be read?
 */
#ifndef CTL_BACKUP_VERIFY_H
#define CTL_BACKUP_VERIFY_H

#include "ctl/command.h"

/* Prints what is wrong and a summary. Returns what numeterctl ends with. */
int backup_verify(struct ctl *ctl, const char *path);

#endif
