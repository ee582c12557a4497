/*
 * Folders opened, moved, copied and removed as a whole, by descriptors. No link is ever followed: one that stands where a
 * folder is expected is refused, one inside of what is moved or removed is moved or removed itself. Private to upkeep/.
 *
 * Errors of all   RC_ABSENT it is not there · RC_REFUSED a link, or no folder, is in the way; or the new name is taken
 *                 RC_DISK the kernel said no
 */
#ifndef UPKEEP_DISK_H
#define UPKEEP_DISK_H

#include <stdbool.h>

#include "base/rc.h"
#include "base/text.h"

enum { DISK_NAME_BYTES = 256 };

/* A folder below root_fd, "0c/myhost"; "": a second descriptor of root's own. make: with those above it when absent. */
CHECKED enum rc disk_open(int root_fd, struct text path, bool make, int *out, struct why *why);
/* The folder that holds the last part of path, which need not be there, and that part. */
CHECKED enum rc disk_open_above(int root_fd, struct text path, bool make, int *out, char name[DISK_NAME_BYTES],
				struct why *why);

/* Is there a folder, or a regular file, of this name? false also for links. */
bool disk_has_folder(int dir_fd, const char *name);
bool disk_has_file(int dir_fd, const char *name);
/* Anything at all. */
bool disk_has(int dir_fd, const char *name);

/*
 * Give a folder or regular file another name on the same file system, and sync both folders. Nothing is ever replaced.
 * Errors also RC_END: it is another file system.
 */
CHECKED enum rc disk_move(int from_fd, const char *from, int to_fd, const char *to, struct why *why);
/* The same without syncing: for many, and fileio_sync_all() behind them. */
CHECKED enum rc disk_rename(int from_fd, const char *from, int to_fd, const char *to, struct why *why);
/* A synced copy of a folder with all below it; links are copied as links, what is neither file nor folder is left out. */
CHECKED enum rc disk_copy(int from_fd, const char *from, int to_fd, const char *to, struct why *why);
/* Is all of a folder in one as it is in the other, name for name and byte for byte? Also no when it cannot be read. */
bool disk_is_same(int a_fd, int b_fd, const char *name);
/* Remove a folder with all below it, or a file. What is not there is removed already. */
CHECKED enum rc disk_remove(int dir_fd, const char *name, struct why *why);

/* The names in a folder, sorted; those that begin with a dot only when hidden. Owner: disk_names_fini(). */
struct disk_names {
	char **name;
	size_t n, capacity;
};
CHECKED enum rc disk_list(int dir_fd, bool hidden, struct disk_names *out, struct why *why);
void disk_names_fini(struct disk_names *l);

/* Write a small file whole: under another name, synced, renamed, the folder synced. */
CHECKED enum rc disk_write(int dir_fd, const char *name, struct text content, struct why *why);

#endif
