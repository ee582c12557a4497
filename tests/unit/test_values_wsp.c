#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/name.h"
#include "values/values_wsp.h"

enum { NOW = 1400003640 };

/* A tree of its own for every test. */
struct tree {
	char above[128], root[160];
	struct schema schema;
	struct values *values;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int begin(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tree *t = must_alloc(sizeof(*t));
	struct why why;

	snprintf(t->above, sizeof(t->above), "%s/values-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(t->above));
	snprintf(t->root, sizeof(t->root), "%s/var/wsps", t->above);
	schema_init(&t->schema);
	if (values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE, NULL }, &t->values, &why) !=
	    RC_OK)
		fail_msg("%s", why.text);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct tree *t = *state;

	values_close(t->values);
	schema_fini(&t->schema);
	nftw(t->above, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static struct series series_of(const char *host, const char *folder, const char *plugin, const char *ds)
{
	return (struct series){ text_of(host), text_of(folder), text_of(plugin), text_of(ds) };
}

static const struct series usual = { TEXT_INIT("myhost"), TEXT_INIT("0c/myhost"), TEXT_INIT("df"),
				     TEXT_INIT("_dev_sda1") };

static char *path_in(const struct tree *t, const char *below)
{
	return must_format("%s/%s", t->root, below);
}

static bool exists(const struct tree *t, const char *below)
{
	char *path = path_in(t, below);
	struct stat st;
	bool there = lstat(path, &st) == 0;

	free(path);
	return there;
}

static struct values_batch write_one(struct tree *t, struct series s, int64_t t_s, double value)
{
	struct taken p = { (uint32_t)t_s, NOW, value };
	struct values_batch b = { .series = s, .point = &p, .n_points = 1 };
	enum rc rc = values_write(t->values, &b, 1);

	assert_int_equal(rc, b.rc == RC_REFUSED ? RC_OK : b.rc);
	b.point = NULL;
	return b;
}

static enum rc write_point(struct tree *t, struct series s, int64_t t_s, double value, struct why *why)
{
	struct values_batch b = write_one(t, s, t_s, value);

	if (why != NULL)
		*why = b.why;
	return b.rc;
}

/* The series is refused for its file, and another beside it in the same call is stored. */
static void check_file_refused(struct tree *t, struct series s, const char *expected_why)
{
	const struct taken p = { NOW, NOW, 9 };
	struct values_batch batch[] = {
		{ .series = s, .point = &p, .n_points = 1 },
		{ .series = series_of("beside", "ff/beside", "df", "v"), .point = &p, .n_points = 1 },
	};

	assert_int_equal(values_write(t->values, batch, ARRAY_LEN(batch)), RC_OK);
	if (batch[0].rc != RC_REFUSED || batch[0].reason != REASON_FILE ||
	    strstr(batch[0].why.text, expected_why) == NULL)
		fail_msg("%s, reason %s: %s", rc_name(batch[0].rc), reason_code(batch[0].reason), batch[0].why.text);
	assert_int_equal(batch[1].rc, RC_OK);
}

/* The value of the minute of t_s; NAN when there is none; fails when the series is not there. */
static double value_at(struct tree *t, struct series s, int64_t t_s)
{
	struct span span;
	struct why why;
	double value = NAN;

	if (values_fetch(t->values, &s, NULL, 0, 0, NOW - 86400, NOW, NOW, &span, &why) != RC_OK)
		fail_msg("%s", why.text);
	if (t_s >= span.start_s && t_s < span.start_s + (int64_t)span.n * span.step_s)
		value = span.value[(t_s - span.start_s) / span.step_s];
	span_fini(&span);
	return value;
}

static void two_hosts_are_written_and_read(void **state)
{
	struct tree *t = *state;
	const struct taken a[] = { { NOW - 60, NOW, 1 }, { NOW, NOW, 2 } }, b[] = { { NOW - 120, NOW, 3 } },
			   c[] = { { NOW, NOW, 4 } };
	struct values_batch batch[] = {
		{ .series = usual, .point = a, .n_points = 2 },
		{ .series = series_of("myhost", "0c/myhost", "df", "caf\xC3\xA9 .."), .point = b, .n_points = 1 },
		{ .series = series_of("other", "a7/other", "df", "_dev_sda1"), .point = c, .n_points = 1 },
	};
	uint64_t stored = counter_get(COUNTER_POINTS_STORED), created = counter_get(COUNTER_FILES_CREATED);

	assert_int_equal(values_write(t->values, batch, ARRAY_LEN(batch)), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++)
		assert_int_equal(batch[i].rc, RC_OK);
	assert_int_equal(counter_get(COUNTER_POINTS_STORED) - stored, 4);
	assert_int_equal(counter_get(COUNTER_FILES_CREATED) - created, 3);
	assert_true(value_at(t, batch[0].series, NOW - 60) == 1 && value_at(t, batch[0].series, NOW) == 2);
	assert_true(value_at(t, batch[1].series, NOW - 120) == 3);
	assert_true(value_at(t, batch[2].series, NOW) == 4);
	assert_true(exists(t, "0c/myhost/df/_dev_sda1.wsp") && exists(t, "a7/other/df/_dev_sda1.wsp"));
	/* the same again: nothing new */
	assert_int_equal(values_write(t->values, batch, ARRAY_LEN(batch)), RC_OK);
	assert_int_equal(counter_get(COUNTER_FILES_CREATED) - created, 3);
	assert_true(value_at(t, batch[0].series, NOW - 60) == 1);
}

struct listed {
	char names[256];
	int64_t written_s;
};

static void list_one(void *argument, struct text ds, int64_t written_s)
{
	struct listed *l = argument;
	size_t n = strlen(l->names);

	snprintf(l->names + n, sizeof(l->names) - n, "%.*s ", TEXT_ARG(ds));
	l->written_s = written_s;
}

static void what_is_stored_of_a_plugin_is_listed(void **state)
{
	struct tree *t = *state;
	struct listed l = { "", 0 };
	struct series s = usual;
	char *other = path_in(t, "0c/myhost/df/notes.txt"), *folder = path_in(t, "0c/myhost/df/sub.wsp");

	assert_int_equal(values_each(t->values, &s, list_one, &l, NULL), RC_ABSENT);
	assert_int_equal(write_point(t, s, NOW - 60, 1, NULL), RC_OK);
	close(open(other, O_CREAT | O_WRONLY, 0644));
	assert_int_equal(mkdir(folder, 0755), 0);
	s.ds = TEXT_NONE;
	assert_int_equal(values_each(t->values, &s, list_one, &l, NULL), RC_OK);
	assert_string_equal(l.names, "_dev_sda1 ");
	assert_true(l.written_s > NOW);
	s.plugin = TEXT("..");
	assert_int_equal(values_each(t->values, &s, list_one, &l, NULL), RC_ABSENT);
	s = usual;
	s.folder = TEXT("0c/../0c/myhost");
	assert_int_equal(values_each(t->values, &s, list_one, &l, NULL), RC_ABSENT);
	free(other);
	free(folder);
}

static void the_newest_stored_time_is_told_however_old(void **state)
{
	struct tree *t = *state;
	struct series s = usual;
	uint32_t t_s = 1;

	assert_int_equal(values_newest(t->values, &s, &t_s, NULL), RC_ABSENT);
	/* too old for the finest archive */
	assert_int_equal(write_point(t, s, NOW - 10 * 86400, 1, NULL), RC_OK);
	assert_int_equal(values_newest(t->values, &s, &t_s, NULL), RC_OK);
	assert_int_equal(t_s, NOW - 10 * 86400 - (NOW - 10 * 86400) % 600);
	assert_int_equal(write_point(t, s, NOW - 3599, 2, NULL), RC_OK);
	assert_int_equal(write_point(t, s, NOW - 86300, 2, NULL), RC_OK);
	assert_int_equal(values_newest(t->values, &s, &t_s, NULL), RC_OK);
	assert_int_equal(t_s, NOW - 3600);
	s.ds = TEXT("..");
	assert_int_equal(values_newest(t->values, &s, &t_s, NULL), RC_ABSENT);
}

static void nothing_to_store_makes_no_file(void **state)
{
	struct tree *t = *state;
	struct values_batch b = { .series = usual };
	struct span span;

	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(write_point(t, usual, NOW - 31622400 - 1, 5, NULL), RC_REFUSED);
	assert_false(exists(t, "0c"));
	assert_int_equal(values_fetch(t->values, &usual, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
}

static void files_get_the_archives_of_their_names(void **state)
{
	struct tree *t = *state;
	struct schema_rule *r = schema_add(&t->schema, "fast");
	struct series s = series_of("myhost", "0c/myhost", "if_eth0", "up");
	struct span span;

	r->plugin = must_strdup("if_*");
	assert_int_equal(retention_parse(TEXT("10:360"), &r->retention, NULL), RC_OK);
	assert_int_equal(write_point(t, s, NOW, 5, NULL), RC_OK);
	assert_int_equal(values_fetch(t->values, &s, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_OK);
	assert_int_equal(span.step_s, 10);
	span_fini(&span);
	assert_int_equal(write_point(t, s, NOW - 3601, 5, NULL), RC_REFUSED);
}

static void names_outside_the_rules_are_refused(void **state)
{
	struct tree *t = *state;
	const struct series refused[] = {
		series_of("h", "0c/h", "..", "v"),
		series_of("h", "0c/h", ".", "v"),
		series_of("h", "0c/h", "../../x", "v"),
		series_of("h", "0c/h", "df", "../v"),
		series_of("h", "0c/h", "df", ""),
		series_of("h", "0c/h", "", "v"),
		series_of("h", "0c/../..", "df", "v"),
		series_of("h", "/etc", "df", "v"),
		series_of("h", "0c//h", "df", "v"),
		series_of("h", ".quarantine/h", "df", "v"),
		series_of("h", "", "df", "v"),
		series_of("h", "0c/h/", "df", "v"),
		series_of("h", "0c/h", "df", "a\nb"),
		series_of("", "0c/h", "df", "v"),
		{ TEXT("h"), TEXT("0c/h"), TEXT("df"), TEXT("n\0ul") },
		{ TEXT("h"), TEXT("0c/h\0x"), TEXT("df"), TEXT("v") },
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct why why = { "" };
		struct span span;

		if (write_point(t, refused[i], NOW, 1, &why) != RC_REFUSED || why.text[0] == '\0')
			fail_msg("name %zu was taken", i);
		assert_int_equal(values_fetch(t->values, &refused[i], NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL),
				 RC_ABSENT);
	}
	assert_false(exists(t, "0c"));
	assert_false(exists(t, "../x"));
}

static void one_refused_batch_leaves_the_others(void **state)
{
	struct tree *t = *state;
	const struct taken p = { NOW, NOW, 1 };
	struct values_batch batch[] = {
		{ .series = series_of("h", "0c/h", "..", "v"), .point = &p, .n_points = 1 },
		{ .series = usual, .point = &p, .n_points = 1 },
	};

	assert_int_equal(values_write(t->values, batch, 2), RC_OK);
	assert_int_equal(batch[0].rc, RC_REFUSED);
	assert_int_equal(batch[1].rc, RC_OK);
	assert_true(value_at(t, usual, NOW) == 1);
}

static void the_longest_names_fit(void **state)
{
	struct tree *t = *state;
	char name[252], folder[FOLDER_MAX_BYTES];

	memset(name, 'x', 251);
	name[251] = '\0';
	memset(folder, 'y', sizeof(folder));
	memcpy(folder, "0123456789abcdef0123456789abcdef/", 33);
	folder[32 + 1 + 255] = '\0';
	struct series s = series_of(name, folder, name, name);

	assert_int_equal(write_point(t, s, NOW, 7, NULL), RC_OK);
	assert_true(value_at(t, s, NOW) == 7);
	/* and are quarantined, twice */
	for (int i = 0; i < 2; i++) {
		char *path = must_format("%s/%s/%s/%s.wsp", t->root, folder, name, name);

		assert_int_equal(truncate(path, 10), 0);
		free(path);
		assert_int_equal(write_point(t, s, NOW, 8 + i, NULL), RC_OK);
		assert_true(value_at(t, s, NOW) == 8 + i);
	}
}

static void damaged_files_are_set_aside(void **state)
{
	struct tree *t = *state;
	static const char *const aside[] = { ".quarantine/0c/myhost/df/_dev_sda1.wsp",
					     ".quarantine/0c/myhost/df/_dev_sda1.wsp.1",
					     ".quarantine/0c/myhost/df/_dev_sda1.wsp.2" };
	static const off_t lengths[] = { 0, 100, 202239 };
	char *path = path_in(t, "0c/myhost/df/_dev_sda1.wsp");
	uint64_t n = counter_get(COUNTER_FILES_QUARANTINED);

	assert_int_equal(write_point(t, usual, NOW - 60, 1, NULL), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(aside); i++) {
		struct span span;
		struct stat st;
		char *moved = path_in(t, aside[i]);

		assert_int_equal(truncate(path, lengths[i]), 0);
		assert_int_equal(values_fetch(t->values, &usual, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL),
				 RC_DAMAGED);
		assert_false(exists(t, aside[i]));
		assert_int_equal(write_point(t, usual, NOW, 2, NULL), RC_OK);
		assert_int_equal(stat(moved, &st), 0);
		assert_int_equal(st.st_size, lengths[i]);
		assert_true(value_at(t, usual, NOW) == 2 && isnan(value_at(t, usual, NOW - 60)));
		free(moved);
	}
	assert_int_equal(counter_get(COUNTER_FILES_QUARANTINED) - n, ARRAY_LEN(aside));
	free(path);
}

static void links_that_lead_out_are_not_followed(void **state)
{
	struct tree *t = *state;
	char *outside = must_format("%s/outside", t->above), *link = path_in(t, "0c"), *plugin = path_in(t, "a7/h/df");
	struct series by_folder = series_of("h", "0c/h", "df", "v"), by_file = series_of("h", "a7/h", "df", "v");
	char *file_link = path_in(t, "a7/h/df/v.wsp"), *target = must_format("%s/outside/v.wsp", t->above);
	struct span span;

	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(symlink(outside, link), 0);
	check_file_refused(t, by_folder, "out of the tree");
	assert_int_equal(values_fetch(t->values, &by_folder, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	assert_int_equal(write_point(t, by_file, NOW, 1, NULL), RC_OK);
	assert_int_equal(rename(file_link, target), 0);
	assert_int_equal(symlink(target, file_link), 0);
	check_file_refused(t, by_file, "out of the tree");
	assert_int_equal(values_fetch(t->values, &by_file, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	free(outside);
	free(link);
	free(plugin);
	free(file_link);
	free(target);
}

static void what_is_in_the_way_refuses_its_series_alone(void **state)
{
	struct tree *t = *state;
	char *folder = path_in(t, "0c"), *file = path_in(t, "0c/myhost/df/_dev_sda1.wsp");
	struct series below = series_of("myhost", "0c/myhost", "df", "below");
	int fd = open(folder, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
	check_file_refused(t, usual, "Not a directory");
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(write_point(t, below, NOW, 1, NULL), RC_OK);
	assert_int_equal(mkdir(file, 0755), 0);
	check_file_refused(t, usual, "Is a directory");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(symlink("nowhere", file), 0);
	check_file_refused(t, usual, "exists already");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("_dev_sda1.wsp", file), 0);
	check_file_refused(t, usual, "link");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_OK);
	assert_true(value_at(t, usual, NOW) == 1 && value_at(t, below, NOW) == 1);
	free(folder);
	free(file);
}

/* A quarantine that cannot take a damaged file is the same: that file stays, and only its series is refused. */
static void a_file_that_cannot_be_set_aside_is_refused(void **state)
{
	struct tree *t = *state;
	char *file = path_in(t, "0c/myhost/df/_dev_sda1.wsp"), *quarantine = path_in(t, ".quarantine");
	int fd = open(quarantine, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_OK);
	assert_int_equal(truncate(file, 10), 0);
	check_file_refused(t, usual, "Not a directory");
	assert_int_equal(unlink(quarantine), 0);
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_OK);
	free(file);
	free(quarantine);
}

static void without_permission_a_series_is_refused_but_the_root_is_waited_for(void **state)
{
	struct tree *t = *state;
	char *plugin = path_in(t, "0c/myhost/df"), *file = path_in(t, "0c/myhost/df/_dev_sda1.wsp");
	struct series new_file = series_of("myhost", "0c/myhost", "df", "new");
	struct series new_host = series_of("h", "a7/h", "df", "v");

	if (geteuid() == 0) { /* root writes everywhere */
		free(plugin);
		free(file);
		skip();
	}
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_OK);
	assert_int_equal(write_point(t, series_of("beside", "ff/beside", "df", "v"), NOW, 1, NULL), RC_OK);
	assert_int_equal(chmod(file, 0444), 0);
	check_file_refused(t, usual, "Permission denied");
	assert_int_equal(chmod(t->root, 0555), 0);
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_DISK);
	assert_int_equal(write_point(t, new_host, NOW, 1, NULL), RC_DISK);
	assert_int_equal(chmod(t->root, 0755), 0);
	assert_int_equal(write_point(t, new_host, NOW, 1, NULL), RC_OK);
	assert_int_equal(chmod(plugin, 0555), 0);
	check_file_refused(t, new_file, "Permission denied");
	assert_int_equal(chmod(plugin, 0755), 0);
	assert_int_equal(write_point(t, new_file, NOW, 1, NULL), RC_OK);
	free(plugin);
	free(file);
}

/* A file made when less was kept takes what it can, and tells what it could not. */
static void points_too_old_for_their_file_are_told(void **state)
{
	struct tree *t = *state;
	struct schema_rule *r = schema_add(&t->schema, "short");
	const struct taken points[] = {
		{ NOW, NOW, 1 }, { NOW - 3601, NOW, 2 }, { NOW - 60, NOW, 3 }, { NOW - 86400, NOW, 4 }
	};
	struct values_batch b = { .series = usual, .point = points, .n_points = ARRAY_LEN(points) };

	r->plugin = must_strdup("df");
	assert_int_equal(retention_parse(TEXT("10:360"), &r->retention, NULL), RC_OK);
	assert_int_equal(write_point(t, usual, NOW, 0, NULL), RC_OK);
	free(r->plugin);
	r->plugin = must_strdup("other");
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.rc, RC_OK);
	assert_int_equal(b.n_too_old, 2);
	assert_int_equal(b.kept_s, 3600); /* by which the caller tells them */
	b.n_points = 1;
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.n_too_old, 0);
	b = write_one(t, usual, NOW - 3601, 2);
	assert_int_equal(b.rc, RC_REFUSED);
	assert_int_equal(b.reason, REASON_TOO_OLD);
	b = write_one(t, series_of("new", "a7/new", "df", "v"), NOW - 31622401, 2);
	assert_int_equal(b.rc, RC_REFUSED);
	assert_int_equal(b.reason, REASON_TOO_OLD);
}

static void a_second_daemon_is_told_the_first_ones_pid(void **state)
{
	struct tree *t = *state;
	struct values *second;
	struct why why = { "" };
	char pid[32];

	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_int_equal(
		values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE, NULL }, &second, &why),
		RC_REFUSED);
	assert_non_null(strstr(why.text, pid));
	values_close(t->values);
	t->values = NULL;
	assert_int_equal(values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE, NULL },
					 &t->values, &why),
			 RC_OK);
}

