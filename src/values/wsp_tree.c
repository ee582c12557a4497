#include "values/wsp_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"

static const char below_root[] = ".quarantine/";

enum {
	FILE_NAME_BYTES = 255 + 1,
	PATH_BYTES = sizeof(below_root) + FOLDER_MAX_BYTES + NAME_MAX_BYTES + FILE_NAME_BYTES + 2,
	MAX_SET_ASIDE = 10000, /* copies of one file */
};

/* "0c/myhost": relative, no empty part, none that starts with a dot. */
static enum rc check_folder(struct text folder, struct why *why)
{
	size_t start = 0;

	if (folder.n == 0 || folder.n >= FOLDER_MAX_BYTES)
		return because(why, RC_REFUSED, "folder of %zu bytes: expected 1 to %d", folder.n,
			       FOLDER_MAX_BYTES - 1);
	for (size_t i = 0; i <= folder.n; i++) {
		if (i < folder.n && (unsigned char)folder.s[i] < 0x20)
			return because(why, RC_REFUSED, "control character in the folder's name");
		if (i < folder.n && folder.s[i] != '/')
			continue;
		if (i == start || folder.s[start] == '.')
			return because(why, RC_REFUSED,
				       "folder \"%.*s\" has an empty part or one that starts with a dot",
				       TEXT_ARG(folder));
		start = i + 1;
	}
	return RC_OK;
}

enum rc tree_check_names(const struct series *s, struct why *why)
{
	enum rc rc = name_check_host(s->host, why);

	if (rc == RC_OK)
		rc = check_folder(s->folder, why);
	if (rc == RC_OK)
		rc = name_check_plugin_or_ds(s->plugin, why);
	if (rc == RC_OK)
		rc = name_check_plugin_or_ds(s->ds, why);
	return rc;
}

void tree_folder_init(struct tree_folder *f, int root_fd, const char *quarantine)
{
	*f = (struct tree_folder){ .root_fd = root_fd, .quarantine = quarantine, .fd = -1 };
}

void tree_folder_fini(struct tree_folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->known = false;
}

static void folder_path(const struct tree_folder *f, const char *above, char out[PATH_BYTES])
{
	snprintf(out, PATH_BYTES, "%s%.*s/%.*s", above, TEXT_ARG(f->folder), TEXT_ARG(f->plugin));
}

static void file_name(struct text ds, char out[FILE_NAME_BYTES])
{
	must(ds.n + sizeof(".wsp") <= FILE_NAME_BYTES);
	memcpy(out, ds.s, ds.n);
	memcpy(out + ds.n, ".wsp", sizeof(".wsp"));
}

static const char *cause(int error)
{
	return error == EXDEV || error == ELOOP ? "a link leads out of the tree, which is not followed"
						: strerror(error);
}

/*
 * What a failed open or make means. Something of another kind in the way, or no permission on what lies below a root
 * that we may write: no retry helps this series, and the others need not wait for it. All else may pass.
 */
static enum rc rc_of(int root_fd, int error)
{
	switch (error) {
	case EISDIR:
	case ENOTDIR:
	case ELOOP:
	case EXDEV:
	case ENXIO:
	case ENAMETOOLONG:
		return RC_REFUSED;
	case EACCES:
	case EPERM:
		return faccessat(root_fd, ".", W_OK | X_OK, 0) == 0 ? RC_REFUSED : RC_DISK;
	default:
		return RC_DISK;
	}
}

