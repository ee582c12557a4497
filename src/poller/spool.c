#include "poller/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

enum { SEGMENT_LEAST_BYTES = 64 * 1024, SEGMENT_MOST_BYTES = 4 << 20, SEGMENTS_AT_LEAST = 16, NAME_BYTES = 32 };
enum { LOOK_BYTES = 256 * 1024 };
static const uint64_t OFFSET_MAX = UINT64_MAX / 4; /* that a file's name is believed */

/* One file of records: those from `start` on, n_bytes of them behind the header. */
struct segment {
	uint64_t start, n_bytes;
};

struct spool {
	/* fixed after open */
	uint64_t max_bytes, segment_bytes;
	int dir_fd, lock_fd, cursor_fd;
	/* under lock */
	struct lock lock;
	struct signal signal;
	struct segment *segment; /* oldest first */
	size_t n_segments, capacity;
	uint64_t cursor;    /* all before it is done */
	uint64_t disk_end;  /* all before it is in segments */
	struct buf memory;  /* what follows disk_end */
	size_t n_committed; /* of memory: may be read */
	uint64_t n_dropped, n_damaged;
	bool last_is_broken; /* the last segment's file is not what was written: nothing more goes there */
	bool woken;
	/* the adding thread only */
	int fd;         /* of the last segment, -1: the next record begins a new one */
	struct buf one; /* the record being added */
	/* while opening only */
	uint64_t foreign_end; /* offsets before it may be those of files left alone */
};

static void segment_name(uint64_t start, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%016" PRIx64 ".seg", start);
}

/* Opening */

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
	char again[NAME_BYTES], *end;

	*start = strtoull(name, &end, 16);
	segment_name(*start, again);
	return strcmp(name, again) == 0;
}

static void add_segment(struct spool *s, uint64_t start, uint64_t n_bytes)
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
		add_segment(s, start, (uint64_t)stat.st_size - SPOOL_HEADER_BYTES);
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

static enum rc read_segment(struct spool *s, const struct segment *g, uint64_t from, size_t n, struct buf *out,
			    struct why *why)
{
	char name[NAME_BYTES], *room;
	size_t got = 0;
	enum rc rc;
	int fd;

