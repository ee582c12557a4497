/*
 * Copy one file so that the copy is of one moment, though a daemon may write the original, and appears whole or not at all.
 */
#ifndef CTL_COPY_FILE_H
#define CTL_COPY_FILE_H

#include <sys/stat.h>

#include "base/rc.h"
#include "base/text.h"

/*
 * Same length and time of last writing? Then a former copy is as good as a new one. Not so where times seem to be in whole
 * seconds and the copy was made within two seconds after the writing.
 */
bool copy_is_current(const struct stat *from, const struct stat *to);

/*
 * Copy name in from_dir_fd to name in to_dir_fd, in the place of what is there. Taken for good when the file was neither
 * written in the 20 ms before nor while it was read; tried again some times. Owner (when we are root), mode and times too. It is on
 * the disk before it has its name.
 * Errors   RC_ABSENT it is gone · RC_PEER it is written all the time · RC_DISK; nothing is left in to_dir_fd
 */
CHECKED enum rc copy_file(int from_dir_fd, const char *name, int to_dir_fd, struct why *why);

/* The same from memory, with st's owner, mode and times. replace: else RC_REFUSED when there is one. */
CHECKED enum rc copy_bytes(struct text bytes, const struct stat *st, int to_dir_fd, const char *name, bool replace,
			   struct why *why);

/* The whole of an open file, which the caller ends with free(). Errors: RC_DISK, RC_FULL over 1 GiB. */
CHECKED enum rc copy_read(int fd, const struct stat *st, char **out, struct why *why);

/* The folder below fd, made with its folders when absent and make is true; uid, gid of new ones unless (uid_t)-1. -1: errno */
int copy_open_folder(int fd, struct text path, bool make, uid_t uid, gid_t gid);

#endif
