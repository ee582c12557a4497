/*
 * Started as root the daemon takes a user and group of its own before it opens any file.
 */
#ifndef STORAGE_PRIVILEGES_H
#define STORAGE_PRIVILEGES_H

#include "base/rc.h"

/*
 * Become user and group, with the user's supplementary groups. "root" stays root. Nothing is done when not root.
 * Errors   RC_REFUSED  no such user or group: why begins with the option's name
 */
CHECKED enum rc privileges_take(const char *user, const char *group, struct why *why);

/* Raise the limit of open files to what is allowed; returns what it is then. */
unsigned long privileges_raise_files(void);

#endif
