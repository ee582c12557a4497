#include "values/wsp_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "model/name.h"

static const char quarantine[] = ".quarantine/";

enum {
	FILE_NAME_BYTES = 255 + 1,
	PATH_BYTES = sizeof(quarantine) + FOLDER_MAX_BYTES + NAME_MAX_BYTES + FILE_NAME_BYTES + 2,
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

void tree_folder_init(struct tree_folder *f, int root_fd)
{
	*f = (struct tree_folder){ .root_fd = root_fd, .fd = -1 };
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
	snprintf(out, FILE_NAME_BYTES, "%.*s.wsp", TEXT_ARG(ds));
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

enum rc tree_folder_turn(struct tree_folder *f, const struct series *s, struct why *why)
{
	if (f->known && text_equal(f->folder, s->folder) && text_equal(f->plugin, s->plugin))
		return RC_OK;
	tree_folder_fini(f);
	f->folder = s->folder;
	f->plugin = s->plugin;
	return open_folder(f, why);
}

static enum rc make_folders(const struct tree_folder *f, const char *path, struct why *why)
{
	enum rc rc;

	errno = 0;
	rc = fileio_make_dirs(f->root_fd, path, why);
	return rc == RC_DISK ? rc_of(f->root_fd, errno) : rc; /* it only closes and frees after the call that failed */
}

enum rc tree_folder_make(struct tree_folder *f, struct why *why)
{
	char path[PATH_BYTES];
	enum rc rc;

	folder_path(f, "", path);
	rc = make_folders(f, path, why);
	return rc == RC_OK ? open_folder(f, why) : rc;
}

enum rc tree_open(const struct tree_folder *f, struct text ds, struct wsp *out, struct why *why)
{
	char name[FILE_NAME_BYTES];
	int fd;

	file_name(ds, name);
	fd = fileio_open_beneath(f->fd, name, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		int error = errno;

		return because(why, error == ENOENT ? RC_ABSENT : rc_of(f->root_fd, error), "open %s: %s", name,
			       cause(error));
	}
	return wsp_attach(fd, out, why);
}

enum rc tree_create(const struct tree_folder *f, struct text ds, const struct retention *r, enum wsp_allocate allocate,
		    struct wsp *out, struct why *why)
{
	char name[FILE_NAME_BYTES];
	enum rc rc;

	file_name(ds, name);
	rc = wsp_create(f->fd, name, r, allocate, out, why);
	if (rc == RC_DISK && faccessat(f->fd, ".", W_OK | X_OK, 0) < 0)
		rc = rc_of(f->root_fd, errno);
	return rc;
}

/* rename that never replaces, also where the file system has no such rename. */
static int move(int from_fd, const char *from, int to_fd, const char *to)
{
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return -1;
	return unlinkat(from_fd, from, 0);
}

enum rc tree_quarantine(const struct tree_folder *f, struct text ds, struct why *why)
{
	char path[PATH_BYTES], name[FILE_NAME_BYTES], aside[FILE_NAME_BYTES + 8];
	int n_stem = ds.n > 240 ? 240 : (int)ds.n, fd, moved = -1;
	enum rc rc;

	folder_path(f, quarantine, path);
	file_name(ds, name);
	rc = make_folders(f, path, why);
	if (rc != RC_OK)
		return rc;
	fd = fileio_open_beneath(f->root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0) {
		int error = errno;

		return because(why, rc_of(f->root_fd, error), "open folder %s: %s", path, cause(error));
	}
	errno = EEXIST;
	for (unsigned i = 0; moved < 0 && errno == EEXIST && i < MAX_SET_ASIDE; i++) {
		if (i == 0)
			snprintf(aside, sizeof(aside), "%s", name);
		else
			snprintf(aside, sizeof(aside), "%.*s.wsp.%u", n_stem, ds.s, i);
		moved = move(f->fd, name, fd, aside);
	}
	if (moved < 0) {
		int error = errno;

		rc = because(why, rc_of(f->root_fd, error), "move %s to %s: %s", name, path, strerror(error));
	}
	close(fd);
	return rc;
}

enum rc tree_open_for_reading(int root_fd, const struct series *s, struct wsp *out, struct why *why)
{
	char path[PATH_BYTES];
	int fd;

	if (tree_check_names(s, why) != RC_OK)
		return RC_ABSENT;
	snprintf(path, sizeof(path), "%.*s/%.*s/%.*s.wsp", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	fd = fileio_open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return because(why,
			       errno == ENOENT || errno == ENOTDIR || errno == EXDEV || errno == ELOOP ? RC_ABSENT
												       : RC_DISK,
			       "open %s: %s", path, cause(errno));
	return wsp_attach(fd, out, why);
}
