/* What is taken and what is kept aside, and why: one row a rule of docs/spec/system.md "RabbitMQ" and "Payload". */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "wire/message.h"
#include "wire/reply.h"

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

static bool read_amqp(struct text body)
{
	return message_read_amqp(&arena, body, TEXT("application/json"), TEXT_NONE, &message, &refusal);
}

static void must_refuse(struct text body, enum reason reason)
{
	if (read_amqp(body) || refusal.reason != reason)
		fail_msg("%.*s: \"%s\" (%s), not \"%s\"", TEXT_ARG(body), reason_code(refusal.reason), refusal.detail,
			 reason_code(reason));
	assert_true(refusal.detail[0] != '\0');
}

/* A payload inside a call of that context, without envelope. */
static struct text call_with(const char *context, struct text payload)
{
	struct buf b;
	struct text t;

	buf_init(&b, 4 << 20);
	buf_addf(&b, "{\"method\": \"poller_msg\", %s, \"args\": {\"args\": {\"message\": ", context);
	reply_string(&b, payload);
	buf_add_str(&b, "}}}");
	t = arena_text(&arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

#define DATA_CONTEXT "\"_context_type\": \"data\", \"_context_hostid\": \"h.x\", \"_context_plugin\": \"load\""
#define INFO_CONTEXT "\"_context_type\": \"info\", \"_context_hostid\": \"h.x\""
#define CALL                                                                                                           \
	"\"method\": \"poller_msg\", \"args\": {\"args\": {\"message\": \"{\\\"TimeStamp\\\": 5, \\\"Values\\\": "     \
	"{}}\"}}"

static struct text data_with(struct text payload)
{
	return call_with(DATA_CONTEXT, payload);
}

static const struct {
	const char *body;
	enum reason reason;
} bodies[] = {
	{ "{" CALL ", " DATA_CONTEXT "}", REASON_NONE },
	{ "{" CALL ", " DATA_CONTEXT ", \"namespace\": null}", REASON_NONE },
	{ "{" CALL ", " DATA_CONTEXT ", \"version\": \"1.0\", \"foo\": [{}], \"_context_x\": 1, \"_timeout\": null}",
	  REASON_NONE },
	{ "{" CALL ", " DATA_CONTEXT ", \"oslo.version\": \"2.0\"}", REASON_NONE },
	{ "{" CALL ", \"_context_type\": \"x\", " DATA_CONTEXT "}", REASON_NONE }, /* the last counts */
	{ "{\"method\": 5, \"args\": 7, " CALL ", " DATA_CONTEXT "}", REASON_NONE },
	{ "{\"\\u006dethod\": \"poller_msg\", \"args\": {\"\\u0061rgs\": {\"message\": null}}}", REASON_NONE },
	{ "", REASON_NOT_JSON },
	{ "{not json", REASON_NOT_JSON },
	{ "{" CALL ", " DATA_CONTEXT "} x", REASON_NOT_JSON },
	{ "{" CALL ", " DATA_CONTEXT ", \"x\": NaN}", REASON_NOT_JSON },
	{ "{" CALL ", " DATA_CONTEXT ", \"x\": \"\\ud800\"}", REASON_NOT_JSON },
	{ "{" CALL ", " DATA_CONTEXT ", \"x\": \"\xFF\"}", REASON_NOT_JSON },
	{ "[1]", REASON_ENVELOPE },
	{ "null", REASON_ENVELOPE },
	{ "\"text\"", REASON_ENVELOPE },
	{ "{\"oslo.version\": \"2.0\", \"oslo.message\": {}}", REASON_ENVELOPE },
	{ "{\"oslo.version\": \"2.0\", \"oslo.message\": null}", REASON_ENVELOPE },
	{ "{\"oslo.version\": \"2.0\", \"oslo.message\": \"[1, 2]\"}", REASON_ENVELOPE },
	{ "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{zz\"}", REASON_NOT_JSON },
	{ "{\"oslo.version\": \"2.0\", \"oslo.message\": \"\"}", REASON_NOT_JSON },
	{ "{\"oslo.version\": \"2.1\", \"oslo.message\": \"{}\"}", REASON_OSLO_VERSION },
	{ "{\"oslo.version\": 2.0, \"oslo.message\": \"{}\"}", REASON_OSLO_VERSION },
	{ "{\"oslo.message\": \"{}\"}", REASON_OSLO_VERSION },
	{ "{\"oslo.version\": null, \"oslo.message\": \"{}\"}", REASON_OSLO_VERSION },
	{ "{" CALL ", " DATA_CONTEXT ", \"oslo.version\": \"3.0\"}", REASON_OSLO_VERSION },
	{ "{" CALL ", " DATA_CONTEXT ", \"namespace\": \"ns\"}", REASON_NAMESPACE },
	{ "{" CALL ", " DATA_CONTEXT ", \"namespace\": \"\"}", REASON_NAMESPACE },
	{ "{" CALL ", " DATA_CONTEXT ", \"version\": null}", REASON_VERSION },
	{ "{" CALL ", " DATA_CONTEXT ", \"version\": \"1.5\"}", REASON_VERSION },
	{ "{" CALL ", " DATA_CONTEXT ", \"version\": \"2.0\"}", REASON_VERSION },
	{ "{" CALL ", " DATA_CONTEXT ", \"version\": 1.0}", REASON_VERSION },
	{ "{}", REASON_METHOD },
	{ "{" CALL ", " DATA_CONTEXT ", \"method\": \"other\"}", REASON_METHOD },
	{ "{" CALL ", " DATA_CONTEXT ", \"method\": null}", REASON_METHOD },
	{ "{\"method\": \"poller_msg\", " DATA_CONTEXT "}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": null}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {\"args\": []}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {\"args\": {}}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {\"message\": \"{}\"}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {\"args\": {\"message\": {}}}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"args\": {\"args\": {\"message\": \"{}\", \"message\": 7}}}", REASON_ARGS },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_type\": \"x\"}", REASON_CONTEXT_TYPE },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_type\": \"Data\"}", REASON_CONTEXT_TYPE },
	{ "{" CALL ", \"_context_hostid\": \"h\", \"_context_plugin\": \"p\"}", REASON_CONTEXT_TYPE },
	{ "{" CALL ", \"_context_type\": \"data\", \"_context_plugin\": \"p\"}", REASON_NO_HOST },
	{ "{" CALL ", " INFO_CONTEXT ", \"_context_hostid\": null}", REASON_NO_HOST },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_hostid\": \"\"}", REASON_HOST_NAME },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_hostid\": \"a\\u0000b\"}", REASON_HOST_NAME },
	{ "{" CALL ", \"_context_type\": \"data\", \"_context_hostid\": \"h\"}", REASON_NO_PLUGIN },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_plugin\": \"..\"}", REASON_PLUGIN_NAME },
	{ "{" CALL ", " DATA_CONTEXT ", \"_context_plugin\": \"../../x\"}", REASON_PLUGIN_NAME },
};

