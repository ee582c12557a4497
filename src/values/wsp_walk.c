#include "values/wsp_walk.h"

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
#include "wsp/draft.h"

enum { MOST_DEPTH = 64 };

struct walk {
	bool leftovers; /* look for these, not for files of series */
	wsp_walk_fn *fn;
	void *argument;
	struct why *why;
};

/* The names in a folder, sorted. */
struct listing {
	char **name;
	size_t n, capacity;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_fini(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
}

static bool is_wsp(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".wsp") == 0;
}

/* A data source may be named like one, its file still ends as every other. */
static bool is_leftover(const char *name)
{
	return strncmp(name, WSP_TEMPORARY_PREFIX, sizeof(WSP_TEMPORARY_PREFIX) - 1) == 0 && !is_wsp(name);
}

/* Plugins and data sources may begin with a dot, folders of hosts do not: those at the root are not for series. */
static bool is_passed_over(const char *path, const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (path[0] == '\0' && name[0] == '.');
}

static bool has_dotted_part(struct text folder)
{
	for (size_t i = 0; i < folder.n; i++)
		if (folder.s[i] == '.' && (i == 0 || folder.s[i - 1] == '/'))
			return true;
	return false;
}

static enum rc list(int fd, const char *path, struct listing *out, struct why *why)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct dirent *entry;
	enum rc rc = RC_OK;
	DIR *folder;

	*out = (struct listing){ 0 };
	folder = own < 0 ? NULL : fdopendir(own);
	if (folder == NULL) {
		rc = because(why, RC_DISK, "read folder %s: %s", path, strerror(errno));
		if (own >= 0)
			close(own);
		return rc;
	}
	while (errno = 0, (entry = readdir(folder)) != NULL) {
		if (is_passed_over(path, entry->d_name))
			continue;
		array_grow(&out->name, &out->capacity, out->n, sizeof(*out->name));
		out->name[out->n++] = must_strdup(entry->d_name);
	}
	if (errno != 0)
		rc = because(why, RC_DISK, "read folder %s: %s", path, strerror(errno));
	closedir(folder);
	if (out->n > 0)
		qsort(out->name, out->n, sizeof(*out->name), by_name);
	return rc;
}

/* path: of the folder that holds the file, relative to the root. */
static enum rc found(const struct walk *w, int dir_fd, const char *path, const char *name)
{
	const char *plugin = strrchr(path, '/');
	struct wsp_found f = { .dir_fd = dir_fd, .name = name };

	if (plugin == NULL)
		return RC_OK;
	f.folder = (struct text){ path, (size_t)(plugin - path) };
	f.plugin = text_of(plugin + 1);
	if (has_dotted_part(f.folder))
		return RC_OK;
	if (w->leftovers)
		return is_leftover(name) ? w->fn(w->argument, &f, w->why) : RC_OK;
	if (!is_wsp(name))
		return RC_OK;
	f.ds = (struct text){ name, strlen(name) - 4 };
	if (name_check_plugin_or_ds(f.plugin, NULL) != RC_OK || name_check_plugin_or_ds(f.ds, NULL) != RC_OK)
		return RC_OK;
	return w->fn(w->argument, &f, w->why);
}

static enum rc walk_folder(const struct walk *w, int fd, const char *path, unsigned depth)
{
	struct listing l;
	enum rc rc = list(fd, path, &l, w->why);

	for (size_t i = 0; rc == RC_OK && i < l.n; i++) {
		struct stat st;
		char *below;
		int sub;

		if (fstatat(fd, l.name[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone meanwhile */
		if (S_ISREG(st.st_mode))
			rc = found(w, fd, path, l.name[i]);
		if (!S_ISDIR(st.st_mode) || depth == MOST_DEPTH)
			continue;
		sub = openat(fd, l.name[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		below = path[0] == '\0' ? must_strdup(l.name[i]) : must_format("%s/%s", path, l.name[i]);
		rc = sub < 0 ? because(w->why, RC_DISK, "open folder %s: %s", below, strerror(errno))
			     : walk_folder(w, sub, below, depth + 1);
		if (sub >= 0)
			close(sub);
		free(below);
	}
	listing_fini(&l);
	return rc;
}

static enum rc walk(int root_fd, struct text folder, bool leftovers, wsp_walk_fn *fn, void *argument, struct why *why)
{
	struct walk w = { leftovers, fn, argument, why };
	char *path = folder.s == NULL ? must_strdup("") : must_strndup(folder.s, folder.n);
	int fd = fileio_open_beneath(root_fd, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY, 0);
	enum rc rc;

	if (fd < 0)
		rc = because(why, errno == ENOENT || errno == ENOTDIR ? RC_ABSENT : RC_DISK, "open folder %s: %s", path,
			     strerror(errno));
	else
		rc = walk_folder(&w, fd, path, 0);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc == RC_END ? RC_OK : rc;
}

enum rc wsp_walk(int root_fd, struct text folder, wsp_walk_fn *fn, void *argument, struct why *why)
{
	return walk(root_fd, folder, false, fn, argument, why);
}

enum rc wsp_walk_leftovers(int root_fd, struct text folder, wsp_walk_fn *fn, void *argument, struct why *why)
{
	return walk(root_fd, folder, true, fn, argument, why);
}
