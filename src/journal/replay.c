/* What earlier runs left, handed out: names first, then points in the order in which they came. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "journal/journal_inside.h"
#include "journal/records.h"

enum { MOST_IDS = 1 << 28 };

/* Which numbers of a run have a name. */
struct named {
	uint32_t run;
	uint64_t *bit;
	size_t n_words;
};

struct replay {
	struct journal *j;
	const struct journal_reader *reader;
	struct journal_replayed *out;
	struct named *named;
	size_t n_named, capacity_named;
	unsigned char *window;
	struct numbered *point; /* FORMAT_MAX_POINTS */
	bool gave_up;
};

static struct named *named_of(struct replay *p, uint32_t run)
{
	for (size_t i = p->n_named; i-- > 0;)
		if (p->named[i].run == run)
			return &p->named[i];
	array_grow((void *)&p->named, &p->capacity_named, p->n_named, sizeof(*p->named));
	p->named[p->n_named] = (struct named){ .run = run };
	return &p->named[p->n_named++];
}

static bool is_named(const struct named *n, uint32_t id)
{
	return id / 64 < n->n_words && (n->bit[id / 64] >> (id % 64) & 1) != 0;
}

/* False: it had a name already, or has a number that is out of question. */
static bool set_named(struct named *n, uint32_t id)
{
	size_t n_words = n->n_words;

	if (id >= MOST_IDS || is_named(n, id))
		return false;
	if (id / 64 >= n_words) {
		while (id / 64 >= n_words)
			n_words = n_words == 0 ? 1024 : n_words * 2;
		n->bit = must_realloc(n->bit, n_words * sizeof(*n->bit));
		memset(n->bit + n->n_words, 0, (n_words - n->n_words) * sizeof(*n->bit));
		n->n_words = n_words;
	}
	n->bit[id / 64] |= 1ULL << (id % 64);
	return true;
}

static void name_record(struct replay *p, const struct format_record *r, const unsigned char *body)
{
	struct named *named = named_of(p, r->run);
	struct series s;
	uint32_t id;
	size_t at = 0;

	while (at < r->n && format_name_get(body, r->n, &at, &id, &s)) {
		if (!set_named(named, id))
			continue;
		p->out->n_names++;
		p->reader->name(p->reader->argument, r->run, id, &s);
	}
}

/* Points whose series has no name are left out. Returns how many those were. */
static size_t point_record(struct replay *p, const struct format_record *r, const unsigned char *body)
{
	const struct named *named = named_of(p, r->run);
	size_t n = 0;

	format_points_get(body, p->point, r->n);
	for (size_t i = 0; i < r->n; i++) {
		p->point[n] = p->point[i];
		n += is_named(named, p->point[i].id);
	}
	if (n > 0)
		p->reader->points(p->reader->argument, r->run, r->number, p->point, n, r->word);
	p->out->n_points += n;
	p->out->n_unnamed += r->n - n;
	return r->n - n;
}

static void note(struct replay *p, const char *name, const struct why *why)
{
	if (p->out->why.text[0] == '\0')
		because(&p->out->why, RC_DAMAGED, "%s: %s", name, why->text);
}

/* What became of one file. */
struct read {
	uint32_t run;     /* of its records, 0 none */
	bool damaged;     /* it is to be kept when it is no longer needed */
	bool end_damaged; /* likewise, when its run went on in another one */
	struct why why;   /* of end_damaged */
};

static enum rc read_file(struct replay *p, enum format_kind kind, uint32_t number, struct read *out, struct why *why)
{
	bool segment = kind == FORMAT_SEGMENT;
	char name[DIRECTORY_NAME_BYTES];
	const unsigned char *body;
	struct format_record r;
	struct records records;
	size_t n_unnamed = 0;
	int fd;
	enum rc rc;