static void bodies_by_the_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (bodies[i].reason != REASON_NONE)
			must_refuse(text_of(bodies[i].body), bodies[i].reason);
		else if (!read_amqp(text_of(bodies[i].body)))
			fail_msg("%s: %s", bodies[i].body, refusal.detail);
	}
	(void)state;
}

static const struct {
	const char *payload;
	enum reason reason;
} data_payloads[] = {
	{ "{\"TimeStamp\": \" 1795342600 \", \"Values\": {}}", REASON_NONE },
	{ "{\"TimeStamp\": 1795342600, \"Values\": {\"a\": \"1\"}, \"Plugin\": 5}", REASON_NONE },
	{ "{\"TimeStamp\": \"1795342600.9\", \"Values\": {\"a\": NaN}}", REASON_NONE },
	{ "{\"Values\": [], \"TimeStamp\": null, \"TimeStamp\": 1795342600, \"Values\": {}}", REASON_NONE },
	{ "", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": 01}}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": [NaN]}}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": {\"b\": NaN}}}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": NaN}, \"x\": NaN}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": NaN, \"Values\": {}}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {}} {}", REASON_NOT_JSON },
	{ "{\"TimeStamp\": 1, \"Values\": {\"a\": \"1\"", REASON_NOT_JSON },
	{ "[NaN]", REASON_NOT_JSON },
	{ "[]", REASON_NO_VALUES },
	{ "{}", REASON_NO_VALUES },
	{ "{\"TimeStamp\": 1, \"Values\": []}", REASON_NO_VALUES },
	{ "{\"TimeStamp\": 1, \"Values\": {}, \"Values\": null}", REASON_NO_VALUES },
	{ "{\"Values\": {}}", REASON_TIMESTAMP },
	{ "{\"Values\": {}, \"TimeStamp\": null}", REASON_TIMESTAMP },
	{ "{\"Values\": {}, \"TimeStamp\": \"U\"}", REASON_TIMESTAMP },
	{ "{\"Values\": {}, \"TimeStamp\": \"\"}", REASON_TIMESTAMP },
	{ "{\"Values\": {}, \"TimeStamp\": [1]}", REASON_TIMESTAMP },
	{ "{\"Values\": {}, \"TimeStamp\": 1e300}", REASON_TIMESTAMP },
};

