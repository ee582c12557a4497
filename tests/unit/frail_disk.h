/*
 * A disk that loses what was not synced, for tests: keeps beside each real file what would be on it after a power cut.
 * Bytes count when fdatasync() answered success after they were written; those of a failed one are dropped, and a later
 * success does not bring them back. Names count when the folder was synced. One call can be made to fail.
 */
#ifndef TESTS_UNIT_FRAIL_DISK_H
#define TESTS_UNIT_FRAIL_DISK_H

#include <errno.h>

#include "journal_scratch.h"

enum frail_call {
	FRAIL_OPEN,
	FRAIL_WRITE,
	FRAIL_SHORT_WRITE,
	FRAIL_DATASYNC,
	FRAIL_SYNC,
	FRAIL_RESERVE,
	FRAIL_TRUNCATE,
	FRAIL_RENAME,
	FRAIL_UNLINK,
	FRAIL_N_CALLS
};

struct frail_write {
	size_t at, n;
	unsigned char *bytes;
};

struct frail_file {
	ino_t ino;
	unsigned char *durable;
	size_t n;
	struct frail_write *dirty;
	size_t n_dirty, capacity_dirty;
};

struct frail_name {
	char name[64];
	size_t file;
};

static struct {
	struct lock lock;
	struct frail_file *file;
	size_t n_files, capacity_files;
	struct frail_name *name;
	size_t n_names, capacity_names;
	char *folder;
	enum frail_call fails;
	unsigned nth, times; /* the calls nth … nth + times - 1 of that kind fail; nth 0: none */
	unsigned n_calls, n_failed;
} frail;

/* A thread that looks at the disk is not part of the play. */
static _Thread_local bool frail_aside;

static bool frail_strikes(enum frail_call call)
{
	bool strikes;

	if (frail_aside || call != frail.fails)
		return false;
	lock_take(&frail.lock);
	frail.n_calls++;
	strikes = frail.nth > 0 && frail.n_calls >= frail.nth && frail.n_calls < frail.nth + frail.times;
	frail.n_failed += strikes;
	lock_give_back(&frail.lock);
	return strikes;
}

static struct frail_file *frail_find(int fd, bool make)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	for (size_t i = frail.n_files; i-- > 0 && !make;)
		if (frail.file[i].ino == st.st_ino)
			return &frail.file[i];
	array_grow((void *)&frail.file, &frail.capacity_files, frail.n_files, sizeof(*frail.file));
	frail.file[frail.n_files] = (struct frail_file){ .ino = st.st_ino };
	return &frail.file[frail.n_files++];
}

static void frail_resize(struct frail_file *f, size_t n)
{
	if (n > f->n) {
		f->durable = must_realloc(f->durable, n);
		memset(f->durable + f->n, 0, n - f->n);
	}
	f->n = n;
}

static void frail_drop(struct frail_file *f)
{
	for (size_t i = 0; i < f->n_dirty; i++)
		free(f->dirty[i].bytes);
	f->n_dirty = 0;
}

static int frail_openat(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd;

	if (frail_aside || (flags & O_CREAT) == 0)
		return openat(dir_fd, name, flags, mode);
	if (frail_strikes(FRAIL_OPEN)) {
		errno = ENOSPC;
		return -1;
	}
	fd = openat(dir_fd, name, flags, mode);
	if (fd >= 0) {
		lock_take(&frail.lock);
		frail_find(fd, true);
		lock_give_back(&frail.lock);
	}
	return fd;
}

static ssize_t frail_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	struct frail_file *f;
	ssize_t put;

	if (frail_aside)
		return pwrite(fd, bytes, n, offset);
	if (frail_strikes(FRAIL_WRITE)) {
		errno = EIO;
		return -1;
	}
	/* some of it, then the disk is full */
	if (frail_strikes(FRAIL_SHORT_WRITE)) {
		if (n < 64) {
			errno = ENOSPC;
			return -1;
		}
		n /= 2;
	}
	put = pwrite(fd, bytes, n, offset);
	if (put <= 0)
		return put;
	lock_take(&frail.lock);
	f = frail_find(fd, false);
	array_grow((void *)&f->dirty, &f->capacity_dirty, f->n_dirty, sizeof(*f->dirty));
	f->dirty[f->n_dirty] = (struct frail_write){ (size_t)offset, (size_t)put, must_alloc((size_t)put) };
	memcpy(f->dirty[f->n_dirty++].bytes, bytes, (size_t)put);
	lock_give_back(&frail.lock);
	return put;
}

