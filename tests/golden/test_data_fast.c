/*
 * The short way of reading data messages: it takes what pollers send, and whatever it takes the general way reads
 * alike. On all recorded messages, on the bodies of real clients, and on these broken in every place.
 * Argument: the folder tests/data.
 */
#include "unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fileio.h"
#include "model/name.h"
#include "support/same_message.h"
#include "wire/json.h"
#include "wire/reply.h"

static const char *data_dir;
static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static struct text file(const char *name)
{
	char path[4096];
	struct buf b;
	struct text t;
	struct why why;

	snprintf(path, sizeof(path), "%s/%s", data_dir, name);
	buf_init(&b, 64 << 20);
	if (fileio_read_all(path, &b, &why) != RC_OK)
		fail_msg("%s", why.text);
	t = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

static struct text text_member(struct json_value object, const char *name)
{
	struct json_value v;

	assert_true(json_member(&arena, object, name, &v) && v.type == JSON_STRING);
	return json_string(&arena, v.raw, v.escaped);
}

/* A call as text in its envelope, in the order of one client or the other. */
static struct text enveloped(struct text call, bool version_first)
{
	struct buf b;
	struct text t;

	buf_init(&b, MESSAGE_MAX_BYTES);
	buf_add_str(&b, version_first ? "{\"oslo.version\": \"2.0\", \"oslo.message\": " : "{\"oslo.message\": ");
	reply_string(&b, call);
	buf_add_str(&b, version_first ? "}" : ", \"oslo.version\": \"2.0\"}");
	t = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

static struct text call_of(struct text host, struct text plugin, struct text type, struct text payload)
{
	struct buf b;
	struct text t;

	buf_init(&b, MESSAGE_MAX_BYTES);
	buf_add_str(&b, "{\"_unique_id\": \"5b19d014858f43b691a47594ad737f46\", \"_context_plugin\": ");
	reply_string(&b, plugin);
	buf_add_str(&b, ", \"method\": \"poller_msg\", \"args\": {\"args\": {\"message\": ");
	reply_string(&b, payload);
	buf_add_str(&b, "}}, \"_context_type\": ");
	reply_string(&b, type);
	buf_add_str(&b, ", \"_context_hostid\": ");
	reply_string(&b, host);
	buf_add_str(&b, "}");
	t = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

static bool next_line(struct text *rest, struct text *line)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);

	if (end == NULL)
		return false;
	*line = (struct text){ rest->s, (size_t)(end - rest->s) };
	rest->n -= line->n + 1;
	rest->s = end + 1;
	return true;
}

/* The call of a recorded line; NULL behind the last. */
static struct text recorded_call(struct text *rest)
{
	struct json_value recorded, context, args;
	struct text line;

	if (!next_line(rest, &line))
		return TEXT_NONE;
	assert_int_equal(json_check(line, false, &recorded, NULL), RC_OK);
	assert_true(json_member(&arena, recorded, "context", &context));
	assert_true(json_member(&arena, recorded, "args", &args));
	return call_of(text_member(context, "hostid"), text_member(context, "plugin"), text_member(context, "type"),
		       text_member(args, "message"));
}

static void takes_every_recorded_data_message(void **state)
{
	struct text rest = file("messages.jsonl"), call;
	size_t n_taken = 0;

	while ((call = recorded_call(&rest)).s != NULL)
		for (int version_first = 0; version_first < 2; version_first++)
			n_taken += must_agree(&arena, enveloped(call, version_first));
	assert_int_equal(n_taken, 2 * 406);
	(void)state;
}

/* Names with slashes, escapes and letters above ASCII are not for the short way, odd values are. */
static void agrees_on_the_odd_plugin(void **state)
{
	struct text rest = file("messages-edge.jsonl"), call;

	while ((call = recorded_call(&rest)).s != NULL)
		must_agree(&arena, enveloped(call, true));
	(void)state;
}

static size_t take_folder(const char *folder)
{
	char path[4096];
	struct dirent *entry;
	size_t n_taken = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/amqp-bodies/%s", data_dir, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strstr(entry->d_name, ".body.") == NULL)
			continue;
		snprintf(path, sizeof(path), "amqp-bodies/%s/%s", folder, entry->d_name);
		n_taken += must_agree(&arena, file(path));
	}
	closedir(dir);
	return n_taken;
}