enum { N_ROUNDS = 300 };

static void *read_along(void *argument)
{
	struct tree *t = argument;

	for (int i = 0; i < N_ROUNDS; i++) {
		struct span span;
		enum rc rc = values_fetch(t->values, &usual, NULL, 0, 0, NOW - 86400, NOW, NOW, &span, NULL);

		must(rc == RC_OK || rc == RC_ABSENT);
		if (rc == RC_OK)
			span_fini(&span);
	}
	return NULL;
}

static void readers_run_beside_the_writer(void **state)
{
	struct tree *t = *state;
	pthread_t reader[2];

	for (size_t i = 0; i < ARRAY_LEN(reader); i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_along, t), 0);
	for (int i = 0; i < N_ROUNDS; i++)
		assert_int_equal(write_point(t, usual, NOW - i * 60, i, NULL), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(reader); i++)
		pthread_join(reader[i], NULL);
	for (int i = 0; i < N_ROUNDS; i++)
		assert_true(value_at(t, usual, NOW - i * 60) == i);
}

/* The slots of the usual series in the archive of a span this long. */
static size_t look(struct tree *t, const struct taken *pending, size_t n, uint32_t held_from_s, int64_t span_s,
		   double out[2048])
{
	struct span span;
	struct why why;
	size_t got = 0;

	if (values_fetch(t->values, &usual, pending, n, held_from_s, NOW - span_s, NOW, NOW, &span, &why) != RC_OK)
		fail_msg("%s", why.text);
	assert_true(span.n <= 2048);
	got = span.n;
	memcpy(out, span.value, got * sizeof(double));
	span_fini(&span);
	return got;
}

