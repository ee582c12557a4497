#include "base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

static int real_openat(int dir_fd, const char *name, int flags, mode_t mode)
{
	return openat(dir_fd, name, flags, mode);
}

const struct fileio_kernel fileio_real = {
	.openat = real_openat,
	.pread = pread,
	.pwrite = pwrite,
	.write = write,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.fallocate = posix_fallocate,
	.ftruncate = ftruncate,
	.renameat = renameat,
	.unlinkat = unlinkat,
};

static const struct fileio_kernel *kernel = &fileio_real;

void fileio_swap(const struct fileio_kernel *other)
{
	kernel = other == NULL ? &fileio_real : other;
}

enum rc fileio_pread_some(int fd, void *out, size_t n, uint64_t offset, size_t *got, struct why *why)
{
	size_t n_read = 0;

	while (n_read < n) {
		ssize_t more = kernel->pread(fd, (char *)out + n_read, n - n_read, (off_t)(offset + n_read));

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return because(why, RC_DISK, "read: %s", strerror(errno));
		if (more == 0)
			break;
		n_read += (size_t)more;
	}
	*got = n_read;
	return RC_OK;
}

enum rc fileio_pread(int fd, void *out, size_t n, uint64_t offset, struct why *why)
{
	size_t got = 0;
	enum rc rc = fileio_pread_some(fd, out, n, offset, &got, why);

	if (rc == RC_OK && got < n)
		return because(why, RC_DAMAGED, "the file ends %zu bytes early", n - got);
	return rc;
}

enum rc fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t put = kernel->pwrite(fd, p, n, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return because(why, RC_DISK, "write: %s", strerror(errno));
		p += put;
		offset += (uint64_t)put;
		n -= (size_t)put;
	}
	return RC_OK;
}

enum rc fileio_write(int fd, const void *bytes, size_t n, struct why *why)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t put = kernel->write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return because(why, RC_DISK, "write: %s", strerror(errno));
		p += put;
		n -= (size_t)put;
	}
	return RC_OK;
}

enum rc fileio_sync(int fd, struct why *why)
{
	while (kernel->fdatasync(fd) < 0)
		if (errno != EINTR)
			return because(why, RC_DISK, "sync: %s", strerror(errno));
	return RC_OK;
}

enum rc fileio_sync_all(int fd, struct why *why)
{
	while (syncfs(fd) < 0)
		if (errno != EINTR)
			return because(why, RC_DISK, "sync of the file system: %s", strerror(errno));
	return RC_OK;
}

enum rc fileio_reserve(int fd, uint64_t n, struct why *why)
{
	int error;

	do {
		error = kernel->fallocate(fd, 0, (off_t)n);
	} while (error == EINTR);
	if (error == 0)
		return RC_OK;
	because(why, RC_DISK, "reserve %llu bytes: %s", (unsigned long long)n, strerror(error));
	errno = error;
	return RC_DISK;
}

enum rc fileio_truncate(int fd, uint64_t n, struct why *why)
{
	while (kernel->ftruncate(fd, (off_t)n) < 0)
		if (errno != EINTR)
			return because(why, RC_DISK, "truncate: %s", strerror(errno));
	return RC_OK;
}

int fileio_open_at(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd;

	do {
		fd = kernel->openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

enum rc fileio_rename_at(int dir_fd, const char *from, const char *to, struct why *why)
{
	if (kernel->renameat(dir_fd, from, dir_fd, to) < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "rename %s to %s: %s", from, to,
			       strerror(errno));
	return RC_OK;
}

enum rc fileio_unlink_at(int dir_fd, const char *name, struct why *why)
{
	if (kernel->unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return because(why, RC_DISK, "remove %s: %s", name, strerror(errno));
	return RC_OK;
}

enum rc fileio_sync_dir(int dir_fd, struct why *why)
{
	while (kernel->fsync(dir_fd) < 0)
		if (errno != EINTR)
			return because(why, RC_DISK, "sync folder: %s", strerror(errno));
	return RC_OK;
}

enum rc fileio_read_all(const char *path, struct buf *out, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", path, strerror(errno));
	for (;;) {
		char chunk[16384];
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			rc = because(why, RC_DISK, "read %s: %s", path, strerror(errno));
			break;
		}
		if (got == 0)
			break;
		buf_add(out, chunk, (size_t)got);
		if (out->full) {
			rc = because(why, RC_FULL, "%s: over %zu bytes", path, out->max);
			break;
		}
	}
	close(fd);
	return rc;
}

int fileio_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if ((flags & O_CREAT) == 0 && (flags & O_TMPFILE) != O_TMPFILE)
		how.mode = 0;
	do {
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

int fileio_open_in(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd;

	do {
		fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

enum rc fileio_make_dirs(int dir_fd, const char *path, struct why *why)
{
	char *copy = must_strdup(path);
	enum rc rc = RC_OK;
	int at = dir_fd;

	for (char *part = copy; part != NULL && *part != '\0';) {
		char *slash = strchr(part, '/');
		int next;

		if (slash != NULL)
			*slash = '\0';
		if (mkdirat(at, part, 0755) < 0 && errno != EEXIST) {
			rc = because(why, RC_DISK, "make folder %s: %s", path, strerror(errno));
			break;
		}
		next = fileio_open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
		if (next < 0) {
			rc = because(why, RC_DISK, "open folder %s: %s", path, strerror(errno));
			break;
		}
		if (at != dir_fd)
			close(at);
		at = next;
		part = slash == NULL ? NULL : slash + 1;
	}
	if (at != dir_fd)
		close(at);
	free(copy);
	return rc;
}

/* path: for people. */
static enum rc lock_open(int lock_fd, const char *path, int *fd, struct why *why)
{
	char pid[32];
	ssize_t n;

	if (flock(lock_fd, LOCK_EX | LOCK_NB) < 0) {
		n = pread(lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		close(lock_fd);
		return because(why, RC_REFUSED, "%s is held by another daemon, pid %s", path, n > 0 ? pid : "unknown");
	}
	/* the pid is for people: a full disk is no reason not to have the lock */
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(lock_fd, n) < 0 ||
	    (pwrite(lock_fd, pid, (size_t)n, 0) < 0 && errno != ENOSPC && errno != EDQUOT)) {
		enum rc rc = because(why, RC_DISK, "write %s: %s", path, strerror(errno));

		close(lock_fd);
		return rc;
	}
	*fd = lock_fd;
	return RC_OK;
}

enum rc fileio_lock(const char *path, int *fd, struct why *why)
{
	int lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	if (lock_fd < 0)
		return because(why, RC_DISK, "open %s: %s", path, strerror(errno));
	return lock_open(lock_fd, path, fd, why);
}

enum rc fileio_lock_in(int dir_fd, const char *name, int *fd, struct why *why)
{
	int lock_fd = fileio_open_in(dir_fd, name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0640);
	struct stat st;

	if (lock_fd < 0)
		return because(why, errno == ELOOP ? RC_REFUSED : RC_DISK, "open %s: %s", name,
			       errno == ELOOP ? "a link, expected a regular file" : strerror(errno));
	if (fstat(lock_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		close(lock_fd);
		return because(why, RC_REFUSED, "%s: expected a regular file with one name", name);
	}
	return lock_open(lock_fd, name, fd, why);
}