/* Of the ten bodies of each client five are data under plain names; a call, a version and a packed body are the other way's. */
static void takes_the_bodies_of_all_clients(void **state)
{
	static const char *const folders[] = { "2014-default", "2014-durable", "oslo14-default", "oslo14-durable",
					       "oslo14-quorum" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(take_folder(folders[i]), 5);
	assert_int_equal(take_folder("oslo14-gzip"), 0);
	take_folder("oslo14-other");
	(void)state;
}

static void agrees_on_poison(void **state)
{
	struct text rest = file("poison-cases.jsonl"), line;
	struct json_value one, body;
	size_t n_taken = 0;

	while (next_line(&rest, &line)) {
		assert_int_equal(json_check(line, false, &one, NULL), RC_OK);
		if (json_member(&arena, one, "body", &body))
			n_taken += must_agree(&arena, json_string(&arena, body.raw, body.escaped));
	}
	assert_int_equal(n_taken, 6);
	(void)state;
}

/* Every byte: each bit turned, some others in its place, left out, twice, cut off there. */
static void break_everywhere(struct text body)
{
	static const char others[] = "\"\\/{}[]:, .-+eEU019_n\x01\x7F\xC3";
	char *broken = malloc(body.n + 1);

	assert_non_null(broken);
	for (size_t i = 0; i < body.n; i++) {
		memcpy(broken, body.s, body.n);
		for (int bit = 0; bit < 8; bit++) {
			broken[i] = (char)(body.s[i] ^ 1 << bit);
			must_agree(&arena, (struct text){ broken, body.n });
		}
		for (size_t k = 0; others[k] != '\0'; k++) {
			broken[i] = others[k];
			must_agree(&arena, (struct text){ broken, body.n });
		}
		memcpy(broken + i, body.s + i + 1, body.n - i - 1);
		must_agree(&arena, (struct text){ broken, body.n - 1 });
		memcpy(broken + i + 1, body.s + i, body.n - i);
		for (size_t k = 0; others[k] != '\0'; k++) {
			broken[i] = others[k];
			must_agree(&arena, (struct text){ broken, body.n + 1 });
		}
		broken[i] = body.s[i];
		must_agree(&arena, (struct text){ broken, body.n + 1 });
		assert_false(must_agree(&arena, (struct text){ body.s, i }));
		arena_reset(&arena);
	}
	free(broken);
}

static const char *const broken_payloads[] = {
	"{\"TimeStamp\": \"1795342600\", \"Plugin\": \"if_lo\", \"Values\": {\"down\": \"U\", \"up\": "
	"0.016666666666666666}}",
	"{\"Values\": {\"a\": -0.0, \"b\": \"-.5\", \"a\": 7}, \"TimeStamp\": \"1\"}",
};

static void agrees_on_what_is_broken_anywhere(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(broken_payloads); i++) {
		struct text call = call_of(TEXT("h"), TEXT("p"), TEXT("data"), text_of(broken_payloads[i])),
			    body = enveloped(call, i % 2 == 0);
		char *kept = malloc(body.n); /* exactly: what reads behind it is seen by a sanitizer */

		assert_non_null(kept);
		memcpy(kept, body.s, body.n);
		body.s = kept;
		assert_true(must_agree(&arena, body));
		break_everywhere(body);
		free(kept);
	}
	(void)state;
}

static struct text with_value(const char *value)
{
	struct text payload;
	struct buf b;

	buf_init(&b, MESSAGE_MAX_BYTES);
	buf_addf(&b, "{\"TimeStamp\": \"1795342600\", \"Plugin\": \"p\", \"Values\": {\"a\": %s, \"b\": \"1\"}}",
		 value);
	payload = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return enveloped(call_of(TEXT("h"), TEXT("p"), TEXT("data"), payload), true);
}

static const struct {
	const char *value;
	bool bare, quoted; /* taken */
} values[] = {
	{ "0", true, true },
	{ "-0", true, true },
	{ "-0.0", true, true },
	{ "15041", true, true },
	{ "26.7677583310387", true, true },
	{ "0.016666666666666666", true, true },
	{ "-9007199254740993", true, true },
	{ "9223372036854775807", true, true },
	{ "9999999999999999999", true, true },
	{ "18446744073709551616", false, true },
	{ "0.3333333333333333333333", false, true },
	{ "1e5", false, true },
	{ "1.5e300", false, true },
	{ "1e400", false, true },
	{ "00", false, true },
	{ "01.5", false, true },
	{ "1.", false, true },
	{ ".5", false, true },
	{ "+4", false, true },
	{ "-", false, true },
	{ "", false, true },
	{ "1.2.3", false, true },
	{ "0x10", false, true },
	{ " 7 ", false, true },
	{ "U", false, true },
	{ "nan", false, true },
	{ "NaN", false, true },
	{ "Infinity", false, true },
	{ "null", false, true },
	{ "true", false, true },
	{ "{}", false, true },
	{ "[1]", false, true },
	{ "a/b", false, true },
	{ "\\\\", false, false },
	{ "\\u0031", false, false },
	{ "\xC3\xA9", false, false },
};