static const int64_t spans_s[] = { 3600, 2 * 86400, 8 * 86400, 60 * 86400 }; /* one in each archive */

static void pending_points_are_read_as_if_written(void **state)
{
	struct tree *t = *state;
	static double before[4][2048], through[4][2048], after[4][2048];
	const struct taken stored[] = { { NOW - 7200, NOW - 7200, 1 }, { NOW - 300, NOW - 300, 2 } };
	const struct taken pending[] = { { NOW - 240, NOW - 240, 3 }, { NOW - 180, NOW - 180, 4 },
					 { NOW - 180, NOW - 180, 5 }, { NOW - 120, NOW, 6 },
					 { NOW - 3 * 86400, NOW, 7 }, { NOW - 300, NOW, 8 } };
	struct values_batch b = { .series = usual, .point = stored, .n_points = ARRAY_LEN(stored) };
	char *path = path_in(t, "0c");
	struct span span;
	size_t n[4];

	/* no file at all: as the new one, and none is made */
	assert_int_equal(values_fetch(t->values, &usual, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	for (size_t i = 0; i < 4; i++)
		look(t, pending, ARRAY_LEN(pending), 0, spans_s[i], through[i]);
	assert_true(access(path, F_OK) < 0);
	b.point = pending;
	b.n_points = ARRAY_LEN(pending);
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	for (size_t i = 0; i < 4; i++) {
		n[i] = look(t, NULL, 0, 0, spans_s[i], after[i]);
		assert_memory_equal(through[i], after[i], n[i] * sizeof(double));
	}
	/* beside a file */
	b.series.ds = TEXT("other");
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	b.series = usual;
	b.point = stored;
	b.n_points = ARRAY_LEN(stored);
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	for (size_t i = 0; i < 4; i++) {
		look(t, NULL, 0, 0, spans_s[i], before[i]);
		look(t, pending, ARRAY_LEN(pending), 0, spans_s[i], through[i]);
		look(t, NULL, 0, 0, spans_s[i], after[i]);
		assert_memory_equal(before[i], after[i], n[i] * sizeof(double));
	}
	b.point = pending;
	b.n_points = ARRAY_LEN(pending);
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	for (size_t i = 0; i < 4; i++) {
		look(t, NULL, 0, 0, spans_s[i], after[i]);
		assert_memory_equal(through[i], after[i], n[i] * sizeof(double));
	}
	assert_true(value_at(t, usual, NOW - 180) == 5 && value_at(t, usual, NOW - 300) == 8);
	free(path);
}

static void pending_points_are_read_beside_a_damaged_file(void **state)
{
	struct tree *t = *state;
	char *path = path_in(t, "0c/myhost/df/_dev_sda1.wsp");
	const struct taken pending = { NOW, NOW, 3 }, too_old = { NOW - 31622401, NOW, 3 };
	double value[2048];
	struct span span;
	size_t n;

	assert_int_equal(values_fetch(t->values, &usual, &too_old, 1, 0, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	assert_int_equal(write_point(t, usual, NOW - 60, 1, NULL), RC_OK);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(values_fetch(t->values, &usual, NULL, 0, 0, NOW - 60, NOW, NOW, &span, NULL), RC_DAMAGED);
	n = look(t, &pending, 1, NOW - 60, 3600, value);
	assert_true(value[n - 1] == 3 && isnan(value[n - 2]));
	assert_false(exists(t, ".quarantine"));
	free(path);
}

static void held_coarse_archives_are_read_and_caught_up(void **state)
{
	struct tree *t = *state;
	static double expected[4][2048], got[2048];
	const struct taken points[] = { { NOW - 660, NOW - 660, 1 }, { NOW - 600, NOW - 600, 2 },
					{ NOW - 540, NOW - 540, 3 }, { NOW - 480, NOW - 480, 4 },
					{ NOW - 420, NOW - 420, 5 }, { NOW - 360, NOW - 360, 6 } };
	struct values_batch b = { .series = usual, .point = points, .n_points = ARRAY_LEN(points) };
	uint32_t from_s = 0;
	size_t n[4];

	b.series.ds = TEXT("at once");
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, 0);
	for (size_t i = 0; i < 4; i++) {
		struct span span;

		assert_int_equal(
			values_fetch(t->values, &b.series, NULL, 0, 0, NOW - spans_s[i], NOW, NOW, &span, NULL), RC_OK);
		n[i] = span.n;
		memcpy(expected[i], span.value, n[i] * sizeof(double));
		span_fini(&span);
	}
	b.series = usual;
	b.hold_coarse = true;
	b.n_points = 2;
	for (size_t i = 0; i < 3; i++) { /* two at a time */
		b.point = points + 2 * i;
		b.held_from_s = from_s;
		assert_int_equal(values_write(t->values, &b, 1), RC_OK);
		from_s = b.held_from_s_now;
		assert_int_equal(from_s, NOW - 660);
	}
	look(t, NULL, 0, 0, spans_s[1], got);
	assert_true(memcmp(got, expected[1], n[1] * sizeof(double)) != 0); /* they do wait */
	for (size_t i = 0; i < 4; i++) {
		look(t, NULL, 0, from_s, spans_s[i], got);
		assert_memory_equal(got, expected[i], n[i] * sizeof(double));
	}
	b.n_points = 0;
	b.held_from_s = from_s;
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, from_s);
	b.hold_coarse = false;
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, 0);
	for (size_t i = 0; i < 4; i++) {
		look(t, NULL, 0, 0, spans_s[i], got);
		assert_memory_equal(got, expected[i], n[i] * sizeof(double));
	}
	/* nothing there: nothing due, and no file is made */
	b.series.ds = TEXT("gone");
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, 0);
	assert_false(exists(t, "0c/myhost/df/gone.wsp"));
}

