#include "upkeep/disk.h"

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

enum { MOST_DEPTH = 64, CHUNK_BYTES = 64 << 10, LINK_BYTES = 4096 };

static enum rc failed(const char *what, const char *name, struct why *why)
{
	int error = errno;
	enum rc rc = error == ENOENT                         ? RC_ABSENT
		     : error == ELOOP || error == ENOTDIR    ? RC_REFUSED
		     : error == EEXIST || error == ENOTEMPTY ? RC_REFUSED
							     : RC_DISK;

	if (error == ELOOP || error == ENOTDIR)
		return because(why, rc, "%s %s: a link, or no folder, is in the way: not followed", what, name);
	return because(why, rc, "%s %s: %s", what, name, strerror(error));
}

static int open_in(int dir_fd, const char *name)
{
	return fileio_open_in(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

enum rc disk_open(int root_fd, struct text path, bool make, int *out, struct why *why)
{
	char *copy = must_strndup(path.s == NULL ? "" : path.s, path.n), *save = NULL;
	int at = fileio_open_in(root_fd, ".", O_RDONLY | O_DIRECTORY, 0), next;
	enum rc rc = at < 0 ? failed("open", ".", why) : RC_OK;

	for (char *part = strtok_r(copy, "/", &save); part != NULL && rc == RC_OK; part = strtok_r(NULL, "/", &save)) {
		if (part[0] == '.' && (part[1] == '\0' || (part[1] == '.' && part[2] == '\0'))) {
			rc = because(why, RC_REFUSED, "folder \"%.*s\" has a part . or ..", TEXT_ARG(path));
			break;
		}
		if (make && mkdirat(at, part, 0755) < 0 && errno != EEXIST) {
			rc = failed("make folder", part, why);
			break;
		}
		next = open_in(at, part);
		if (next < 0) {
			rc = failed("open folder", part, why);
			break;
		}
		close(at);
		at = next;
	}
	free(copy);
	if (rc == RC_OK)
		*out = at;
	else if (at >= 0)
		close(at);
	return rc;
}

enum rc disk_open_above(int root_fd, struct text path, bool make, int *out, char name[DISK_NAME_BYTES], struct why *why)
{
	size_t slash = path.n;

	while (slash > 0 && path.s[slash - 1] != '/')
		slash--;
	if (path.n == slash || path.n - slash >= DISK_NAME_BYTES)
		return because(why, RC_REFUSED, "\"%.*s\" is no folder's name", TEXT_ARG(path));
	snprintf(name, DISK_NAME_BYTES, "%.*s", (int)(path.n - slash), path.s + slash);
	return disk_open(root_fd, (struct text){ path.s, slash }, make, out, why);
}

static bool has(int dir_fd, const char *name, mode_t type)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

bool disk_has_folder(int dir_fd, const char *name)
{
	return has(dir_fd, name, S_IFDIR);
}

bool disk_has_file(int dir_fd, const char *name)
{
	return has(dir_fd, name, S_IFREG);
}

bool disk_has(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* rename that never replaces, also where the file system has no such rename. */
static int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat st;

	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from_fd, from, to_fd, to);
}

enum rc disk_rename(int from_fd, const char *from, int to_fd, const char *to, struct why *why)
{
	struct stat st;

	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed("look at", from, why);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return because(why, RC_REFUSED, "%s is a link, or neither folder nor file: not touched", from);
	if (rename_new(from_fd, from, to_fd, to) < 0)
		return errno == EXDEV ? because(why, RC_END, "%s: another file system", to) : failed("move", from, why);
	return RC_OK;
}

enum rc disk_move(int from_fd, const char *from, int to_fd, const char *to, struct why *why)
{
	enum rc rc = disk_rename(from_fd, from, to_fd, to, why);

	if (rc == RC_OK)
		rc = fileio_sync_dir(to_fd, why);
	return rc == RC_OK ? fileio_sync_dir(from_fd, why) : rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum rc disk_list(int dir_fd, bool hidden, struct disk_names *out, struct why *why)
{
	int own = open_in(dir_fd, ".");
	struct dirent *entry;
	enum rc rc = RC_OK;
	DIR *folder;

	*out = (struct disk_names){ 0 };
	if (own < 0)
		return failed("read", "a folder", why);
	folder = fdopendir(own);
	must(folder != NULL);
	while (errno = 0, (entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (!hidden && entry->d_name[0] == '.'))
			continue;
		array_grow(&out->name, &out->capacity, out->n, sizeof(*out->name));
		out->name[out->n++] = must_strdup(entry->d_name);
	}
	if (errno != 0)
		rc = failed("read", "a folder", why);
	closedir(folder);
	if (out->n > 0)
		qsort(out->name, out->n, sizeof(*out->name), by_name);
	if (rc != RC_OK)
		disk_names_fini(out);
	return rc;
}

void disk_names_fini(struct disk_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	*l = (struct disk_names){ 0 };
}

static enum rc remove_all(int dir_fd, const char *name, unsigned depth, struct why *why)
{
	struct disk_names below;
	enum rc rc;
	int fd;

	if (!disk_has_folder(dir_fd, name))
		return fileio_unlink_at(dir_fd, name, why);
	if (depth == MOST_DEPTH)
		return because(why, RC_REFUSED, "%s lies over %d folders deep", name, MOST_DEPTH);
	fd = open_in(dir_fd, name);
	if (fd < 0)
		return errno == ENOENT ? RC_OK : failed("open folder", name, why);
	rc = disk_list(fd, true, &below, why);
	for (size_t i = 0; rc == RC_OK && i < below.n; i++)
		rc = remove_all(fd, below.name[i], depth + 1, why);
	disk_names_fini(&below);
	close(fd);
	if (rc == RC_OK && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = failed("remove folder", name, why);
	return rc;
}

enum rc disk_remove(int dir_fd, const char *name, struct why *why)
{
	return remove_all(dir_fd, name, 0, why);
}

static enum rc copy_bytes(int from, int to, struct why *why)
{
	char *chunk = must_alloc(CHUNK_BYTES);
	uint64_t at = 0;
	size_t got;
	enum rc rc;

	do {
		rc = fileio_pread_some(from, chunk, CHUNK_BYTES, at, &got, why);
		if (rc == RC_OK && got > 0)
			rc = fileio_write(to, chunk, got, why);
		at += got;
	} while (rc == RC_OK && got == CHUNK_BYTES);
	free(chunk);
	return rc == RC_OK ? fileio_sync(to, why) : rc;
}

static enum rc copy_file(int from_fd, int to_fd, const char *name, const struct stat *st, const char *as,
			 struct why *why)
{
	int from = fileio_open_in(from_fd, name, O_RDONLY | O_NONBLOCK, 0), to;
	enum rc rc;

	if (from < 0)
		return failed("open", name, why);
	to = fileio_open_in(to_fd, as, O_WRONLY | O_CREAT | O_EXCL, st->st_mode & 0777);
	if (to < 0) {
		rc = failed("make", as, why);
		close(from);
		return rc;
	}
	rc = copy_bytes(from, to, why);
	close(from);
	close(to);
	return rc;
}

static enum rc copy_link(int from_fd, const char *from, int to_fd, const char *to, struct why *why)
{
	char target[LINK_BYTES + 1];
	ssize_t n = readlinkat(from_fd, from, target, LINK_BYTES);

	if (n < 0)
		return failed("read link", from, why);
	target[n] = '\0';
	return symlinkat(target, to_fd, to) < 0 ? failed("make link", to, why) : RC_OK;
}

static enum rc copy_all(int from_fd, const char *from, int to_fd, const char *to, unsigned depth, struct why *why)
{
	struct disk_names below = { 0 };
	int in = -1, out = -1;
	struct stat st;
	enum rc rc;

	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed("look at", from, why);
	if (S_ISREG(st.st_mode))
		return copy_file(from_fd, to_fd, from, &st, to, why);
	if (S_ISLNK(st.st_mode))
		return copy_link(from_fd, from, to_fd, to, why);
	if (!S_ISDIR(st.st_mode))
		return RC_OK;
	if (depth == MOST_DEPTH)
		return because(why, RC_REFUSED, "%s lies over %d folders deep", from, MOST_DEPTH);
	in = open_in(from_fd, from);
	if (in < 0)
		return failed("open folder", from, why);
	if (mkdirat(to_fd, to, 0755) < 0 || (out = open_in(to_fd, to)) < 0)
		rc = failed("make folder", to, why);
	else
		rc = disk_list(in, true, &below, why);
	for (size_t i = 0; rc == RC_OK && i < below.n; i++)
		rc = copy_all(in, below.name[i], out, below.name[i], depth + 1, why);
	if (rc == RC_OK)
		rc = fileio_sync_dir(out, why);
	disk_names_fini(&below);
	close(in);
	if (out >= 0)
		close(out);
	return rc;
}

enum rc disk_copy(int from_fd, const char *from, int to_fd, const char *to, struct why *why)
{
	return copy_all(from_fd, from, to_fd, to, 0, why);
}

static bool are_same_bytes(int a, int b)
{
	char *chunk = must_alloc(2 * (size_t)CHUNK_BYTES);
	size_t n_a = CHUNK_BYTES, n_b;
	bool same = true;

	for (uint64_t at = 0; same && n_a == CHUNK_BYTES; at += n_a)
		same = fileio_pread_some(a, chunk, CHUNK_BYTES, at, &n_a, NULL) == RC_OK &&
		       fileio_pread_some(b, chunk + CHUNK_BYTES, CHUNK_BYTES, at, &n_b, NULL) == RC_OK && n_a == n_b &&
		       memcmp(chunk, chunk + CHUNK_BYTES, n_a) == 0;
	free(chunk);
	return same;
}

static bool are_same_links(int a_fd, int b_fd, const char *name)
{
	char a[LINK_BYTES], b[LINK_BYTES];
	ssize_t n = readlinkat(a_fd, name, a, LINK_BYTES);

	return n >= 0 && readlinkat(b_fd, name, b, LINK_BYTES) == n && memcmp(a, b, (size_t)n) == 0;
}

static bool is_same(int a_fd, int b_fd, const char *name, unsigned depth);

static bool are_same_folders(int a_fd, int b_fd, unsigned depth)
{
	struct disk_names a = { 0 }, b = { 0 };
	bool same = depth < MOST_DEPTH && disk_list(a_fd, true, &a, NULL) == RC_OK &&
		    disk_list(b_fd, true, &b, NULL) == RC_OK && a.n == b.n;

	for (size_t i = 0; same && i < a.n; i++)
		same = strcmp(a.name[i], b.name[i]) == 0 && is_same(a_fd, b_fd, a.name[i], depth + 1);
	disk_names_fini(&a);
	disk_names_fini(&b);
	return same;
}

static bool is_same(int a_fd, int b_fd, const char *name, unsigned depth)
{
	struct stat a, b;
	int in_a, in_b;
	bool same;

	if (fstatat(a_fd, name, &a, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(b_fd, name, &b, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (a.st_mode & S_IFMT) != (b.st_mode & S_IFMT))
		return false;
	if (S_ISLNK(a.st_mode))
		return are_same_links(a_fd, b_fd, name);
	if (!S_ISDIR(a.st_mode) && !S_ISREG(a.st_mode))
		return false;
	in_a = fileio_open_in(a_fd, name, O_RDONLY | O_NONBLOCK, 0);
	in_b = fileio_open_in(b_fd, name, O_RDONLY | O_NONBLOCK, 0);
	same = in_a >= 0 && in_b >= 0 &&
	       (S_ISDIR(a.st_mode) ? are_same_folders(in_a, in_b, depth) : are_same_bytes(in_a, in_b));
	if (in_a >= 0)
		close(in_a);
	if (in_b >= 0)
		close(in_b);
	return same;
}

bool disk_is_same(int a_fd, int b_fd, const char *name)
{
	return is_same(a_fd, b_fd, name, 0);
}

enum rc disk_write(int dir_fd, const char *name, struct text content, struct why *why)
{
	char fresh[DISK_NAME_BYTES];
	enum rc rc;
	int fd;

	snprintf(fresh, sizeof(fresh), ".new-%s", name);
	fd = fileio_open_at(dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return failed("make", name, why);
	rc = fileio_write(fd, content.s, content.n, why);
	if (rc == RC_OK)
		rc = fileio_sync(fd, why);
	close(fd);
	if (rc == RC_OK)
		rc = fileio_rename_at(dir_fd, fresh, name, why);
	return rc == RC_OK ? fileio_sync_dir(dir_fd, why) : rc;
}
