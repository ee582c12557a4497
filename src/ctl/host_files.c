#include "ctl/host_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"

static int any(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_kind(int dir_fd, const char *name, mode_t kind)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == kind;
}

/* What one level needs: the folder, and what to do with each name in it. */
struct level {
	const char *plugin; /* NULL: names are those of plugins */
	host_files_fn *fn;
	void *argument;
	struct why *why;
};

static enum rc each(const struct level *l, int dir_fd);

static enum rc take(const struct level *l, int dir_fd, const char *name)
{
	size_t n = strlen(name);
	struct level below = *l;
	enum rc rc;
	int fd;

	if (l->plugin != NULL) {
		if (n <= 4 || strcmp(name + n - 4, ".wsp") != 0 || !is_kind(dir_fd, name, S_IFREG) ||
		    name_check_plugin_or_ds((struct text){ name, n - 4 }, NULL) != RC_OK)
			return RC_OK;
		return l->fn(l->argument, dir_fd, name, text_of(l->plugin), (struct text){ name, n - 4 }, l->why);
	}
	if (!is_kind(dir_fd, name, S_IFDIR) || name_check_plugin_or_ds(text_of(name), NULL) != RC_OK)
		return RC_OK;
	fd = fileio_open_in(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return errno == ENOENT ? RC_OK : because(l->why, RC_DISK, "open folder %s: %s", name, strerror(errno));
	below.plugin = name;
	rc = each(&below, fd);
	close(fd);
	return rc;
}

static enum rc each(const struct level *l, int dir_fd)
{
	struct dirent **entry = NULL;
	int n = scandirat(dir_fd, ".", &entry, any, by_name);
	enum rc rc = RC_OK;

	if (n < 0)
		return because(l->why, RC_DISK, "read folder %s: %s", l->plugin == NULL ? "of the host" : l->plugin,
			       strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == RC_OK)
			rc = take(l, dir_fd, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

enum rc host_files_each(int root_fd, struct text folder, host_files_fn *fn, void *argument, struct why *why)
{
	const struct level top = { NULL, fn, argument, why };
	char *path = must_strndup(folder.s, folder.n);
	int fd = fileio_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	enum rc rc;

	if (fd < 0) {
		rc = because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open folder %s: %s", path, strerror(errno));
	} else {
		rc = each(&top, fd);
		close(fd);
	}
	free(path);
	return rc;
}