/* A point a day later takes the slots that the held ones are worked out from: they are caught up before. */
static void what_is_held_is_caught_up_before_it_is_overtaken(void **state)
{
	struct tree *t = *state;
	const uint32_t t_s = NOW - 86640; /* begins a slot of 300 s */
	const struct taken before[] = { { t_s, t_s, 1 }, { t_s + 60, t_s + 60, 1 }, { t_s + 120, t_s + 120, 4 } },
			   after[] = { { NOW - 240, NOW, 7 }, { NOW, NOW, 8 } };
	struct values_batch b = { .series = usual, .point = before, .n_points = 3, .hold_coarse = true };
	double value[2048];
	size_t n;

	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, t_s);
	b = (struct values_batch){
		.series = usual, .point = after, .n_points = 2, .hold_coarse = true, .held_from_s = b.held_from_s_now
	};
	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
	assert_int_equal(b.held_from_s_now, NOW - 240);
	n = look(t, NULL, 0, 0, 2 * 86400, value);
	assert_true(n == 576);
	assert_true(value[t_s / 300 - (NOW - 2 * 86400) / 300 - 1] == 2);
}

static void a_damaged_file_is_moved_to_another_file_system_too(void **state)
{
	struct tree *t = *state;
	char aside[] = "/dev/shm/values-test-XXXXXX", *path = path_in(t, "0c/myhost/df/_dev_sda1.wsp"), *below, *moved;
	struct stat here, there, st;
	struct why why;

	if (mkdtemp(aside) == NULL || stat(aside, &there) < 0 || stat(t->root, &here) < 0) {
		free(path);
		skip();
	}
	values_close(t->values);
	below = must_format("%s/set/aside", aside);
	moved = must_format("%s/0c/myhost/df/_dev_sda1.wsp", below);
	assert_int_equal(values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE, below },
					 &t->values, &why),
			 RC_OK);
	assert_int_equal(write_point(t, usual, NOW - 60, 1, NULL), RC_OK);
	assert_int_equal(truncate(path, 50001), 0);
	assert_int_equal(write_point(t, usual, NOW, 2, NULL), RC_OK);
	assert_int_equal(stat(moved, &st), 0);
	assert_int_equal(st.st_size, 50001);
	assert_false(exists(t, ".quarantine"));
	assert_true(value_at(t, usual, NOW) == 2 && isnan(value_at(t, usual, NOW - 60)));
	if (here.st_dev == there.st_dev)
		print_message("the temporary folder is on /dev/shm's file system: only a rename was tried\n");
	nftw(aside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(below);
	free(moved);
	free(path);
}

