/*
 * The few ways we touch files, in one place, so that a test can swap the kernel's answers (short write, EIO, ENOSPC at
 * the n-th call). Every call is retried after EINTR; every descriptor is close-on-exec.
 */
#ifndef BASE_FILEIO_H
#define BASE_FILEIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/rc.h"

/*
 * What of the kernel is asked through a table that a test may swap, before it starts threads. Shapes and errno as in the
 * manual of each call, but fallocate: posix_fallocate(3), an errno as its answer. (fileio_open_beneath(), fileio_make_dirs(),
 * fileio_read_all() and fileio_lock() ask the kernel directly.)
 */
struct fileio_kernel {
	int (*openat)(int dir_fd, const char *name, int flags, mode_t mode);
	ssize_t (*pread)(int fd, void *out, size_t n, off_t offset);
	ssize_t (*pwrite)(int fd, const void *bytes, size_t n, off_t offset);
	ssize_t (*write)(int fd, const void *bytes, size_t n);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*fallocate)(int fd, off_t offset, off_t n);
	int (*ftruncate)(int fd, off_t n);
	int (*renameat)(int from_dir_fd, const char *from, int to_dir_fd, const char *to);
	int (*unlinkat)(int dir_fd, const char *name, int flags);
};
extern const struct fileio_kernel fileio_real;
/* Until the next call; NULL: the real one again. Owner: borrowed. */
void fileio_swap(const struct fileio_kernel *kernel);

/* Read exactly n bytes at offset. Errors: RC_DISK the kernel said no; RC_DAMAGED the file ends before. */
CHECKED enum rc fileio_pread(int fd, void *out, size_t n, uint64_t offset, struct why *why);
/* Read n bytes at offset, fewer only where the file ends: *got says how many. Errors: RC_DISK. */
CHECKED enum rc fileio_pread_some(int fd, void *out, size_t n, uint64_t offset, size_t *got, struct why *why);
/* Write exactly n bytes at offset. Errors: RC_DISK; what was written by then stays. */
CHECKED enum rc fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why);
/* Write exactly n bytes at the file's position (append). */
CHECKED enum rc fileio_write(int fd, const void *bytes, size_t n, struct why *why);
CHECKED enum rc fileio_sync(int fd, struct why *why);
/* syncfs(): all that was written to the file system of fd. Errors: RC_DISK, also for an earlier write that was lost. */
CHECKED enum rc fileio_sync_all(int fd, struct why *why);
/*
 * Take disk space for n bytes and make the file that long. Falls back to writing zeros where it is not supported.
 * Errors: RC_DISK, and errno says the same.
 */
CHECKED enum rc fileio_reserve(int fd, uint64_t n, struct why *why);
/* Make the file n bytes long. */
CHECKED enum rc fileio_truncate(int fd, uint64_t n, struct why *why);
/* Names in an open folder. Open: the descriptor, or -1 with errno; links are not followed. */
int fileio_open_at(int dir_fd, const char *name, int flags, mode_t mode);
/* Errors: RC_ABSENT there is no `from`; RC_DISK. */
CHECKED enum rc fileio_rename_at(int dir_fd, const char *from, const char *to, struct why *why);
/* What is gone already counts as removed. */
CHECKED enum rc fileio_unlink_at(int dir_fd, const char *name, struct why *why);
/* Names made, renamed and removed in the folder so far stay so after a power cut. */
CHECKED enum rc fileio_sync_dir(int dir_fd, struct why *why);
/* Whole small file into out (its ceiling counts: RC_FULL). Errors: RC_ABSENT, RC_DISK. */
CHECKED enum rc fileio_read_all(const char *path, struct buf *out, struct why *why);
/*
 * openat() that cannot leave the tree below dir_fd: `..`, absolute paths and links that lead out are refused by the kernel.
 * Errors   the descriptor, or -1 with errno (EXDEV: would leave; ENOENT; EMFILE; …)
 */
int fileio_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);
/* openat() of one name in a folder, never through a link. Errors: as above (ELOOP: it is a link). */
int fileio_open_in(int dir_fd, const char *name, int flags, mode_t mode);
/* mkdir -p below dir_fd, beneath it as above; mode 0755. */
CHECKED enum rc fileio_make_dirs(int dir_fd, const char *path, struct why *why);
/*
 * Lock `path` (made when absent) for this process and write our pid into it.
 * Errors   RC_REFUSED another process holds it: why names its pid · RC_DISK
 * Owner    *fd is open while the lock is held; closing it, or dying, ends the lock.
 */
CHECKED enum rc fileio_lock(const char *path, int *fd, struct why *why);
/* The same by a name in a folder that others may write to. Errors also: RC_REFUSED a link, or no regular file with one name. */
CHECKED enum rc fileio_lock_in(int dir_fd, const char *name, int *fd, struct why *why);

#endif
