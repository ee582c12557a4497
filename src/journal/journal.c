#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/histogram.h"
#include "base/mem.h"
#include "journal/format.h"
#include "journal/journal_inside.h"

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE = 20 /* first ones */, LAST_NUMBER = UINT32_MAX / 2 };
/* What may be lost of a segment's room where a record is cut in two. */
enum { CUT_BYTES = FORMAT_HEADER_BYTES + FORMAT_POINT_BYTES };

struct journal_segment *journal_find(struct journal *j, uint32_t number)
{
	for (size_t i = j->n_segments; i-- > 0;)
		if (j->segment[i].number == number)
			return &j->segment[i];
	return NULL;
}

struct journal_segment *journal_add_segment(struct journal *j, uint32_t number, uint32_t run, uint64_t n_bytes)
{
	size_t i = j->n_segments;

	array_grow((void *)&j->segment, &j->capacity_segments, j->n_segments, sizeof(*j->segment));
	for (; i > 0 && j->segment[i - 1].number > number; i--)
		j->segment[i] = j->segment[i - 1];
	j->segment[i] = (struct journal_segment){ .number = number, .run = run, .n_bytes = n_bytes };
	j->n_segments++;
	j->n_held_bytes += n_bytes;
	return &j->segment[i];
}

void journal_drop_segment(struct journal *j, uint32_t number)
{
	struct journal_segment *s = journal_find(j, number);

	if (s == NULL)
		return;
	j->n_held_bytes -= s->n_bytes;
	memmove(s, s + 1, (size_t)(j->segment + j->n_segments - (s + 1)) * sizeof(*s));
	j->n_segments--;
}

struct journal_names *journal_add_names(struct journal *j, uint32_t number, uint32_t run)
{
	array_grow((void *)&j->names, &j->capacity_names, j->n_names, sizeof(*j->names));
	j->names[j->n_names] = (struct journal_names){ .number = number, .run = run };
	return &j->names[j->n_names++];
}

uint64_t journal_closed_bytes(const struct journal *j, uint64_t n_used)
{
	uint64_t n = (n_used + FORMAT_HEADER_BYTES + FORMAT_PAGE_BYTES - 1) / FORMAT_PAGE_BYTES * FORMAT_PAGE_BYTES;

	return n < j->segment_bytes / 4 * 3 ? n : j->segment_bytes;
}

/* The run in a file's header; RC_REFUSED: a journal that this program does not know. */
static enum rc read_page(int dir_fd, const char *name, uint32_t *run, struct why *why)
{
	unsigned char page[FORMAT_PAGE_USED_BYTES];
	int fd = fileio_open_at(dir_fd, name, O_RDONLY, 0);
	struct format_page header;
	size_t got = 0;
	enum rc rc;

	*run = 0;
	if (fd < 0)
		return because(why, RC_DISK, "open %s: %s", name, strerror(errno));
	rc = fileio_pread_some(fd, page, sizeof(page), 0, &got, why);
	close(fd);
	if (rc == RC_OK && got == sizeof(page)) {
		rc = format_page_get(page, &header, why);
		if (rc == RC_OK)
			*run = header.run;
		else if (rc == RC_DAMAGED)
			rc = RC_OK;
	}
	if (rc != RC_OK)
		why_prepend(why, "%s", name);
	return rc;
}

