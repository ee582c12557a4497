/*
 * The parts of upkeep that need no storage: when it is due, names, entry.json, folders moved without following a link.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "upkeep/clean.h"
#include "upkeep/disk.h"
#include "upkeep/entry.h"
#include "upkeep/target.h"

enum { HOUR = 3600, NOW = 1795342600 };

/* ---- when ---- */

static const struct {
	const char *last; /* NULL: not there */
	int64_t up_s, clean_s;
	bool due;
} times[] = {
	{ NULL, 3599, 48 * HOUR, false },
	{ NULL, 3600, 48 * HOUR, true },
	{ NULL, 1799, 1800, false },
	{ NULL, 1800, 1800, true },
	{ "1795342600", 86400, 48 * HOUR, false },
	{ "1795169800", 86400, 48 * HOUR, true },  /* 48 h ago */
	{ "1795169801", 86400, 48 * HOUR, false }, /* a second less */
	{ "1795342601", 86400, 48 * HOUR, true },  /* in the future */
	{ "99999999999999999999", 86400, 48 * HOUR, true },
	{ "yesterday", 86400, 48 * HOUR, true },
	{ "", 86400, 48 * HOUR, true },
	{ "yesterday", 60, 48 * HOUR, false },
};

static void it_is_due_by_the_last_one_and_never_soon_after_a_start(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (upkeep_is_due(text_of(times[i].last), (struct upkeep_when){ NOW, times[i].up_s, false },
				  times[i].clean_s) != times[i].due)
			fail_msg("last %s, up %lld s", times[i].last, (long long)times[i].up_s);
	assert_false(upkeep_is_due(TEXT_NONE, (struct upkeep_when){ NOW, 86400, true }, 48 * HOUR));
	(void)state;
}

static void a_clock_leaps_by_over_an_hour_ahead(void **state)
{
	assert_false(upkeep_has_leapt(NOW, NOW, 0));
	assert_false(upkeep_has_leapt(NOW, NOW + 10 * HOUR, 10 * HOUR));
	assert_false(upkeep_has_leapt(NOW, NOW + 11 * HOUR, 10 * HOUR));
	assert_true(upkeep_has_leapt(NOW, NOW + 11 * HOUR + 1, 10 * HOUR));
	assert_false(
		upkeep_has_leapt(NOW, NOW - 48 * HOUR, 10 * HOUR)); /* back: what is stored is younger than it is */
	(void)state;
}

/* ---- names ---- */

static const struct {
	const char *what, *host[3], *plugin[3], *ds[3];
	unsigned n;
} targets[] = {
	{ "h", { "h" }, { NULL }, { NULL }, 1 },
	{ "h/p", { "h/p", "h" }, { NULL, "p" }, { NULL, NULL }, 2 },
	{ "h/p/d", { "h/p/d", "h/p", "h" }, { NULL, "d", "p" }, { NULL, NULL, "d" }, 3 },
	{ "a/b/p/d", { "a/b/p/d", "a/b/p", "a/b" }, { NULL, "d", "p" }, { NULL, NULL, "d" }, 3 },
	{ "h/..", { "h/..", NULL }, { NULL, NULL }, { NULL, NULL }, 2 },
	{ "/p", { "/p", NULL }, { NULL, NULL }, { NULL, NULL }, 2 },
};

static void must_be(struct text got, const char *want)
{
	if (want == NULL)
		assert_null(got.s);
	else
		assert_true(text_is(got, want));
}

static void a_target_is_read_every_way_it_can_be(void **state)
{
	for (size_t k = 0; k < ARRAY_LEN(targets); k++) {
		struct target t;
		unsigned i = 0;

		for (; target_split(text_of(targets[k].what), i, &t); i++) {
			assert_true(i < targets[k].n);
			must_be(t.host, targets[k].host[i]);
			must_be(t.plugin, targets[k].plugin[i]);
			must_be(t.ds, targets[k].ds[i]);
		}
		assert_int_equal(i, targets[k].n);
	}
	(void)state;
}

/* ---- entry.json ---- */

static void must_equal(struct text a, struct text b)
{
	assert_true((a.s == NULL) == (b.s == NULL) && text_equal(a, b));
}

static void an_entry_reads_back(void **state)
{
	struct entry e, again;
	struct why why;
	struct buf b;

	entry_init(&e);
	entry_init(&again);
	buf_init(&b, 1 << 20);
	e.kind = ENTRY_HOST;
	e.host = TEXT("my \"host\"");
	e.folder = TEXT("0c/my host");
	e.why = TEXT("deleted by hand");
	e.time_s = NOW;
	entry_add_value(&e, META_HOSTS, e.host, TEXT("{\"ID\": \"\\u0000\"}"));
	entry_add_value(&e, META_WSP_PATH, e.host, TEXT("/r/0c/my\0host"));
	for (size_t n = 0; n < 8; n++) /* every rest of base64 */
		entry_add_value(&e, META_INFOS, TEXT("cpu"), (struct text){ "\xff\x00\xfe\xc0zz\x80", n });
	entry_print(&e, &b);
	if (entry_read(buf_text(&b), &again, &why) != RC_OK)
		fail_msg("%s: %.*s", why.text, TEXT_ARG(buf_text(&b)));
	assert_int_equal(again.kind, e.kind);
	assert_int_equal(again.time_s, e.time_s);
	must_equal(again.host, e.host);
	must_equal(again.plugin, e.plugin);
	must_equal(again.ds, e.ds);
	must_equal(again.folder, e.folder);
	must_equal(again.why, e.why);
	assert_int_equal(again.n_values, e.n_values);
	for (size_t i = 0; i < e.n_values; i++) {
		assert_int_equal(again.value[i].hash, e.value[i].hash);
		must_equal(again.value[i].field, e.value[i].field);
		must_equal(again.value[i].value, e.value[i].value);
	}
	entry_fini(&e);
	entry_fini(&again);
	buf_fini(&b);
	(void)state;
}

