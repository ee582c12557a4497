#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "values/wsp_walk.h"

struct tree {
	char path[128];
	int fd;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int begin(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tree *t = must_alloc(sizeof(*t));

	snprintf(t->path, sizeof(t->path), "%s/walk-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(t->path));
	t->fd = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct tree *t = *state;

	close(t->fd);
	nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

/* An empty file; its folders are made. */
static void make(const struct tree *t, const char *name)
{
	char *path = must_strdup(name);
	int fd;

	for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)!mkdirat(t->fd, path, 0755);
		*slash = '/';
	}
	fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	free(path);
}

/* What was found, a line each, and when to stop. */
struct seen {
	struct buf lines;
	size_t n, most;
	enum rc rc;
};

static enum rc see(void *argument, const struct wsp_found *f, struct why *why)
{
	struct seen *s = argument;

	assert_int_equal(faccessat(f->dir_fd, f->name, R_OK, 0), 0);
	buf_addf(&s->lines, "%.*s|%.*s|%.*s\n", TEXT_ARG(f->folder), TEXT_ARG(f->plugin), TEXT_ARG(f->ds));
	s->n++;
	return s->n == s->most ? because(why, s->rc, "enough") : RC_OK;
}

static void walk(const struct tree *t, struct text folder, const char *expected)
{
	struct seen s = { .most = SIZE_MAX };
	struct why why = { "" };

	buf_init(&s.lines, SIZE_MAX);
	if (wsp_walk(t->fd, folder, see, &s, &why) != RC_OK)
		fail_msg("%s", why.text);
	buf_add(&s.lines, "", 1);
	assert_string_equal(s.lines.at, expected);
	buf_fini(&s.lines);
}

static void finds_files_of_any_depth_in_order_of_names(void **state)
{
	const struct tree *t = *state;

	make(t, "0c/b/df/sdb.wsp");
	make(t, "0c/b/df/sda.wsp");
	make(t, "0c/a/load/load.wsp");
	make(t, "flat/load/load.wsp");
	make(t, "x/y/z/host/cpu/user.wsp");
	walk(t, TEXT_NONE, "0c/a|load|load\n0c/b|df|sda\n0c/b|df|sdb\nflat|load|load\nx/y/z/host|cpu|user\n");
	walk(t, TEXT("0c/b"), "0c/b|df|sda\n0c/b|df|sdb\n");
	walk(t, TEXT("x"), "x/y/z/host|cpu|user\n");
}

static void passes_over_what_is_no_file_of_a_series(void **state)
{
	const struct tree *t = *state;

	make(t, "top.wsp");        /* no folder, no plugin */
	make(t, "0c/plugin.wsp");  /* no folder of a host */
	make(t, "0c/a/df/.wsp");   /* no name */
	make(t, "0c/.a/df/a.wsp"); /* no folder of a host begins so */
	make(t, "0c/a/df/a.rrd");
	make(t, "0c/a/df/a.wsp.1");
	make(t, ".quarantine/0c/a/df/a.wsp");
	make(t, "0c/a/df/deep.wsp/x");
	make(t, "0c/a/df/\xff.wsp"); /* not UTF-8 */
	make(t, "0c/a/df/true.wsp");
	assert_int_equal(symlinkat("true.wsp", t->fd, "0c/a/df/link.wsp"), 0);
	assert_int_equal(symlinkat("a", t->fd, "0c/other"), 0);
	assert_int_equal(mkfifoat(t->fd, "0c/a/df/pipe.wsp", 0644), 0);
	walk(t, TEXT_NONE, "0c/a|df|true\n");
}

static void finds_plugins_and_sources_that_begin_with_a_dot(void **state)
{
	const struct tree *t = *state;

	make(t, "0c/a/df/.a.wsp");
	make(t, "0c/a/.df/a.wsp");
	make(t, "0c/a/df/.new-x.wsp");
	walk(t, TEXT_NONE, "0c/a|.df|a\n0c/a|df|.a\n0c/a|df|.new-x\n");
}

static enum rc see_leftover(void *argument, const struct wsp_found *f, struct why *why)
{
	struct seen *s = argument;