static void data_payloads_by_the_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(data_payloads); i++) {
		struct text body = data_with(text_of(data_payloads[i].payload));

		if (data_payloads[i].reason != REASON_NONE) {
			must_refuse(body, data_payloads[i].reason);
			assert_true(text_is(refusal.host, "h.x") && text_is(refusal.plugin, "load"));
			continue;
		}
		if (!read_amqp(body))
			fail_msg("%s: %s", data_payloads[i].payload, refusal.detail);
		assert_int_equal(message.kind, MESSAGE_DATA);
		assert_int_equal(message.t_s, 1795342600);
		assert_true(text_is(message.host, "h.x") && text_is(message.plugin, "load"));
	}
	(void)state;
}

static const struct {
	const char *payload;
	enum reason reason;
	enum message_kind kind;
	const char *plugin;
} info_payloads[] = {
	{ "{\"Plugin\": \"load\", \"Infos\": {\"load\": {\"id\": \"load\"}}}", REASON_NONE, MESSAGE_INFO, "load" },
	{ "{\"Plugin\": \"df\", \"Infos\": {\"../x\": 7}, \"Base\": null}", REASON_NONE, MESSAGE_INFO, "df" },
	{ "{\"Plugin\": \"MyInfo\", \"Name\": \"n\", \"ID\": \"\"}", REASON_NONE, MESSAGE_MYINFO, "" },
	{ "{\"Plugin\": \"load\", \"Infos\": {\"load\": NaN}}", REASON_NOT_JSON, 0, NULL },
	{ "{\"Plugin\": \"load\",", REASON_NOT_JSON, 0, NULL },
	{ "[]", REASON_INFO, 0, NULL },
	{ "7 7", REASON_NOT_JSON, 0, NULL },
	{ "{}", REASON_NO_PLUGIN, 0, NULL },
	{ "{\"Plugin\": null, \"Infos\": {\"a\": 1}}", REASON_NO_PLUGIN, 0, NULL },
	{ "{\"Plugin\": \"a/b\", \"Infos\": {\"a\": 1}}", REASON_PLUGIN_NAME, 0, NULL },
	{ "{\"Plugin\": \"\", \"Infos\": {\"a\": 1}}", REASON_PLUGIN_NAME, 0, NULL },
	{ "{\"Plugin\": \"load\"}", REASON_INFO, 0, NULL },
	{ "{\"Plugin\": \"load\", \"Infos\": {}}", REASON_INFO, 0, NULL },
	{ "{\"Plugin\": \"load\", \"Infos\": [1]}", REASON_INFO, 0, NULL },
	{ "{\"Plugin\": \"load\", \"Infos\": \"{}\"}", REASON_INFO, 0, NULL },
	{ "{\"Plugin\": \"MyInfo\", \"Name\": \"n\"}", REASON_INFO, 0, NULL },
	{ "{\"Plugin\": \"MyInfo\", \"Name\": 5, \"ID\": \"h\"}", REASON_INFO, 0, NULL },
};

