/* Between the parts of the library. Real calls go by the C library's own syscall(), which is the only one that is not ours. */
#ifndef FAULTFS_INTERN_H
#define FAULTFS_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "faultfs.h"

enum { PATH_BYTES = 4096 };

long real(long number, ...);

/* The path of a descriptor; "" when it has none. */
void path_of_fd(int fd, char *out);
/* The path that (dir_fd, path) stands for, links not followed. */
void path_at(int dir_fd, const char *path, char *out);

/* ---- rules */

enum verdict { GO_ON, FAIL, HALF, DIE_AFTER, DIE_MIDWAY };

/* Counts the call; does not return when the rule says FAULTFS_DIE. *error_number is set with FAIL. */
enum verdict rules_judge(enum faultfs_op op, const char *path, int *error_number);
_Noreturn void die(void);

/* ---- undo log: every function is called between undo_lock() and undo_unlock() */

bool undo_watches(const char *path);
void undo_lock(void);
void undo_unlock(void);

/* Before a write: what it is going to overwrite. Ends with undo_wrote() or undo_forget(). */
struct undo_write {
	uint64_t ino, offset, size_before;
	size_t n_old;
	char *old;
	bool synced; /* O_DSYNC or O_SYNC */
};
bool undo_before_write(int fd, const char *path, int64_t offset, size_t n, struct undo_write *w);
void undo_wrote(struct undo_write *w, const void *bytes, size_t n);
void undo_before_resize(int fd, int64_t new_size, struct undo_write *w);
void undo_resized(int fd, struct undo_write *w);
void undo_forget(struct undo_write *w);

void undo_named(const char *path);
/* A hard link in the undo folder to what stands at path; 0 when there is nothing. */
uint32_t undo_keep(const char *path);
void undo_renamed(const char *from, const char *to, uint32_t kept);
void undo_unlinked(const char *path, uint32_t kept);
void undo_made_dir(const char *path);
uint64_t undo_seq(void);
/* fd -1: everything. */
void undo_synced(int fd, uint64_t up_to);

#endif