	assert_true(f->ds.s == NULL);
	buf_addf(&s->lines, "%.*s|%.*s|%s\n", TEXT_ARG(f->folder), TEXT_ARG(f->plugin), f->name);
	(void)why;
	return RC_OK;
}

static void finds_leftovers_apart(void **state)
{
	const struct tree *t = *state;
	struct seen s = { .most = SIZE_MAX };

	make(t, "0c/a/df/.new-1-2");
	make(t, "0c/a/df/.newer");
	make(t, "0c/a/df/.hidden.wsp");
	make(t, "0c/a/df/a.wsp");
	make(t, "0c/a/load/.new-33-0");
	make(t, ".new-top");
	make(t, ".new-folder/a/b.wsp");
	buf_init(&s.lines, SIZE_MAX);
	assert_int_equal(wsp_walk_leftovers(t->fd, TEXT_NONE, see_leftover, &s, NULL), RC_OK);
	buf_add(&s.lines, "", 1);
	assert_string_equal(s.lines.at, "0c/a|df|.new-1-2\n0c/a|load|.new-33-0\n");
	buf_fini(&s.lines);
	make(t, "0c/a/df/.new-x.wsp");
	walk(t, TEXT_NONE, "0c/a|df|.hidden\n0c/a|df|.new-x\n0c/a|df|a\n");
}

static void ends_when_told(void **state)
{
	const struct tree *t = *state;
	struct seen s = { .most = 2, .rc = RC_END };
	struct why why = { "" };

	make(t, "0c/a/df/1.wsp");
	make(t, "0c/a/df/2.wsp");
	make(t, "0c/a/df/3.wsp");
	buf_init(&s.lines, SIZE_MAX);
	assert_int_equal(wsp_walk(t->fd, TEXT_NONE, see, &s, &why), RC_OK);
	assert_int_equal(s.n, 2);
	s = (struct seen){ .lines = s.lines, .most = 1, .rc = RC_DAMAGED };
	assert_int_equal(wsp_walk(t->fd, TEXT_NONE, see, &s, &why), RC_DAMAGED);
	assert_string_equal(why.text, "enough");
	assert_int_equal(s.n, 1);
	buf_fini(&s.lines);
}

static void a_folder_that_is_not_there(void **state)
{
	const struct tree *t = *state;
	struct seen s = { .most = SIZE_MAX };
	struct why why = { "" };

	make(t, "0c/file");
	walk(t, TEXT_NONE, "");
	assert_int_equal(wsp_walk(t->fd, TEXT("none"), see, &s, &why), RC_ABSENT);
	assert_int_equal(wsp_walk(t->fd, TEXT("0c/file"), see, &s, &why), RC_ABSENT);
	assert_int_equal(wsp_walk(t->fd, TEXT("../.."), see, &s, &why), RC_DISK); /* out of the tree */
	assert_non_null(strstr(why.text, "../.."));
}

/* A file may be removed while the walk is on its way to it. */
static enum rc remove_all(void *argument, const struct wsp_found *f, struct why *why)
{
	(void)why;
	++*(size_t *)argument;
	assert_int_equal(unlinkat(f->dir_fd, "2.wsp", 0), 0);
	return RC_OK;
}

static void passes_over_what_vanishes(void **state)
{
	const struct tree *t = *state;
	size_t n = 0;

	make(t, "0c/a/df/1.wsp");
	make(t, "0c/a/df/2.wsp");
	assert_int_equal(wsp_walk(t->fd, TEXT_NONE, remove_all, &n, NULL), RC_OK);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_files_of_any_depth_in_order_of_names, begin, end),
		cmocka_unit_test_setup_teardown(passes_over_what_is_no_file_of_a_series, begin, end),
		cmocka_unit_test_setup_teardown(finds_leftovers_apart, begin, end),
		cmocka_unit_test_setup_teardown(finds_plugins_and_sources_that_begin_with_a_dot, begin, end),
		cmocka_unit_test_setup_teardown(ends_when_told, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_that_is_not_there, begin, end),
		cmocka_unit_test_setup_teardown(passes_over_what_vanishes, begin, end),
	};

	return cmocka_run_group_tests_name("wsp_walk", tests, NULL, NULL);
}