#define ENTRY(kind, host, plugin, folder, metadata)                                                                    \
	"{\"version\": 1, \"kind\": \"" kind "\", \"host\": " host ", \"plugin\": " plugin                             \
	", \"ds\": null, \"folder\": \"" folder "\", \"why\": \"w\", \"time\": 1, \"metadata\": [" metadata "]}"

static const char *const refused[] = {
	"",
	"[]",
	"{\"version\": 2}",
	ENTRY("hosts", "\"h\"", "null", "0c/h", ""),
	ENTRY("host", "null", "null", "0c/h", ""),
	ENTRY("host", "\"..\"", "null", "0c/h", ""),
	ENTRY("plugin", "\"h\"", "null", "0c/h", ""),
	ENTRY("plugin", "\"h\"", "\"a/b\"", "0c/h", ""),
	ENTRY("host", "\"h\"", "null", "../h", ""),
	ENTRY("host", "\"h\"", "null", "0c//h", ""),
	ENTRY("host", "\"h\"", "null", "/etc", ""),
	ENTRY("host", "\"h\"", "null", "0c/.h", ""),
	ENTRY("host", "\"h\"", "null", "0c/h/", ""),
	ENTRY("host", "\"h\"", "null", "", ""),
	ENTRY("host", "\"h\"", "null", "0c/\\u0000", ""),
	ENTRY("host", "\"h\"", "null", "0c/h", "1"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"HOSTS\", \"field\": \"k\", \"value\": \"\"}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"KEYS\", \"field\": \"h\", \"value\": \"\"}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"HOSTS\", \"field\": \"h\", \"value\": null}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"HOSTS\", \"field\": \"h\", \"value_base64\": \"a\"}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"HOSTS\", \"field\": \"h\", \"value_base64\": \"=aaa\"}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"HOSTS\", \"field\": \"h\", \"value_base64\": \"aa=a\"}"),
	ENTRY("host", "\"h\"", "null", "0c/h", "{\"key\": \"INFOS\", \"field\": \"a/b\", \"value\": \"\"}"),
};

static void refuses_entries_that_are_none(void **state)
{
	struct entry e;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct why why = { "" };

		entry_init(&e);
		if (entry_read(text_of(refused[i]), &e, &why) != RC_DAMAGED)
			fail_msg("taken: %s", refused[i]);
		assert_true(why.text[0] != '\0');
		entry_fini(&e);
	}
	entry_init(&e);
	assert_int_equal(entry_read(TEXT(ENTRY("plugin", "\"h\"", "\"cpu\"", "0c/h", "")), &e, NULL), RC_OK);
	entry_fini(&e);
	(void)state;
}

/* ---- folders ---- */

static char top[] = "/tmp/numeter-upkeep-XXXXXX";
static int top_fd;

static int make_top(void **state)
{
	(void)state;
	strcpy(top + strlen(top) - 6, "XXXXXX");
	if (mkdtemp(top) == NULL)
		return 1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY);
	return top_fd < 0;
}

static int remove_top(void **state)
{
	(void)state;
	close(top_fd);
	assert_int_equal(disk_remove(AT_FDCWD, top, NULL), RC_OK);
	return access(top, F_OK) == 0;
}

static void make_folder(const char *path)
{
	int fd;

	assert_int_equal(disk_open(top_fd, text_of(path), true, &fd, NULL), RC_OK);
	close(fd);
}

static void make_file(const char *path)
{
	int fd = openat(top_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, path, strlen(path)), strlen(path));
	close(fd);
}

