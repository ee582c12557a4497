#include "test.h"

#include <stdlib.h>

#include "base/arena.h"
#include "wire/json.h"
#include "wire/json_scan.h"

static const struct text good[] = {
	TEXT_INIT("{}"),
	TEXT_INIT(" \t\r\n[ ] \n"),
	TEXT_INIT("0"),
	TEXT_INIT("-0"),
	TEXT_INIT("-0.0e+00"),
	TEXT_INIT("123.456E-789"),
	TEXT_INIT("[true,false,null]"),
	TEXT_INIT("{\"a\":{\"b\":[1,[2,{\"c\":\"d\"}]]},\"\":\"\"}"),
	TEXT_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFfFf\""),
	TEXT_INIT("\"\\ud83d\\uDE00\""),
	TEXT_INIT("\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F\""),
	TEXT_INIT("\"\xF4\x8F\xBF\xBF\""),
	TEXT_INIT("{\"same\":1,\"same\":2}"),
};

static const struct {
	struct text t;
	const char *why;
} bad[] = {
	{ TEXT_INIT(""), "expected a value at byte 0" },
	{ TEXT_INIT("  "), "expected a value at byte 2" },
	{ TEXT_INIT("{not json"), "expected a key in quotes at byte 1" },
	{ TEXT_INIT("{} x"), "text after the document at byte 3" },
	{ TEXT_INIT("{}\0"), "text after the document at byte 2" },
	{ TEXT_INIT("\0"), "expected a value at byte 0" },
	{ TEXT_INIT("[\0]"), "expected a value at byte 1" },
	{ TEXT_INIT("[1\0]"), "expected , or ] at byte 2" },
	{ TEXT_INIT("\xEF\xBB\xBF{}"), "expected a value at byte 0" },
	{ TEXT_INIT("01"), "number with a leading zero at byte 1" },
	{ TEXT_INIT("-"), "number without a digit where one must be at byte 1" },
	{ TEXT_INIT("+1"), "expected a value at byte 0" },
	{ TEXT_INIT(".5"), "expected a value at byte 0" },
	{ TEXT_INIT("5."), "number without a digit where one must be at byte 2" },
	{ TEXT_INIT("1e"), "number without a digit where one must be at byte 2" },
	{ TEXT_INIT("1e+"), "number without a digit where one must be at byte 3" },
	{ TEXT_INIT("0x10"), "text after the document at byte 1" },
	{ TEXT_INIT("tru"), "expected a value at byte 0" },
	{ TEXT_INIT("True"), "expected a value at byte 0" },
	{ TEXT_INIT("nullx"), "text after the document at byte 4" },
	{ TEXT_INIT("NaN"), "NaN is not JSON at byte 0" },
	{ TEXT_INIT("[Infinity]"), "Infinity is not JSON at byte 1" },
	{ TEXT_INIT("-Infinity"), "number without a digit where one must be at byte 1" },
	{ TEXT_INIT("[1,]"), "expected a value at byte 3" },
	{ TEXT_INIT("[,1]"), "expected a value at byte 1" },
	{ TEXT_INIT("[1 2]"), "expected , or ] at byte 3" },
	{ TEXT_INIT("[1}"), "expected , or ] at byte 2" },
	{ TEXT_INIT("{\"a\":1]"), "expected , or } at byte 6" },
	{ TEXT_INIT("{\"a\"}"), "expected a colon at byte 4" },
	{ TEXT_INIT("{\"a\" 1}"), "expected a colon at byte 5" },
	{ TEXT_INIT("{\"a\":}"), "expected a value at byte 5" },
	{ TEXT_INIT("{\"a\":1,}"), "expected a key in quotes at byte 7" },
	{ TEXT_INIT("{1:1}"), "expected a key in quotes at byte 1" },
	{ TEXT_INIT("{a:1}"), "expected a key in quotes at byte 1" },
	{ TEXT_INIT("{'a':1}"), "expected a key in quotes at byte 1" },
	{ TEXT_INIT("["), "expected a value at byte 1" },
	{ TEXT_INIT("[[]"), "expected , or ] at byte 3" },
	{ TEXT_INIT("]"), "expected a value at byte 0" },
	{ TEXT_INIT("\"abc"), "text without an end at byte 4" },
	{ TEXT_INIT("\"abc\\"), "text without an end at byte 4" },
	{ TEXT_INIT("\"abc\\\""), "text without an end at byte 6" },
	{ TEXT_INIT("\"a\nb\""), "control character in a text at byte 2" },
	{ TEXT_INIT("\"a\0b\""), "control character in a text at byte 2" },
	{ TEXT_INIT("\"\x1F\""), "control character in a text at byte 1" },
	{ TEXT_INIT("\"\\x41\""), "unknown escape at byte 1" },
	{ TEXT_INIT("\"\\u12g4\""), "\\u without four hexadecimal digits at byte 1" },
	{ TEXT_INIT("\"\\u12\""), "\\u without four hexadecimal digits at byte 1" },
	{ TEXT_INIT("\"\\ud800\""), "lone surrogate at byte 1" },
	{ TEXT_INIT("\"\\ud800\\u0041\""), "lone surrogate at byte 1" },
	{ TEXT_INIT("\"\\ud800\\ud800\""), "lone surrogate at byte 1" },
	{ TEXT_INIT("\"\\udc00\""), "lone surrogate at byte 1" },
	{ TEXT_INIT("\"\\udc00\\ud800\""), "lone surrogate at byte 1" },
	{ TEXT_INIT("\"\xFF\""), "not UTF-8 at byte 1" },
	{ TEXT_INIT("\"\xC0\xAF\""), "not UTF-8 at byte 1" },
	{ TEXT_INIT("\"\xED\xA0\x80\""), "not UTF-8 at byte 1" },
	{ TEXT_INIT("\"\xF4\x90\x80\x80\""), "not UTF-8 at byte 1" },
	{ TEXT_INIT("\"\xC3\""), "not UTF-8 at byte 1" },
	{ TEXT_INIT("{\"\xC3\":1}"), "not UTF-8 at byte 2" },
	{ TEXT_INIT("[\xC3\xA9]"), "expected a value at byte 1" },
};

