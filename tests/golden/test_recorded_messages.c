/*
 * The recorded messages of tests/data: what real pollers sent decodes to what was recorded, and every broken one is
 * kept aside with its reason. Argument: the folder tests/data.
 */
#include "unit/test.h"

#include <dirent.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fileio.h"
#include "wire/json.h"
#include "wire/message.h"

static const char *data_dir;
static struct arena arena;
static struct message message;
static struct refusal refusal;

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

static struct text file(const char *folder, const char *name)
{
	char path[4096];
	struct buf b;
	struct text t;
	struct why why;

	snprintf(path, sizeof(path), "%s/%s/%s", data_dir, folder, name);
	buf_init(&b, 64 << 20);
	if (fileio_read_all(path, &b, &why) != RC_OK)
		fail_msg("%s", why.text);
	t = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

static bool next_line(struct text *rest, struct text *line)
{
	const char *stop = rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);

	if (stop == NULL)
		return false;
	*line = (struct text){ rest->s, (size_t)(stop - rest->s) };
	rest->n -= line->n + 1;
	rest->s = stop + 1;
	return true;
}

static struct json_value document(struct text t)
{
	struct json_value v;
	struct why why;

	if (json_check(t, false, &v, &why) != RC_OK)
		fail_msg("%s", why.text);
	return v;
}

static struct text text_member(struct json_value object, const char *name)
{
	struct json_value v;

	if (!json_member(&arena, object, name, &v) || v.type != JSON_STRING)
		return TEXT_NONE;
	return json_string(&arena, v.raw, v.escaped);
}

struct counts {
	size_t myinfo, infos, data, values, unknown, refused;
};

static struct counts count_recorded(const char *name)
{
	struct text rest = file(".", name), line;
	struct counts c = { 0 };

	while (next_line(&rest, &line)) {
		struct json_value context, recorded = document(line);

		if (!message_read_http(&arena, line, &message, &refusal))
			fail_msg("%.*s: %s", TEXT_ARG(line), refusal.detail);
		assert_true(json_member(&arena, recorded, "context", &context));
		assert_true(text_equal(message.host, text_member(context, "hostid")));
		assert_true(message.kind == MESSAGE_MYINFO ||
			    text_equal(message.plugin, text_member(context, "plugin")));
		c.myinfo += message.kind == MESSAGE_MYINFO;
		c.infos += message.kind == MESSAGE_INFO;
		c.data += message.kind == MESSAGE_DATA;
		c.refused += message.n_refused;
		for (size_t i = 0; i < message.n_samples; i++) {
			c.values += message.sample[i].kind == SAMPLE_VALUE;
			c.unknown += message.sample[i].kind == SAMPLE_UNKNOWN;
		}
	}
	return c;
}

/* 1120 strings that are numbers, 780 JSON numbers and 88 "U": docs/spec/wire.md C1. */
static void all_recorded_messages_decode(void **state)
{
	struct counts c = count_recorded("messages.jsonl");

	assert_int_equal(c.myinfo, 3);
	assert_int_equal(c.infos, 93);
	assert_int_equal(c.data, 406);
	assert_int_equal(c.values, 1120 + 780);
	assert_int_equal(c.unknown, 88);
	assert_int_equal(c.refused, 0);
	(void)state;
}

/* "1.2.3", "-" and "../escape" in each of the 14 data messages. */
static void odd_values_are_refused_alone(void **state)
{
	struct counts c = count_recorded("messages-edge.jsonl");

	assert_int_equal(c.data, 14);
	assert_int_equal(c.infos + c.myinfo, 6);
	assert_int_equal(c.refused, 3 * c.data);
	(void)state;
}

static const struct {
	const char *name;
	enum message_kind kind;
	const char *plugin;
	size_t n_values, n_unknown, n_refused;
	double first;
} expected[] = {
	{ "cpu-info", MESSAGE_INFO, "cpu", 0, 0, 0, 0 },
	{ "load-info", MESSAGE_INFO, "load", 0, 0, 0, 0 },
	{ "edgecases-info", MESSAGE_INFO, "edgecases", 0, 0, 0, 0 },
	{ "myinfo-info", MESSAGE_MYINFO, "", 0, 0, 0, 0 },
	{ "load-data", MESSAGE_DATA, "load", 1, 0, 0, 0.77 },
	{ "df_inode-data-small-U", MESSAGE_DATA, "df_inode", 3, 1, 0, 0.0036969308015627 },
	{ "edgecases-data", MESSAGE_DATA, "edgecases", 13, 6, 3, 9.836065573770492 },
	{ "if_lo-data-first-raw", MESSAGE_DATA, "if_lo", 2, 0, 0, 1258078532 },
	{ "if_lo-data-second-U", MESSAGE_DATA, "if_lo", 0, 2, 0, 0 },
	{ "if_lo-data-third-rate", MESSAGE_DATA, "if_lo", 2, 0, 0, 1525433.31147541 },
	{ "atleast", MESSAGE_DATA, "load", 1, 0, 0, 0.14 },
	{ "call", MESSAGE_DATA, "load", 1, 0, 0, 0.14 },
	{ "fanout", MESSAGE_DATA, "load", 1, 0, 0, 0.14 },
	{ "server", MESSAGE_DATA, "load", 1, 0, 0, 0.14 },
};

