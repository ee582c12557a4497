#include "ctl/rejected_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"

enum { CHUNK_BYTES = 256 << 10 };

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

enum rc rejected_files_open(const char *path, int64_t since_s, struct rejected_files *out, struct why *why)
{
	time_t before = (time_t)(since_s > 86400 ? since_s - 86400 : 0);
	struct tm tm;

	*out = (struct rejected_files){ .path = path, .dir_fd = -1, .fd = -1, .watch_fd = -1 };
	buf_init(&out->pending, REJECTED_LINE_MAX_BYTES);
	/* as if the day before had been read already */
	if (before > 0 && gmtime_r(&before, &tm) != NULL)
		strftime(out->name, sizeof(out->name), "%Y-%m-%d.jsonl", &tm);
	out->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dir_fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", path, strerror(errno));
	out->watch_fd = inotify_init1(IN_CLOEXEC);
	if (out->watch_fd < 0 || inotify_add_watch(out->watch_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return because(why, RC_DISK, "watch %s: %s", path, strerror(errno));
	return RC_OK;
}

void rejected_files_close(struct rejected_files *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	if (r->watch_fd >= 0)
		close(r->watch_fd);
	buf_fini(&r->pending);
	r->fd = r->dir_fd = r->watch_fd = -1;
}

/* The first day behind that of r->name into next; "" when there is none. Errors: RC_DISK. */
static enum rc find_next(const struct rejected_files *r, char next[32], struct why *why)
{
	int fd = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	next[0] = '\0';
	if (dir == NULL) {
		enum rc rc = because(why, RC_DISK, "read folder %s: %s", r->path, strerror(errno));

		if (fd >= 0)
			close(fd);
		return rc;
	}
	while ((entry = readdir(dir)) != NULL)
		if (is_day(entry->d_name) && strcmp(entry->d_name, r->name) > 0 &&
		    (next[0] == '\0' || strcmp(entry->d_name, next) < 0))
			snprintf(next, 32, "%s", entry->d_name);
	closedir(dir);
	return RC_OK;
}

/* The lines that end in these bytes. */
static enum rc take(struct rejected_files *r, struct text bytes, rejected_line_fn *fn, void *argument)
{
	enum rc rc = RC_OK;

	while (bytes.n > 0 && rc == RC_OK) {
		const char *end = memchr(bytes.s, '\n', bytes.n);
		size_t n = end == NULL ? bytes.n : (size_t)(end - bytes.s);

		if (!r->skipping)
			buf_add(&r->pending, bytes.s, n);
		if (r->pending.full) { /* no line of ours is so long */
			r->skipping = true;
			buf_fini(&r->pending);
			buf_init(&r->pending, REJECTED_LINE_MAX_BYTES);
		}
		if (end == NULL)
			return RC_OK;
		if (!r->skipping)
			rc = fn(argument, buf_text(&r->pending));
		buf_clear(&r->pending);
		r->skipping = false;
		bytes = (struct text){ bytes.s + n + 1, bytes.n - n - 1 };
	}
	return rc;
}

/* What the open file has beyond what was read. */
static enum rc read_on(struct rejected_files *r, rejected_line_fn *fn, void *argument, struct why *why)
{
	struct buf chunk;
	enum rc rc = RC_OK;
	ssize_t n = 1;

	buf_init(&chunk, CHUNK_BYTES);
	while (rc == RC_OK && n > 0) {
		n = read(r->fd, buf_room(&chunk, CHUNK_BYTES), CHUNK_BYTES);
		if (n < 0 && errno != EINTR)
			rc = because(why, RC_DISK, "read %s/%s: %s", r->path, r->name, strerror(errno));
		else if (n > 0)
			rc = take(r, (struct text){ chunk.at, (size_t)n }, fn, argument);
	}
	buf_fini(&chunk);
	return rc;
}

enum rc rejected_files_read(struct rejected_files *r, rejected_line_fn *fn, void *argument, struct why *why)
{
	char next[32];

	for (;;) {
		enum rc rc = r->fd < 0 ? RC_OK : read_on(r, fn, argument, why);

		if (rc == RC_OK)
			rc = find_next(r, next, why);
		if (rc != RC_OK || next[0] == '\0')
			return rc;
		if (r->fd >= 0)
			close(r->fd);
		buf_clear(&r->pending);
		r->skipping = false;
		memcpy(r->name, next, sizeof(r->name));
		r->fd = fileio_open_in(r->dir_fd, r->name, O_RDONLY, 0);
		if (r->fd < 0 && errno != ENOENT) /* gone meanwhile: the oldest day makes room */
			return because(why, RC_DISK, "open %s/%s: %s", r->path, r->name, strerror(errno));
	}
}

enum rc rejected_files_wait(struct rejected_files *r, struct why *why)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	do
		n = read(r->watch_fd, events, sizeof(events));
	while (n < 0 && errno == EINTR);
	return n > 0 ? RC_OK : because(why, RC_DISK, "watch %s: %s", r->path, strerror(errno));
}
