#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

static void utf8_takes_and_refuses(void **state)
{
	static const struct {
		struct text t;
		bool good;
	} cases[] = {
		{ TEXT_INIT(""), true },
		{ TEXT_INIT("plain ascii, more than eight bytes"), true },
		{ TEXT_INIT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), true },
		{ TEXT_INIT("\xC0\xAF"), false },         /* overlong */
		{ TEXT_INIT("\xE0\x80\xAF"), false },     /* overlong */
		{ TEXT_INIT("\xED\xA0\x80"), false },     /* surrogate */
		{ TEXT_INIT("\xF4\x90\x80\x80"), false }, /* above U+10FFFF */
		{ TEXT_INIT("12345678\xFF"), false },
		{ TEXT_INIT("\xC3"), false },
		{ TEXT_INIT("\xE2\x82"), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_is_utf8(cases[i].t), cases[i].good);
	(void)state;
}

static void base64_there_and_back(void **state)
{
	/* RFC 4648, 10 */
	static const char *const known[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" } };
	static const char *const wrong[] = { "Z",    "Zg",   "Zg=",   "Zg==Zg==", "Z===",
					     "====", "Zm9 ", "Zm9\n", "-m9v",     "Zm=v" };
	struct buf there, back;

	(void)state;
	buf_init(&there, SIZE_MAX);
	buf_init(&back, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		buf_clear(&there);
		buf_clear(&back);
		base64_add(&there, text_of(known[i][0]));
		assert_true(text_is(buf_text(&there), known[i][1]));
		assert_true(base64_add_decoded(&back, buf_text(&there)));
		assert_true(text_is(buf_text(&back), known[i][0]));
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		size_t n = back.n;

		assert_false(base64_add_decoded(&back, text_of(wrong[i])));
		assert_int_equal(back.n, n);
	}
	for (size_t n = 0; n < 300; n++) {
		char bytes[300];

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(i * 7919 + n);
		buf_clear(&there);
		buf_clear(&back);
		base64_add(&there, (struct text){ bytes, n });
		assert_true(base64_add_decoded(&back, buf_text(&there)));
		assert_true(text_equal(buf_text(&back), (struct text){ bytes, n }));
	}
	buf_fini(&there);
	buf_fini(&back);
}

static void patterns_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{ "*", "", true },
		{ "*", "anything", true },
		{ "if_*", "if_eth0", true },
		{ "if_*", "df", false },
		{ "*_eth?", "if_err_eth0", true },
		{ "[ab]*x", "bzzx", true },
		{ "[!ab]*", "b", false },
		{ "[a-c]", "b", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "a*b*c", "a--b--b-c", true },
		{ "a*b*c", "a--b--b-", false },
		{ "[", "[", false },
		{ "", "x", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (text_matches(text_of(cases[i].text), text_of(cases[i].pattern)) != cases[i].match)
			fail_msg("%s against %s", cases[i].text, cases[i].pattern);
	(void)state;
}

static void buf_stops_at_its_ceiling(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	buf_add_str(&b, "12345678");
	buf_add_str(&b, "9AB");
	assert_true(b.full);
	assert_int_equal(b.n, 8);
	buf_clear(&b);
	buf_addf(&b, "%d-%s", 42, "x");
	assert_false(b.full);
	assert_true(text_is(buf_text(&b), "42-x"));
	buf_fini(&b);
	(void)state;
}

static void arena_keeps_what_it_gave(void **state)
{
	struct arena a;
	struct text t[2000];

	arena_init(&a);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			char s[64];

			snprintf(s, sizeof(s), "text number %zu", i);
			t[i] = arena_text(&a, text_of(s));
		}
		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			char s[64];

			snprintf(s, sizeof(s), "text number %zu", i);
			assert_true(text_is(t[i], s));
		}
		char *big = arena_alloc(&a, 300000);

		memset(big, 1, 300000);
		arena_trim(&a, big, 300000, 5);
		arena_reset(&a);
	}
	arena_fini(&a);
	(void)state;
}

static void why_says_both(void **state)
{
	struct why why;

	assert_int_equal(because(&why, RC_DISK, "no space"), RC_DISK);
	why_prepend(&why, "file %d", 7);
	assert_string_equal(why.text, "file 7: no space");
	assert_int_equal(because(NULL, RC_PEER, "x"), RC_PEER);
	assert_string_equal(rc_name(RC_PEER), "peer");
	(void)state;
}

static void nearest_word(void **state)
{
	assert_int_equal(text_distance(TEXT("wsp_path"), TEXT("wsp_pth")), 1);
	assert_int_equal(text_distance(TEXT(""), TEXT("abc")), 3);
	assert_int_equal(text_distance(TEXT("kitten"), TEXT("sitting")), 3);
	(void)state;
}

static void maps_hold_what_a_list_would(void **state)
{
	static int value[500];
	bool there[ARRAY_LEN(value)] = { false };
	struct map m;
	unsigned random = 12345;

	map_init(&m);
	assert_null(map_get(&m, TEXT("x")));
	assert_null(map_remove(&m, TEXT("x")));
	for (int step = 0; step < 20000; step++) {
		char key[32];
		size_t i;

		random = random * 1103515245U + 12345U;
		i = (random >> 8) % ARRAY_LEN(value);
		snprintf(key, sizeof(key), "key%zu", i);
		assert_ptr_equal(map_get(&m, text_of(key)), there[i] ? &value[i] : NULL);
		if ((random >> 24) % 2 == 0)
			assert_ptr_equal(map_put(&m, text_of(key), &value[i]), there[i] ? &value[i] : NULL);
		else
			assert_ptr_equal(map_remove(&m, text_of(key)), there[i] ? &value[i] : NULL);
		there[i] = (random >> 24) % 2 == 0;
	}
	size_t at = 0, seen = 0, expected = 0;
	struct text key;
	void *v;

	while (map_next(&m, &at, &key, &v))
		seen += there[(int *)v - value] ? 1 : 1000000;
	for (size_t i = 0; i < ARRAY_LEN(value); i++)
		expected += there[i];
	assert_int_equal(seen, expected);
	assert_int_equal(m.n, expected);
	map_fini(&m, NULL);
	(void)state;
}

static void *give_way(void *argument)
{
	int *priority = argument;

	priority[0] = getpriority(PRIO_PROCESS, 0);
	thread_give_way();
	priority[1] = getpriority(PRIO_PROCESS, 0);
	return NULL;
}

static void who_gives_way_does_so_alone(void **state)
{
	int before = getpriority(PRIO_PROCESS, 0), priority[2];
	pthread_t thread;

	(void)state;
	thread_start(&thread, "gives-way", give_way, priority);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(priority[0], before);
	assert_int_equal(priority[1], before < 10 ? 10 : before);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_takes_and_refuses),
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(buf_stops_at_its_ceiling),
		cmocka_unit_test(arena_keeps_what_it_gave),
		cmocka_unit_test(why_says_both),
		cmocka_unit_test(base64_there_and_back),
		cmocka_unit_test(nearest_word),
		cmocka_unit_test(maps_hold_what_a_list_would),
		cmocka_unit_test(who_gives_way_does_so_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
