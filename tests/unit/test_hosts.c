#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ingest/hosts.h"

/* One daemon's view: a metadata store that may be wiped under it, and a tree that stays. */
struct fixture {
	char root[64];
	struct meta *meta;
	struct hosts hosts;
	struct arena arena;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return 1;
	strcpy(f->root, "/tmp/numeter-hosts-XXXXXX");
	if (mkdtemp(f->root) == NULL)
		return 1;
	f->meta = meta_memory_open();
	hosts_init(&f->hosts, f->meta, f->root, 2);
	arena_init(&f->arena);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	arena_fini(&f->arena);
	hosts_fini(&f->hosts);
	meta_close(f->meta);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
	free(f);
	return system(command);
}

static void set(struct fixture *f, enum meta_hash hash, struct text field, const char *value)
{
	struct meta_write w = { META_SET, { hash, TEXT_NONE, field }, text_of(value) };

	assert_int_equal(meta_apply(f->meta, &w, 1, NULL), RC_OK);
}

/* The value, or "" when it is not there; lives until the next call. */
static const char *get(struct fixture *f, enum meta_hash hash, struct text field)
{
	static char value[4096];
	struct meta_read r = { .key = { hash, TEXT_NONE, field } };
	struct buf answer;

	buf_init(&answer, sizeof(value));
	assert_int_equal(meta_read(f->meta, &r, 1, &answer, NULL), RC_OK);
	snprintf(value, sizeof(value), "%.*s", r.found ? (int)r.value.n : 0, r.found ? r.value.s : "");
	buf_fini(&answer);
	return value;
}

/* The host sends data: what a round of the store thread does with it. Returns its folder. */
static const char *send_data(struct fixture *f, struct text name)
{
	struct host_want want = { .name = name, .entry = hosts_entry(&f->hosts, name), .data = true };
	struct meta_write writes[3];
	uint64_t generation = meta_generation(f->meta);
	size_t n;

	assert_int_equal(hosts_resolve(&f->hosts, &want, 1, NULL), RC_OK);
	assert_non_null(want.host);
	n = hosts_writes(&f->hosts, &want, &f->arena, writes);
	assert_int_equal(meta_apply(f->meta, writes, n, NULL), RC_OK);
	hosts_settled(&want, generation);
	return want.host->folder;
}

static void data_makes_its_host_known(void **state)
{
	struct fixture *f = *state;
	char expected[128];

	assert_string_equal(send_data(f, TEXT("myhost-123456")), "0c/myhost-123456");
	assert_string_equal(get(f, META_HOST_ID, TEXT("myhost-123456")), "0c");
	snprintf(expected, sizeof(expected), "%s/0c/myhost-123456", f->root);
	assert_string_equal(get(f, META_WSP_PATH, TEXT("myhost-123456")), expected);
	assert_non_null(strstr(get(f, META_HOSTS, TEXT("myhost-123456")), "\"Plugin\": \"MyInfo\""));
}

static void a_known_host_is_not_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct host_want want = { .name = TEXT("myhost-123456"), .data = true };

	want.entry = hosts_entry(&f->hosts, want.name);
	send_data(f, want.name);
	assert_int_equal(hosts_resolve(&f->hosts, &want, 1, NULL), RC_OK);
	assert_true(want.settled);
	want.myinfo = true; /* its MyInfo writes WSP_PATH again */
	assert_int_equal(hosts_resolve(&f->hosts, &want, 1, NULL), RC_OK);
	assert_false(want.settled);
	assert_true(want.write_path);
}

static void hosts_that_meet_get_two_folders(void **state)
{
	struct fixture *f = *state;
	char first[FOLDER_MAX_BYTES];

	snprintf(first, sizeof(first), "%s", send_data(f, TEXT("h39.x")));
	assert_string_equal(first, "a7/h39x");
	assert_memory_equal(send_data(f, TEXT("h.39x")), "a7/h39x-", 8);
	assert_string_equal(send_data(f, TEXT("h39.x")), first);
}

