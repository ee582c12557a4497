#include "poller/spool_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"

enum { SEGMENT_LEAST_BYTES = 64 * 1024, SEGMENT_MOST_BYTES = 4 << 20, SEGMENTS_AT_LEAST = 16 };
static const uint64_t OFFSET_MAX = UINT64_MAX / 4; /* that a file's name is believed */

void spool_segment_name(uint64_t start, char name[SPOOL_NAME_BYTES])
{
	snprintf(name, SPOOL_NAME_BYTES, "%016" PRIx64 ".seg", start);
}

static enum rc open_folder(const char *path, int *out, struct why *why)
{
	enum rc rc = RC_OK;
	int root, fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = root < 0 ? because(why, RC_DISK, "open /: %s", strerror(errno))
			      : fileio_make_dirs(root, path + strspn(path, "/"), why);
		if (root >= 0)
			close(root);
		fd = rc == RC_OK ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	}
	if (rc == RC_OK && fd < 0)
		rc = because(why, RC_DISK, "open %s: %s", path, strerror(errno));
	if (rc == RC_OK)
		*out = fd;
	return rc;
}

static enum rc take_lock(const char *path, int *fd, struct why *why)
{
	char *name = must_format("%s/lock", path);
	enum rc rc = fileio_lock(name, fd, why);

	free(name);
	return rc;
}

