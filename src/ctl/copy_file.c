#include "ctl/copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "values/wsp_verify.h"
#include "wsp/draft.h"

enum { PAUSE_MS = 20, MOST_TRIES = 25, MOST_BYTES = 1 << 30, BLOCK = 4096, COARSE_S = 2 };

bool copy_is_current(const struct stat *from, const struct stat *to)
{
	/* times in whole seconds, it seems: what was written after the copy may have the same one */
	if (from->st_mtim.tv_nsec == 0 && to->st_ctim.tv_sec - from->st_mtim.tv_sec < COARSE_S)
		return false;
	return from->st_size == to->st_size && from->st_mtim.tv_sec == to->st_mtim.tv_sec &&
	       from->st_mtim.tv_nsec == to->st_mtim.tv_nsec;
}

enum rc copy_read(int fd, const struct stat *st, char **out, struct why *why)
{
	char *bytes;
	enum rc rc;

	if (st->st_size > MOST_BYTES)
		return because(why, RC_FULL, "over 1 GiB");
	bytes = must_alloc((size_t)st->st_size + 1);
	rc = fileio_pread(fd, bytes, (size_t)st->st_size, 0, why);
	if (rc == RC_OK)
		*out = bytes;
	else
		free(bytes);
	return rc;
}

/* Blocks of zeros stay holes. */
static enum rc write_sparse(int fd, struct text t, struct why *why)
{
	static const char zeros[BLOCK];
	enum rc rc = RC_OK;

	for (size_t i = 0, n; rc == RC_OK && i < t.n; i += n) {
		n = t.n - i < BLOCK ? t.n - i : BLOCK;
		if (memcmp(t.s + i, zeros, n) != 0)
			rc = fileio_pwrite(fd, t.s + i, n, i, why);
	}
	return rc == RC_OK ? fileio_truncate(fd, t.n, why) : rc;
}

static enum rc dress(int fd, const struct stat *st, struct why *why)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };

	if (geteuid() == 0 && fchown(fd, st->st_uid, st->st_gid) < 0)
		return because(why, RC_DISK, "owner: %s", strerror(errno));
	if (fchmod(fd, st->st_mode & 0777) < 0 || futimens(fd, times) < 0)
		return because(why, RC_DISK, "mode and time: %s", strerror(errno));
	return RC_OK;
}

static enum rc name_it(int dir_fd, const char *temporary, const char *name, bool replace, struct why *why)
{
	int done;

	if (replace)
		return fileio_rename_at(dir_fd, temporary, name, why);
	done = renameat2(dir_fd, temporary, dir_fd, name, RENAME_NOREPLACE);
	if (done < 0 && (errno == EINVAL || errno == ENOSYS)) {
		done = linkat(dir_fd, temporary, dir_fd, name, 0);
		if (done == 0)
			unlinkat(dir_fd, temporary, 0);
	}
	if (done == 0)
		return RC_OK;
	return because(why, errno == EEXIST ? RC_REFUSED : RC_DISK, "name %s: %s", name, strerror(errno));
}

enum rc copy_bytes(struct text bytes, const struct stat *st, int to_dir_fd, const char *name, bool replace,
		   struct why *why)
{
	static unsigned counter;
	char temporary[WSP_TEMPORARY_BYTES];
	enum rc rc;
	int fd;

	snprintf(temporary, sizeof(temporary), WSP_TEMPORARY_PREFIX "%ld-%u", (long)getpid(), counter++);
	unlinkat(to_dir_fd, temporary, 0); /* of a process that had our number once */
	fd = fileio_open_in(to_dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return because(why, RC_DISK, "make %s: %s", temporary, strerror(errno));
	rc = write_sparse(fd, bytes, why);
	if (rc == RC_OK)
		rc = dress(fd, st, why);
	/*
	 * Before the name: a name that outlives a power cut without its bytes would be taken for a good copy by the next
	 * run, as length and time are right. About 1 ms a file (10,000 files of 60 kB: 10 s, else 2 s), paid once by
	 * files that change; a marker and its time of change would cost nothing, but goes wrong with the clock.
	 */
	if (rc == RC_OK)
		rc = fileio_sync(fd, why);
	close(fd);
	if (rc == RC_OK)
		rc = name_it(to_dir_fd, temporary, name, replace, why);
	if (rc != RC_OK)
		unlinkat(to_dir_fd, temporary, 0);
	return rc;
}

/* What the file holds at one moment. */
static enum rc read_settled(int dir_fd, const char *name, struct stat *st, char **out, struct why *why)
{
	for (int i = 0; i < MOST_TRIES; i++) {
		int fd = fileio_open_in(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		char *bytes = NULL;
		struct stat after;
		enum rc rc = RC_OK;
		bool settled;

		if (fd < 0)
			return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open: %s", strerror(errno));
		if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
			rc = because(why, RC_DISK, "not a file that can be read");
		settled = rc == RC_OK && wsp_is_settled(st, NULL);
		if (settled)
			rc = copy_read(fd, st, &bytes, why);
		close(fd);
		settled = settled && rc == RC_OK && fstatat(dir_fd, name, &after, AT_SYMLINK_NOFOLLOW) == 0 &&
			  wsp_is_settled(&after, st);
		if (settled) {
			*out = bytes;
			return RC_OK;
		}
		free(bytes);
		if (rc != RC_OK && rc != RC_DAMAGED) /* damaged: it became shorter meanwhile */
			return rc;
		nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
	}
	return because(why, RC_PEER, "it is written all the time");
}

enum rc copy_file(int from_dir_fd, const char *name, int to_dir_fd, struct why *why)
{
	char *bytes = NULL;
	struct stat st = { .st_size = 0 };
	enum rc rc = read_settled(from_dir_fd, name, &st, &bytes, why);

	if (rc == RC_OK && bytes != NULL)
		rc = copy_bytes((struct text){ bytes, (size_t)st.st_size }, &st, to_dir_fd, name, true, why);
	free(bytes);
	return rc;
}

int copy_open_folder(int fd, struct text path, bool make, uid_t uid, gid_t gid)
{
	char *whole = must_strndup(path.s, path.n);
	int found = fileio_open_beneath(fd, whole, O_RDONLY | O_DIRECTORY, 0);

	for (char *slash = whole; found < 0 && errno == ENOENT && make && slash != NULL;) {
		int above, made;

		slash = strchr(slash + (slash != whole), '/');
		if (slash != NULL)
			*slash = '\0';
		made = mkdirat(fd, whole, 0755);
		if (made < 0 && errno != EEXIST)
			break;
		/* seen through the kernel's eyes: beneath fd */
		above = fileio_open_beneath(fd, whole, O_RDONLY | O_DIRECTORY, 0);
		if (above < 0)
			break;
		if (made == 0 && uid != (uid_t)-1 && fchown(above, uid, gid) < 0) {
			close(above);
			break;
		}
		if (slash == NULL) {
			found = above;
			break;
		}
		close(above);
		*slash = '/';
		errno = ENOENT;
	}
	free(whole);
	return found;
}