static void they_keep_them_when_the_metadata_is_lost_and_they_return_in_another_order(void **state)
{
	struct fixture *f = *state;
	char second[FOLDER_MAX_BYTES], path[512];

	send_data(f, TEXT("h39.x"));
	snprintf(second, sizeof(second), "%s", send_data(f, TEXT("h.39x")));
	snprintf(path, sizeof(path), "%s/a7", f->root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s", f->root, second);
	assert_int_equal(mkdir(path, 0755), 0);
	/* a new daemon with an empty metadata store and the old tree */
	hosts_fini(&f->hosts);
	meta_close(f->meta);
	f->meta = meta_memory_open();
	hosts_init(&f->hosts, f->meta, f->root, 2);
	assert_string_equal(send_data(f, TEXT("h.39x")), second);
	assert_string_equal(send_data(f, TEXT("h39.x")), "a7/h39x");
}

static void an_entry_that_stands_wins_over_the_rule(void **state)
{
	struct fixture *f = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/ab/somewhere", f->root);
	set(f, META_WSP_PATH, TEXT("myhost-123456"), path);
	set(f, META_HOST_ID, TEXT("myhost-123456"), "0");
	assert_string_equal(send_data(f, TEXT("myhost-123456")), "ab/somewhere");
	assert_string_equal(get(f, META_WSP_PATH, TEXT("myhost-123456")), path);
	assert_string_equal(get(f, META_HOST_ID, TEXT("myhost-123456")), "0");
}

static void a_path_outside_the_tree_is_not_followed(void **state)
{
	struct fixture *f = *state;
	static const char *const outside[] = { "/etc", "/srv/wsps/0c/myhost-123456", "", "../x", "/" };
	char expected[128];

	snprintf(expected, sizeof(expected), "%s/0c/myhost-123456", f->root);
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		hosts_fini(&f->hosts);
		hosts_init(&f->hosts, f->meta, f->root, 2);
		set(f, META_WSP_PATH, TEXT("myhost-123456"), outside[i]);
		assert_string_equal(send_data(f, TEXT("myhost-123456")), "0c/myhost-123456");
		assert_string_equal(get(f, META_WSP_PATH, TEXT("myhost-123456")), expected);
	}
}

static void a_folder_taken_in_the_metadata_is_not_given_to_a_newcomer(void **state)
{
	struct fixture *f = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/a7/h39x", f->root);
	set(f, META_WSP_PATH, TEXT("h39.x"), path);
	assert_memory_equal(send_data(f, TEXT("h.39x")), "a7/h39x-", 8);
}

static void a_name_that_filters_to_nothing_has_a_folder(void **state)
{
	struct fixture *f = *state;
	const char *folder = send_data(f, TEXT("..."));

	assert_int_equal(strlen(folder), 2 + 1 + 1 + 8);
	assert_int_equal(folder[3], '-');
}

static void what_is_forgotten_is_asked_and_written_again(void **state)
{
	struct fixture *f = *state;
	struct host_want want = { .name = TEXT("h39.x"), .data = true };

	want.entry = hosts_entry(&f->hosts, want.name);
	send_data(f, want.name);
	hosts_forget(&f->hosts, want.name, false);
	assert_true(hosts_knows(&f->hosts, want.name));
	assert_int_equal(hosts_resolve(&f->hosts, &want, 1, NULL), RC_OK);
	assert_false(want.settled);
	hosts_forget(&f->hosts, want.name, true);
	assert_false(hosts_knows(&f->hosts, want.name));
	assert_string_equal(send_data(f, TEXT("h.39x")), "a7/h39x"); /* free for whoever comes first */
	assert_string_equal(get(f, META_HOST_ID, TEXT("h.39x")), "a7");
	hosts_forget(&f->hosts, TEXT("nobody"), true);
}

static void a_folder_that_was_given_is_not_given_to_a_newcomer(void **state)
{
	struct fixture *f = *state;

	send_data(f, TEXT("other"));
	hosts_give_folder(&f->hosts, TEXT("h39.x"), TEXT("a7/h39x"));
	assert_memory_equal(send_data(f, TEXT("h.39x")), "a7/h39x-", 8);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_makes_its_host_known),
		T(a_known_host_is_not_asked_for_again),
		T(hosts_that_meet_get_two_folders),
		T(they_keep_them_when_the_metadata_is_lost_and_they_return_in_another_order),
		T(an_entry_that_stands_wins_over_the_rule),
		T(a_path_outside_the_tree_is_not_followed),
		T(a_folder_taken_in_the_metadata_is_not_given_to_a_newcomer),
		T(a_name_that_filters_to_nothing_has_a_folder),
		T(what_is_forgotten_is_asked_and_written_again),
		T(a_folder_that_was_given_is_not_given_to_a_newcomer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