static void info_payloads_by_the_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(info_payloads); i++) {
		struct text payload = text_of(info_payloads[i].payload), body = call_with(INFO_CONTEXT, payload);

		if (info_payloads[i].reason != REASON_NONE) {
			must_refuse(body, info_payloads[i].reason);
			continue;
		}
		if (!read_amqp(body))
			fail_msg("%s: %s", info_payloads[i].payload, refusal.detail);
		assert_int_equal(message.kind, info_payloads[i].kind);
		assert_true(text_is(message.plugin, info_payloads[i].plugin));
		assert_true(text_equal(message.payload, payload));
	}
	(void)state;
}

static const struct {
	const char *member;
	enum sample_kind kind;
	enum reason reason;
	double value;
	struct text ds;
} values[] = {
	{ "\"a\": \"1.5\"", SAMPLE_VALUE, REASON_NONE, 1.5, TEXT_INIT("a") },
	{ "\"a\": \" 1e2 \"", SAMPLE_VALUE, REASON_NONE, 100, TEXT_INIT("a") },
	{ "\"a\": \"\\u0031\\t\"", SAMPLE_VALUE, REASON_NONE, 1, TEXT_INIT("a") },
	{ "\"a\": 0.30000000000000004", SAMPLE_VALUE, REASON_NONE, 0.30000000000000004, TEXT_INIT("a") },
	{ "\"a\": -3", SAMPLE_VALUE, REASON_NONE, -3, TEXT_INIT("a") },
	{ "\"a\": \"U\"", SAMPLE_UNKNOWN, REASON_NONE, 0, TEXT_INIT("a") },
	{ "\"a\": \"-iNf\"", SAMPLE_UNKNOWN, REASON_NONE, 0, TEXT_INIT("a") },
	{ "\"a\": NaN", SAMPLE_UNKNOWN, REASON_NONE, 0, TEXT_INIT("a") },
	{ "\"a\": -Infinity", SAMPLE_UNKNOWN, REASON_NONE, 0, TEXT_INIT("a") },
	{ "\"a\": \"1.2.3\"", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": \"-\"", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": \"1\\u0000\"", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": 1e999", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": true", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": null", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": [1]", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"a\": {\"b\": 1}", SAMPLE_REFUSED, REASON_VALUE, 0, TEXT_INIT("a") },
	{ "\"n\\u0000ul\": 1", SAMPLE_REFUSED, REASON_DS_NAME, 0, TEXT_INIT("n\0ul") },
	{ "\"../escape\": 1", SAMPLE_REFUSED, REASON_DS_NAME, 0, TEXT_INIT("../escape") },
	{ "\"\": 1", SAMPLE_REFUSED, REASON_DS_NAME, 0, TEXT_INIT("") },
	{ "\"sp ace\": 1", SAMPLE_VALUE, REASON_NONE, 1, TEXT_INIT("sp ace") },
	{ "\"caf\\u00e9\": 1", SAMPLE_VALUE, REASON_NONE, 1, TEXT_INIT("caf\xC3\xA9") },
};

/* Each value is judged alone: a good neighbour on both sides is there every time. */
static void values_by_the_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char payload[256];
		const struct sample *s;

		snprintf(payload, sizeof(payload),
			 "{\"TimeStamp\": \"7\", \"Values\": {\"before\": 1, %s, \"z\": \"2\"}}", values[i].member);
		if (!read_amqp(data_with(text_of(payload))))
			fail_msg("%s: %s", payload, refusal.detail);
		assert_int_equal(message.n_samples, 3);
		assert_int_equal(message.n_refused, values[i].kind == SAMPLE_REFUSED);
		s = &message.sample[1];
		if (s->kind != values[i].kind || s->reason != values[i].reason || !text_equal(s->ds, values[i].ds))
			fail_msg("%s: kind %d, reason \"%s\"", values[i].member, s->kind, reason_code(s->reason));
		if (s->kind == SAMPLE_VALUE)
			assert_true(s->value == values[i].value);
		assert_true(message.sample[0].value == 1 && message.sample[2].value == 2);
	}
	(void)state;
}