static int by_start(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool parse_name(const char *name, uint64_t *start)
{
	char again[SPOOL_NAME_BYTES], *end;

	*start = strtoull(name, &end, 16);
	spool_segment_name(*start, again);
	return strcmp(name, again) == 0;
}

void spool_add_segment(struct spool *s, uint64_t start, uint64_t n_bytes)
{
	array_grow(&s->segment, &s->capacity, s->n_segments, sizeof(*s->segment));
	s->segment[s->n_segments++] = (struct segment){ start, n_bytes };
}

/* A file that has our names and is not ours, or not any more: it stays as it is, and its offsets are not used again. */
static void leave_alone(struct spool *s, const char *name, uint64_t start, uint64_t n_bytes)
{
	log_line(LOG_LEVEL_WARNING, "spool.left_alone", "file=%s bytes=%llu why=\"its header is no segment's\"", name,
		 (unsigned long long)n_bytes);
	s->n_damaged += n_bytes;
	if (start < OFFSET_MAX && start + n_bytes > s->foreign_end)
		s->foreign_end = start + n_bytes;
}

static enum rc list_file(struct spool *s, const char *name, struct why *why)
{
	char header[SPOOL_HEADER_BYTES];
	uint64_t start, said;
	struct stat stat;
	size_t got = 0;
	enum rc rc;
	int fd;

	if (!parse_name(name, &start))
		return RC_OK;
	fd = fileio_open_at(s->dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return because(why, RC_DISK, "open %s: %s", name, strerror(errno));
	rc = fstat(fd, &stat) < 0 ? because(why, RC_DISK, "%s", strerror(errno))
				  : fileio_pread_some(fd, header, sizeof(header), 0, &got, why);
	if (rc != RC_OK)
		why_prepend(why, "%s", name);
	else if (got == sizeof(header) && spool_get_header(header, &said) && said == start)
		spool_add_segment(s, start, (uint64_t)stat.st_size - SPOOL_HEADER_BYTES);
	else if (stat.st_size <= SPOOL_HEADER_BYTES) /* made in the moment of a crash: it never held anything */
		(void)!fileio_unlink_at(s->dir_fd, name, NULL);
	else
		leave_alone(s, name, start, (uint64_t)stat.st_size - SPOOL_HEADER_BYTES);
	close(fd);
	return rc;
}

static enum rc list_segments(struct spool *s, struct why *why)
{
	int fd = dup(s->dir_fd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	enum rc rc = RC_OK;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return because(why, RC_DISK, "read the folder: %s", strerror(errno));
	}
	while (rc == RC_OK && (entry = readdir(dir)) != NULL)
		rc = list_file(s, entry->d_name, why);
	closedir(dir);
	if (s->n_segments > 0)
		qsort(s->segment, s->n_segments, sizeof(*s->segment), by_start);
	/* a record that a full disk cut short stays behind a segment's last whole one, where the next segment begins */
	for (size_t i = 0; i + 1 < s->n_segments; i++)
		if (s->segment[i].n_bytes > s->segment[i + 1].start - s->segment[i].start)
			s->segment[i].n_bytes = s->segment[i + 1].start - s->segment[i].start;
	return rc;
}

enum rc spool_read_segment(struct spool *s, const struct segment *g, uint64_t from, size_t n, struct buf *out,
			   struct why *why)
{
	char name[SPOOL_NAME_BYTES], *room;
	size_t got = 0;
	enum rc rc;
	int fd;

	spool_segment_name(g->start, name);
	fd = fileio_open_at(s->dir_fd, name, O_RDONLY, 0);
	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", name, strerror(errno));
	room = buf_room(out, n);
	must(room != NULL);
	rc = fileio_pread_some(fd, room, n, SPOOL_HEADER_BYTES + (from - g->start), &got, why);
	out->n += got;
	close(fd);
	return rc;
}

/* Where the last whole record of this segment ends: what lies behind was being written when the process ended. */
static enum rc find_end(struct spool *s, struct segment *g, struct why *why)
{
	struct text rest;
	struct parcel p;
	struct buf all;
	uint64_t end = 0;
	enum rc rc;

	buf_init(&all, SIZE_MAX);
	rc = spool_read_segment(s, g, g->start, g->n_bytes, &all, why);
	rest = buf_text(&all);
	while (rc == RC_OK && rest.n > 0) {
		size_t n;

		if (spool_take_record(&rest, &p) == RC_OK) {
			end = all.n - rest.n;
			continue;
		}
		n = spool_find_record(rest);
		rest = (struct text){ rest.s + n, rest.n - n };
	}
	if (rc == RC_OK)
		g->n_bytes = end;
	buf_fini(&all);
	return rc;
}

static enum rc open_last(struct spool *s, struct why *why)
{
	struct segment *last;
	char name[SPOOL_NAME_BYTES];
	enum rc rc;

	if (s->n_segments == 0)
		return RC_OK;
	last = &s->segment[s->n_segments - 1];
	rc = find_end(s, last, why);
	if (rc != RC_OK)
		return rc;
	s->disk_end = last->start + last->n_bytes;
	if (last->n_bytes >= s->segment_bytes)
		return RC_OK;
	spool_segment_name(last->start, name);
	s->fd = fileio_open_at(s->dir_fd, name, O_WRONLY, 0);
	if (s->fd < 0)
		return because(why, RC_DISK, "open %s: %s", name, strerror(errno));
	return fileio_truncate(s->fd, SPOOL_HEADER_BYTES + last->n_bytes, why);
}

static enum rc open_cursor(struct spool *s, struct why *why)
{
	char bytes[SPOOL_CURSOR_BYTES];
	uint64_t offset;
	size_t got = 0;
	enum rc rc;

	s->cursor_fd = fileio_open_at(s->dir_fd, "cursor", O_RDWR | O_CREAT, 0640);
	if (s->cursor_fd < 0)
		return because(why, RC_DISK, "open cursor: %s", strerror(errno));
	rc = fileio_pread_some(s->cursor_fd, bytes, sizeof(bytes), 0, &got, why);
	if (rc != RC_OK)
		return rc;
	if (got == sizeof(bytes) && spool_get_cursor(bytes, &offset))
		s->cursor = offset;
	if (s->n_segments > 0 && s->cursor < s->segment[0].start)
		s->cursor = s->segment[0].start;
	/* The cursor outlived the records it passed, or a file is in the way: what comes next stands behind it. */
	if (s->cursor > s->disk_end || s->foreign_end > s->disk_end) {
		s->disk_end = s->cursor > s->foreign_end ? s->cursor : s->foreign_end;
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
	}
	return RC_OK;
}

enum rc spool_open(const char *path, uint64_t max_bytes, struct spool **out, struct why *why)
{
	struct spool *s = must_alloc(sizeof(*s));
	enum rc rc;

	*s = (struct spool){ .max_bytes = max_bytes, .dir_fd = -1, .lock_fd = -1, .cursor_fd = -1, .fd = -1 };
	s->segment_bytes = max_bytes / SEGMENTS_AT_LEAST;
	if (s->segment_bytes < SEGMENT_LEAST_BYTES)
		s->segment_bytes = SEGMENT_LEAST_BYTES;
	if (s->segment_bytes > SEGMENT_MOST_BYTES)
		s->segment_bytes = SEGMENT_MOST_BYTES;
	lock_init(&s->lock);
	signal_init(&s->signal);
	buf_init(&s->memory, SIZE_MAX); /* bounded in spool_commit() */
	buf_init(&s->one, SIZE_MAX);
	rc = open_folder(path, &s->dir_fd, why);
	if (rc == RC_OK)
		rc = take_lock(path, &s->lock_fd, why);
	if (rc == RC_OK)
		rc = list_segments(s, why);
	if (rc == RC_OK)
		rc = open_last(s, why);
	if (rc == RC_OK)
		rc = open_cursor(s, why);
	if (rc != RC_OK)
		goto out;
	*out = s;
	s = NULL;
out:
	spool_close(s);
	return rc;
}

void spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < 4; i++) {
		int fd = (const int[]){ s->fd, s->cursor_fd, s->dir_fd, s->lock_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	buf_fini(&s->one);
	buf_fini(&s->memory);
	signal_fini(&s->signal);
	lock_fini(&s->lock);
	free(s->segment);
	free(s);
}
