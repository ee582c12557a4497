/* Thread journal's side: groups from memory into files. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fileio.h"
#include "journal/journal_inside.h"

enum { NAMES_LEAST_STEP_BYTES = 64 << 10, NAMES_MOST_STEP_BYTES = 1 << 20 };

static uint32_t take_spare(struct journal *j)
{
	uint32_t spare = 0;

	lock_take(&j->lock);
	if (j->n_spares > 0)
		spare = j->spare[--j->n_spares];
	lock_give_back(&j->lock);
	return spare;
}

/* A file with its name, of a spare's blocks where there is one: overwriting written blocks syncs twice as fast. */
static enum rc open_named(struct journal *j, const char *name, bool segment, int *fd, struct why *why)
{
	uint32_t spare = segment ? take_spare(j) : 0;
	char old[DIRECTORY_NAME_BYTES];

	if (spare != 0) {
		directory_name(old, DIRECTORY_SPARE, spare, false);
		if (fileio_rename_at(j->dir_fd, old, name, why) == RC_OK) {
			*fd = fileio_open_at(j->dir_fd, name, O_RDWR, 0);
			return *fd >= 0 ? RC_OK : because(why, RC_DISK, "open %s: %s", name, strerror(errno));
		}
	}
	*fd = fileio_open_at(j->dir_fd, name, O_RDWR | O_CREAT | O_EXCL, 0640);
	return *fd >= 0 ? RC_OK : because(why, RC_DISK, "make %s: %s", name, strerror(errno));
}

static enum rc make_file(struct journal *j, enum format_kind kind, uint32_t number, struct journal_file *out,
			 struct why *why)
{
	unsigned char page[FORMAT_PAGE_BYTES] = { 0 };
	bool segment = kind == FORMAT_SEGMENT;
	char name[DIRECTORY_NAME_BYTES];
	struct why ignored;
	int fd = -1;
	enum rc rc;

	directory_name(name, segment ? DIRECTORY_SEGMENT : DIRECTORY_NAMES, number, false);
	format_page_put(page, &(struct format_page){ FORMAT_VERSION, kind, number, j->run });
	rc = open_named(j, name, segment, &fd, why);
	if (rc != RC_OK)
		goto out;
	if (segment) {
		rc = fileio_truncate(fd, j->segment_bytes, why);
		if (rc == RC_OK)
			rc = fileio_reserve(fd, j->segment_bytes, why);
	}
	if (rc == RC_OK)
		rc = fileio_pwrite(fd, page, sizeof(page), 0, why);
	if (rc == RC_OK)
		rc = fileio_sync_dir(j->dir_fd, why);
	if (rc != RC_OK) {
		why_prepend(why, "%s", name);
		goto out;
	}
	*out = (struct journal_file){ .fd = fd, .number = number, .end = FORMAT_PAGE_BYTES };
	fd = -1;
out:
	if (fd >= 0) {
		close(fd);
		/* nothing in it: what cannot be removed now is found empty by the next start */
		(void)!fileio_unlink_at(j->dir_fd, name, &ignored);
	}
	return rc;
}

/* The headers of records that will stand from `at` on. */
static size_t stamp(struct journal *j, unsigned char *bytes, size_t n, enum format_kind kind,
		    const struct journal_file *f)
{
	size_t at = 0;

	while (at < n) {
		struct format_record r;

		(void)format_record_get(bytes + at, kind, &r);
		r.number = f->number;
		r.run = j->run;
		r.offset = (uint32_t)(f->end + at);
		r.group = (uint32_t)f->end;
		format_record_put(bytes + at, kind, &r);
		at += format_record_bytes(kind, r.n);
	}
	return at;
}

/*
 * Names have their disk space a stretch ahead, as segments have: a full disk does not stop new series before it stops
 * everything. What lies behind the last record is zero. A failure shows when the space is needed.
 */
static void reserve_names(struct journal_file *f, uint64_t end)
{
	uint64_t step = end < NAMES_MOST_STEP_BYTES ? NAMES_LEAST_STEP_BYTES : NAMES_MOST_STEP_BYTES;
	struct why ignored;

	if (end <= f->reserved)
		return;
	end = (end + step - 1) / step * step;
	if (fileio_reserve(f->fd, end, &ignored) == RC_OK)
		f->reserved = end;
}

