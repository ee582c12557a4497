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

/* Read exactly n bytes at offset. Errors: RC_DISK the kernel said no; RC_DAMAGED the file ends before. */
CHECKED enum rc fileio_pread(int fd, void *out, size_t n, uint64_t offset, struct why *why);
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

#endif