static enum rc look_around(struct journal *j, struct why *why)
{
	uint32_t highest[DIRECTORY_N_KINDS], run, number = 0;
	struct directory_file *file = NULL;
	char name[DIRECTORY_NAME_BYTES];
	struct why ignored;
	size_t n = 0;
	enum rc rc = directory_list(j->dir_fd, &file, &n, highest, why);

	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		directory_name(name, file[i].kind, file[i].number, false);
		if (file[i].aside)
			continue;
		if (file[i].kind == DIRECTORY_SPARE) {
			if (j->n_spares < JOURNAL_MAX_SPARES)
				j->spare[j->n_spares++] = file[i].number;
			else
				(void)!fileio_unlink_at(j->dir_fd, name, &ignored);
			continue;
		}
		rc = read_page(j->dir_fd, name, &run, why);
		if (rc != RC_OK)
			break;
		if (run > j->run)
			j->run = run;
		if (file[i].kind == DIRECTORY_NAMES)
			journal_add_names(j, file[i].number, run);
		else
			journal_add_segment(j, file[i].number, 0, file[i].n_bytes);
	}
	free(file);
	if (rc != RC_OK)
		return rc;
	number = highest[DIRECTORY_SEGMENT] > highest[DIRECTORY_SPARE] ? highest[DIRECTORY_SEGMENT]
								       : highest[DIRECTORY_SPARE];
	if (number > LAST_NUMBER || highest[DIRECTORY_NAMES] > LAST_NUMBER || j->run > LAST_NUMBER)
		return because(why, RC_REFUSED, "a file's number is above %d: no number left for a new one",
			       LAST_NUMBER);
	j->current = number + 1;
	/* so the first file of names of this run has the run's number */
	j->run = (j->run > highest[DIRECTORY_NAMES] ? j->run : highest[DIRECTORY_NAMES]) + 1;
	j->highest_names = j->run - 1;
	return RC_OK;
}

enum rc journal_open(const struct journal_options *options, struct journal **out, struct why *why)
{
	struct journal *j = must_alloc(sizeof(*j));
	char *lock_path = must_format("%s/.lock", options->path);
	enum rc rc;

	j->options = *options;
	j->path = must_strdup(options->path);
	j->options.path = j->path;
	j->dir_fd = j->lock_fd = -1;
	j->open_segment.fd = j->open_names.fd = -1;
	j->segment_bytes = options->max_bytes / 64 / FORMAT_PAGE_BYTES * FORMAT_PAGE_BYTES;
	if (j->segment_bytes < JOURNAL_LEAST_SEGMENT_BYTES)
		j->segment_bytes = JOURNAL_LEAST_SEGMENT_BYTES;
	if (j->segment_bytes > JOURNAL_MOST_SEGMENT_BYTES)
		j->segment_bytes = JOURNAL_MOST_SEGMENT_BYTES;
	j->max_bytes = options->max_bytes > 2 * j->segment_bytes ? options->max_bytes : 2 * j->segment_bytes;
	j->n_current = FORMAT_PAGE_BYTES;
	j->first_flying = UINT32_MAX;
	j->filling = must_alloc(sizeof(*j->filling));
	j->flying = must_alloc(sizeof(*j->flying));
	group_init(j->filling);
	group_init(j->flying);
	lock_init(&j->lock);
	signal_init(&j->changed);
	if (mkdir(j->path, 0750) < 0 && errno != EEXIST) {
		rc = because(why, RC_DISK, "make %s: %s", j->path, strerror(errno));
		goto out;
	}
	j->dir_fd = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0) {
		rc = because(why, RC_DISK, "open %s: %s", j->path, strerror(errno));
		goto out;
	}
	rc = fileio_lock(lock_path, &j->lock_fd, why);
	if (rc != RC_OK)
		goto out;
	rc = look_around(j, why);
	if (rc != RC_OK) {
		why_prepend(why, "%s", j->path);
		goto out;
	}
	*out = j;
	j = NULL;
out:
	free(lock_path);
	journal_close(j);
	return rc;
}

static bool wait_for_group(struct journal *j)
{
	struct mono deadline;

	lock_must_hold(&j->lock);
	while (group_empty(j->filling) && !j->stopping)
		signal_wait(&j->changed, &j->lock);
	deadline = mono_after_ms(j->filling->first, j->options.commit_ms);
	while (!j->stopping && j->filling->points.n + j->filling->names.n < j->options.commit_bytes)
		if (!signal_wait_until(&j->changed, &j->lock, deadline))
			break;
	return !group_empty(j->filling);
}

static void swap_groups(struct journal *j)
{
	struct group *g = j->filling;

	lock_must_hold(&j->lock);
	j->filling = j->flying;
	j->flying = g;
	group_clear(j->filling);
	g->position = j->appended;
	j->n_flying_bytes = g->points.n;
	if (g->n_parts > 0)
		j->first_flying = g->part[0].segment;
}

/* Pauses that grow, cut short by a stop. */
static void pause_ms(struct journal *j, int64_t ms)
{
	struct mono deadline = mono_after_ms(mono_now(), ms);

	lock_must_hold(&j->lock);
	while (!j->stopping && signal_wait_until(&j->changed, &j->lock, deadline))
		continue;
}

