#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "ingest/rejected.h"

enum { DAY_S = 86400, T0 = 1795342600 /* 2026-11-22 */ };

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/numeter-rejected-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static struct text content(const char *name, struct buf *b)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buf_clear(b);
	return fileio_read_all(path, b, NULL) == RC_OK ? buf_text(b) : TEXT_NONE;
}

static void lines_go_to_their_day(void **state)
{
	struct rejected r;
	struct buf b;

	buf_init(&b, 100000);
	assert_int_equal(rejected_open(folder, 100000, &r, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("one\n"), T0, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("two\n"), T0 + 1, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("three\n"), T0 + DAY_S, NULL), RC_OK);
	assert_true(text_is(content("2026-11-22.jsonl", &b), "one\ntwo\n"));
	assert_true(text_is(content("2026-11-23.jsonl", &b), "three\n"));
	rejected_close(&r);
	assert_int_equal(rejected_open(folder, 100000, &r, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("four\n"), T0, NULL), RC_OK);
	assert_true(text_is(content("2026-11-22.jsonl", &b), "one\ntwo\nfour\n"));
	rejected_close(&r);
	buf_fini(&b);
	(void)state;
}

static void the_oldest_day_goes(void **state)
{
	struct rejected r;
	struct buf b;
	char line[401];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	buf_init(&b, 100000);
	assert_int_equal(rejected_open(folder, 1000, &r, NULL), RC_OK);
	for (int day = 0; day < 4; day++)
		assert_int_equal(rejected_append(&r, text_of(line), T0 + day * DAY_S, NULL), RC_OK);
	assert_int_equal(content("2026-11-22.jsonl", &b).n, 0);
	assert_int_equal(content("2026-11-23.jsonl", &b).n, 0);
	assert_int_equal(content("2026-11-24.jsonl", &b).n, 400);
	assert_int_equal(content("2026-11-25.jsonl", &b).n, 400);
	/* one day alone over the ceiling: it begins anew, the newest lines stay */
	for (int i = 0; i < 5; i++)
		assert_int_equal(rejected_append(&r, text_of(line), T0 + 3 * DAY_S, NULL), RC_OK);
	assert_in_range(content("2026-11-25.jsonl", &b).n, 400, 1000);
	rejected_close(&r);
	buf_fini(&b);
	(void)state;
}

static void a_file_that_was_moved_away_is_made_anew(void **state)
{
	struct rejected r;
	struct buf b;
	char from[160], to[160];

	buf_init(&b, 100000);
	assert_int_equal(rejected_open(folder, 100000, &r, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("one\n"), T0, NULL), RC_OK);
	snprintf(from, sizeof(from), "%s/2026-11-22.jsonl", folder);
	snprintf(to, sizeof(to), "%s/looked-at", folder);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(rejected_append(&r, TEXT("two\n"), T0, NULL), RC_OK);
	assert_true(text_is(content("2026-11-22.jsonl", &b), "two\n"));
	assert_int_equal(unlink(from), 0);
	assert_int_equal(rejected_append(&r, TEXT("three\n"), T0, NULL), RC_OK);
	assert_true(text_is(content("2026-11-22.jsonl", &b), "three\n"));
	rejected_close(&r);
	buf_fini(&b);
	(void)state;
}

static void a_full_disk_says_so_and_leaves_whole_lines(void **state)
{
	struct rejected r;
	struct rlimit all, few;
	struct why why;
	struct buf b;

	buf_init(&b, 100000);

	assert_int_equal(rejected_open(folder, 100000, &r, NULL), RC_OK);
	assert_int_equal(rejected_append(&r, TEXT("one\n"), T0, NULL), RC_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	few = all;
	few.rlim_cur = 6; /* a part of the next line still fits */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	assert_int_equal(rejected_append(&r, TEXT("second\n"), T0, &why), RC_DISK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_non_null(strstr(why.text, "File too large"));
	assert_true(text_is(content("2026-11-22.jsonl", &b), "one\n"));
	assert_int_equal(rejected_append(&r, TEXT("three\n"), T0, &why), RC_OK);
	assert_true(text_is(content("2026-11-22.jsonl", &b), "one\nthree\n"));
	buf_fini(&b);
	rejected_close(&r);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_go_to_their_day, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_oldest_day_goes, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_file_that_was_moved_away_is_made_anew, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_full_disk_says_so_and_leaves_whole_lines, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