static void without_descriptors_points_wait(void **state)
{
	struct tree *t = *state;
	struct rlimit before, none;
	const struct taken p = { NOW, NOW, 9 };
	struct values_batch batch[] = {
		{ .series = usual, .point = &p, .n_points = 1 },
		{ .series = series_of("other", "a7/other", "df", "v"), .point = &p, .n_points = 1 },
	};

	assert_int_equal(write_point(t, usual, NOW - 60, 1, NULL), RC_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(values_write(t->values, batch, 2), RC_DISK);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(batch[0].rc, RC_DISK);
	assert_int_equal(batch[1].rc, RC_DISK);
	assert_int_equal(values_write(t->values, batch, 2), RC_OK);
	assert_true(value_at(t, usual, NOW) == 9);
	assert_int_equal(values_sync(t->values, NULL), RC_OK);
}

enum { N_WRITERS = 3, N_OF_ONE = 40 };

struct writer {
	struct tree *tree;
	int number;
};

static void *write_own_series(void *argument)
{
	const struct writer *x = argument;
	char ds[N_OF_ONE][16];
	struct values_batch batch[N_OF_ONE];
	struct taken p[N_OF_ONE];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < N_OF_ONE; i++) {
			snprintf(ds[i], sizeof(ds[i]), "w%d_%d", x->number, i);
			p[i] = (struct taken){ (uint32_t)(NOW - 60 * round), NOW, x->number * 1000 + i + round };
			batch[i] = (struct values_batch){ .series = usual, .point = &p[i], .n_points = 1 };
			batch[i].series.ds = text_of(ds[i]);
			if (i % 2 == 1)
				batch[i].series.folder = TEXT("a7/other");
		}
		must(values_write(x->tree->values, batch, N_OF_ONE) == RC_OK);
		must(values_sync(x->tree->values, NULL) == RC_OK);
	}
	return NULL;
}