	segment_name(g->start, name);
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
	rc = read_segment(s, g, g->start, g->n_bytes, &all, why);
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
	char name[NAME_BYTES];
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
	segment_name(last->start, name);
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

/* Adding */

void spool_add(struct spool *s, const struct parcel *p)
{
	struct parcel with_id = *p;

	must(getrandom(with_id.id, sizeof(with_id.id), 0) == (ssize_t)sizeof(with_id.id));
	buf_clear(&s->one);
	spool_put_record(&s->one, &with_id);
	lock_take(&s->lock);
	if (s->one.n == 0 || s->one.n > s->max_bytes)
		s->n_dropped++;
	else
		buf_add_text(&s->memory, buf_text(&s->one));
	lock_give_back(&s->lock);
}

/* Take so many bytes off the front of memory: they are on the disk, sent or given up. */
static void forget_memory(struct spool *s, size_t n)
{
	lock_must_hold(&s->lock);
	memmove(s->memory.at, s->memory.at + n, s->memory.n - n);
	s->memory.n -= n;
	s->n_committed -= n < s->n_committed ? n : s->n_committed;
	s->disk_end += n;
}

/* What was sent from memory needs no disk; the place in the last segment is not the next one any more then. */
static bool forget_sent(struct spool *s)
{
	bool any = false;

	lock_take(&s->lock);
	if (s->cursor > s->disk_end && s->memory.n > 0) {
		forget_memory(s, (size_t)(s->cursor - s->disk_end));
		any = true;
	}
	lock_give_back(&s->lock);
	return any;
}

static void close_segment(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* A new file, or one that never got beyond its header; -1 with errno. */
static int make_file(struct spool *s, const char *name)
{
	int fd = fileio_open_at(s->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0640);
	struct stat stat;

	if (fd >= 0 || errno != EEXIST)
		return fd;
	fd = fileio_open_at(s->dir_fd, name, O_WRONLY | O_NONBLOCK, 0);
	if (fd < 0 || (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size <= SPOOL_HEADER_BYTES))
		return fd;
	close(fd);
	errno = EEXIST;
	return -1;
}

static enum rc begin_segment(struct spool *s, struct why *why)
{
	char name[NAME_BYTES], header[SPOOL_HEADER_BYTES];
	uint64_t start = s->disk_end; /* only this thread moves it */
	enum rc rc;

	segment_name(start, name);
	s->fd = make_file(s, name);
	if (s->fd < 0)
		return because(why, RC_DISK, "open %s: %s", name, strerror(errno));
	spool_put_header(header, start);
	rc = fileio_pwrite(s->fd, header, sizeof(header), 0, why);
	if (rc == RC_OK)
		rc = fileio_sync_dir(s->dir_fd, why);
	if (rc != RC_OK) {
		close_segment(s);
		(void)!fileio_unlink_at(s->dir_fd, name, NULL);
		return rc;
	}
	lock_take(&s->lock);
	add_segment(s, start, 0);
	lock_give_back(&s->lock);
	return RC_OK;
}

/* The longest run of whole records at the front of t that keeps within n bytes; one record in any case. */
static size_t whole_records(struct text t, uint64_t n)
{
	struct text rest = t;
	struct parcel ignored;
	size_t taken = 0;

	while (spool_take_record(&rest, &ignored) == RC_OK) {
		if (taken > 0 && t.n - rest.n > n)
			break;
		taken = t.n - rest.n;
	}
	return taken;
}

/* Write the front of memory into the last segment and sync it. */
static enum rc write_some(struct spool *s, struct why *why)
{
	const struct segment *last;
	enum rc rc = RC_OK;
	uint64_t used;
	bool broken;
	size_t n;

	lock_take(&s->lock);
	broken = s->last_is_broken;
	s->last_is_broken = false;
	lock_give_back(&s->lock);
	if (s->fd >= 0 && (broken || s->segment[s->n_segments - 1].n_bytes >= s->segment_bytes))
		close_segment(s);
	if (s->fd < 0)
		rc = begin_segment(s, why);
	if (rc != RC_OK)
		return rc;
	last = &s->segment[s->n_segments - 1];
	used = last->n_bytes;
	n = whole_records(buf_text(&s->memory), s->segment_bytes - used);
	must(n > 0);
	rc = fileio_pwrite(s->fd, s->memory.at, n, SPOOL_HEADER_BYTES + used, why);
	if (rc == RC_OK)
		rc = fileio_sync(s->fd, why);
	if (rc != RC_OK)
		return rc;
	lock_take(&s->lock);
	s->segment[s->n_segments - 1].n_bytes += n;
	forget_memory(s, n);
	lock_give_back(&s->lock);
	return RC_OK;
}

static uint64_t count_records(struct text rest)
{
	struct parcel ignored;
	uint64_t n = 0;

	while (rest.n > 0) {
		size_t skip = 0;

		if (spool_take_record(&rest, &ignored) == RC_OK)
			n++;
		else
			skip = spool_find_record(rest);
		rest = (struct text){ rest.s + skip, rest.n - skip };
	}
	return n;
}

/* The oldest segment goes; what of it was not sent is counted. */
static void drop_oldest(struct spool *s)
{
	struct segment oldest;
	char name[NAME_BYTES];
	uint64_t from, n = 0;
	struct buf unsent;

	if (s->n_segments == 1)
		close_segment(s);
	lock_take(&s->lock);
	oldest = s->segment[0];
	memmove(s->segment, s->segment + 1, --s->n_segments * sizeof(*s->segment));
	from = s->cursor > oldest.start ? s->cursor : oldest.start;
	if (s->cursor < oldest.start + oldest.n_bytes)
		s->cursor = oldest.start + oldest.n_bytes;
	lock_give_back(&s->lock);
	buf_init(&unsent, SIZE_MAX);
	if (from < oldest.start + oldest.n_bytes &&
	    read_segment(s, &oldest, from, (size_t)(oldest.start + oldest.n_bytes - from), &unsent, NULL) == RC_OK)
		n = count_records(buf_text(&unsent));
	buf_fini(&unsent);
	segment_name(oldest.start, name);
	(void)!fileio_unlink_at(s->dir_fd, name, NULL);
	lock_take(&s->lock);
	s->n_dropped += n;
	lock_give_back(&s->lock);
}

static bool oldest_is_done(struct spool *s)
{
	bool done;

	lock_take(&s->lock);
	done = s->n_segments > 0 && s->segment[0].start + s->segment[0].n_bytes <= s->cursor &&
	       (s->n_segments > 1 || s->segment[0].n_bytes >= s->segment_bytes);
	lock_give_back(&s->lock);
	return done;
}

static void make_room(struct spool *s)
{
	while (oldest_is_done(s))
		drop_oldest(s);
	for (;;) {
		uint64_t total = s->memory.n;

		for (size_t i = 0; i < s->n_segments; i++)
			total += s->segment[i].n_bytes + SPOOL_HEADER_BYTES;
		if (total + SPOOL_HEADER_BYTES <= s->max_bytes || s->n_segments == 0)
			return;
		drop_oldest(s);
	}
}

/* The disk takes nothing: the oldest in memory go when they are too many. */
static void bound_memory(struct spool *s)
{
	struct text rest;
	struct parcel ignored;

	lock_take(&s->lock);
	rest = buf_text(&s->memory);
	while (rest.n > SPOOL_MEMORY_MAX_BYTES && spool_take_record(&rest, &ignored) == RC_OK)
		s->n_dropped++;
	if (s->memory.n > rest.n)
		forget_memory(s, s->memory.n - rest.n);
	lock_give_back(&s->lock);
}

enum rc spool_commit(struct spool *s, struct why *why)
{
	enum rc rc = RC_OK;

	if (forget_sent(s))
		close_segment(s);
	make_room(s);
	while (rc == RC_OK && s->memory.n > 0)
		rc = write_some(s, why);
	if (rc != RC_OK && s->memory.n > SPOOL_MEMORY_MAX_BYTES) {
		bound_memory(s);
		close_segment(s); /* what was dropped leaves a hole */
	}
	lock_take(&s->lock);
	s->n_committed = s->memory.n;
	lock_give_back(&s->lock);
	signal_all(&s->signal);
	return rc;
}

/* Reading */

/* Where the cursor stands: in a segment, in memory, or at the end. */
static bool find_cursor(struct spool *s, struct segment *g)
{
	lock_must_hold(&s->lock);
	for (size_t i = 0; i < s->n_segments; i++) {
		*g = s->segment[i];
		if (s->cursor < g->start)
			s->cursor = g->start; /* what lay between is dropped */
		if (s->cursor < g->start + g->n_bytes)
			return true;
	}
	if (s->cursor < s->disk_end)
		s->cursor = s->disk_end;
	return false;
}

static size_t take_memory(struct spool *s, size_t max_bytes, struct buf *out)
{
	size_t behind = (size_t)(s->cursor - s->disk_end);
	struct text t = { s->memory.at + behind, 0 };

	lock_must_hold(&s->lock);
	if (behind >= s->n_committed)
		return 0;
	t.n = s->n_committed - behind;
	t.n = whole_records(t, max_bytes);
	buf_add_text(out, t);
	return t.n;
}

/* So many bytes from this place on are nothing that can be read. */
static void pass_over(struct spool *s, uint64_t from, uint64_t n)
{
	lock_must_hold(&s->lock);
	s->n_damaged += n;
	if (s->cursor == from)
		s->cursor += n;
}

/* The file of this segment is gone or ends too early: unless it was dropped meanwhile, what was left of it is lost. */
static void lose_rest(struct spool *s, const struct segment *g, uint64_t from)
{
	lock_take(&s->lock);
	for (size_t i = 0; i < s->n_segments; i++) {
		if (s->segment[i].start != g->start)
			continue;
		pass_over(s, from, g->start + g->n_bytes - from);
		s->last_is_broken = s->last_is_broken || i + 1 == s->n_segments;
	}
	lock_give_back(&s->lock);
}

/*
 * Cut what was read of g out to whole records; what is damaged at its front is passed over. False: nothing whole is in
 * it. is_all: it was asked for up to the segment's end.
 */
static bool keep_whole(struct spool *s, const struct segment *g, struct buf *out, size_t max_bytes, bool is_all,
		       uint64_t from)
{
	size_t n = whole_records(buf_text(out), max_bytes), skip;
	struct text front = buf_text(out);
	struct parcel ignored;

	if (n > 0) {
		out->n = n;
		return true;
	}
	if (!is_all && spool_take_record(&front, &ignored) == RC_END)
		return false; /* a long one: read more */
	skip = spool_find_record(buf_text(out));
	if (skip < out->n) {
		lock_take(&s->lock);
		pass_over(s, from, skip);
		lock_give_back(&s->lock);
	} else if (is_all) {
		lose_rest(s, g, from);
	} /* else a whole one may begin here that goes on behind: read more */
	return false;
}

enum rc spool_read(struct spool *s, size_t max_bytes, struct buf *out, uint64_t *from, struct why *why)
{
	size_t want = max_bytes;

	for (;;) {
		struct segment g = { 0 };
		uint64_t left;
		bool in_segment;
		enum rc rc;

		buf_clear(out);
		lock_take(&s->lock);
		in_segment = find_cursor(s, &g);
		*from = s->cursor;
		if (!in_segment)
			(void)take_memory(s, max_bytes, out);
		lock_give_back(&s->lock);
		if (!in_segment)
			return out->n > 0 ? RC_OK : RC_END;
		left = g.start + g.n_bytes - *from;
		rc = read_segment(s, &g, *from, (size_t)(left < want ? left : want), out, why);
		if (rc == RC_ABSENT) {
			lose_rest(s, &g, *from);
			continue;
		}
		if (rc != RC_OK)
			return rc;
		if (keep_whole(s, &g, out, max_bytes, left <= want, *from))
			return RC_OK;
		want = want < LOOK_BYTES ? LOOK_BYTES : want * 2;
	}
}

void spool_done(struct spool *s, uint64_t up_to)
{
	char bytes[SPOOL_CURSOR_BYTES];
	bool moved;

	lock_take(&s->lock);
	moved = up_to > s->cursor;
	if (moved)
		s->cursor = up_to;
	lock_give_back(&s->lock);
	if (!moved)
		return;
	/* Not synced: an old cursor sends again what was sent, and nobody sees that. */
	spool_put_cursor(bytes, up_to);
	(void)!fileio_pwrite(s->cursor_fd, bytes, sizeof(bytes), 0, NULL);
}

void spool_wait(struct spool *s, struct mono deadline)
{
	bool in_time = true;

	lock_take(&s->lock);
	while (in_time && !s->woken && s->cursor >= s->disk_end + s->n_committed)
		in_time = signal_wait_until(&s->signal, &s->lock, deadline);
	lock_give_back(&s->lock);
}

void spool_wake(struct spool *s)
{
	lock_take(&s->lock);
	s->woken = true;
	lock_give_back(&s->lock);
	signal_all(&s->signal);
}

struct spool_state spool_state(struct spool *s)
{
	struct spool_state state;
	uint64_t committed_end;

	lock_take(&s->lock);
	state = (struct spool_state){ .dropped = s->n_dropped, .damaged_bytes = s->n_damaged };
	for (size_t i = 0; i < s->n_segments; i++) {
		uint64_t from = s->segment[i].start, end = from + s->segment[i].n_bytes;

		if (from < s->cursor)
			from = s->cursor;
		state.waiting_bytes += from < end ? end - from : 0;
	}
	committed_end = s->disk_end + s->n_committed;
	state.memory_bytes = s->memory.n;
	if (s->cursor > s->disk_end)
		state.memory_bytes -= s->cursor - s->disk_end;
	if (s->cursor < committed_end)
		state.waiting_bytes += committed_end - (s->cursor > s->disk_end ? s->cursor : s->disk_end);
	lock_give_back(&s->lock);
	return state;
}