/* Until attempt() succeeds; false: it could not, and the journal is to end. Opens and ends with the lock held. */
static bool commit(struct journal *j, enum rc (*attempt)(struct journal *j, struct why *why))
{
	int64_t first_ms = j->options.retry_ms == 0 ? FIRST_PAUSE_MS : j->options.retry_ms, ms = first_ms;
	struct why why = { "" };

	for (;;) {
		struct mono started;
		uint64_t ns, position;
		bool stopping, first;
		enum rc rc;

		stopping = j->stopping;
		lock_give_back(&j->lock);
		started = mono_now();
		rc = attempt(j, &why);
		ns = (uint64_t)(mono_now().ns - started.ns);
		lock_take(&j->lock);
		first = rc != RC_OK && !j->failing;
		j->failing = rc != RC_OK;
		j->refusing = false;
		j->failure = why;
		if (rc == RC_OK) {
			j->synced = j->flying->position;
			j->n_points += j->flying->n_points;
			j->n_commits++;
			j->commit_ns_sum += ns;
			if (ns > j->commit_ns_most)
				j->commit_ns_most = ns;
			j->first_flying = UINT32_MAX;
			j->n_flying_bytes = 0;
		}
		position = j->synced;
		lock_give_back(&j->lock);
		if (rc == RC_OK)
			histogram_note(HISTOGRAM_JOURNAL_COMMIT, (int64_t)ns, 1);
		if (rc == RC_OK || first)
			j->options.committed(j->options.argument, position, rc, &why);
		lock_take(&j->lock);
		if (rc == RC_OK || stopping)
			return rc == RC_OK;
		pause_ms(j, ms);
		ms = ms < first_ms * LONGEST_PAUSE / 2 ? ms * 2 : first_ms * LONGEST_PAUSE;
	}
}

static void *run(void *argument)
{
	struct journal *j = argument;

	lock_take(&j->lock);
	if (j->open_segment.fd >= 0 || commit(j, writer_start))
		while (wait_for_group(j)) {
			swap_groups(j);
			if (!commit(j, writer_write))
				break;
		}
	lock_give_back(&j->lock);
	writer_stop(j);
	return NULL;
}

void journal_start(struct journal *j)
{
	struct why why;

	/* here, so that nothing is taken when it fails; the thread goes on trying, and says so */
	if (writer_start(j, &why) != RC_OK) {
		lock_take(&j->lock);
		j->refusing = true;
		j->failure = why;
		lock_give_back(&j->lock);
	}
	j->started = true;
	thread_start(&j->thread, "journal", run, j);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->started) {
		lock_take(&j->lock);
		j->stopping = true;
		signal_all(&j->changed);
		lock_give_back(&j->lock);
		pthread_join(j->thread, NULL);
	}
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	group_fini(j->filling);
	group_fini(j->flying);
	free(j->filling);
	free(j->flying);
	free(j->segment);
	free(j->names);
	signal_fini(&j->changed);
	lock_fini(&j->lock);
	free(j->path);
	free(j);
}

/* Something came into the group: the thread sleeps until there is a first byte, or enough of them. */
static void tell(struct journal *j, size_t n_before)
{
	size_t n = j->filling->points.n + j->filling->names.n;

	if (n_before == 0)
		j->filling->first = mono_now();
	if (n_before == 0 || (n_before < j->options.commit_bytes && n >= j->options.commit_bytes))
		signal_all(&j->changed);
}

void journal_name(struct journal *j, uint32_t id, const struct series *series)
{
	size_t before;

	lock_take(&j->lock);
	before = j->filling->points.n + j->filling->names.n;
	group_name(j->filling, id, series);
	tell(j, before);
	lock_give_back(&j->lock);
}

static size_t room_left(const struct journal *j)
{
	uint64_t limit = j->segment_bytes - FORMAT_HEADER_BYTES; /* the end's own record */

	return j->n_current < limit ? (size_t)(limit - j->n_current) : 0;
}

static bool current_has_points(const struct journal *j)
{
	return j->n_segments > 0 && j->segment[j->n_segments - 1].number == j->current;
}

