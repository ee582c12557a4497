/* Which files there are, without looking into them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"
#include "values/wsp_tree.h"

enum { PATH_BYTES = FOLDER_MAX_BYTES + 2 * NAME_MAX_BYTES + 8, MOST_DEEP = 16 };

static bool is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EXDEV || error == ELOOP;
}

enum rc tree_has(int root_fd, const struct series *s, struct why *why)
{
	char path[PATH_BYTES];
	int fd;

	if (tree_check_names(s, why) != RC_OK)
		return RC_ABSENT;
	snprintf(path, sizeof(path), "%.*s/%.*s/%.*s.wsp", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	fd = fileio_open_beneath(root_fd, path, O_PATH, 0);
	if (fd < 0)
		return because(why, is_gone(errno) ? RC_ABSENT : RC_DISK, "look for %s: %s", path, strerror(errno));
	close(fd);
	return RC_OK;
}

static bool is_file_of_ours(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".wsp") == 0 &&
	       (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN);
}

/* The folders that are open, from the outermost. */
struct walk {
	DIR *open[MOST_DEEP];
	size_t n;
};

/* Into a folder of the innermost one; what is gone meanwhile, or a link, is passed over. False: errno says why. */
static bool enter(struct walk *w, int dir_fd, const char *name)
{
	int fd = fileio_open_in(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return is_gone(errno);
	w->open[w->n] = fdopendir(fd);
	must(w->open[w->n] != NULL);
	w->n++;
	return true;
}

/* False: errno says why, 0 that it was enough. */
static bool walk_on(struct walk *w, const atomic_bool *enough, uint64_t *n)
{
	while (w->n > 0) {
		DIR *innermost = w->open[w->n - 1];
		struct dirent *entry;

		errno = 0;
		if (enough != NULL && atomic_load_explicit(enough, memory_order_relaxed))
			return false;
		entry = readdir(innermost);
		if (entry == NULL && errno != 0)
			return false;
		if (entry == NULL) {
			closedir(innermost);
			w->n--;
		} else if (entry->d_name[0] != '.' && is_file_of_ours(entry)) {
			(*n)++;
		} else if (entry->d_name[0] != '.' && w->n < MOST_DEEP &&
			   (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)) {
			if (!enter(w, dirfd(innermost), entry->d_name))
				return false;
		}
	}
	return true;
}

enum rc tree_count(int root_fd, struct text folder, const atomic_bool *enough, uint64_t *n, struct why *why)
{
	char path[FOLDER_MAX_BYTES + 1] = ".";
	struct walk w = { .n = 0 };
	uint64_t found = 0;
	enum rc rc = RC_OK;
	int fd;

	if (folder.s != NULL)
		snprintf(path, sizeof(path), "%.*s", TEXT_ARG(folder));
	fd = fileio_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && is_gone(errno)) {
		*n = 0;
		return RC_OK;
	}
	if (fd < 0)
		return because(why, RC_DISK, "open folder %s: %s", path, strerror(errno));
	w.open[w.n++] = fdopendir(fd);
	must(w.open[0] != NULL);
	if (walk_on(&w, enough, &found))
		*n = found;
	else if (errno == 0)
		rc = because(why, RC_END, "ended");
	else
		rc = because(why, RC_DISK, "count the files in %s: %s", path, strerror(errno));
	while (w.n > 0)
		closedir(w.open[--w.n]);
	return rc;
}
