#include "test.h"

#include "meta/backend.h"

static const struct {
	enum meta_hash hash;
	struct text host, name;
} hashes[] = {
	{ META_HOSTS, { NULL, 0 }, TEXT_INIT("HOSTS") },
	{ META_HOSTS, TEXT_INIT("ignored"), TEXT_INIT("HOSTS") },
	{ META_HOST_ID, { NULL, 0 }, TEXT_INIT("HOST_ID") },
	{ META_WSP_PATH, { NULL, 0 }, TEXT_INIT("WSP_PATH") },
	{ META_INFOS, TEXT_INIT("myhost"), TEXT_INIT("INFOS@myhost") },
	{ META_INFOS, TEXT_INIT("a@b\0c\xff"), TEXT_INIT("INFOS@a@b\0c\xff") },
	{ META_INFOS, TEXT_INIT(""), TEXT_INIT("INFOS@") },
	{ META_INFOS, { NULL, 0 }, TEXT_INIT("INFOS@") },
	{ META_DELETED_HOSTS, { NULL, 0 }, TEXT_INIT("DELETED_HOSTS") },
	{ META_DELETED_PLUGINS, { NULL, 0 }, TEXT_INIT("DELETED_PLUGINS") },
};

static void names_the_hashes_as_documented(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct buf name;

		buf_init(&name, 100);
		buf_add_str(&name, "x");
		meta_hash_name(hashes[i].hash, hashes[i].host, &name);
		assert_int_equal(name.n, hashes[i].name.n + 1);
		assert_memory_equal(name.at + 1, hashes[i].name.s, hashes[i].name.n);
		buf_fini(&name);
	}
	(void)state;
}

static void names_the_strings_as_documented(void **state)
{
	assert_string_equal(meta_string_name(META_OLD_WSP), "OLD_WSP");
	assert_string_equal(meta_string_name(META_LAST_WSP_CLEAN), "LAST_WSP_CLEAN");
	(void)state;
}

static void collects_answers_in_a_buffer_that_moves(void **state)
{
	enum { N = 3000 };
	static struct meta_read read[N];
	struct buf answers;

	buf_init(&answers, 1 << 20);
	buf_add_str(&answers, "before");
	for (size_t i = 0; i < N; i++) {
		struct text value = { "0123456789", i % 11 };

		read[i].found = false;
		if (i % 5 != 0)
			assert_int_equal(backend_answer(&read[i], value, &answers, NULL), RC_OK);
	}
	backend_settle(read, N, &answers, 6);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(read[i].found, i % 5 != 0);
		if (read[i].found)
			assert_true(text_equal(read[i].value, (struct text){ "0123456789", i % 11 }));
		else
			assert_null(read[i].value.s);
	}
	buf_fini(&answers);
	(void)state;
}

static void gives_an_empty_answer_a_place(void **state)
{
	struct meta_read read = { .found = false };
	struct buf answers;

	buf_init(&answers, 0);
	assert_int_equal(backend_answer(&read, TEXT(""), &answers, NULL), RC_OK);
	backend_settle(&read, 1, &answers, 0);
	assert_true(read.found);
	assert_non_null(read.value.s);
	assert_int_equal(read.value.n, 0);
	buf_fini(&answers);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_hashes_as_documented),
		cmocka_unit_test(names_the_strings_as_documented),
		cmocka_unit_test(collects_answers_in_a_buffer_that_moves),
		cmocka_unit_test(gives_an_empty_answer_a_place),
	};

	return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