static bool is_no_space(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

static enum rc open_folder(struct tree_folder *f, struct why *why)
{
	char path[PATH_BYTES];

	folder_path(f, "", path);
	f->fd = fileio_open_beneath(f->root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (f->fd < 0) {
		int error = errno;

		return because(why, error == ENOENT ? RC_ABSENT : rc_of(f->root_fd, error), "folder %s: %s", path,
			       cause(error));
	}
	f->known = true;
	return RC_OK;
}

enum rc tree_folder_turn(struct tree_folder *f, const struct series *s, bool *bad_name, struct why *why)
{
	enum rc rc;

	*bad_name = false;
	if (f->known && text_equal(f->plugin, s->plugin) && text_equal(f->folder, s->folder) &&
	    text_equal(f->host, s->host)) {
		rc = name_check_plugin_or_ds(s->ds, why);
		*bad_name = rc != RC_OK;
		return rc;
	}
	tree_folder_fini(f);
	rc = tree_check_names(s, why);
	*bad_name = rc != RC_OK;
	if (rc != RC_OK)
		return rc;
	f->host = s->host;
	f->folder = s->folder;
	f->plugin = s->plugin;
	return open_folder(f, why);
}

static enum rc make_folders(int root_fd, const char *path, struct why *why)
{
	enum rc rc;

	errno = 0;
	rc = fileio_make_dirs(root_fd, path, why);
	return rc == RC_DISK ? rc_of(root_fd, errno) : rc; /* it only closes and frees after the call that failed */
}

enum rc tree_folder_make(struct tree_folder *f, struct why *why)
{
	char path[PATH_BYTES];
	enum rc rc;

	folder_path(f, "", path);
	rc = make_folders(f->root_fd, path, why);
	f->no_space = f->no_space || (rc == RC_DISK && is_no_space(errno));
	return rc == RC_OK ? open_folder(f, why) : rc;
}

enum { OPEN_FLAGS = O_NONBLOCK | O_NOCTTY | O_NOATIME };

/* Reading leaves the time of access alone, which would be written too; only a file of another owner's forbids that. */
static int open_file(int dir_fd, const char *path, int flags)
{
	int fd = fileio_open_beneath(dir_fd, path, flags | OPEN_FLAGS, 0);

	if (fd < 0 && errno == EPERM)
		fd = fileio_open_beneath(dir_fd, path, (flags | OPEN_FLAGS) & ~O_NOATIME, 0);
	return fd;
}

enum rc tree_open_file(struct tree_folder *f, struct text ds, int *fd, struct why *why)
{
	char name[FILE_NAME_BYTES];

	file_name(ds, name);
	*fd = fileio_open_in(f->fd, name, O_RDWR | OPEN_FLAGS, 0);
	if (*fd < 0 && (errno == ELOOP || errno == EPERM))
		*fd = open_file(f->fd, name, O_RDWR);
	if (*fd < 0) {
		int error = errno;

		return because(why, error == ENOENT ? RC_ABSENT : rc_of(f->root_fd, error), "open %s: %s", name,
			       cause(error));
	}
	return RC_OK;
}

enum rc tree_open(struct tree_folder *f, struct text ds, struct wsp *out, struct why *why)
{
	int fd;
	enum rc rc = tree_open_file(f, ds, &fd, why);

	return rc == RC_OK ? wsp_attach_like(fd, &f->seen, out, why) : rc;
}

enum rc tree_create(struct tree_folder *f, struct text ds, const struct retention *r, enum wsp_allocate allocate,
		    struct wsp *out, struct why *why)
{
	char name[FILE_NAME_BYTES];
	enum rc rc;

	file_name(ds, name);
	errno = 0;
	rc = wsp_create(f->fd, name, r, allocate, out, why);
	f->no_space = rc == RC_DISK && is_no_space(errno);
	if (rc == RC_DISK && faccessat(f->fd, ".", W_OK | X_OK, 0) < 0)
		rc = rc_of(f->root_fd, errno);
	return rc;
}

/* rename that never replaces, also where the file system has no such rename. keep: under both names. */
static int move(int from_fd, const char *from, int to_fd, const char *to, bool keep)
{
	if (keep)
		return linkat(from_fd, from, to_fd, to, 0);
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return -1;
	return unlinkat(from_fd, from, 0);
}

/* Everything from one descriptor to the other. Errors: -1 with errno. */
static int copy(int from, int to)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		char chunk[16384];

		if (n == 0)
			return 0;
		if (n > 0 || errno == EINTR)
			continue;
		if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return -1;
		n = read(from, chunk, sizeof(chunk)); /* both positions are where the last copy ended */
		if (n == 0)
			return 0;
		for (ssize_t done = 0, put; n > 0 && done < n; done += put) {
			put = write(to, chunk + done, (size_t)(n - done));
			if (put < 0 && errno == EINTR)
				put = 0;
			else if (put < 0)
				return -1;
		}
		if (n < 0 && errno != EINTR)
			return -1;
	}
}

/*
 * To another file system: the old file goes, unless it is to be kept, when the new one is safe. Errors: -1 with errno, and
 * nothing is left.
 */