static enum rc write_records(struct journal *j, unsigned char *bytes, size_t n, enum format_kind kind,
			     struct journal_file *f, struct why *why)
{
	char name[DIRECTORY_NAME_BYTES];
	enum rc rc;

	n = stamp(j, bytes, n, kind, f);
	if (kind == FORMAT_NAMES)
		reserve_names(f, f->end + n + FORMAT_HEADER_BYTES);
	rc = fileio_pwrite(f->fd, bytes, n, f->end, why);
	if (rc == RC_OK)
		rc = fileio_sync(f->fd, why);
	if (rc == RC_OK) {
		f->end += n;
		f->used = true;
		return RC_OK;
	}
	directory_name(name, kind == FORMAT_SEGMENT ? DIRECTORY_SEGMENT : DIRECTORY_NAMES, f->number, false);
	why_prepend(why, "%s", name);
	return rc;
}

/*
 * Never again into this file: after a failed sync the kernel may have dropped what it could not write and say nothing the
 * next time. What was synced before stays.
 */
static void abandon(struct journal *j, enum directory_kind kind, struct journal_file *f)
{
	char name[DIRECTORY_NAME_BYTES];
	struct why ignored;

	if (f->fd < 0)
		return;
	directory_name(name, kind, f->number, false);
	if (f->used) {
		(void)!fileio_truncate(f->fd, f->end, &ignored);
		(void)!fileio_sync(f->fd, &ignored);
	} else {
		(void)!fileio_unlink_at(j->dir_fd, name, &ignored);
	}
	close(f->fd);
	f->fd = -1;
}

/* Say that nothing is missing, give back what is not used. A failure costs space and a sure end, no point. */
static void finish(struct journal *j, enum format_kind kind, struct journal_file *f)
{
	unsigned char end[FORMAT_HEADER_BYTES] = { 0 };
	struct why ignored;
	uint64_t n_bytes;
	enum rc rc;

	stamp(j, end, sizeof(end), kind, f);
	rc = fileio_pwrite(f->fd, end, sizeof(end), f->end, &ignored);
	if (rc != RC_OK)
		return;
	n_bytes = kind == FORMAT_SEGMENT ? journal_closed_bytes(j, f->end) : f->end + sizeof(end);
	if (n_bytes < j->segment_bytes || kind == FORMAT_NAMES)
		(void)!fileio_truncate(f->fd, n_bytes, &ignored);
	(void)!fileio_sync(f->fd, &ignored);
}

static void close_names(struct journal *j)
{
	if (j->open_names.fd < 0)
		return;
	finish(j, FORMAT_NAMES, &j->open_names);
	close(j->open_names.fd);
	j->open_names.fd = -1;
}

static void close_segment(struct journal *j)
{
	struct journal_file *f = &j->open_segment;
	struct journal_segment *s;

	if (f->fd < 0)
		return;
	if (!f->used) {
		abandon(j, DIRECTORY_SEGMENT, f);
		return;
	}
	lock_take(&j->lock);
	s = journal_find(j, f->number);
	if (s != NULL && !s->going)
		j->closing = f->number;
	lock_give_back(&j->lock);
	/* else it was retired meanwhile, and may be another segment's file by now */
	if (j->closing == f->number)
		finish(j, FORMAT_SEGMENT, f);
	close(f->fd);
	f->fd = -1;
	lock_take(&j->lock);
	j->closing = 0;
	lock_give_back(&j->lock);
}

/* All that is not synced goes to segments that nobody has seen, in the same order. */
static void move(struct journal *j, bool keep)
{
	struct group *const group[] = { j->flying, j->filling };
	uint32_t first = j->first_flying, by = j->current + 1 - first;

	lock_must_hold(&j->lock);
	for (size_t g = 0; g < ARRAY_LEN(group); g++)
		for (size_t i = 0; i < group[g]->n_parts; i++)
			if (!group[g]->part[i].synced)
				group[g]->part[i].segment += by;
	for (size_t i = 0; i < j->n_segments; i++)
		if (j->segment[i].number > first || (j->segment[i].number == first && !keep))
			j->segment[i].number += by;
	j->current += by;
	j->first_flying += by;
	if (keep)
		journal_add_segment(j, j->first_flying, j->run, j->segment_bytes);
}