static int frail_fdatasync(int fd)
{
	struct frail_file *f;
	bool strikes;

	if (frail_aside)
		return 0;
	strikes = frail_strikes(FRAIL_DATASYNC);
	lock_take(&frail.lock);
	f = frail_find(fd, false);
	for (size_t i = 0; i < f->n_dirty && !strikes; i++) {
		if (f->dirty[i].at + f->dirty[i].n > f->n)
			frail_resize(f, f->dirty[i].at + f->dirty[i].n);
		memcpy(f->durable + f->dirty[i].at, f->dirty[i].bytes, f->dirty[i].n);
	}
	frail_drop(f);
	lock_give_back(&frail.lock);
	errno = EIO;
	return strikes ? -1 : 0;
}

static int frail_fsync(int dir_fd)
{
	struct dirent *entry;
	DIR *dir;

	if (frail_aside)
		return 0;
	if (frail_strikes(FRAIL_SYNC)) {
		errno = EIO;
		return -1;
	}
	(void)dir_fd;
	lock_take(&frail.lock);
	dir = opendir(frail.folder);
	frail.n_names = 0;
	while ((entry = readdir(dir)) != NULL) {
		for (size_t i = frail.n_files; i-- > 0;)
			if (frail.file[i].ino == entry->d_ino) {
				array_grow((void *)&frail.name, &frail.capacity_names, frail.n_names,
					   sizeof(*frail.name));
				snprintf(frail.name[frail.n_names].name, 64, "%.63s", entry->d_name);
				frail.name[frail.n_names++].file = i;
				break;
			}
	}
	closedir(dir);
	lock_give_back(&frail.lock);
	return 0;
}

static int frail_fallocate(int fd, off_t offset, off_t n)
{
	if (frail_strikes(FRAIL_RESERVE))
		return ENOSPC;
	return posix_fallocate(fd, offset, n);
}

static int frail_ftruncate(int fd, off_t n)
{
	if (frail_strikes(FRAIL_TRUNCATE)) {
		errno = EIO;
		return -1;
	}
	if (!frail_aside) {
		lock_take(&frail.lock);
		frail_resize(frail_find(fd, false), (size_t)n);
		lock_give_back(&frail.lock);
	}
	return ftruncate(fd, n);
}

static int frail_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	if (frail_strikes(FRAIL_RENAME)) {
		errno = EIO;
		return -1;
	}
	return renameat(from_fd, from, to_fd, to);
}

static int frail_unlinkat(int dir_fd, const char *name, int flags)
{
	if (frail_strikes(FRAIL_UNLINK)) {
		errno = EIO;
		return -1;
	}
	return unlinkat(dir_fd, name, flags);
}

/* From now on `folder` lies on such a disk. */
static void frail_start(char *folder, enum frail_call call, unsigned nth, unsigned times)
{
	static const struct fileio_kernel kernel = {
		.openat = frail_openat,
		.pread = pread,
		.pwrite = frail_pwrite,
		.write = write,
		.fdatasync = frail_fdatasync,
		.fsync = frail_fsync,
		.fallocate = frail_fallocate,
		.ftruncate = frail_ftruncate,
		.renameat = frail_renameat,
		.unlinkat = frail_unlinkat,
	};

	memset(&frail, 0, sizeof(frail));
	lock_init(&frail.lock);
	frail.folder = folder;
	frail.fails = call;
	frail.nth = nth;
	frail.times = times;
	fileio_swap(&kernel);
}

static void frail_stop(void)
{
	fileio_swap(NULL);
	for (size_t i = 0; i < frail.n_files; i++) {
		frail_drop(&frail.file[i]);
		free(frail.file[i].dirty);
		free(frail.file[i].durable);
	}
	free(frail.file);
	free(frail.name);
	lock_fini(&frail.lock);
}

/* What a power cut would leave now, as a folder. */
static char *frail_after_power_cut(void)
{
	char *copy = scratch_folder();

	lock_take(&frail.lock);
	for (size_t i = 0; i < frail.n_names; i++) {
		const struct frail_file *f = &frail.file[frail.name[i].file];
		size_t n = f->n;
		char *path = must_format("%s/%s", copy, frail.name[i].name);

		while (n > 0 && f->durable[n - 1] == 0)
			n--;
		scratch_write(copy, frail.name[i].name, f->durable == NULL ? (const void *)"" : f->durable, n);
		assert_int_equal(truncate(path, (off_t)f->n), 0);
		free(path);
	}
	lock_give_back(&frail.lock);
	return copy;
}

#endif