static bool there(const char *path)
{
	struct stat st;

	return fstatat(top_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void links_are_never_followed(void **state)
{
	char name[DISK_NAME_BYTES];
	int fd;

	make_folder("outside/cpu");
	make_file("outside/cpu/user.wsp");
	make_folder("tree/0c/h");
	assert_int_equal(symlinkat("../../outside", top_fd, "tree/0c/link"), 0);
	assert_int_equal(symlinkat("h", top_fd, "tree/0c/near"), 0);
	assert_int_equal(symlinkat("../../../outside/cpu", top_fd, "tree/0c/h/cpu"), 0);
	assert_int_equal(disk_open(top_fd, TEXT("tree/0c/link"), false, &fd, NULL), RC_REFUSED);
	assert_int_equal(disk_open(top_fd, TEXT("tree/0c/link/cpu"), false, &fd, NULL), RC_REFUSED);
	assert_int_equal(disk_open(top_fd, TEXT("tree/0c/link/new"), true, &fd, NULL), RC_REFUSED);
	assert_int_equal(disk_open(top_fd, TEXT("tree/0c/near"), false, &fd, NULL), RC_REFUSED);
	assert_int_equal(disk_open(top_fd, TEXT("tree/../outside"), false, &fd, NULL), RC_REFUSED);
	assert_int_equal(disk_open(top_fd, TEXT("tree/0c/none"), false, &fd, NULL), RC_ABSENT);
	assert_int_equal(disk_open_above(top_fd, TEXT("tree/0c/link"), false, &fd, name, NULL), RC_OK);
	assert_int_equal(disk_move(fd, name, top_fd, "moved", NULL), RC_REFUSED);
	close(fd);
	assert_int_equal(disk_copy(top_fd, "tree", top_fd, "copy", NULL), RC_OK);
	assert_true(there("copy/0c/h/cpu") && !disk_has_folder(top_fd, "copy/0c/h/cpu"));
	assert_int_equal(disk_remove(top_fd, "copy", NULL), RC_OK);
	assert_int_equal(disk_remove(top_fd, "tree", NULL), RC_OK);
	assert_false(there("tree"));
	assert_true(there("outside/cpu/user.wsp"));
	(void)state;
}

static void moves_replace_nothing(void **state)
{
	make_folder("a/x");
	make_folder("b");
	make_file("a/x/1");
	assert_int_equal(disk_move(top_fd, "a", top_fd, "b", NULL), RC_REFUSED);
	assert_int_equal(disk_move(top_fd, "none", top_fd, "c", NULL), RC_ABSENT);
	assert_int_equal(disk_move(top_fd, "a", top_fd, "c", NULL), RC_OK);
	assert_true(there("c/x/1") && !there("a"));
	assert_int_equal(disk_copy(top_fd, "c", top_fd, "d", NULL), RC_OK);
	assert_true(there("c/x/1") && disk_has_file(top_fd, "d/x/1"));
	assert_int_equal(disk_copy(top_fd, "c", top_fd, "d", NULL), RC_REFUSED);
	assert_int_equal(disk_remove(top_fd, "none", NULL), RC_OK);
	(void)state;
}

static void two_folders_are_the_same_to_the_last_byte(void **state)
{
	int a, b;

	make_folder("a/x/y");
	make_folder("b");
	make_file("a/x/y/1");
	assert_int_equal(symlinkat("1", top_fd, "a/x/link"), 0);
	a = openat(top_fd, "a", O_RDONLY | O_DIRECTORY);
	b = openat(top_fd, "b", O_RDONLY | O_DIRECTORY);
	assert_false(disk_is_same(a, b, "x"));
	assert_int_equal(disk_copy(a, "x", b, "x", NULL), RC_OK);
	assert_true(disk_is_same(a, b, "x"));
	make_file("b/x/more");
	assert_false(disk_is_same(a, b, "x"));
	assert_int_equal(unlinkat(b, "x/more", 0), 0);
	assert_true(disk_is_same(a, b, "x"));
	assert_int_equal(renameat(b, "x/y/1", b, "x/y/2"), 0);
	assert_false(disk_is_same(a, b, "x"));
	assert_int_equal(unlinkat(b, "x/y/2", 0), 0);
	make_file("b/x/y/1"); /* as long, but for one byte the same */
	assert_false(disk_is_same(a, b, "x"));
	assert_int_equal(unlinkat(b, "x/y/1", 0), 0);
	assert_int_equal(symlinkat("1", b, "x/y/1"), 0);
	assert_false(disk_is_same(a, b, "x"));
	close(a);
	close(b);
	(void)state;
}

static void a_list_that_is_too_long_ends_with_a_whole_entry(void **state)
{
	struct buf list;

	buf_init(&list, 20);
	assert_true(clean_list_add(&list, TEXT("/r/a")));
	assert_true(clean_list_add(&list, TEXT("/r/b")));
	assert_false(clean_list_add(&list, TEXT("/r/\"\"")));
	assert_false(clean_list_add(&list, TEXT("/")));
	assert_true(text_is(buf_text(&list), "\"/r/a\", \"/r/b\""));
	buf_fini(&list);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_due_by_the_last_one_and_never_soon_after_a_start),
		cmocka_unit_test(a_clock_leaps_by_over_an_hour_ahead),
		cmocka_unit_test(a_target_is_read_every_way_it_can_be),
		cmocka_unit_test(an_entry_reads_back),
		cmocka_unit_test(refuses_entries_that_are_none),
		cmocka_unit_test_setup_teardown(links_are_never_followed, make_top, remove_top),
		cmocka_unit_test_setup_teardown(two_folders_are_the_same_to_the_last_byte, make_top, remove_top),
		cmocka_unit_test(a_list_that_is_too_long_ends_with_a_whole_entry),
		cmocka_unit_test_setup_teardown(moves_replace_nothing, make_top, remove_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