static enum rc check_room(struct journal *j, size_t n, struct why *why)
{
	uint64_t most = j->segment_bytes - FORMAT_PAGE_BYTES - FORMAT_HEADER_BYTES - CUT_BYTES;
	uint64_t need = group_bytes_for(n), left = room_left(j), n_new = current_has_points(j) ? 0 : 1;

	/* asked before: however large, one that comes when nothing waits is taken */
	if (j->filling->points.n + j->n_flying_bytes >= JOURNAL_MAX_WAITING_BYTES)
		return because(why, RC_FULL, "%zu bytes wait for the disk",
			       j->filling->points.n + (size_t)j->n_flying_bytes);
	left = left > CUT_BYTES ? left - CUT_BYTES : 0;
	if (need > left)
		n_new += (need - left + most - 1) / most;
	if (j->n_held_bytes + n_new * j->segment_bytes > j->max_bytes)
		return because(why, RC_FULL, "the journal has its %llu bytes", (unsigned long long)j->max_bytes);
	return RC_OK;
}

static void next_segment(struct journal *j)
{
	struct journal_segment *s = journal_find(j, j->current);

	if (s != NULL) {
		j->n_held_bytes -= s->n_bytes;
		s->n_bytes = journal_closed_bytes(j, j->n_current);
		j->n_held_bytes += s->n_bytes;
	}
	j->current++;
	j->n_current = FORMAT_PAGE_BYTES;
}

/* Returns the lowest segment used. */
static uint32_t take_points(struct journal *j, const struct numbered *point, size_t n, uint32_t accepted_s)
{
	uint32_t lowest = 0;
	size_t done = 0;

	while (done < n) {
		size_t used, more;

		if (room_left(j) < CUT_BYTES)
			next_segment(j);
		if (!current_has_points(j))
			journal_add_segment(j, j->current, j->run, j->segment_bytes);
		group_to_segment(j->filling, j->current);
		more = group_add(j->filling, point + done, n - done, accepted_s, room_left(j), &used);
		if (done == 0)
			lowest = j->current;
		done += more;
		j->n_current += used;
		if (done < n)
			next_segment(j);
	}
	return lowest;
}

enum rc journal_append(struct journal *j, const struct numbered *point, size_t n, uint32_t accepted_s,
		       uint64_t *position, uint32_t *segment, struct why *why)
{
	size_t before;
	enum rc rc;

	lock_take(&j->lock);
	before = j->filling->points.n + j->filling->names.n;
	if (j->failing || j->refusing)
		rc = because(why, RC_DISK, "the journal cannot be written: %s", j->failure.text);
	else
		rc = n == 0 ? RC_OK : check_room(j, n, why);
	if (rc == RC_OK) {
		*segment = n == 0 ? j->current : take_points(j, point, n, accepted_s);
		j->appended += n;
		*position = j->appended;
		if (n > 0)
			tell(j, before);
	}
	lock_give_back(&j->lock);
	return rc;
}

uint32_t journal_roll(struct journal *j)
{
	uint32_t number;

	lock_take(&j->lock);
	if (current_has_points(j))
		next_segment(j);
	number = j->current;
	lock_give_back(&j->lock);
	return number;
}

uint32_t journal_current(struct journal *j)
{
	uint32_t number;

	lock_take(&j->lock);
	number = j->current;
	lock_give_back(&j->lock);
	return number;
}

void journal_stats(struct journal *j, struct journal_stats *out)
{
	lock_take(&j->lock);
	*out = (struct journal_stats){ .n_bytes = j->n_held_bytes,
				       .max_bytes = j->max_bytes,
				       .n_segments = j->n_segments,
				       .oldest_segment = j->n_segments > 0 ? j->segment[0].number : j->current,
				       .current_segment = j->current,
				       .appended = j->appended,
				       .synced = j->synced,
				       .n_commits = j->n_commits,
				       .n_points = j->n_points,
				       .commit_ns_sum = j->commit_ns_sum,
				       .commit_ns_most = j->commit_ns_most,
				       .failing = j->failing || j->refusing,
				       .full = check_room(j, 1, NULL) != RC_OK };
	lock_give_back(&j->lock);
}
