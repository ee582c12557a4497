#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "config/listed.h"

static char folder[64], path[128];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/numeter-listed-XXXXXX");
	must(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/" LISTED_NAME, folder);
	(void)state;
	return 0;
}

static int remove_folder(void **state)
{
	fileio_swap(NULL);
	unlink(path);
	rmdir(folder);
	(void)state;
	return 0;
}

static enum rc add(const char *lines, size_t *n_new, struct why *why)
{
	struct host_list l;
	enum rc rc;

	host_list_parse(text_of(lines), "h", &l, NULL, NULL);
	rc = listed_add(path, &l, n_new, why);
	host_list_fini(&l);
	return rc;
}

static void check_file(const char *expected)
{
	struct buf content;

	buf_init(&content, 4096);
	assert_int_equal(fileio_read_all(path, &content, NULL), RC_OK);
	assert_int_equal(content.n, strlen(expected));
	assert_memory_equal(content.at, expected, content.n);
	buf_fini(&content);
}

static void keeps_who_was_taken_off_and_leaves_patterns_out(void **state)
{
	struct map m;
	size_t n;

	map_init(&m);
	assert_int_equal(listed_read(path, &m, NULL), RC_OK);
	assert_int_equal(m.n, 0);
	assert_int_equal(add("a.example.org\nb\n*\nweb.*\n", &n, NULL), RC_OK);
	assert_int_equal(n, 2);
	assert_int_equal(add("c\nb\n", &n, NULL), RC_OK);
	assert_int_equal(n, 1);
	check_file("a.example.org\nb\nc\n");
	assert_int_equal(listed_read(path, &m, NULL), RC_OK);
	assert_int_equal(m.n, 3);
	assert_non_null(map_get(&m, TEXT("a.example.org")));
	assert_non_null(map_get(&m, TEXT("c")));
	map_fini(&m, NULL);
	(void)state;
}

static void is_written_only_when_there_is_something_new(void **state)
{
	struct stat before, after;

	assert_int_equal(add("a\nb\n", NULL, NULL), RC_OK);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(add("b\n", NULL, NULL), RC_OK);
	assert_int_equal(add("*\n", NULL, NULL), RC_OK);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(add("x\n", NULL, NULL), RC_OK);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	(void)state;
}

static void a_last_line_without_its_end_stays_a_line(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0644);

	assert_int_equal(write(fd, "a\nb", 3), 3);
	close(fd);
	assert_int_equal(add("c\n", NULL, NULL), RC_OK);
	check_file("a\nb\nc\n");
	(void)state;
}

enum { ADDERS = 4, EACH = 50 };

static void *add_many(void *argument)
{
	for (int i = 0; i < EACH; i++) {
		char line[32];

		snprintf(line, sizeof(line), "h%d-%d\n", *(const int *)argument, i);
		must(add(line, NULL, NULL) == RC_OK);
	}
	return NULL;
}

static void many_add_at_once(void **state)
{
	pthread_t thread[ADDERS];
	int number[ADDERS];
	struct map m;

	for (int i = 0; i < ADDERS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, add_many, &number[i]), 0);
	}
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	map_init(&m);
	assert_int_equal(listed_read(path, &m, NULL), RC_OK);
	assert_int_equal(m.n, ADDERS * EACH);
	map_fini(&m, NULL);
	(void)state;
}

static int no_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_failure_leaves_the_file_as_it_was(void **state)
{
	struct fileio_kernel bad = fileio_real;
	struct why why;
	size_t n;

	assert_int_equal(add("a\n", NULL, NULL), RC_OK);
	bad.fdatasync = bad.fsync = no_sync;
	fileio_swap(&bad);
	assert_int_equal(add("b\n", &n, &why), RC_DISK);
	assert_int_equal(n, 0);
	assert_non_null(strstr(why.text, LISTED_NAME));
	fileio_swap(NULL);
	check_file("a\n");
	assert_int_equal(add("b\n", NULL, NULL), RC_OK);
	check_file("a\nb\n");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_who_was_taken_off_and_leaves_patterns_out, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(is_written_only_when_there_is_something_new, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_last_line_without_its_end_stays_a_line, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(many_add_at_once, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_failure_leaves_the_file_as_it_was, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