static void several_threads_write_at_once(void **state)
{
	struct tree *t = *state;
	struct writer writer[N_WRITERS];
	pthread_t thread[N_WRITERS];

	for (int i = 0; i < N_WRITERS; i++) {
		writer[i] = (struct writer){ t, i };
		assert_int_equal(pthread_create(&thread[i], NULL, write_own_series, &writer[i]), 0);
	}
	for (int i = 0; i < N_WRITERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < N_WRITERS * N_OF_ONE; i++) {
		struct series s = usual;
		char ds[16];

		snprintf(ds, sizeof(ds), "w%d_%d", i / N_OF_ONE, i % N_OF_ONE);
		s.ds = text_of(ds);
		if (i % 2 == 1)
			s.folder = TEXT("a7/other");
		for (int round = 0; round < 5; round++)
			assert_true(value_at(t, s, NOW - 60 * round) == i / N_OF_ONE * 1000 + i % N_OF_ONE + round);
	}
}

static uint64_t count_of(struct tree *t, struct text folder)
{
	uint64_t n = 77;

	assert_int_equal(values_count(t->values, folder, NULL, &n, NULL), RC_OK);
	return n;
}

static void what_is_stored_is_known_and_counted(void **state)
{
	struct tree *t = *state;
	struct series other = series_of("other", "a7/other", "df", "x");
	const atomic_bool enough = true;
	uint64_t n = 77;
	char *link = path_in(t, "0c/myhost/df/link.wsp"), *hidden = path_in(t, ".trash");
	struct why why;

	assert_int_equal(count_of(t, TEXT_NONE), 0);
	assert_int_equal(count_of(t, TEXT("0c/myhost")), 0);
	assert_int_equal(values_has(t->values, &usual, &why), RC_ABSENT);
	write_one(t, usual, NOW, 1);
	write_one(t, other, NOW, 1);
	other.plugin = TEXT("if");
	write_one(t, other, NOW, 1);
	assert_int_equal(symlink("x.wsp", link), 0);
	assert_int_equal(mkdir(hidden, 0755), 0);
	assert_int_equal(values_has(t->values, &usual, &why), RC_OK);
	assert_int_equal(values_has(t->values, &other, &why), RC_OK);
	other.ds = TEXT("y");
	assert_int_equal(values_has(t->values, &other, &why), RC_ABSENT);
	other.folder = TEXT("../above");
	assert_int_equal(values_has(t->values, &other, &why), RC_ABSENT);
	assert_int_equal(count_of(t, TEXT_NONE), 3);
	assert_int_equal(count_of(t, TEXT("a7/other")), 2);
	assert_int_equal(count_of(t, TEXT("a7/nobody")), 0);
	assert_int_equal(values_count(t->values, TEXT_NONE, &enough, &n, &why), RC_END);
	assert_int_equal(n, 77);
	free(link);
	free(hidden);
}

