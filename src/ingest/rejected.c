#include "ingest/rejected.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"

static bool is_day(const char *name)
{
	static const char shape[] = "dddd-dd-dd.jsonl";

	if (strlen(name) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? name[i] < '0' || name[i] > '9' : name[i] != shape[i])
			return false;
	return true;
}

/* Sum of all days; the oldest one's name in oldest ("" when none). */
static uint64_t look(const struct rejected *r, char oldest[32])
{
	int fd = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t total = 0;
	struct dirent *entry;

	oldest[0] = '\0';
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		if (!is_day(entry->d_name) || fstatat(r->dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		total += (uint64_t)st.st_size;
		if (oldest[0] == '\0' || strcmp(entry->d_name, oldest) < 0)
			snprintf(oldest, 32, "%s", entry->d_name);
	}
	closedir(dir);
	return total;
}

enum rc rejected_open(const char *path, uint64_t max_bytes, struct rejected *out, struct why *why)
{
	struct rejected r = { .dir_fd = -1, .fd = -1, .max_bytes = max_bytes };
	char oldest[32];
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (root_fd < 0)
		return because(why, RC_DISK, "open /: %s", strerror(errno));
	if (access(path, F_OK) != 0)
		rc = fileio_make_dirs(root_fd, path + strspn(path, "/"), why);
	close(root_fd);
	if (rc != RC_OK) {
		why_prepend(why, "%s", path);
		return rc;
	}
	r.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.dir_fd < 0)
		return because(why, RC_DISK, "open %s: %s", path, strerror(errno));
	if (faccessat(r.dir_fd, ".", W_OK, AT_EACCESS) != 0) {
		rc = because(why, RC_DISK, "%s: %s", path, strerror(errno));
		close(r.dir_fd);
		return rc;
	}
	r.path = must_strdup(path);
	r.total_bytes = look(&r, oldest);
	*out = r;
	return RC_OK;
}

void rejected_close(struct rejected *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	free(r->path);
	*r = (struct rejected){ .dir_fd = -1, .fd = -1 };
}

/* Take days off, the oldest first, until n more bytes fit. */
static void make_room(struct rejected *r, size_t n)
{
	static struct log_limit dropped;

	while (r->total_bytes > 0 && r->total_bytes + n > r->max_bytes) {
		char oldest[32];

		r->total_bytes = look(r, oldest);
		if (oldest[0] == '\0' || r->total_bytes + n <= r->max_bytes)
			break;
		if (unlinkat(r->dir_fd, oldest, 0) < 0)
			break;
		log_limited(&dropped, LOG_LEVEL_WARNING, "rejected.dropped",
			    "file=%s/%s: rejected_max_bytes is reached", r->path, oldest);
		if (strncmp(oldest, r->day, 10) == 0 && r->fd >= 0) {
			close(r->fd);
			r->fd = -1;
		}
		r->total_bytes = look(r, oldest);
	}
}

/* An administrator may have moved or removed the file that is open. */
static bool is_still_there(const struct rejected *r, const char *name)
{
	struct stat open_one, named;

	return fstat(r->fd, &open_one) == 0 && fstatat(r->dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static enum rc open_day(struct rejected *r, int64_t now_s, struct why *why)
{
	char day[16], name[32];
	time_t t = (time_t)now_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	snprintf(name, sizeof(name), "%s.jsonl", day);
	if (r->fd >= 0 && strcmp(day, r->day) == 0 && is_still_there(r, name))
		return RC_OK;
	if (r->fd >= 0)
		close(r->fd);
	memcpy(r->day, day, sizeof(r->day));
	r->fd = openat(r->dir_fd, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (r->fd < 0)
		return because(why, RC_DISK, "open %s/%s: %s", r->path, name, strerror(errno));
	return fileio_sync(r->dir_fd, why); /* the name, too */
}

enum rc rejected_append(struct rejected *r, struct text lines, int64_t now_s, struct why *why)
{
	struct stat st;
	enum rc rc;

	make_room(r, lines.n);
	rc = open_day(r, now_s, why);
	if (rc != RC_OK)
		return rc;
	if (fstat(r->fd, &st) < 0)
		return because(why, RC_DISK, "stat in %s: %s", r->path, strerror(errno));
	rc = fileio_write(r->fd, lines.s, lines.n, why);
	if (rc == RC_OK)
		rc = fileio_sync(r->fd, why);
	if (rc != RC_OK) {
		why_prepend(why, "%s/%s.jsonl", r->path, r->day);
		if (ftruncate(r->fd, st.st_size) < 0) /* a torn line at the end; the next one begins behind it */
			why_prepend(why, "and it could not be cut back");
		return rc;
	}
	r->total_bytes += lines.n;
	return RC_OK;
}
