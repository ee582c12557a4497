/* The undo log: what was done since when, in the order in which it was done. One lock for all, held over the call itself. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "intern.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder, *prefixes;
static int log_fd = -1;
static uint64_t last_seq;
static uint32_t last_kept;

__attribute__((constructor)) static void open_log(void)
{
	char path[PATH_BYTES];

	folder = getenv("FAULTFS_UNDO");
	prefixes = getenv("FAULTFS_UNDO_PREFIX");
	if (!folder || !prefixes)
		return;
	snprintf(path, sizeof(path), "%s/log", folder);
	log_fd = (int)real(SYS_openat, (long)AT_FDCWD, path, (long)(O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC),
			   0600L, 0L, 0L);
	if (log_fd < 0) {
		dprintf(2, "faultfs: %s: %s\n", path, strerror(errno));
		_exit(125);
	}
}

bool undo_watches(const char *path)
{
	const char *at = log_fd < 0 ? NULL : prefixes;

	while (at && *at) {
		size_t n = strcspn(at, ":");

		if (n > 0 && strncmp(path, at, n) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

void undo_lock(void)
{
	pthread_mutex_lock(&lock);
}

void undo_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

uint64_t undo_seq(void)
{
	return last_seq;
}

static void append(struct faultfs_record *r, const char *path, const char *other, const void *old, const void *new)
{
	struct iovec part[] = { { r, sizeof(*r) }, { 0 }, { 0 }, { 0 }, { 0 } };
	const void *bytes[] = { path, other, old, new };
	int kept = errno;

	r->seq = ++last_seq;
	r->n_path = path ? (uint32_t)strlen(path) : 0;
	r->n_other_path = other ? (uint32_t)strlen(other) : 0;
	const size_t n[] = { r->n_path, r->n_other_path, r->n_old, r->n_new };

	for (int i = 0; i < 4; i++) {
		memcpy(&part[i + 1].iov_base, &bytes[i], sizeof(void *));
		part[i + 1].iov_len = n[i];
	}
	if (real(SYS_writev, (long)log_fd, part, 5L, 0L, 0L, 0L) < 0) {
		dprintf(2, "faultfs: log: %s\n", strerror(errno));
		_exit(125);
	}
	errno = kept;
}

static bool read_old(int fd, int64_t offset, size_t n, struct undo_write *w)
{
	char path[64];
	struct stat st;
	ssize_t got = 0;
	int again;

	memset(w, 0, sizeof(*w));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	w->ino = st.st_ino;
	w->size_before = (uint64_t)st.st_size;
	w->offset = (uint64_t)offset;
	if (n == 0 || offset >= st.st_size)
		return true;
	if ((int64_t)n > st.st_size - offset)
		n = (size_t)(st.st_size - offset);
	w->old = malloc(n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = (int)real(SYS_openat, (long)AT_FDCWD, path, (long)(O_RDONLY | O_CLOEXEC), 0L, 0L, 0L);
	while (w->old && again >= 0 && w->n_old < n) {
		got = pread(again, w->old + w->n_old, n - w->n_old, offset + (int64_t)w->n_old);
		if (got <= 0)
			break;
		w->n_old += (size_t)got;
	}
	if (again >= 0)
		close(again);
	if (w->n_old < n) {
		dprintf(2, "faultfs: cannot read what is overwritten: %s\n", strerror(errno));
		_exit(125);
	}
	return true;
}

bool undo_before_write(int fd, const char *path, int64_t offset, size_t n, struct undo_write *w)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (!undo_watches(path))
		return false;
	if (offset < 0 && (flags & O_APPEND))
		offset = fstat(fd, &st) == 0 ? st.st_size : 0;
	else if (offset < 0)
		offset = lseek(fd, 0, SEEK_CUR);
	if (offset < 0 || !read_old(fd, offset, n, w))
		return false;
	w->synced = (flags & O_DSYNC) != 0;
	return true;
}

void undo_wrote(struct undo_write *w, const void *bytes, size_t n)
{
	struct faultfs_record r = { .kind = FAULTFS_R_WRITE,
				    .ino = w->ino,
				    .offset = w->offset,
				    .size_before = w->size_before,
				    .n_old = (uint32_t)(w->n_old < n ? w->n_old : n),
				    .n_new = (uint32_t)n };

	append(&r, NULL, NULL, w->old, bytes);
	if (w->synced) {
		struct faultfs_record sync = { .kind = FAULTFS_R_SYNC, .ino = w->ino, .up_to = last_seq };

		append(&sync, NULL, NULL, NULL, NULL);
	}
	undo_forget(w);
}

void undo_before_resize(int fd, int64_t new_size, struct undo_write *w)
{
	struct stat st;
	size_t n_cut = fstat(fd, &st) == 0 && st.st_size > new_size ? (size_t)(st.st_size - new_size) : 0;

	if (!read_old(fd, new_size, n_cut, w))
		memset(w, 0, sizeof(*w));
}

void undo_resized(int fd, struct undo_write *w)
{
	struct stat st;

	if (w->ino != 0 && fstat(fd, &st) == 0) {
		struct faultfs_record r = { .kind = FAULTFS_R_SIZE,
					    .ino = w->ino,
					    .offset = (uint64_t)st.st_size,
					    .size_before = w->size_before,
					    .n_old = (uint32_t)w->n_old };

		append(&r, NULL, NULL, w->old, NULL);
	}
	undo_forget(w);
}

void undo_forget(struct undo_write *w)
{
	free(w->old);
	w->old = NULL;
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static uint64_t parent_ino(const char *path)
{
	char parent[PATH_BYTES];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return ino_of(parent);
}

void undo_named(const char *path)
{
	struct faultfs_record r = { .kind = FAULTFS_R_NAME, .ino = ino_of(path), .parent_ino = parent_ino(path) };

	append(&r, path, NULL, NULL, NULL);
}

uint32_t undo_keep(const char *path)
{
	char link[PATH_BYTES];
	int kept = errno, n;

	n = snprintf(link, sizeof(link), "%s/%u", folder, last_kept + 1);
	if (n < 0 || real(SYS_linkat, (long)AT_FDCWD, path, (long)AT_FDCWD, link, 0L, 0L) != 0) {
		errno = kept;
		return 0;
	}
	return ++last_kept;
}

void undo_renamed(const char *from, const char *to, uint32_t kept)
{
	struct faultfs_record r = {
		.kind = FAULTFS_R_RENAME, .ino = ino_of(to), .kept = kept, .parent_ino = parent_ino(to)
	};

	append(&r, from, to, NULL, NULL);
}

void undo_unlinked(const char *path, uint32_t kept)
{
	struct faultfs_record r = { .kind = FAULTFS_R_UNLINK, .kept = kept, .parent_ino = parent_ino(path) };

	append(&r, path, NULL, NULL, NULL);
}

void undo_made_dir(const char *path)
{
	struct faultfs_record r = { .kind = FAULTFS_R_MKDIR, .ino = ino_of(path), .parent_ino = parent_ino(path) };

	append(&r, path, NULL, NULL, NULL);
}

void undo_synced(int fd, uint64_t up_to)
{
	struct faultfs_record r = { .kind = fd < 0 ? FAULTFS_R_SYNC_ALL : FAULTFS_R_SYNC, .up_to = up_to };
	struct stat st;

	if (fd >= 0)
		r.ino = fstat(fd, &st) == 0 ? st.st_ino : 0;
	append(&r, NULL, NULL, NULL, NULL);
}