static void of_a_repeated_ds_the_last_counts(void **state)
{
	/* pairwise up to 32, sorted beyond */
	for (size_t n_ds = 3; n_ds <= 3000; n_ds *= 10) {
		struct buf b;

		buf_init(&b, 1 << 20);
		buf_add_str(&b, "{\"TimeStamp\": 7, \"Values\": {");
		for (size_t i = 0; i < 3 * n_ds; i++)
			buf_addf(&b, "%s\"ds%zu\": %zu", i == 0 ? "" : ", ", i % n_ds, i);
		buf_add_str(&b, ", \"d\\u00730\": \"bad\"}}");
		assert_true(read_amqp(data_with(buf_text(&b))));
		buf_fini(&b);
		assert_int_equal(message.n_samples, n_ds);
		assert_int_equal(message.n_refused, 1);
		for (size_t i = 0; i < n_ds; i++) {
			const struct sample *s = &message.sample[i];
			char ds[32];

			snprintf(ds, sizeof(ds), "ds%zu", (i + 1) % n_ds);
			assert_true(text_is(s->ds, ds));
			if (i + 1 < n_ds)
				assert_true(s->kind == SAMPLE_VALUE && s->value == (double)(2 * n_ds + i + 1));
			else
				assert_int_equal(s->kind, SAMPLE_REFUSED);
		}
	}
	(void)state;
}

/* A message may be full of names; judging them must not take the square of their number (seconds, then). */
static void a_full_message_is_judged_quickly(void **state)
{
	struct buf b;

	buf_init(&b, 2 << 20);
	buf_add_str(&b,
		    "{\"hostid\":\"h\",\"type\":\"data\",\"plugin\":\"p\",\"message\":{\"TimeStamp\":7,\"Values\":{");
	for (size_t i = 0; b.n < MESSAGE_MAX_BYTES - 40; i++)
		buf_addf(&b, "%s\"%zx\":0", i == 0 ? "" : ",", i);
	buf_add_str(&b, "}}}");
	assert_true(message_read_http(&arena, buf_text(&b), &message, &refusal));
	assert_true(message.n_samples > 100000);
	assert_int_equal(message.n_refused, 0);
	buf_fini(&b);
	(void)state;
}

static void content_types(void **state)
{
	static const char *const bad[] = { "",
					   "Application/JSON",
					   "application/json; charset=utf-8",
					   "text/plain",
					   "application/jsonx",
					   "application/x-python-serialize",
					   "json",
					   "text/plain; application/json" };

	struct text body = data_with(TEXT("{\"TimeStamp\": 7, \"Values\": {}}"));

	assert_true(message_read_amqp(&arena, body, TEXT("application/json"), TEXT_NONE, &message, &refusal));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(message_read_amqp(&arena, body, text_of(bad[i]), TEXT_NONE, &message, &refusal));
		assert_int_equal(refusal.reason, REASON_CONTENT_TYPE);
	}
	assert_false(message_read_amqp(&arena, body, TEXT_NONE, TEXT_NONE, &message, &refusal));
	assert_int_equal(refusal.reason, REASON_CONTENT_TYPE);
	(void)state;
}

/* window_bits as for deflateInit2(): 15 zlib, 31 gzip, -15 bare. */
static struct text packed(struct text t, int window_bits)
{
	z_stream z = { .avail_in = (uInt)t.n, .avail_out = (uInt)t.n + 1000 };
	char *out = arena_alloc(&arena, t.n + 1000);

	z.next_in = (Bytef *)(uintptr_t)t.s;
	z.next_out = (Bytef *)out;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct text){ out, t.n + 1000 - z.avail_out };
}