	directory_name(name, segment ? DIRECTORY_SEGMENT : DIRECTORY_NAMES, number, false);
	fd = fileio_open_at(p->j->dir_fd, name, O_RDONLY, 0);
	if (fd < 0)
		return because(why, RC_DISK, "%s/%s: open: %s", p->j->path, name, strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	rc = records_open(&records, fd, kind, number, p->window, why);
	while (rc == RC_OK) {
		if (p->reader->enough != NULL && p->reader->enough(p->reader->argument)) {
			p->gave_up = true;
			break;
		}
		rc = records_next(&records, &r, &body, why);
		if (rc != RC_OK)
			break;
		out->run = r.run;
		if (segment)
			n_unnamed += point_record(p, &r, body);
		else
			name_record(p, &r, body);
	}
	close(fd);
	if (p->gave_up)
		return because(why, RC_END, "the replay was given up");
	if (rc != RC_END) {
		why_prepend(why, "%s/%s", p->j->path, name);
		return rc;
	}
	p->out->n_bytes += records.end;
	p->out->n_damaged_bytes += records.n_damaged_bytes;
	if (records.n_damaged_bytes > 0)
		note(p, name, &records.why);
	if (n_unnamed > 0) {
		because(&records.why, RC_DAMAGED, "%zu points of series without a name", n_unnamed);
		note(p, name, &records.why);
	}
	out->damaged = records.damaged || n_unnamed > 0;
	out->end_damaged = !out->damaged && records_end_damaged(&records);
	out->why = records.why;
	return RC_OK;
}

/*
 * A torn end is what a crash leaves of the last segment of a run. One before it was synced to its end, for the next is
 * begun after that. read[0 .. n): of j->segment.
 */
static void judge_ends(struct replay *p, struct read *read, size_t n)
{
	char name[DIRECTORY_NAME_BYTES];

	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n && read[i].end_damaged && !read[i].damaged; k++)
			read[i].damaged = read[k].run == read[i].run;
		if (!read[i].damaged || !read[i].end_damaged)
			continue;
		directory_name(name, DIRECTORY_SEGMENT, p->j->segment[i].number, false);
		note(p, name, &read[i].why);
	}
}

enum rc journal_replay(struct journal *j, const struct journal_reader *reader, struct journal_replayed *out,
		       struct why *why)
{
	struct replay p = { .j = j, .reader = reader, .out = out };
	struct read *read = must_alloc((j->n_segments + 1) * sizeof(*read)), names;
	enum rc rc = RC_OK;

	*out = (struct journal_replayed){ .n_segments = j->n_segments };
	p.window = must_alloc(RECORDS_WINDOW_BYTES);
	p.point = must_alloc(FORMAT_MAX_POINTS * sizeof(*p.point));
	/* the lists change only here until the thread starts; the lock is for readers of statistics */
	for (size_t i = 0; rc == RC_OK && i < j->n_names; i++) {
		names = (struct read){ .run = j->names[i].run };
		rc = read_file(&p, FORMAT_NAMES, j->names[i].number, &names, why);
		if (rc != RC_OK)
			break;
		out->n_damaged_files += names.damaged;
		lock_take(&j->lock);
		j->names[i].run = names.run;
		j->names[i].damaged = names.damaged;
		lock_give_back(&j->lock);
	}
	for (size_t i = 0; rc == RC_OK && i < j->n_segments; i++)
		rc = read_file(&p, FORMAT_SEGMENT, j->segment[i].number, &read[i], why);
	if (rc == RC_OK) {
		judge_ends(&p, read, j->n_segments);
		lock_take(&j->lock);
		for (size_t i = 0; i < j->n_segments; i++) {
			j->segment[i].run = read[i].run;
			j->segment[i].damaged = read[i].damaged;
			out->n_damaged_files += read[i].damaged;
		}
		j->replayed = true;
		lock_give_back(&j->lock);
	}
	for (size_t i = 0; i < p.n_named; i++)
		free(p.named[i].bit);
	free(p.named);
	free(read);
	free(p.point);
	free(p.window);
	return rc;
}