static void write_numbered(struct tree *t, struct series s, uint32_t number, int64_t t_s)
{
	struct taken p = { (uint32_t)t_s, NOW, 1 };
	struct values_batch b = { .series = s, .number = number, .point = &p, .n_points = 1 };

	assert_int_equal(values_write(t->values, &b, 1), RC_OK);
}

static void files_with_other_archives_are_counted_once_a_schema(void **state)
{
	struct tree *t = *state;
	struct schema other, same;
	uint64_t before = counter_get(COUNTER_FILES_DIFFER);
	struct series s = usual;

	schema_init(&other);
	schema_init(&same);
	assert_int_equal(retention_parse(TEXT("60:2880"), &other.otherwise, NULL), RC_OK);
	for (int round = 0; round < 4; round++) /* the first make the files, the others follow them */
		write_numbered(t, s, 1, NOW - 600 + 60 * round);
	assert_int_equal(counter_get(COUNTER_FILES_DIFFER), before);
	values_wsp_use_schema(t->values, &other);
	for (int round = 4; round < 7; round++)
		write_numbered(t, s, 1, NOW - 600 + 60 * round);
	assert_int_equal(counter_get(COUNTER_FILES_DIFFER), before + 1);
	s.ds = TEXT("new");
	for (int round = 4; round < 7; round++)
		write_numbered(t, s, 2, NOW - 600 + 60 * round);
	assert_int_equal(counter_get(COUNTER_FILES_DIFFER), before + 1);
	values_wsp_use_schema(t->values, &same); /* now it is the other one that differs */
	write_numbered(t, usual, 1, NOW);
	assert_int_equal(counter_get(COUNTER_FILES_DIFFER), before + 1);
	write_numbered(t, s, 2, NOW);
	assert_int_equal(counter_get(COUNTER_FILES_DIFFER), before + 2);
	assert_int_equal(values_sync(t->values, NULL), RC_OK);
	values_close(t->values);
	t->values = NULL;
	schema_fini(&other);
	schema_fini(&same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_stored_is_known_and_counted, begin, end),
		cmocka_unit_test_setup_teardown(files_with_other_archives_are_counted_once_a_schema, begin, end),
		cmocka_unit_test_setup_teardown(two_hosts_are_written_and_read, begin, end),
		cmocka_unit_test_setup_teardown(what_is_stored_of_a_plugin_is_listed, begin, end),
		cmocka_unit_test_setup_teardown(the_newest_stored_time_is_told_however_old, begin, end),
		cmocka_unit_test_setup_teardown(nothing_to_store_makes_no_file, begin, end),
		cmocka_unit_test_setup_teardown(files_get_the_archives_of_their_names, begin, end),
		cmocka_unit_test_setup_teardown(names_outside_the_rules_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(one_refused_batch_leaves_the_others, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_names_fit, begin, end),
		cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, begin, end),
		cmocka_unit_test_setup_teardown(links_that_lead_out_are_not_followed, begin, end),
		cmocka_unit_test_setup_teardown(what_is_in_the_way_refuses_its_series_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_set_aside_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(without_permission_a_series_is_refused_but_the_root_is_waited_for,
						begin, end),
		cmocka_unit_test_setup_teardown(points_too_old_for_their_file_are_told, begin, end),
		cmocka_unit_test_setup_teardown(a_second_daemon_is_told_the_first_ones_pid, begin, end),
		cmocka_unit_test_setup_teardown(readers_run_beside_the_writer, begin, end),
		cmocka_unit_test_setup_teardown(pending_points_are_read_as_if_written, begin, end),
		cmocka_unit_test_setup_teardown(pending_points_are_read_beside_a_damaged_file, begin, end),
		cmocka_unit_test_setup_teardown(held_coarse_archives_are_read_and_caught_up, begin, end),
		cmocka_unit_test_setup_teardown(what_is_held_is_caught_up_before_it_is_overtaken, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_moved_to_another_file_system_too, begin, end),
		cmocka_unit_test_setup_teardown(without_descriptors_points_wait, begin, end),
		cmocka_unit_test_setup_teardown(several_threads_write_at_once, begin, end),
	};

	if (log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_CRITICAL, NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
