#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/watch.h"

static char folder[64], path[128], other[128];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/numeter-watch-XXXXXX");
	must(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/list", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	(void)state;
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	unlink(other);
	rmdir(folder);
	(void)state;
	return 0;
}

static int begin_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	return fd;
}

static void add_line(int fd)
{
	assert_int_equal(write(fd, "host\n", 5), 5);
}

static void write_file(const char *name)
{
	int fd = begin_file(name);

	add_line(fd);
	close(fd);
}

/* What happened so far is read at `base` + ms. */
static struct mono base;

static bool changed_after(struct watch *w, int64_t ms)
{
	watch_read(w, base);
	return watch_changed(w, mono_after_ms(base, ms));
}

static struct watch *quiet_watch(void)
{
	struct watch *w = watch_new(path, watch_look(path));

	base = mono_now();
	assert_false(changed_after(w, WATCH_QUIET_MS + 100));
	assert_int_equal(watch_due_ms(w, base), -1);
	base = mono_now();
	return w;
}

static void waits_for_the_writer_of_a_new_file(void **state)
{
	struct watch *w;
	int fd;

	write_file(path);
	w = quiet_watch();
	unlink(path);
	fd = begin_file(path);
	assert_false(changed_after(w, WATCH_MOST_MS + 1000));
	add_line(fd);
	assert_false(changed_after(w, WATCH_MOST_MS + 1000));
	assert_true(watch_due_ms(w, base) > WATCH_MOST_MS);
	close(fd);
	assert_false(changed_after(w, WATCH_QUIET_MS - 10));
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_free(w);
	(void)state;
}

static void waits_for_the_writer_of_the_same_file_unless_he_stops(void **state)
{
	struct watch *w;
	int fd;

	write_file(path);
	w = quiet_watch();
	fd = begin_file(path);
	assert_false(changed_after(w, WATCH_MOST_MS + 1000));
	assert_true(changed_after(w, WATCH_WRITTEN_MS + 10));
	close(fd);
	watch_free(w);
	(void)state;
}

static void sees_links_and_renames_at_once(void **state)
{
	struct watch *w;

	write_file(other);
	w = quiet_watch();
	assert_int_equal(symlink(other, path), 0);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_seen(w, watch_look(path));
	unlink(path);
	assert_int_equal(link(other, path), 0);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_seen(w, watch_look(path));
	unlink(path);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_seen(w, watch_look(path));
	assert_int_equal(rename(other, path), 0);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_seen(w, watch_look(path));
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_free(w);
	(void)state;
}

static void sees_what_changed_before_it_was_watched(void **state)
{
	struct watch_state seen;
	struct watch *w;

	seen = watch_look(path);
	write_file(path);
	w = watch_new(path, seen);
	base = mono_now();
	assert_true(watch_due_ms(w, base) >= 0);
	assert_true(changed_after(w, WATCH_QUIET_MS + 100));
	watch_free(w);
	(void)state;
}

static void looks_by_itself_until_it_can_watch(void **state)
{
	struct rlimit limit, none;
	struct watch *w;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	w = watch_new(path, watch_look(path));
	assert_int_equal(watch_fd(w), -1);
	base = mono_now();
	assert_false(changed_after(w, WATCH_QUIET_MS + 100));
	base = mono_after_ms(base, WATCH_QUIET_MS + 100);
	assert_in_range(watch_due_ms(w, base), 1, WATCH_LOOK_MS + 1);
	assert_false(changed_after(w, WATCH_LOOK_MS - 100));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	write_file(path);
	assert_true(changed_after(w, WATCH_LOOK_MS + 10));
	/* and from now on it is watched */
	watch_seen(w, watch_look(path));
	assert_true(watch_fd(w) >= 0);
	assert_int_equal(watch_due_ms(w, base), -1);
	write_file(path);
	assert_true(changed_after(w, WATCH_QUIET_MS + 10));
	watch_free(w);
	(void)state;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_for_the_writer_of_a_new_file, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(waits_for_the_writer_of_the_same_file_unless_he_stops, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(sees_links_and_renames_at_once, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(sees_what_changed_before_it_was_watched, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(looks_by_itself_until_it_can_watch, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
