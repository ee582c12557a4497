/* The calls that are ours instead of the C library's. Each: judge, log, do, log. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "intern.h"

#define ALIAS(of) __attribute__((alias(#of)))

/* ---- writes */

static ssize_t do_write(int fd, const void *bytes, size_t n, int64_t offset)
{
	if (offset < 0)
		return real(SYS_write, (long)fd, bytes, n, 0L, 0L, 0L);
	return real(SYS_pwrite64, (long)fd, bytes, n, offset, 0L, 0L);
}

static ssize_t write_logged(int fd, const char *path, const void *bytes, size_t n, int64_t offset)
{
	struct undo_write w;
	ssize_t done;
	bool logged;

	if (!undo_watches(path))
		return do_write(fd, bytes, n, offset);
	undo_lock();
	logged = undo_before_write(fd, path, offset, n, &w);
	done = do_write(fd, bytes, n, offset);
	if (logged && done > 0)
		undo_wrote(&w, bytes, (size_t)done);
	else if (logged)
		undo_forget(&w);
	undo_unlock();
	return done;
}

static ssize_t write_judged(enum faultfs_op op, int fd, const void *bytes, size_t n, int64_t offset)
{
	char path[PATH_BYTES];
	int error_number = 0;
	enum verdict verdict;
	ssize_t done;

	path_of_fd(fd, path);
	verdict = rules_judge(op, path, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	if ((verdict == HALF || verdict == DIE_MIDWAY) && n > 1)
		n /= 2;
	done = write_logged(fd, path, bytes, n, offset);
	if (verdict == DIE_AFTER || verdict == DIE_MIDWAY)
		die();
	return done;
}

/* As one write of all the parts together. */
static ssize_t writev_judged(enum faultfs_op op, int fd, const struct iovec *part, int n_parts, int64_t offset)
{
	size_t n = 0, at = 0;
	ssize_t done;
	char *all;
	int kept;

	for (int i = 0; i < n_parts; i++)
		n += part[i].iov_len;
	all = malloc(n + 1);
	if (!all) {
		errno = ENOMEM;
		return -1;
	}
	for (int i = 0; i < n_parts; i++) {
		memcpy(all + at, part[i].iov_base, part[i].iov_len);
		at += part[i].iov_len;
	}
	done = write_judged(op, fd, all, n, offset);
	kept = errno;
	free(all);
	errno = kept;
	return done;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	return write_judged(FAULTFS_WRITE, fd, bytes, n, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
	if (offset < 0) {
		errno = EINVAL;
		return -1;
	}
	return write_judged(FAULTFS_PWRITE, fd, bytes, n, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) ALIAS(pwrite64);

ssize_t writev(int fd, const struct iovec *part, int n_parts)
{
	return writev_judged(FAULTFS_WRITE, fd, part, n_parts, -1);
}

ssize_t pwritev64(int fd, const struct iovec *part, int n_parts, off64_t offset)
{
	return writev_judged(FAULTFS_PWRITE, fd, part, n_parts, offset);
}
ssize_t pwritev(int fd, const struct iovec *part, int n_parts, off_t offset) ALIAS(pwritev64);

/* ---- syncs */

static int sync_judged(enum faultfs_op op, long number, int fd)
{
	char path[PATH_BYTES];
	enum verdict verdict;
	int error_number = 0, rc;
	uint64_t up_to;

	path_of_fd(fd, path);
	verdict = rules_judge(op, path, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	undo_lock();
	up_to = undo_seq();
	undo_unlock();
	rc = (int)real(number, (long)fd, 0L, 0L, 0L, 0L, 0L);
	if (rc == 0 && up_to > 0) { /* folders too, their prefix aside */
		undo_lock();
		undo_synced(op == FAULTFS_SYNCFS ? -1 : fd, up_to);
		undo_unlock();
	}
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int fsync(int fd)
{
	return sync_judged(FAULTFS_FSYNC, SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_judged(FAULTFS_FDATASYNC, SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	return sync_judged(FAULTFS_SYNCFS, SYS_syncfs, fd);
}

/* ---- sizes */

static int resize_judged(enum faultfs_op op, int fd, int mode, int64_t offset, int64_t n)
{
	char path[PATH_BYTES];
	struct undo_write w;
	enum verdict verdict;
	int error_number = 0, rc;
	bool logged;

	path_of_fd(fd, path);
	verdict = rules_judge(op, path, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	logged = undo_watches(path);
	if (logged) {
		undo_lock();
		undo_before_resize(fd, op == FAULTFS_TRUNCATE ? n : INT64_MAX, &w);
	}
	if (op == FAULTFS_TRUNCATE)
		rc = (int)real(SYS_ftruncate, (long)fd, n, 0L, 0L, 0L, 0L);
	else
		rc = (int)real(SYS_fallocate, (long)fd, (long)mode, offset, n, 0L, 0L);
	if (logged) {
		if (rc == 0)
			undo_resized(fd, &w);
		else
			undo_forget(&w);
		undo_unlock();
	}
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int ftruncate64(int fd, off64_t n)
{
	return resize_judged(FAULTFS_TRUNCATE, fd, 0, 0, n);
}
int ftruncate(int fd, off_t n) ALIAS(ftruncate64);

int fallocate64(int fd, int mode, off64_t offset, off64_t n)
{
	return resize_judged(FAULTFS_FALLOCATE, fd, mode, offset, n);
}
int fallocate(int fd, int mode, off_t offset, off_t n) ALIAS(fallocate64);

/* Without the C library's own fallback of writing zeros: EOPNOTSUPP where the file system cannot. */
int posix_fallocate64(int fd, off64_t offset, off64_t n)
{
	int kept = errno, rc = resize_judged(FAULTFS_FALLOCATE, fd, 0, offset, n) == 0 ? 0 : errno;

	errno = kept;
	return rc;
}
int posix_fallocate(int fd, off_t offset, off_t n) ALIAS(posix_fallocate64);

/* ---- opening */

static int open_judged(int dir_fd, const char *path, int flags, long number, long a, long b, long c, long d)
{
	bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE, is_new = false, cuts;
	int error_number = 0, fd, verdict;
	char whole[PATH_BYTES];
	struct undo_write cut = { 0 };
	struct stat st;

	path_at(dir_fd, path, whole);
	verdict = (int)rules_judge(creates ? FAULTFS_CREATE : FAULTFS_OPEN, whole, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	cuts = (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY;
	if (!undo_watches(whole) || (!creates && !cuts)) {
		fd = (int)real(number, a, b, c, d, 0L, 0L);
	} else {
		undo_lock();
		is_new = (flags & O_CREAT) && lstat(whole, &st) != 0;
		if (cuts && !is_new) {
			int before =
				(int)real(SYS_openat, (long)AT_FDCWD, whole, (long)(O_RDONLY | O_CLOEXEC), 0L, 0L, 0L);

			if (before >= 0) {
				undo_before_resize(before, 0, &cut);
				close(before);
			}
		}
		fd = (int)real(number, a, b, c, d, 0L, 0L);
		if (fd >= 0 && is_new)
			undo_named(whole);
		if (fd >= 0 && cut.ino != 0)
			undo_resized(fd, &cut);
		else
			undo_forget(&cut);
		undo_unlock();
	}
	if (verdict == DIE_AFTER)
		die();
	return fd;
}

static int open_plain(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_judged(dir_fd, path, flags, SYS_openat, dir_fd, (long)(intptr_t)path, flags, (long)mode);
}

static mode_t mode_of(int flags, va_list *list)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(*list, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_of(flags, &list);
	va_end(list);
	return open_plain(AT_FDCWD, path, flags, mode);
}
int open(const char *path, int flags, ...) ALIAS(open64);

int openat64(int dir_fd, const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = mode_of(flags, &list);
	va_end(list);
	return open_plain(dir_fd, path, flags, mode);
}
int openat(int dir_fd, const char *path, int flags, ...) ALIAS(openat64);

int creat64(const char *path, mode_t mode)
{
	return open_plain(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat(const char *path, mode_t mode) ALIAS(creat64);

/* The forms that fortified programs call. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open_plain(AT_FDCWD, path, flags, 0);
}
int __open64_2(const char *path, int flags) ALIAS(__open_2);

int __openat_2(int dir_fd, const char *path, int flags);
int __openat_2(int dir_fd, const char *path, int flags)
{
	return open_plain(dir_fd, path, flags, 0);
}
int __openat64_2(int dir_fd, const char *path, int flags) ALIAS(__openat_2);

/* openat2() has no wrapper of its own. */
long syscall(long number, ...)
{
	long argument[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_openat2) {
		const struct open_how *how = (const struct open_how *)(intptr_t)argument[2];

		return open_judged((int)argument[0], (const char *)(intptr_t)argument[1], (int)how->flags, number,
				   argument[0], argument[1], argument[2], argument[3]);
	}
	if (number == SYS_syncfs)
		return syncfs((int)argument[0]);
	return real(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

/* ---- names */

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	int error_number = 0, rc;
	char whole[PATH_BYTES];
	enum verdict verdict;

	path_at(to_fd, to, whole);
	verdict = rules_judge(FAULTFS_LINK, whole, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	undo_lock();
	rc = (int)real(SYS_linkat, (long)from_fd, from, (long)to_fd, to, (long)flags, 0L);
	if (rc == 0 && undo_watches(whole))
		undo_named(whole);
	undo_unlock();
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	char whole_from[PATH_BYTES], whole_to[PATH_BYTES];
	int error_number = 0, rc;
	enum verdict verdict;
	uint32_t kept = 0;

	path_at(from_fd, from, whole_from);
	path_at(to_fd, to, whole_to);
	verdict = rules_judge(FAULTFS_RENAME, whole_to, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	undo_lock();
	if (undo_watches(whole_to))
		kept = undo_keep(whole_to);
	rc = (int)real(SYS_renameat2, (long)from_fd, from, (long)to_fd, to, (unsigned long)flags, 0L);
	if (rc == 0 && undo_watches(whole_to))
		undo_renamed(whole_from, whole_to, kept);
	undo_unlock();
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	int error_number = 0, rc;
	char whole[PATH_BYTES];
	enum verdict verdict;
	uint32_t kept = 0;

	path_at(dir_fd, path, whole);
	verdict = rules_judge(FAULTFS_UNLINK, whole, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	undo_lock();
	if (undo_watches(whole) && !(flags & AT_REMOVEDIR))
		kept = undo_keep(whole);
	rc = (int)real(SYS_unlinkat, (long)dir_fd, path, (long)flags, 0L, 0L, 0L);
	if (rc == 0 && undo_watches(whole))
		undo_unlinked(whole, kept);
	undo_unlock();
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	int error_number = 0, rc;
	char whole[PATH_BYTES];
	enum verdict verdict;

	path_at(dir_fd, path, whole);
	verdict = rules_judge(FAULTFS_MKDIR, whole, &error_number);
	if (verdict == FAIL) {
		errno = error_number;
		return -1;
	}
	undo_lock();
	rc = (int)real(SYS_mkdirat, (long)dir_fd, path, (unsigned long)mode, 0L, 0L, 0L);
	if (rc == 0 && undo_watches(whole))
		undo_made_dir(whole);
	undo_unlock();
	if (verdict == DIE_AFTER)
		die();
	return rc;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
