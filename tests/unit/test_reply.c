#include "test.h"

#include <math.h>

#include "wire/json.h"
#include "wire/reply.h"

static struct arena arena;
static struct buf out;

static int start(void **state)
{
	(void)state;
	arena_init(&arena);
	buf_init(&out, 1 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	buf_fini(&out);
	arena_fini(&arena);
	return 0;
}

static void must_be(const char *expected)
{
	struct json_value v;
	struct why why = { "" };

	if (!text_is(buf_text(&out), expected))
		fail_msg("%.*s\nis not\n%s", TEXT_ARG(buf_text(&out)), expected);
	if (json_check(buf_text(&out), false, &v, &why) != RC_OK)
		fail_msg("%s: %s", expected, why.text);
	buf_clear(&out);
}

static void strings_are_always_strict_json(void **state)
{
	static const struct {
		struct text t;
		const char *json;
	} cases[] = {
		{ TEXT_INIT(""), "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ TEXT_INIT("plain, longer than one block of bytes"), "\"plain, longer than one block of bytes\"" },
		{ TEXT_INIT("q\" b\\ s/"), "\"q\\\" b\\\\ s/\"" },
		{ TEXT_INIT("\b\t\n\f\r\v\0\x1F\x7F"), "\"\\b\\t\\n\\f\\r\\u000b\\u0000\\u001f\x7F\"" },
		{ TEXT_INIT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
		  "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"" },
		{ TEXT_INIT("\xFF"), "\"\xEF\xBF\xBD\"" },
		{ TEXT_INIT("a\xC3"), "\"a\xEF\xBF\xBD\"" },
		{ TEXT_INIT("\xE2\x82x"), "\"\xEF\xBF\xBD\xEF\xBF\xBDx\"" },
		{ TEXT_INIT("\xC3\xA9\x80"), "\"\xC3\xA9\xEF\xBF\xBD\"" },
		{ TEXT_INIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		reply_string(&out, cases[i].t);
		must_be(cases[i].json);
	}
	(void)state;
}

static void every_pair_of_bytes_is_strict_json(void **state)
{
	for (unsigned i = 0; i < 65536; i++) {
		const char two[] = { (char)(i >> 8), (char)i };
		struct json_value v;
		struct text back;

		reply_string(&out, (struct text){ two, 2 });
		assert_int_equal(json_check(buf_text(&out), false, &v, NULL), RC_OK);
		back = json_string(&arena, v.raw, v.escaped);
		assert_int_equal(text_equal(back, (struct text){ two, 2 }), text_is_utf8((struct text){ two, 2 }));
		buf_clear(&out);
		arena_reset(&arena);
	}
	(void)state;
}

static void numbers_or_null(void **state)
{
	static const struct {
		double v;
		const char *json;
	} cases[] = { { 1, "1.0" },    { 0.14, "0.14" },     { 1e300, "1e+300" },
		      { NAN, "null" }, { INFINITY, "null" }, { -INFINITY, "null" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		reply_number(&out, cases[i].v);
		must_be(cases[i].json);
	}
	(void)state;
}

static void myinfo_gets_its_two_members(void **state)
{
	static const struct {
		const char *payload, *json;
	} cases[] = {
		{ "{\"Plugin\": \"MyInfo\", \"Name\": \"caf\\u00e9\", \"ID\": \"h.x\"}",
		  "{\"Plugin\": \"MyInfo\", \"Name\": \"caf\\u00e9\", \"ID\": \"h.x\", \"hostIDHash\": \"a7\", "
		  "\"HostIDFiltredName\": \"h\\\"x\"}" },
		{ " {\"hostIDHash\":\"old\",\"a\":[1,  {\"hostIDHash\": 2}],\"HostIDFil\\u0074redName\":null,\"b\" : 7 "
		  "} ",
		  "{\"a\": [1,  {\"hostIDHash\": 2}], \"b\": 7, \"hostIDHash\": \"a7\", \"HostIDFiltredName\": "
		  "\"h\\\"x\"}" },
		{ "{}", "{\"hostIDHash\": \"a7\", \"HostIDFiltredName\": \"h\\\"x\"}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		reply_myinfo(&arena, &out, text_of(cases[i].payload), TEXT("a7"), TEXT("h\"x"));
		must_be(cases[i].json);
	}
	(void)state;
}

static void defaults_until_the_real_ones_come(void **state)
{
	static const struct text ds[] = { TEXT_INIT("load"), TEXT_INIT("a\"b") };

	reply_default_myinfo(&out, TEXT("h.x"), TEXT("a7"), TEXT("hx"));
	must_be("{\"Plugin\": \"MyInfo\", \"ID\": \"h.x\", \"Name\": \"h.x\", \"Description\": \"\", \"hostIDHash\": "
		"\"a7\", "
		"\"HostIDFiltredName\": \"hx\"}");
	reply_default_info(&out, TEXT("load"), ds, ARRAY_LEN(ds));
	must_be("{\"Plugin\": \"load\", \"Base\": \"1000\", \"Title\": \"load\", \"Category\": \"other\", \"Infos\": "
		"{\"load\": {\"id\": \"load\"}, \"a\\\"b\": {\"id\": \"a\\\"b\"}}}");
	(void)state;
}

static void calls_are_answered_twice(void **state)
{
	reply_call_result(&out, TEXT("\"Pong\""), TEXT("m1"), "0123456789abcdef0123456789abcdef");
	must_be("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"result\\\": \\\"Pong\\\", \\\"failure\\\": null, "
		"\\\"_msg_id\\\": \\\"m1\\\", \\\"_unique_id\\\": \\\"0123456789abcdef0123456789abcdef\\\"}\"}");
	reply_call_ending(&out, TEXT("m1"), "f123456789abcdef0123456789abcdef");
	must_be("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"result\\\": null, \\\"failure\\\": null, "
		"\\\"ending\\\": true, "
		"\\\"_msg_id\\\": \\\"m1\\\", \\\"_unique_id\\\": \\\"f123456789abcdef0123456789abcdef\\\"}\"}");
	(void)state;
}

static void rejected_lines_keep_the_bytes(void **state)
{
	static const struct {
		struct text bytes;
		const char *base64;
	} binary[] = {
		{ TEXT_INIT("\xFF"), "/w==" },
		{ TEXT_INIT("\xFF\xFE"), "//4=" },
		{ TEXT_INIT("{\"a\": \"\xFF\xFE\"}"), "eyJhIjogIv/+In0=" },
		{ TEXT_INIT("\xFB\xEF\0"), "++8A" },
	};
	static const struct text ds[] = { TEXT_INIT("../x"), TEXT_INIT("n\0ul") };
	struct refusal refusal = { .reason = REASON_NOT_JSON, .detail = "body: \"x\"" };

	reply_rejected(&out, 1795342600, "amqp", &refusal, NULL, 0, TEXT("{\"not\njson"));
	must_be("{\"time\": 1795342600, \"input\": \"amqp\", \"host\": null, \"plugin\": null, \"reason\": "
		"\"not_json\", "
		"\"detail\": \"body: \\\"x\\\"\", \"body\": \"{\\\"not\\njson\"}\n");
	refusal = (struct refusal){ .reason = REASON_DS_NAME, .host = TEXT("h"), .plugin = TEXT("p") };
	reply_rejected(&out, 7, "http", &refusal, ds, ARRAY_LEN(ds), TEXT_NONE);
	must_be("{\"time\": 7, \"input\": \"http\", \"host\": \"h\", \"plugin\": \"p\", \"reason\": \"ds_name\", "
		"\"detail\": \"\", "
		"\"ds\": [\"../x\", \"n\\u0000ul\"], \"body\": \"\"}\n");
	for (size_t i = 0; i < ARRAY_LEN(binary); i++) {
		struct json_value object, body;

		reply_rejected(&out, 7, "amqp", &refusal, NULL, 0, binary[i].bytes);
		assert_int_equal(json_check(buf_text(&out), false, &object, NULL), RC_OK);
		assert_false(json_member(&arena, object, "body", &body));
		assert_true(json_member(&arena, object, "body_base64", &body));
		assert_true(text_is(body.raw, binary[i].base64));
		assert_true(out.at[out.n - 1] == '\n' && memchr(out.at, '\n', out.n - 1) == NULL);
		buf_clear(&out);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strings_are_always_strict_json, start, stop),
		cmocka_unit_test_setup_teardown(every_pair_of_bytes_is_strict_json, start, stop),
		cmocka_unit_test_setup_teardown(numbers_or_null, start, stop),
		cmocka_unit_test_setup_teardown(myinfo_gets_its_two_members, start, stop),
		cmocka_unit_test_setup_teardown(defaults_until_the_real_ones_come, start, stop),
		cmocka_unit_test_setup_teardown(calls_are_answered_twice, start, stop),
		cmocka_unit_test_setup_teardown(rejected_lines_keep_the_bytes, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
