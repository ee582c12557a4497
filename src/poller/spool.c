#include "poller/spool_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"

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
	char name[SPOOL_NAME_BYTES], header[SPOOL_HEADER_BYTES];
	uint64_t start = s->disk_end; /* only this thread moves it */
	enum rc rc;

	spool_segment_name(start, name);
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
	spool_add_segment(s, start, 0);
	lock_give_back(&s->lock);
	return RC_OK;
}

/* The longest run of whole records at the front of t that keeps within n bytes; one record in any case. */
size_t spool_whole_records(struct text t, uint64_t n)
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
	n = spool_whole_records(buf_text(&s->memory), s->segment_bytes - used);
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
	char name[SPOOL_NAME_BYTES];
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
	    spool_read_segment(s, &oldest, from, (size_t)(oldest.start + oldest.n_bytes - from), &unsent, NULL) ==
		    RC_OK)
		n = count_records(buf_text(&unsent));
	buf_fini(&unsent);
	spool_segment_name(oldest.start, name);
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