static enum reason read_packed(struct text body, const char *compression)
{
	bool taken =
		message_read_amqp(&arena, body, TEXT("application/json"), text_of(compression), &message, &refusal);

	assert_true(taken == (taken ? message.kind == MESSAGE_DATA : false));
	return taken ? REASON_NONE : refusal.reason;
}

static void compressed_bodies(void **state)
{
	struct text body = data_with(TEXT("{\"TimeStamp\": 7, \"Values\": {\"a\": \"5\"}}")), gzip = packed(body, 31),
		    zlib = packed(body, 15), bomb, longest;
	char *big = malloc(MESSAGE_MAX_BYTES + 1), *more;

	assert_int_equal(read_packed(gzip, "application/x-gzip"), REASON_NONE);
	assert_true(message.n_samples == 1 && message.sample[0].value == 5);
	assert_int_equal(read_packed(zlib, "application/x-gzip"), REASON_NONE);
	assert_int_equal(read_packed(zlib, "GZIP"), REASON_NONE);
	assert_int_equal(read_packed(zlib, "zlib"), REASON_NONE);
	assert_int_equal(read_packed(body, ""), REASON_NONE); /* as good as none */
	assert_int_equal(read_packed(zlib, "application/x-bz2"), REASON_COMPRESSION);
	assert_int_equal(read_packed(body, "gzip"), REASON_COMPRESSION);
	assert_int_equal(read_packed(TEXT(""), "gzip"), REASON_COMPRESSION);
	assert_int_equal(read_packed(packed(body, -15), "gzip"), REASON_COMPRESSION);
	assert_int_equal(read_packed(zlib, ""), REASON_NOT_JSON);
	for (size_t n = 0; n < gzip.n; n++)
		assert_int_equal(read_packed((struct text){ gzip.s, n }, "gzip"), REASON_COMPRESSION);
	more = arena_alloc(&arena, zlib.n + 1);
	memcpy(more, zlib.s, zlib.n);
	more[zlib.n] = '\n';
	assert_int_equal(read_packed((struct text){ more, zlib.n + 1 }, "gzip"), REASON_COMPRESSION);

	memset(big, ' ', MESSAGE_MAX_BYTES + 1);
	bomb = packed((struct text){ big, MESSAGE_MAX_BYTES + 1 }, 31);
	longest = packed((struct text){ big, MESSAGE_MAX_BYTES }, 31);
	assert_int_equal(read_packed(bomb, "gzip"), REASON_TOO_LARGE);
	assert_int_equal(read_packed(longest, "gzip"), REASON_NOT_JSON);
	assert_int_equal(read_packed((struct text){ big, MESSAGE_MAX_BYTES + 1 }, NULL), REASON_TOO_LARGE);
	assert_int_equal(read_packed((struct text){ big, MESSAGE_MAX_BYTES }, NULL), REASON_NOT_JSON);
	free(big);
	(void)state;
}

static void calls_pings_and_empty_messages(void **state)
{
	assert_true(
		read_amqp(TEXT("{\"method\": \"ping\", \"args\": 5, \"_msg_id\": \"m\", \"_reply_q\": \"reply_1\"}")));
	assert_int_equal(message.kind, MESSAGE_PING);
	assert_true(text_is(message.msg_id, "m") && text_is(message.reply_q, "reply_1"));
	assert_true(read_amqp(TEXT("{\"method\": \"ping\", \"_msg_id\": \"m\"}")));
	assert_int_equal(message.kind, MESSAGE_PING);
	assert_true(message.msg_id.s == NULL && message.reply_q.s == NULL);
	must_refuse(TEXT("{\"method\": \"ping\", \"version\": \"7\"}"), REASON_VERSION);
	assert_true(read_amqp(TEXT("{\"method\": \"poller_msg\", \"args\": {\"args\": {\"message\": null}}}")));
	assert_int_equal(message.kind, MESSAGE_EMPTY);
	assert_true(read_amqp(TEXT("{" CALL ", " DATA_CONTEXT ", \"_msg_id\": \"m\", \"_reply_q\": \"q\"}")));
	assert_true(message.kind == MESSAGE_DATA && text_is(message.msg_id, "m") && text_is(message.reply_q, "q"));
	assert_true(read_amqp(TEXT("{" CALL ", " DATA_CONTEXT ", \"_msg_id\": 5, \"_reply_q\": \"q\"}")));
	assert_true(message.msg_id.s == NULL && message.reply_q.s == NULL);
	(void)state;
}