static void takes_values_as_they_are(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char quoted[64];

		snprintf(quoted, sizeof(quoted), "\"%s\"", values[i].value);
		if (must_agree(&arena, with_value(values[i].value)) != values[i].bare)
			fail_msg("%s", values[i].value);
		if (must_agree(&arena, with_value(quoted)) != values[i].quoted)
			fail_msg("%s", quoted);
	}
	(void)state;
}

/* Payloads and calls that are fine or broken in one way; what is fine but rare is left to the general way. */
static const struct {
	const char *payload;
	bool taken;
} payloads[] = {
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}}", true },
	{ "{\"Values\": {\"a\": \"1\"}, \"Plugin\": \"x\", \"TimeStamp\": \"1\"}", true },
	{ "{\"TimeStamp\": \"999999999999999\", \"Values\": {\"a\": \"1\"}}", true },
	{ "{\"TimeStamp\": \"1000000000000000\", \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"\", \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1.5\", \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"-1\", \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"TimeStamp\": \"2\", \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}, \"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}, \"Other\": \"x\"}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {}}", false },
	{ "{\"TimeStamp\": \"1\"}", false },
	{ "{\"Values\": {\"a\": \"1\"}}", false },
	{ "{\"TimeStamp\":\"1\",\"Values\":{\"a\":\"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\", \"a\": \"2\"}}", true },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"x\", \"b\": \"2\", \"a\": \"y\"}}", true },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a/b\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\".\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"..\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"..a\": \"1\"}}", true },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"\": \"1\"}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\",}}", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}} ", false },
	{ "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}}}", false },
};

static void takes_payloads_of_the_common_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		struct text call = call_of(TEXT("h"), TEXT("p"), TEXT("data"), text_of(payloads[i].payload));

		if (must_agree(&arena, enveloped(call, false)) != payloads[i].taken)
			fail_msg("%s", payloads[i].payload);
	}
	(void)state;
}

static void takes_names_by_the_rules(void **state)
{
	static const char payload[] = "{\"TimeStamp\": \"1\", \"Values\": {\"a\": \"1\"}}";
	char longest[NAME_MAX_BYTES + 2];
	struct {
		const char *host, *plugin;
		bool taken;
	} names[] = {
		{ "h", "p", true },      { "a/b", "p", true },       { "h", "a/b", false },  { "", "p", false },
		{ "h", "", false },      { ".", "p", false },        { "h", "..", false },   { "h.x y'", "p q", true },
		{ longest, "p", true },  { "h", longest, true },     { "h\"i", "p", false }, { "h\\i", "p", false },
		{ "h\x7F", "p", false }, { "\xC3\xA9", "p", false },
	};

	memset(longest, 'x', NAME_MAX_BYTES);
	longest[NAME_MAX_BYTES] = '\0';
	for (int longer = 0; longer < 2; longer++) {
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			struct text call = call_of(text_of(names[i].host), text_of(names[i].plugin), TEXT("data"),
						   text_of(payload));
			bool taken = names[i].taken &&
				     (longer == 0 || (names[i].host != longest && names[i].plugin != longest));

			if (must_agree(&arena, enveloped(call, false)) != taken)
				fail_msg("%s %s", names[i].host, names[i].plugin);
		}
		memset(longest, 'x', NAME_MAX_BYTES + 1);
		longest[NAME_MAX_BYTES + 1] = '\0';
	}
	(void)state;
}

/* Of many samples some with one ds, and names that look alike at their ends. */
static void keeps_the_last_of_a_repeated_ds(void **state)
{
	for (size_t n = 1; n < 100; n++) {
		struct buf b;

		buf_init(&b, MESSAGE_MAX_BYTES);
		buf_add_str(&b, "{\"TimeStamp\": \"1\", \"Values\": {");
		for (size_t i = 0; i < n; i++)
			buf_addf(&b, "%s\"source_number_%zu_of_many\": %zu", i == 0 ? "" : ", ", i * i % 61, i);
		buf_add_str(&b, "}}");
		assert_true(
			must_agree(&arena, enveloped(call_of(TEXT("h"), TEXT("p"), TEXT("data"), buf_text(&b)), true)));
		buf_fini(&b);
	}
	(void)state;
}