/* A copy of exactly n bytes, so that a sanitizer sees any step over the end. */
static struct text exact(struct text t)
{
	char *copy = malloc(t.n == 0 ? 1 : t.n);

	memcpy(copy, t.s, t.n);
	return (struct text){ copy, t.n };
}

static void takes_what_the_standard_takes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct text t = exact(good[i]);
		struct json_value v;
		struct why why;

		if (json_check(t, false, &v, &why) != RC_OK)
			fail_msg("%.*s: %s", TEXT_ARG(t), why.text);
		free((char *)(uintptr_t)t.s);
	}
	(void)state;
}

static void refuses_the_rest_and_says_where(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct text t = exact(bad[i].t);
		struct json_value v;
		struct why why = { "" };

		assert_int_equal(json_check(t, false, &v, &why), RC_REFUSED);
		assert_string_equal(why.text, bad[i].why);
		free((char *)(uintptr_t)t.s);
	}
	(void)state;
}

static void cut_documents_are_refused(void **state)
{
	static const struct text whole =
		TEXT_INIT("{\"a\": [1.5e3, \"x\\u00e9\\ud83d\\ude00\xC3\xA9\", true, null], \"b\": {\"c\": -0}}");
	struct json_value v;

	assert_int_equal(json_check(whole, false, &v, NULL), RC_OK);
	for (size_t n = 0; n < whole.n; n++) {
		struct text t = exact((struct text){ whole.s, n });

		assert_int_equal(json_check(t, true, &v, NULL), RC_REFUSED);
		free((char *)(uintptr_t)t.s);
	}
	(void)state;
}