static int move_by_copy(int from_fd, const char *from, int to_fd, const char *to, bool keep)
{
	int source = fileio_open_in(from_fd, from, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0), target, error = 0;
	struct stat st;

	if (source < 0)
		return -1;
	if (fstat(source, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(source);
		errno = EXDEV;
		return -1;
	}
	target = fileio_open_in(to_fd, to, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (target < 0)
		error = errno;
	else if (copy(source, target) < 0 || fsync(target) < 0 || (!keep && unlinkat(from_fd, from, 0) < 0))
		error = errno;
	close(source);
	if (target >= 0)
		close(target);
	if (target >= 0 && error != 0)
		unlinkat(to_fd, to, 0);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* mkdir -p of an absolute path; what exists may lie behind links of the administrator's. */
static enum rc make_root(const char *root, struct why *why)
{
	char *path = must_strdup(root);
	enum rc rc = RC_OK;

	for (char *slash = strchr(path + 1, '/'); rc == RC_OK; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			rc = because(why, RC_DISK, "make folder %s: %s", path, strerror(errno));
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(path);
	return rc;
}

enum rc tree_open_root(const char *path, int *out, struct why *why)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum rc rc;

	if (fd < 0 && errno == ENOENT) {
		rc = make_root(path, why);
		if (rc != RC_OK)
			return rc;
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return because(why, RC_DISK, "open folder %s: %s", path, strerror(errno));
	*out = fd;
	return RC_OK;
}

static enum rc set_aside(const struct tree_folder *f, struct text ds, bool keep, struct why *why)
{
	char path[PATH_BYTES], name[FILE_NAME_BYTES], aside[FILE_NAME_BYTES + 8];
	int n_stem = ds.n > 240 ? 240 : (int)ds.n, root_fd = f->root_fd, fd = -1, moved = -1;
	enum rc rc = RC_OK;

	folder_path(f, f->quarantine == NULL ? below_root : "", path);
	file_name(ds, name);
	if (f->quarantine != NULL)
		rc = tree_open_root(f->quarantine, &root_fd, why);
	if (rc == RC_OK)
		rc = make_folders(root_fd, path, why);
	if (rc != RC_OK)
		goto out;
	fd = fileio_open_beneath(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0) {
		int error = errno;

		rc = because(why, rc_of(root_fd, error), "open folder %s: %s", path, cause(error));
		goto out;
	}
	errno = EEXIST;
	for (unsigned i = 0; moved < 0 && errno == EEXIST && i < MAX_SET_ASIDE; i++) {
		if (i == 0)
			snprintf(aside, sizeof(aside), "%s", name);
		else
			snprintf(aside, sizeof(aside), "%.*s.wsp.%u", n_stem, ds.s, i);
		moved = move(f->fd, name, fd, aside, keep);
		if (moved < 0 && (errno == EXDEV || (keep && (errno == EPERM || errno == EMLINK))))
			moved = move_by_copy(f->fd, name, fd, aside, keep);
	}
	if (moved < 0) {
		int error = errno;

		rc = because(why, rc_of(root_fd, error), "move %s to %s: %s", name, path, strerror(error));
	}
out:
	if (fd >= 0)
		close(fd);
	if (root_fd >= 0 && root_fd != f->root_fd)
		close(root_fd);
	return rc;
}

enum rc tree_quarantine(const struct tree_folder *f, struct text ds, struct why *why)
{
	return set_aside(f, ds, false, why);
}

enum rc tree_quarantine_copy(const struct tree_folder *f, struct text ds, struct why *why)
{
	return set_aside(f, ds, true, why);
}

static bool is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EXDEV || error == ELOOP;
}

enum rc tree_open_for_reading(int root_fd, const struct series *s, struct wsp *out, struct why *why)
{
	char path[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%.*s/%.*s/%.*s.wsp", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	fd = open_file(root_fd, path, O_RDONLY);
	if (fd < 0)
		return because(why, is_gone(errno) ? RC_ABSENT : RC_DISK, "open %s: %s", path, cause(errno));
	return wsp_attach(fd, out, why);
}

/* "load.wsp" → "load"; TEXT_NONE: not the name of a file of ours. */
static struct text ds_of(const char *name)
{
	size_t n = strlen(name);
	struct text ds = { name, n - 4 };

	if (n <= 4 || strcmp(name + n - 4, ".wsp") != 0 || name_check_plugin_or_ds(ds, NULL) != RC_OK)
		return TEXT_NONE;
	return ds;
}

enum rc tree_each(int root_fd, const struct series *s, void (*fn)(void *argument, struct text ds, int64_t written_s),
		  void *argument, struct why *why)
{
	struct series any = *s;
	char path[PATH_BYTES];
	struct dirent *entry;
	struct stat st;
	enum rc rc = RC_OK;
	DIR *folder;
	int fd;

	any.ds = TEXT("any");
	if (tree_check_names(&any, why) != RC_OK)
		return RC_ABSENT;
	snprintf(path, sizeof(path), "%.*s/%.*s", TEXT_ARG(s->folder), TEXT_ARG(s->plugin));
	fd = fileio_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return because(why, is_gone(errno) ? RC_ABSENT : RC_DISK, "open folder %s: %s", path, cause(errno));
	folder = fdopendir(fd);
	must(folder != NULL);
	while (errno = 0, (entry = readdir(folder)) != NULL) {
		struct text ds = ds_of(entry->d_name);

		if (ds.n > 0 && fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			fn(argument, ds, st.st_mtime);
	}
	if (errno != 0)
		rc = because(why, RC_DISK, "read folder %s: %s", path, strerror(errno));
	closedir(folder);
	return rc;
}
