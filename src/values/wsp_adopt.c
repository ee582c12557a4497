#include "values/wsp_adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "model/name.h"
#include "values/wsp_tree.h"

enum { FILE_NAME_BYTES = 255 + 1 };

static atomic_uint n_changes;

uint32_t wsp_adopt_changes(void)
{
	return atomic_load(&n_changes);
}

enum rc wsp_adopt_open(const char *root, int64_t latest_s, struct wsp_adopt *out, struct why *why)
{
	struct wsp_adopt a = { -1, -1, latest_s };
	enum rc rc = tree_open_root(root, &a.root_fd, why);

	if (rc != RC_OK)
		return rc;
	a.staging_fd = fileio_open_in(a.root_fd, WSP_ADOPT_FOLDER, O_RDONLY | O_DIRECTORY, 0);
	if (a.staging_fd < 0) {
		rc = because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s/" WSP_ADOPT_FOLDER ": %s", root,
			     strerror(errno));
		wsp_adopt_close(&a);
		return rc;
	}
	*out = a;
	return RC_OK;
}

void wsp_adopt_close(struct wsp_adopt *a)
{
	if (a->staging_fd >= 0)
		close(a->staging_fd);
	if (a->root_fd >= 0)
		close(a->root_fd);
	a->root_fd = a->staging_fd = -1;
}

static enum rc open_staged(const struct wsp_adopt *a, const char *name, struct wsp *out, struct why *why)
{
	struct stat st;
	int fd;

	if (name_check_plugin_or_ds(text_of(name), why) != RC_OK)
		return RC_REFUSED;
	if (name[0] == '.')
		return because(why, RC_REFUSED, "a name that begins with a dot");
	fd = fileio_open_in(a->staging_fd, name, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return because(why,
			       errno == ENOENT  ? RC_ABSENT
			       : errno == ELOOP ? RC_REFUSED
						: RC_DISK,
			       "%s", errno == ELOOP ? "a link" : strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		close(fd);
		return because(why, RC_REFUSED, "expected a regular file with one name");
	}
	return wsp_attach(fd, out, why);
}

enum rc wsp_adopt_check(const struct wsp_adopt *a, const char *name, uint64_t *n_future, struct why *why)
{
	struct wsp w;
	enum rc rc = open_staged(a, name, &w, why);

	*n_future = 0;
	if (rc != RC_OK)
		return rc;
	rc = wsp_clear_future(&w, a->latest_s, n_future, why);
	wsp_close(&w);
	return rc;
}

enum rc wsp_adopt_sync(const struct wsp_adopt *a, struct why *why)
{
	return fileio_sync_all(a->staging_fd, why);
}

static void file_name(struct text ds, char out[FILE_NAME_BYTES])
{
	snprintf(out, FILE_NAME_BYTES, "%.*s.wsp", TEXT_ARG(ds)); /* at most 251 bytes: checked with the other names */
}

/* The folder of the series, made when absent. */
static enum rc turn(struct tree_folder *f, const struct series *s, struct why *why)
{
	bool bad_name;
	enum rc rc = tree_folder_turn(f, s, &bad_name, why);

	return rc == RC_ABSENT ? tree_folder_make(f, why) : rc;
}

bool wsp_adopt_has(const struct wsp_adopt *a, const struct series *s)
{
	char to[FILE_NAME_BYTES];
	struct tree_folder f;
	struct stat st;
	bool bad_name, has = false;

	tree_folder_init(&f, a->root_fd, NULL);
	if (tree_folder_turn(&f, s, &bad_name, NULL) == RC_OK) {
		file_name(s->ds, to);
		has = fstatat(f.fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0;
	}
	tree_folder_fini(&f);
	return has;
}

static enum rc rename_new(const struct wsp_adopt *a, const char *name, int to_fd, const char *to, struct why *why)
{
	int failed = renameat2(a->staging_fd, name, to_fd, to, RENAME_NOREPLACE);

	if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
		failed = linkat(a->staging_fd, name, to_fd, to, 0);
		if (failed == 0)
			(void)unlinkat(a->staging_fd, name, 0);
	}
	if (failed == 0) {
		atomic_fetch_add(&n_changes, 1);
		return RC_OK;
	}
	return because(why, errno == EEXIST ? RC_END : RC_DISK, "rename to %s: %s", to, strerror(errno));
}

enum rc wsp_adopt_new(const struct wsp_adopt *a, const char *name, const struct series *s, struct why *why)
{
	char to[FILE_NAME_BYTES];
	struct tree_folder f;
	enum rc rc;

	tree_folder_init(&f, a->root_fd, NULL);
	rc = turn(&f, s, why);
	file_name(s->ds, to);
	if (rc == RC_OK)
		rc = rename_new(a, name, f.fd, to, why);
	tree_folder_fini(&f);
	return rc;
}

/* What from knows and into does not; nothing when it was given before: not even what coarse slots could be made of. */
static enum rc fill(struct wsp *into, const struct wsp *from, int64_t latest_s, uint64_t *n_lost, struct why *why)
{
	bool covers;
	enum rc rc = wsp_covers(into, from, latest_s, &covers, why);

	if (rc == RC_OK && !covers)
		rc = wsp_fill(into, from, latest_s, why);
	return rc == RC_OK ? wsp_lost(into, from, latest_s, n_lost, why) : rc;
}

/* The staged file in the stored one's place, with what only that one knows; where it has no room the stored one is kept. */
static enum rc put_over(const struct wsp_adopt *a, const char *name, struct wsp *staged, const struct wsp *stored,
			const struct tree_folder *f, struct text ds, uint64_t *n_lost, struct why *why)
{
	char to[FILE_NAME_BYTES];
	enum rc rc = fill(staged, stored, a->latest_s, n_lost, why);

	file_name(ds, to);
	if (rc == RC_OK && *n_lost > 0)
		rc = tree_quarantine_copy(f, ds, why);
	if (rc == RC_OK)
		rc = fileio_sync(staged->fd, why);
	if (rc == RC_OK && renameat(a->staging_fd, name, f->fd, to) < 0)
		rc = because(why, RC_DISK, "rename to %s: %s", to, strerror(errno));
	return rc;
}

enum rc wsp_adopt_over(const struct wsp_adopt *a, const char *name, const struct series *s, bool replace,
		       const char *quarantine, uint64_t *n_lost, struct why *why)
{
	struct wsp staged = { .fd = -1 }, stored = { .fd = -1 };
	char to[FILE_NAME_BYTES];
	struct tree_folder f;
	enum rc rc;

	*n_lost = 0;
	tree_folder_init(&f, a->root_fd, quarantine);
	rc = turn(&f, s, why);
	file_name(s->ds, to);
	if (rc == RC_OK)
		rc = tree_open(&f, s->ds, &stored, why);
	if (rc == RC_DAMAGED)
		rc = tree_quarantine(&f, s->ds, why) == RC_OK ? RC_ABSENT : RC_DAMAGED;
	if (rc == RC_ABSENT) {
		rc = rename_new(a, name, f.fd, to, why);
		goto out;
	}
	if (rc == RC_OK)
		rc = open_staged(a, name, &staged, why);
	if (rc != RC_OK)
		goto out;
	rc = replace ? put_over(a, name, &staged, &stored, &f, s->ds, n_lost, why)
		     : fill(&stored, &staged, a->latest_s, n_lost, why);
	atomic_fetch_add(&n_changes, 1);
	if (rc == RC_OK && !replace)
		rc = fileio_unlink_at(a->staging_fd, name, why);
out:
	wsp_close(&staged);
	wsp_close(&stored);
	tree_folder_fini(&f);
	return rc;
}