static void nonfinite_only_when_asked_for(void **state)
{
	static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
	static const char *const never[] = { "-NaN", "+Infinity", "nan", "Inf", "NaN1", "-Infinit", "- Infinity" };
	struct json_value v;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		assert_int_equal(json_check(text_of(words[i]), false, &v, NULL), RC_REFUSED);
		assert_int_equal(json_check(text_of(words[i]), true, &v, NULL), RC_OK);
		assert_int_equal(v.type, JSON_NONFINITE);
		assert_true(text_is(v.raw, words[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		assert_int_equal(json_check(text_of(never[i]), true, &v, NULL), RC_REFUSED);
	(void)state;
}

static void nests_to_64_and_no_further(void **state)
{
	char deep[2 * (JSON_MAX_DEPTH + 1)];
	struct json_value v;
	struct why why;

	memset(deep, '[', JSON_MAX_DEPTH);
	memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	assert_int_equal(json_check((struct text){ deep, 2 * JSON_MAX_DEPTH }, false, &v, NULL), RC_OK);
	memset(deep, '[', JSON_MAX_DEPTH + 1);
	memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_int_equal(json_check((struct text){ deep, sizeof(deep) }, false, &v, &why), RC_REFUSED);
	assert_string_equal(why.text, "nested too deeply at byte 64");
	(void)state;
}

static void strings_are_decoded_whole(void **state)
{
	static const struct {
		struct text raw, decoded;
	} cases[] = {
		{ TEXT_INIT(""), TEXT_INIT("") },
		{ TEXT_INIT("plain, longer than one block of bytes"),
		  TEXT_INIT("plain, longer than one block of bytes") },
		{ TEXT_INIT("n\\u0000ul"), TEXT_INIT("n\0ul") },
		{ TEXT_INIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"), TEXT_INIT("\"\\/\b\f\n\r\t") },
		{ TEXT_INIT("\\u00e9\\u20AC\\ud83d\\ude00\\u007f"),
		  TEXT_INIT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7F") },
		{ TEXT_INIT("0123456789abcdef\\n0123456789abcdef\xC3\xA9\\t"),
		  TEXT_INIT("0123456789abcdef\n0123456789abcdef\xC3\xA9\t") },
		{ TEXT_INIT("\\\\\\\"x\\\\\\\""), TEXT_INIT("\\\"x\\\"") },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool escaped = memchr(cases[i].raw.s, '\\', cases[i].raw.n) != NULL;
		struct text t = json_string(&a, cases[i].raw, escaped), quoted, whole;
		char *document = arena_alloc(&a, cases[i].raw.n + 2);
		struct json_reader r;

		assert_true(text_equal(t, cases[i].decoded));
		memcpy(document + 1, cases[i].raw.s, cases[i].raw.n);
		document[0] = document[cases[i].raw.n + 1] = '"';
		quoted = exact((struct text){ document, cases[i].raw.n + 2 });
		json_open(&r, quoted);
		assert_true(json_read_text(&r, &a, &whole));
		assert_int_equal(json_close(&r, NULL), RC_OK);
		assert_true(text_equal(whole, cases[i].decoded));
		for (size_t n = 1; n < quoted.n; n++) {
			json_open(&r, (struct text){ quoted.s, n });
			assert_false(json_read_text(&r, &a, &whole));
			assert_int_equal(json_close(&r, NULL), RC_REFUSED);
		}
		free((char *)(uintptr_t)quoted.s);
	}
	arena_fini(&a);
	(void)state;
}

static void the_last_of_a_repeated_key_counts(void **state)
{
	static const struct text document =
		TEXT_INIT(" {\"k\": 1, \"other\": [{\"k\": 5}], \"\\u006b\" : 2, \"x\": \"k\"} ");
	struct json_value object, v;
	struct arena a;

	arena_init(&a);
	assert_int_equal(json_check(document, false, &object, NULL), RC_OK);
	assert_true(json_member(&a, object, "k", &v));
	assert_true(text_is(v.raw, "2"));
	assert_true(json_member(&a, object, "other", &v));
	assert_int_equal(v.type, JSON_ARRAY);
	assert_true(text_is(v.raw, "[{\"k\": 5}]"));
	assert_true(json_member(&a, object, "x", &v));
	assert_true(v.type == JSON_STRING && text_is(v.raw, "k") && !v.escaped);
	assert_false(json_member(&a, object, "y", &v));
	assert_false(json_member(&a, v, "k", &v));
	arena_fini(&a);
	(void)state;
}

static void walks_every_element(void **state)
{
	static const char *const expected[] = { "1", "x y", "[2, [3]]", "{}", "null", "NaN", "{\"a\": [4]}" };
	struct json_value array, v;
	struct json_walk w;
	size_t n = 0;

	assert_int_equal(json_check(TEXT("[1, \"x y\",[2, [3]],{}, null ,NaN,\n{\"a\": [4]} ]"), true, &array, NULL),
			 RC_OK);
	w = json_walk(array);
	while (json_next_element(&w, &v)) {
		assert_true(n < ARRAY_LEN(expected));
		assert_true(text_is(v.raw, expected[n++]));
	}
	assert_int_equal(n, ARRAY_LEN(expected));
	w = json_walk((struct json_value){ .type = JSON_STRING, .raw = TEXT(", 1") });
	assert_false(json_next_element(&w, &v));
	(void)state;
}

static void one_pass_reader_stops_at_the_first_fault(void **state)
{
	struct json_reader r;
	struct json_value v;
	struct text t = TEXT_NONE;
	struct arena a;
	struct why why;

	arena_init(&a);
	json_open(&r, TEXT("{\"a\": {\"b\": [\"t\\u0041\", 7]}, \"c\": 01}"));
	assert_int_equal(json_peek(&r), '{');
	assert_true(json_enter(&r) && json_next(&r) && json_key_is(&r, &a, "a"));
	assert_true(json_enter(&r) && json_next(&r) && json_key_is(&r, &a, "b"));
	assert_true(json_enter(&r) && json_next(&r) && json_read_text(&r, &a, &t));
	assert_true(text_is(t, "tA"));
	assert_true(json_next(&r));
	assert_false(json_read_text(&r, &a, &t)); /* 7 is no text */
	assert_int_equal(json_close(&r, &why), RC_REFUSED);
	assert_string_equal(why.text, "expected a text at byte 24");

	json_open(&r, TEXT("{\"a\": 1, \"c\": 01, \"d\": 2}"));
	assert_true(json_enter(&r) && json_next(&r) && json_read(&r, &v) && json_next(&r));
	assert_false(json_read(&r, &v) || json_next(&r) || json_enter(&r));
	assert_int_equal(json_peek(&r), 0);
	assert_int_equal(json_close(&r, &why), RC_REFUSED);
	assert_string_equal(why.text, "number with a leading zero at byte 15");

	json_open(&r, TEXT("[1"));
	assert_true(json_enter(&r) && json_next(&r) && json_read(&r, &v));
	assert_int_equal(json_close(&r, &why), RC_REFUSED);
	assert_string_equal(why.text, "document without an end at byte 2");
	arena_fini(&a);
	(void)state;
}

static void the_twins_find_the_same_bytes(void **state)
{
	char block[16];

	for (unsigned at = 0; at < 8; at++) {
		for (unsigned c = 0; c < 256; c++) {
			bool plain = json_is_plain((char)c);

			assert_int_equal(plain, c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
			memset(block, 'x', sizeof(block));
			block[at] = (char)c;
			if (at < 7)
				block[at + 1] = '!'; /* next to a hit, where a borrow would show */
			assert_int_equal(json_plain_of_8(block), plain ? 8 : at);
			assert_int_equal(json_plain_of_block(block), plain ? JSON_BLOCK : at);
			for (unsigned d = 0; d < 256 && !plain; d++) {
				block[at + 1] = (char)d;
				assert_int_equal(json_plain_of_8(block), at);
			}
		}
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_standard_takes),
		cmocka_unit_test(refuses_the_rest_and_says_where),
		cmocka_unit_test(cut_documents_are_refused),
		cmocka_unit_test(nonfinite_only_when_asked_for),
		cmocka_unit_test(nests_to_64_and_no_further),
		cmocka_unit_test(strings_are_decoded_whole),
		cmocka_unit_test(the_last_of_a_repeated_key_counts),
		cmocka_unit_test(walks_every_element),
		cmocka_unit_test(one_pass_reader_stops_at_the_first_fault),
		cmocka_unit_test(the_twins_find_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
