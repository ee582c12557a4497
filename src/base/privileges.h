/*
 * Started as root a daemon takes a user and group of its own before it opens any file.
 */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include <stddef.h>

#include "base/rc.h"

/*
 * Become user and group, with the user's supplementary groups. "root" stays root. Nothing is done when not root.
 * folder[0 .. n): absolute paths of folders that the daemon is going to write in, NULL ones are passed over: what is
 * missing of them is made first, and is the user's, so that a try by hand leaves what the service can use.
 * Errors   RC_REFUSED  no such user or group: why begins with the option's name · RC_DISK  a folder cannot be made
 */
CHECKED enum rc privileges_take(const char *user, const char *group, const char *const *folder, size_t n,
				struct why *why);

/* Raise the limit of open files to what is allowed; returns what it is then. */
unsigned long privileges_raise_files(void);

#endif