static void refusals_name_host_and_plugin(void **state)
{
	struct buf b;

	must_refuse(
		TEXT("{" CALL ", \"_context_type\": \"x\", \"_context_hostid\": \"h\", \"_context_plugin\": \"p\"}"),
		REASON_CONTEXT_TYPE);
	assert_true(text_is(refusal.host, "h") && text_is(refusal.plugin, "p"));
	must_refuse(call_with(INFO_CONTEXT ", \"_context_plugin\": \"ctx\"", TEXT("{\"Plugin\": \"own\"}")),
		    REASON_INFO);
	assert_true(text_is(refusal.host, "h.x") && text_is(refusal.plugin, "own"));
	must_refuse(TEXT("{zz"), REASON_NOT_JSON);
	assert_true(refusal.host.s == NULL && refusal.plugin.s == NULL);
	assert_string_equal(refusal.detail, "body: expected a key in quotes at byte 1");

	/* cut between characters */
	buf_init(&b, 4096);
	buf_add_str(&b, "{" CALL ", \"_context_type\": \"data\", \"_context_hostid\": \"");
	for (int i = 0; i < 200; i++)
		buf_add_str(&b, "\xC3\xA9");
	buf_add_str(&b, "\"}");
	must_refuse(buf_text(&b), REASON_HOST_NAME);
	assert_int_equal(refusal.host.n, 250);
	assert_true(text_is_utf8(refusal.host));
	assert_true(text_is_utf8(text_of(refusal.detail)));
	buf_fini(&b);
	(void)state;
}

static const struct {
	const char *document;
	enum reason reason;
	enum message_kind kind;
} documents[] = {
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"plugin\": \"p\", \"message\": {\"TimeStamp\": 7, \"Values\": "
	  "{\"a\": NaN}}}",
	  REASON_NONE, MESSAGE_DATA },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"plugin\": \"p\", \"message\": \"{\\\"TimeStamp\\\": 7, "
	  "\\\"Values\\\": {}}\"}",
	  REASON_NONE, MESSAGE_DATA },
	{ "{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"p\", \"Infos\": {\"a\": 1}}}",
	  REASON_NONE, MESSAGE_INFO },
	{ "{\"context\": {\"hostid\": \"h\", \"type\": \"info\"}, \"args\": {\"message\": \"{\\\"Plugin\\\": "
	  "\\\"p\\\", \\\"Infos\\\": {\\\"a\\\": 1}}\"}}",
	  REASON_NONE, MESSAGE_INFO },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"message\": null}", REASON_NONE, MESSAGE_EMPTY },
	{ "{", REASON_NOT_JSON, 0 },
	{ "{\"hostid\": NaN}", REASON_NOT_JSON, 0 },
	{ "{\"hostid\": \"h\", \"message\": NaN}", REASON_NOT_JSON, 0 },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"plugin\": \"p\", \"message\": {\"TimeStamp\": 7, \"x\": NaN, "
	  "\"Values\": {}}}",
	  REASON_NOT_JSON, 0 },
	{ "[]", REASON_ENVELOPE, 0 },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"plugin\": \"p\"}", REASON_ARGS, 0 },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"plugin\": \"p\", \"message\": [1]}", REASON_ARGS, 0 },
	{ "{\"context\": {\"hostid\": \"h\", \"type\": \"data\"}, \"message\": {}}", REASON_ARGS, 0 },
	{ "{\"context\": 5, \"args\": 7}", REASON_ARGS, 0 },
	{ "{\"hostid\": \"h\", \"message\": {}}", REASON_CONTEXT_TYPE, 0 },
	{ "{\"type\": \"data\", \"message\": {}}", REASON_NO_HOST, 0 },
	{ "{\"hostid\": \"h\", \"type\": \"data\", \"message\": {}}", REASON_NO_PLUGIN, 0 },
};