static void stops_at_its_limits(void **state)
{
	for (size_t n = 0; n < 2; n++) {
		struct buf b;
		struct text call;

		buf_init(&b, MESSAGE_MAX_BYTES);
		buf_add_str(&b, "{\"TimeStamp\": \"1\", \"Plugin\": \"");
		for (size_t i = 0; i < QUOTES_MAX_BYTES - 349 + n; i++)
			buf_add_str(&b, "x");
		buf_add_str(&b, "\", \"Values\": {\"a\": \"1\"}}");
		call = enveloped(call_of(TEXT("h"), TEXT("p"), TEXT("data"), buf_text(&b)), true);
		if (call.n != QUOTES_MAX_BYTES + n)
			fail_msg("%zu bytes", call.n);
		assert_int_equal(must_agree(&arena, call), n == 0);
		buf_fini(&b);
	}
	(void)state;
}

static void look_alike(struct text t)
{
	quotes_fn fn[QUOTES_VARIANTS];
	const char *name[QUOTES_VARIANTS];
	struct quotes first, other;
	size_t n = quotes_variants(name, fn);
	bool taken = fn[0](t, &first);

	for (size_t i = 1; i < n; i++) {
		if (fn[i](t, &other) != taken)
			fail_msg("%s", name[i]);
		if (taken &&
		    (other.n != first.n || other.n_backslashes != first.n_backslashes || other.slash != first.slash ||
		     memcmp(other.at, first.at, first.n * sizeof(first.at[0])) != 0))
			fail_msg("%s", name[i]);
	}
}

static void quotes_are_found_alike(void **state)
{
	char *bytes = malloc(400);

	assert_non_null(bytes);
	for (int c = 0; c < 256; c++)
		for (size_t i = 0; i < 150; i++) {
			memset(bytes, 'x', 150);
			bytes[i] = (char)c;
			look_alike((struct text){ bytes, 150 });
		}
	srand(7);
	for (int round = 0; round < 5000; round++) {
		size_t n = (size_t)rand() % 400;

		for (size_t i = 0; i < n; i++)
			bytes[i] = "\"\\/ a~{:"[rand() % 8];
		look_alike((struct text){ bytes, n });
	}
	free(bytes);
	(void)state;
}

static void quotes_are_counted(void **state)
{
	quotes_fn fn[QUOTES_VARIANTS];
	const char *name[QUOTES_VARIANTS];
	struct quotes q;

	for (size_t i = quotes_variants(name, fn); i-- > 0;) {
		assert_true(fn[i](TEXT("{\"a\": \"\\\\\\\"/\"}"), &q));
		assert_int_equal(q.n, 5);
		assert_int_equal(q.n_backslashes, 3);
		assert_true(q.slash);
		assert_true(q.at[0] == 1 && q.at[1] == 3 && q.at[2] == 6 && q.at[3] == 10 && q.at[4] == 12);
		assert_true(fn[i](TEXT(""), &q) && q.n == 0 && q.n_backslashes == 0 && !q.slash);
		assert_false(fn[i](TEXT("a\x1F"), &q));
		assert_false(fn[i](TEXT("a\x80"), &q));
		assert_false(fn[i](TEXT("\x7F"), &q));
	}
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(quotes_are_counted, start, stop),
		cmocka_unit_test_setup_teardown(quotes_are_found_alike, start, stop),
		cmocka_unit_test_setup_teardown(takes_every_recorded_data_message, start, stop),
		cmocka_unit_test_setup_teardown(agrees_on_the_odd_plugin, start, stop),
		cmocka_unit_test_setup_teardown(takes_the_bodies_of_all_clients, start, stop),
		cmocka_unit_test_setup_teardown(agrees_on_poison, start, stop),
		cmocka_unit_test_setup_teardown(takes_values_as_they_are, start, stop),
		cmocka_unit_test_setup_teardown(takes_payloads_of_the_common_form, start, stop),
		cmocka_unit_test_setup_teardown(takes_names_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(keeps_the_last_of_a_repeated_ds, start, stop),
		cmocka_unit_test_setup_teardown(stops_at_its_limits, start, stop),
		cmocka_unit_test_setup_teardown(agrees_on_what_is_broken_anywhere, start, stop),
	};

	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