static void abandon_segment(struct journal *j)
{
	struct journal_file *f = &j->open_segment;
	struct journal_segment *s;
	bool keep = f->fd >= 0 && f->used;

	abandon(j, DIRECTORY_SEGMENT, f);
	lock_take(&j->lock);
	s = keep ? journal_find(j, f->number) : NULL;
	if (s != NULL) {
		j->n_held_bytes -= s->n_bytes - f->end;
		s->n_bytes = f->end;
	}
	move(j, keep);
	lock_give_back(&j->lock);
}

static enum rc write_part(struct journal *j, size_t i, struct why *why)
{
	struct group_part *part = &j->flying->part[i];
	struct journal_file *f = &j->open_segment;
	size_t n = group_part_end(j->flying, i) - part->from;
	enum rc rc;

	if (f->number != part->segment)
		close_segment(j);
	if (f->fd < 0) {
		rc = make_file(j, FORMAT_SEGMENT, part->segment, f, why);
		if (rc != RC_OK)
			return rc;
	}
	must(f->end + n + FORMAT_HEADER_BYTES <= j->segment_bytes);
	return write_records(j, j->flying->points.at + part->from, n, FORMAT_SEGMENT, f, why);
}

/* What is left to do of the group starts in this segment. */
static void set_first_flying(struct journal *j, uint32_t segment)
{
	lock_take(&j->lock);
	j->first_flying = segment;
	lock_give_back(&j->lock);
}

static enum rc write_names(struct journal *j, struct why *why)
{
	struct group_bytes *names = &j->flying->names;
	struct journal_names *known;
	uint32_t number;
	enum rc rc;

	if (names->n == 0)
		return RC_OK;
	if (j->open_names.end > JOURNAL_MAX_NAMES_BYTES)
		close_names(j);
	if (j->open_names.fd < 0) {
		lock_take(&j->lock);
		number = ++j->highest_names;
		lock_give_back(&j->lock);
		rc = make_file(j, FORMAT_NAMES, number, &j->open_names, why);
		if (rc != RC_OK)
			return rc;
	}
	rc = write_records(j, names->at, names->n, FORMAT_NAMES, &j->open_names, why);
	if (rc != RC_OK) {
		abandon(j, DIRECTORY_NAMES, &j->open_names);
		return rc;
	}
	lock_take(&j->lock);
	known = j->n_names > 0 ? &j->names[j->n_names - 1] : NULL;
	if (known == NULL || known->number != j->open_names.number)
		journal_add_names(j, j->open_names.number, j->run);
	lock_give_back(&j->lock);
	names->n = 0;
	names->open_record = GROUP_NONE;
	return RC_OK;
}

enum rc writer_write(struct journal *j, struct why *why)
{
	struct group *g = j->flying;
	enum rc rc = write_names(j, why);

	for (size_t i = 0; rc == RC_OK && i < g->n_parts; i++) {
		if (g->part[i].synced || group_part_end(g, i) == g->part[i].from)
			continue;
		set_first_flying(j, g->part[i].segment);
		rc = write_part(j, i, why);
		if (rc == RC_OK)
			g->part[i].synced = true;
		else
			abandon_segment(j);
	}
	return rc;
}

enum rc writer_start(struct journal *j, struct why *why)
{
	uint32_t number;
	enum rc rc;

	lock_take(&j->lock);
	number = j->current;
	lock_give_back(&j->lock);
	rc = make_file(j, FORMAT_SEGMENT, number, &j->open_segment, why);
	if (rc == RC_OK)
		return rc;
	/* its file may be there still: never this number again */
	lock_take(&j->lock);
	j->current++;
	lock_give_back(&j->lock);
	return rc;
}

void writer_stop(struct journal *j)
{
	close_segment(j);
	close_names(j);
}