static void http_documents_by_the_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		bool taken = message_read_http(&arena, text_of(documents[i].document), &message, &refusal);

		if (taken != (documents[i].reason == REASON_NONE) || (!taken && refusal.reason != documents[i].reason))
			fail_msg("%s: \"%s\" %s", documents[i].document, reason_code(refusal.reason), refusal.detail);
		if (taken)
			assert_int_equal(message.kind, documents[i].kind);
	}
	(void)state;
}

static void payload_objects_stay_verbatim(void **state)
{
	assert_true(message_read_http(&arena,
				      TEXT("{\"hostid\": \"h\", \"type\": \"info\", \"message\" : {\"Plugin\" :\"p\",  "
					   "\"Infos\": {\"\\u0061\":1} } }"),
				      &message, &refusal));
	assert_true(text_is(message.payload, "{\"Plugin\" :\"p\",  \"Infos\": {\"\\u0061\":1} }"));
	(void)state;
}

static const struct {
	const char *body;
	bool ndjson;
	enum rc rc;
	size_t n;
	const char *part[3];
} splits[] = {
	{ " {\"a\": 1} ", false, RC_OK, 1, { "{\"a\": 1}" } },
	{ "[]", false, RC_OK, 0, { NULL } },
	{ "[{\"a\": [1]}, 7 ,\"x\"]", false, RC_OK, 3, { "{\"a\": [1]}", "7", "\"x\"" } },
	{ "[{\"Values\": {\"a\": NaN}}]", false, RC_OK, 1, { "{\"Values\": {\"a\": NaN}}" } },
	{ "[1, 2, 3, 4]", false, RC_FULL, 0, { NULL } },
	{ "", false, RC_REFUSED, 0, { NULL } },
	{ "7", false, RC_REFUSED, 0, { NULL } },
	{ "[{}", false, RC_REFUSED, 0, { NULL } },
	{ "[{}] x", false, RC_REFUSED, 0, { NULL } },
	{ "{}{}", false, RC_REFUSED, 0, { NULL } },
	{ "{}\n{}\r\n\n  \r\n bad", true, RC_OK, 3, { "{}", "{}", "bad" } },
	{ "", true, RC_OK, 0, { NULL } },
	{ "1\n2\n3\n4", true, RC_FULL, 0, { NULL } },
};

static void bodies_are_split(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
		struct text *part = NULL;
		size_t n = 0;
		enum rc rc = message_split(&arena, text_of(splits[i].body), splits[i].ndjson, 3, &part, &n, NULL);

		if (rc != splits[i].rc || n != splits[i].n)
			fail_msg("%s: %s, %zu", splits[i].body, rc_name(rc), n);
		for (size_t j = 0; j < n; j++)
			assert_true(text_is(part[j], splits[i].part[j]));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(data_payloads_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(info_payloads_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(values_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(of_a_repeated_ds_the_last_counts, start, stop),
		cmocka_unit_test_setup_teardown(a_full_message_is_judged_quickly, start, stop),
		cmocka_unit_test_setup_teardown(content_types, start, stop),
		cmocka_unit_test_setup_teardown(compressed_bodies, start, stop),
		cmocka_unit_test_setup_teardown(calls_pings_and_empty_messages, start, stop),
		cmocka_unit_test_setup_teardown(refusals_name_host_and_plugin, start, stop),
		cmocka_unit_test_setup_teardown(http_documents_by_the_rules, start, stop),
		cmocka_unit_test_setup_teardown(payload_objects_stay_verbatim, start, stop),
		cmocka_unit_test_setup_teardown(bodies_are_split, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
