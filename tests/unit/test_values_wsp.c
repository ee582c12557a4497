#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	if (values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE }, &t->values, &why) != RC_OK)
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

static enum rc write_point(struct tree *t, struct series s, int64_t t_s, double value, struct why *why)
{
	struct point p = { t_s, value };
	struct values_batch b = { .series = s, .point = &p, .n_points = 1 };
	enum rc rc = values_write(t->values, &b, 1, NOW);

	assert_int_equal(rc, b.rc == RC_REFUSED ? RC_OK : b.rc);
	if (why != NULL)
		*why = b.why;
	return b.rc;
}

/* The value of the minute of t_s; NAN when there is none; fails when the series is not there. */
static double value_at(struct tree *t, struct series s, int64_t t_s)
{
	struct span span;
	struct why why;
	double value = NAN;

	if (values_fetch(t->values, &s, NOW - 86400, NOW, NOW, &span, &why) != RC_OK)
		fail_msg("%s", why.text);
	if (t_s >= span.start_s && t_s < span.start_s + (int64_t)span.n * span.step_s)
		value = span.value[(t_s - span.start_s) / span.step_s];
	span_fini(&span);
	return value;
}

static void two_hosts_are_written_and_read(void **state)
{
	struct tree *t = *state;
	const struct point a[] = { { NOW - 60, 1 }, { NOW, 2 } }, b[] = { { NOW - 120, 3 } }, c[] = { { NOW, 4 } };
	struct values_batch batch[] = {
		{ .series = usual, .point = a, .n_points = 2 },
		{ .series = series_of("myhost", "0c/myhost", "df", "caf\xC3\xA9 .."), .point = b, .n_points = 1 },
		{ .series = series_of("other", "a7/other", "df", "_dev_sda1"), .point = c, .n_points = 1 },
	};
	uint64_t stored = counter_get(COUNTER_POINTS_STORED), created = counter_get(COUNTER_FILES_CREATED);

	assert_int_equal(values_write(t->values, batch, ARRAY_LEN(batch), NOW), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++)
		assert_int_equal(batch[i].rc, RC_OK);
	assert_int_equal(counter_get(COUNTER_POINTS_STORED) - stored, 4);
	assert_int_equal(counter_get(COUNTER_FILES_CREATED) - created, 3);
	assert_true(value_at(t, batch[0].series, NOW - 60) == 1 && value_at(t, batch[0].series, NOW) == 2);
	assert_true(value_at(t, batch[1].series, NOW - 120) == 3);
	assert_true(value_at(t, batch[2].series, NOW) == 4);
	assert_true(exists(t, "0c/myhost/df/_dev_sda1.wsp") && exists(t, "a7/other/df/_dev_sda1.wsp"));
	/* the same again: nothing new */
	assert_int_equal(values_write(t->values, batch, ARRAY_LEN(batch), NOW), RC_OK);
	assert_int_equal(counter_get(COUNTER_FILES_CREATED) - created, 3);
	assert_true(value_at(t, batch[0].series, NOW - 60) == 1);
}

static void nothing_to_store_makes_no_file(void **state)
{
	struct tree *t = *state;
	struct values_batch b = { .series = usual };
	struct span span;

	assert_int_equal(values_write(t->values, &b, 1, NOW), RC_OK);
	assert_int_equal(write_point(t, usual, NOW - 31622400 - 1, 5, NULL), RC_REFUSED);
	assert_false(exists(t, "0c"));
	assert_int_equal(values_fetch(t->values, &usual, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
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
	assert_int_equal(values_fetch(t->values, &s, NOW - 60, NOW, NOW, &span, NULL), RC_OK);
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
		assert_int_equal(values_fetch(t->values, &refused[i], NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	}
	assert_false(exists(t, "0c"));
	assert_false(exists(t, "../x"));
}

static void one_refused_batch_leaves_the_others(void **state)
{
	struct tree *t = *state;
	const struct point p = { NOW, 1 };
	struct values_batch batch[] = {
		{ .series = series_of("h", "0c/h", "..", "v"), .point = &p, .n_points = 1 },
		{ .series = usual, .point = &p, .n_points = 1 },
	};

	assert_int_equal(values_write(t->values, batch, 2, NOW), RC_OK);
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
		assert_int_equal(values_fetch(t->values, &usual, NOW - 60, NOW, NOW, &span, NULL), RC_DAMAGED);
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
	struct why why = { "" };
	struct span span;

	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(write_point(t, by_folder, NOW, 1, &why), RC_DISK);
	assert_non_null(strstr(why.text, "out of the tree"));
	assert_int_equal(values_fetch(t->values, &by_folder, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	assert_int_equal(write_point(t, by_file, NOW, 1, NULL), RC_OK);
	assert_int_equal(rename(file_link, target), 0);
	assert_int_equal(symlink(target, file_link), 0);
	assert_int_equal(write_point(t, by_file, NOW, 2, &why), RC_DISK);
	assert_non_null(strstr(why.text, "out of the tree"));
	assert_int_equal(values_fetch(t->values, &by_file, NOW - 60, NOW, NOW, &span, NULL), RC_ABSENT);
	free(outside);
	free(link);
	free(plugin);
	free(file_link);
	free(target);
}

static void a_folder_that_cannot_be_made_is_tried_again(void **state)
{
	struct tree *t = *state;
	char *path = path_in(t, "0c"), *host;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	struct why why = { "" };

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(write_point(t, usual, NOW, 1, &why), RC_DISK);
	assert_true(why.text[0] != '\0');
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write_point(t, usual, NOW, 1, NULL), RC_OK);
	assert_true(value_at(t, usual, NOW) == 1);
	if (geteuid() != 0) { /* root writes everywhere */
		struct series s = series_of("myhost", "0c/myhost", "new", "v");

		host = path_in(t, "0c/myhost");
		assert_int_equal(chmod(host, 0555), 0);
		assert_int_equal(write_point(t, s, NOW, 1, &why), RC_DISK);
		assert_int_equal(chmod(host, 0755), 0);
		assert_int_equal(write_point(t, s, NOW, 1, NULL), RC_OK);
		free(host);
	}
	free(path);
}

static void a_second_daemon_is_told_the_first_ones_pid(void **state)
{
	struct tree *t = *state;
	struct values *second;
	struct why why = { "" };
	char pid[32];

	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_int_equal(
		values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE }, &second, &why),
		RC_REFUSED);
	assert_non_null(strstr(why.text, pid));
	values_close(t->values);
	t->values = NULL;
	assert_int_equal(
		values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE }, &t->values, &why),
		RC_OK);
}

enum { N_ROUNDS = 300 };

static void *read_along(void *argument)
{
	struct tree *t = argument;

	for (int i = 0; i < N_ROUNDS; i++) {
		struct span span;
		enum rc rc = values_fetch(t->values, &usual, NOW - 86400, NOW, NOW, &span, NULL);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_hosts_are_written_and_read, begin, end),
		cmocka_unit_test_setup_teardown(nothing_to_store_makes_no_file, begin, end),
		cmocka_unit_test_setup_teardown(files_get_the_archives_of_their_names, begin, end),
		cmocka_unit_test_setup_teardown(names_outside_the_rules_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(one_refused_batch_leaves_the_others, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_names_fit, begin, end),
		cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, begin, end),
		cmocka_unit_test_setup_teardown(links_that_lead_out_are_not_followed, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_is_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(a_second_daemon_is_told_the_first_ones_pid, begin, end),
		cmocka_unit_test_setup_teardown(readers_run_beside_the_writer, begin, end),
	};

	if (log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_CRITICAL, NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
