#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"

static char folder[64], one[96], two[96], moved[96];

static int begin(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/numeter-log-XXXXXX");
	must(mkdtemp(folder) != NULL);
	snprintf(one, sizeof(one), "%s/one", folder);
	snprintf(two, sizeof(two), "%s/two", folder);
	snprintf(moved, sizeof(moved), "%s/moved", folder);
	assert_int_equal(log_open(one, LOG_LEVEL_WARNING, LOG_LEVEL_CRITICAL, NULL), RC_OK);
	(void)state;
	return 0;
}

static int end(void **state)
{
	log_close();
	unlink(one);
	unlink(two);
	unlink(moved);
	rmdir(folder);
	(void)state;
	return 0;
}

/* The lines of the file without their times. */
static void check_file(const char *path, const char *expected)
{
	char said[4096] = "";
	struct buf content;
	struct text rest;

	buf_init(&content, 1 << 20);
	assert_int_equal(fileio_read_all(path, &content, NULL), RC_OK);
	rest = buf_text(&content);
	while (rest.n > 0) {
		const char *line_end = memchr(rest.s, '\n', rest.n), *blank = memchr(rest.s, ' ', rest.n);
		size_t n = (size_t)(line_end - rest.s) + 1;

		strncat(said, blank + 1, (size_t)(line_end - blank));
		rest = (struct text){ rest.s + n, rest.n - n };
	}
	assert_string_equal(said, expected);
	buf_fini(&content);
}

static void a_file_that_was_moved_is_opened_anew(void **state)
{
	log_line(LOG_LEVEL_ERROR, "a", "n=%d", 1);
	assert_int_equal(rename(one, moved), 0);
	log_line(LOG_LEVEL_ERROR, "b", "n=%d", 2);
	assert_int_equal(log_reopen(NULL), RC_OK);
	log_line(LOG_LEVEL_ERROR, "c", "n=%d", 3);
	check_file(moved, "error event=a n=1\nerror event=b n=2\n");
	check_file(one, "error event=c n=3\n");
	(void)state;
}

static void file_and_level_change_or_neither(void **state)
{
	char bad[128];
	struct why why;

	snprintf(bad, sizeof(bad), "%s/none/log", folder);
	log_line(LOG_LEVEL_INFO, "a", "too low");
	assert_int_equal(log_change(bad, LOG_LEVEL_DEBUG, LOG_LEVEL_CRITICAL, &why), RC_DISK);
	assert_non_null(strstr(why.text, bad));
	log_line(LOG_LEVEL_INFO, "b", "too low");
	log_line(LOG_LEVEL_WARNING, "c", "there");
	assert_int_equal(log_change(two, LOG_LEVEL_DEBUG, LOG_LEVEL_CRITICAL, &why), RC_OK);
	log_line(LOG_LEVEL_DEBUG, "d", "there");
	assert_int_equal(log_change(two, LOG_LEVEL_ERROR, LOG_LEVEL_CRITICAL, &why), RC_OK);
	log_line(LOG_LEVEL_WARNING, "e", "too low");
	check_file(one, "warning event=c there\n");
	check_file(two, "debug event=d there\n");
	/* the new path is the one that is opened anew */
	assert_int_equal(rename(two, moved), 0);
	assert_int_equal(log_reopen(NULL), RC_OK);
	log_line(LOG_LEVEL_ERROR, "f", "there");
	check_file(two, "error event=f there\n");
	(void)state;
}

static void what_repeats_is_said_once_or_a_burst(void **state)
{
	struct log_limit once = { 0 }, burst = { .burst = 3 };

	for (int i = 0; i < 8; i++) {
		log_limited(&once, LOG_LEVEL_ERROR, "once", "i=%d", i);
		log_limited(&burst, LOG_LEVEL_ERROR, "burst", "i=%d", i);
	}
	check_file(one, "error event=once i=0\nerror event=burst i=0\nerror event=burst i=1\nerror event=burst i=2\n");
	/* a minute later it says how often it was not said */
	atomic_store(&once.next_s, 0);
	atomic_store(&burst.next_s, 0);
	log_limited(&once, LOG_LEVEL_ERROR, "once", "i=8");
	log_limited(&burst, LOG_LEVEL_ERROR, "burst", "i=8");
	check_file(one, "error event=once i=0\nerror event=burst i=0\nerror event=burst i=1\nerror event=burst i=2\n"
			"error event=once i=8\nerror event=once repeated=7\nerror event=burst i=8\n"
			"error event=burst repeated=5\n");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_that_was_moved_is_opened_anew, begin, end),
		cmocka_unit_test_setup_teardown(file_and_level_change_or_neither, begin, end),
		cmocka_unit_test_setup_teardown(what_repeats_is_said_once_or_a_burst, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