static void check_body(const char *folder, const char *name, struct text body, struct text compression)
{
	size_t n[3] = { 0 }, i;

	if (!message_read_amqp(&arena, body, TEXT("application/json"), compression, &message, &refusal))
		fail_msg("%s/%s: %s", folder, name, refusal.detail);
	for (i = 0; i < ARRAY_LEN(expected) && strcmp(expected[i].name, name) != 0; i++)
		;
	if (i == ARRAY_LEN(expected))
		fail_msg("%s/%s is not in the table", folder, name);
	for (size_t j = 0; j < message.n_samples; j++)
		n[message.sample[j].kind]++;
	if (message.kind != expected[i].kind || !text_is(message.plugin, expected[i].plugin) ||
	    n[SAMPLE_VALUE] != expected[i].n_values || n[SAMPLE_UNKNOWN] != expected[i].n_unknown ||
	    n[SAMPLE_REFUSED] != expected[i].n_refused)
		fail_msg("%s/%s: kind %d, %.*s, %zu values, %zu unknown, %zu refused", folder, name, message.kind,
			 TEXT_ARG(message.plugin), n[SAMPLE_VALUE], n[SAMPLE_UNKNOWN], n[SAMPLE_REFUSED]);
	assert_true(text_is(message.host, "1795342600-cc7a67e5550c106d06818abc57e784b8"));
	if (n[SAMPLE_VALUE] > 0)
		assert_true(message.sample[0].value == expected[i].first);
	assert_true((message.msg_id.s != NULL) == (strcmp(name, "call") == 0));
}

static void bodies_of_all_clients_decode(void **state)
{
	static const char *const folders[] = { "2014-default",  "2014-durable", "oslo14-default", "oslo14-durable",
					       "oslo14-quorum", "oslo14-gzip",  "oslo14-other" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char folder[256], path[4096];
		struct dirent *entry;
		DIR *dir;

		snprintf(folder, sizeof(folder), "amqp-bodies/%s", folders[i]);
		snprintf(path, sizeof(path), "%s/%s", data_dir, folder);
		dir = opendir(path);
		assert_non_null(dir);
		while ((entry = readdir(dir)) != NULL) {
			char *end = strstr(entry->d_name, ".props.json");
			struct json_value properties, headers;
			struct text body_name, body;

			if (end == NULL)
				continue;
			properties = document(file(folder, entry->d_name));
			body_name = arena_text(&arena, text_member(properties, "body_file"));
			*end = '\0';
			assert_true(json_member(&arena, properties, "properties", &properties));
			assert_true(text_is(text_member(properties, "content_type"), "application/json"));
			assert_true(json_member(&arena, properties, "headers", &headers));
			body = file(folder, body_name.s);
			n++;
			if (strcmp(entry->d_name, "version") != 0) {
				check_body(folder, entry->d_name, body, text_member(headers, "compression"));
				continue;
			}
			assert_false(message_read_amqp(&arena, body, TEXT("application/json"), TEXT_NONE, &message,
						       &refusal));
			assert_int_equal(refusal.reason, REASON_NAMESPACE);
		}
		closedir(dir);
	}
	assert_int_equal(n, 6 * 10 + 5);
	(void)state;
}

static const struct {
	const char *name;
	enum reason reason;
} poison[] = {
	{ "good", REASON_NONE },
	{ "dup1", REASON_NONE },
	{ "dup2", REASON_NONE },
	{ "badjson", REASON_NOT_JSON },
	{ "bad utf8", REASON_NOT_JSON },
	{ "noenvelope", REASON_NONE },
	{ "ver3.0", REASON_OSLO_VERSION },
	{ "ver int", REASON_OSLO_VERSION },
	{ "inner not json", REASON_NOT_JSON },
	{ "inner list", REASON_ENVELOPE },
	{ "outer list", REASON_ENVELOPE },
	{ "no unique", REASON_NONE },
	{ "no args", REASON_ARGS },
	{ "ctx type x", REASON_CONTEXT_TYPE },
	{ "no ctx plugin data", REASON_NO_PLUGIN },
	{ "no ctx hostid data", REASON_NO_HOST },
	{ "no ctx hostid info", REASON_NO_HOST },
	{ "version 1.5", REASON_VERSION },
	{ "version 2.0", REASON_VERSION },
	{ "no content type", REASON_CONTENT_TYPE },
	{ "text/plain", REASON_CONTENT_TYPE },
	{ "pickle ctype", REASON_CONTENT_TYPE },
	{ "msg_id+reply_q (call)", REASON_NONE },
	{ "extra keys", REASON_NONE },
};

static void poison_ends_with_its_reason(void **state)
{
	struct text rest = file(".", "poison-cases.jsonl"), line, body;
	size_t i = 0;

	for (; next_line(&rest, &line); i++) {
		struct json_value one = document(line);

		assert_true(i < ARRAY_LEN(poison));
		assert_true(text_is(text_member(one, "case"), poison[i].name));
		body = text_member(one, "body");
		if (strcmp(poison[i].name, "bad utf8") == 0)
			body = TEXT("{\"a\":\"\xFF\xFE\"}"); /* the file has it as base64 */
		if (message_read_amqp(&arena, body, text_member(one, "content_type"), TEXT_NONE, &message, &refusal)) {
			assert_int_equal(poison[i].reason, REASON_NONE);
			assert_true(message.kind == MESSAGE_DATA && message.n_samples == 1);
			assert_true(message.t_s == 1795344424 && message.sample[0].value == 1);
		} else if (refusal.reason != poison[i].reason) {
			fail_msg("%s: \"%s\" %s", poison[i].name, reason_code(refusal.reason), refusal.detail);
		}
	}
	assert_int_equal(i, ARRAY_LEN(poison));
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_recorded_messages_decode, start, stop),
		cmocka_unit_test_setup_teardown(odd_values_are_refused_alone, start, stop),
		cmocka_unit_test_setup_teardown(bodies_of_all_clients_decode, start, stop),
		cmocka_unit_test_setup_teardown(poison_ends_with_its_reason, start, stop),
	};

	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
