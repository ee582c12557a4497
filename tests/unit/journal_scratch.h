/* A journal in a folder of its own, for tests: what it reports, what a replay of it hands out. */
#ifndef TESTS_UNIT_JOURNAL_SCRATCH_H
#define TESTS_UNIT_JOURNAL_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#include "base/fileio.h"
#include "base/lock.h"
#include "base/mem.h"
#include "journal/journal.h"

static inline char *scratch_folder(void)
{
	/* in memory where there is room for it: these tests are not about the speed of a disk */
	const char *tmp = getenv("TMPDIR") != NULL        ? getenv("TMPDIR")
			  : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
							  : NULL;
	char *path = must_format("%s/journal-XXXXXX", tmp == NULL ? "/tmp" : tmp);

	assert_non_null(mkdtemp(path));
	return path;
}

static inline void scratch_remove(char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".lock") == 0)
			if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
				assert_int_equal(unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR), 0);
	closedir(dir);
	assert_int_equal(rmdir(path), 0);
	free(path);
}

/* How many files there are whose name begins so. */
static inline size_t scratch_count(const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

static inline unsigned char *scratch_read(const char *folder, const char *name, size_t *n)
{
	char *path = must_format("%s/%s", folder, name);
	struct buf b;

	buf_init(&b, 1U << 30);
	assert_int_equal(fileio_read_all(path, &b, NULL), RC_OK);
	free(path);
	return (unsigned char *)buf_hand_over(&b, n);
}

static inline void scratch_write(const char *folder, const char *name, const void *bytes, size_t n)
{
	char *path = must_format("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(fileio_pwrite(fd, bytes, n, 0, NULL), RC_OK);
	close(fd);
	free(path);
}

static inline bool scratch_exists(const char *folder, const char *name)
{
	char *path = must_format("%s/%s", folder, name);
	bool exists = access(path, F_OK) == 0;

	free(path);
	return exists;
}

/* What `committed` said. */
struct heard {
	struct lock lock;
	struct signal changed;
	uint64_t position;
	unsigned n_ok, n_failed;
	struct why why;
};

static inline void heard_init(struct heard *h)
{
	memset(h, 0, sizeof(*h));
	lock_init(&h->lock);
	signal_init(&h->changed);
}

static inline void heard_committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	struct heard *h = argument;

	lock_take(&h->lock);
	if (rc == RC_OK) {
		assert_true(position >= h->position);
		h->position = position;
		h->n_ok++;
	} else {
		assert_int_equal(rc, RC_DISK);
		h->why = *why;
		h->n_failed++;
	}
	signal_all(&h->changed);
	lock_give_back(&h->lock);
}

static inline void heard_wait(struct heard *h, uint64_t position)
{
	struct mono deadline = mono_after_ms(mono_now(), 30000);

	lock_take(&h->lock);
	while (h->position < position)
		if (!signal_wait_until(&h->changed, &h->lock, deadline))
			fail_msg("position %llu not reached, at %llu", (unsigned long long)position,
				 (unsigned long long)h->position);
	lock_give_back(&h->lock);
}

static inline struct journal_options scratch_options(const char *path, struct heard *h)
{
	return (struct journal_options){ .path = path,
					 .commit_ms = 1,
					 .commit_bytes = 1 << 18,
					 .max_bytes = 8 << 20,
					 .committed = heard_committed,
					 .argument = h };
}

/* What a replay handed out. */
struct replayed_point {
	uint32_t run, segment, accepted_s;
	struct numbered p;
};

struct replayed_name {
	uint32_t run, id;
	char text[64]; /* host|folder|plugin|ds */
};

struct replayed {
	struct replayed_point *point;
	size_t n, capacity;
	struct replayed_name *name;
	size_t n_names, capacity_names;
	struct journal_replayed sum;
};

static inline void replayed_name(void *argument, uint32_t run, uint32_t id, const struct series *s)
{
	struct replayed *r = argument;

	array_grow((void *)&r->name, &r->capacity_names, r->n_names, sizeof(*r->name));
	r->name[r->n_names].run = run;
	r->name[r->n_names].id = id;
	snprintf(r->name[r->n_names].text, sizeof(r->name->text), "%.*s|%.*s|%.*s|%.*s", TEXT_ARG(s->host),
		 TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	r->n_names++;
}

static inline void replayed_points(void *argument, uint32_t run, uint32_t segment, const struct numbered *point,
				   size_t n, uint32_t accepted_s)
{
	struct replayed *r = argument;

	for (size_t i = 0; i < n; i++) {
		array_grow((void *)&r->point, &r->capacity, r->n, sizeof(*r->point));
		r->point[r->n++] = (struct replayed_point){ run, segment, accepted_s, point[i] };
	}
}

static inline void replayed_fini(struct replayed *r)
{
	free(r->point);
	free(r->name);
	memset(r, 0, sizeof(*r));
}

static inline struct replayed scratch_replay(struct journal *j)
{
	struct replayed r = { 0 };
	struct journal_reader reader = { .name = replayed_name, .points = replayed_points, .argument = &r };
	struct why why = { "" };

	if (journal_replay(j, &reader, &r.sum, &why) != RC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(r.sum.n_points, r.n);
	assert_int_equal(r.sum.n_names, r.n_names);
	return r;
}

static inline struct journal *scratch_open(const struct journal_options *options)
{
	struct journal *j = NULL;
	struct why why = { "" };

	if (journal_open(options, &j, &why) != RC_OK)
		fail_msg("%s", why.text);
	return j;
}

/* Opened, replayed without looking at it, started. */
static inline struct journal *scratch_start(const struct journal_options *options)
{
	struct journal *j = scratch_open(options);
	struct replayed r = scratch_replay(j);

	replayed_fini(&r);
	journal_start(j);
	return j;
}

/* What a folder holds, seen by a start that then goes away. */
static inline struct replayed scratch_look(const char *path)
{
	struct heard h;
	struct journal_options options = scratch_options(path, &h);
	struct journal *j;
	struct replayed r;

	heard_init(&h);
	j = scratch_open(&options);
	r = scratch_replay(j);
	journal_close(j);
	return r;
}

static inline void scratch_name(struct journal *j, uint32_t id, const char *plugin)
{
	struct series s = { TEXT("host"), TEXT("0c/host"), text_of(plugin), TEXT("ds") };

	journal_name(j, id, &s);
}

static inline uint64_t scratch_append(struct journal *j, const struct numbered *p, size_t n, uint32_t accepted_s,
				      uint32_t *segment)
{
	uint64_t position = 0;
	uint32_t ignored;
	struct why why = { "" };

	if (journal_append(j, p, n, accepted_s, &position, segment == NULL ? &ignored : segment, &why) != RC_OK)
		fail_msg("%s", why.text);
	return position;
}

/* n points of series 0 whose values count from `first` on. */
static inline uint64_t scratch_count_up(struct journal *j, double first, size_t n, uint32_t accepted_s,
					uint32_t *segment)
{
	struct numbered *p = must_alloc(n * sizeof(*p) + 1);
	uint64_t position;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct numbered){ 0, 1400000000 + (uint32_t)i, first + (double)i };
	position = scratch_append(j, p, n, accepted_s, segment);
	free(p);
	return position;
}

#endif
