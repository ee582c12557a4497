/* The poller's small parts: when it polls, what it remembers, what a server answers, what JSON it writes, its options. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/poller_config.h"
#include "poller/compose.h"
#include "poller/http_reply.h"
#include "poller/past.h"
#include "poller/plugin.h"
#include "poller/schedule.h"

/* When */

static const int64_t second = 1000000000;

static void ticks_are_aligned_and_none_comes_twice(void **state)
{
	int64_t now = 1795342601 * second + 123, next = schedule_next_ns(now, 60, 0);

	assert_int_equal(next, 1795342620 * second);
	assert_int_equal(schedule_next_ns(next, 60, 0), next + 60 * second);
	assert_int_equal(schedule_next_ns(next - 1, 60, 0), next);
	assert_int_equal(schedule_next_ns(now, 60, 7 * second), 1795342627 * second);
	assert_int_equal(schedule_next_ns(1795342627 * second, 60, 7 * second), 1795342687 * second);
	assert_int_equal(schedule_next_ns(3 * second, 60, 7 * second), 7 * second);
	(void)state;
}

static void delays_are_a_host_s_own_and_small(void **state)
{
	int64_t least = INT64_MAX, most = 0;

	for (int i = 0; i < 1000; i++) {
		char name[16];
		int64_t delay;

		snprintf(name, sizeof(name), "host-%d", i);
		delay = schedule_delay_ns(text_of(name), 60);
		assert_int_equal(delay, schedule_delay_ns(text_of(name), 60));
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
	}
	assert_true(least >= 0 && most < 10 * second);
	assert_true(least < second && most > 9 * second);
	(void)state;
}

static void a_tick_slept_through_is_missed(void **state)
{
	int64_t due = 1795342620 * second;

	assert_false(schedule_is_missed(due, due, 60));
	assert_false(schedule_is_missed(due, due + second, 60));
	assert_true(schedule_is_missed(due, due + 3600 * second, 60));
	assert_true(schedule_is_missed(due, due - 3600 * second, 60)); /* the clock was set back */
	(void)state;
}

/* What is remembered */

static bool is_p(void *argument, struct text plugin)
{
	(void)argument;
	return text_is(plugin, "p");
}

static void add_past(struct plugin_past *past, const char *key, int64_t last_s)
{
	struct counter_field *c = must_alloc(sizeof(*c));

	*c = (struct counter_field){ .last = rate_read(TEXT("17")), .last_s = last_s };
	free(map_put(&past->readings, text_of(key), c));
}

static void readings_stay_until_they_are_known_or_old(void **state)
{
	struct plugin_past past, again;
	struct buf text;
	struct why why;

	past_init(&past);
	past_init(&again);
	buf_init(&text, PAST_MAX_BYTES);
	add_past(&past, "p\tp\tx", 100);
	add_past(&past, "q\tq\tx", 100);
	add_past(&past, "q\tq\told", 99);
	add_past(&past, "pp\tp\tx", 101);
	past_prune(&past, 100, is_p, NULL);
	past_print_begin(&text);
	past_print_readings(&text, &past);
	past_print_end(&text);
	assert_int_equal(past_parse(buf_text(&text), &again, &why), RC_OK);
	assert_int_equal(again.readings.n, 2);
	assert_non_null(map_get(&again.readings, TEXT("q\tq\tx")));
	assert_non_null(map_get(&again.readings, TEXT("pp\tp\tx")));
	past_fini(&past);
	past_fini(&again);
	buf_fini(&text);
	(void)state;
}

static void no_message(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	(void)kind;
	(void)plugin;
	buf_clear(argument);
	buf_add_text(argument, text);
}

static void answer(struct answer *a, bool is_config, const char *lines)
{
	struct text rest = text_of(lines);

	answer_begin(a, TEXT("p"), is_config);
	while (rest.n > 0) {
		size_t n = (size_t)((const char *)memchr(rest.s, '\n', rest.n) - rest.s);

		(void)answer_take(a, (struct text){ rest.s, n });
		rest = (struct text){ rest.s + n + 1, rest.n - n - 1 };
	}
}

static void counters_go_on_after_a_restart(void **state)
{
	struct plugin *p = plugin_new(TEXT("p"));
	struct plugin_past past;
	struct answer a;
	struct buf text, file;

	answer_setup(&a);
	past_init(&past);
	buf_init(&text, 1 << 20);
	buf_init(&file, 1 << 20);
	answer(&a, true, "c.type COUNTER\nd.type DERIVE\nsp ace.type DERIVE\nu.type COUNTER\n");
	plugin_learn(p, &a, NULL);
	answer(&a, false, "c.value 18446744073709551615\nd.value -1.25\nsp ace.value -7\nu.value U\n");
	(void)plugin_measure(p, &a, 1000, 600, no_message, &text);
	assert_string_equal((buf_add(&text, "", 1), text.at),
			    "{\"TimeStamp\": \"1000\", \"Plugin\": \"p\", \"Values\": {\"c\": \"U\", \"d\": \"U\", "
			    "\"sp ace\": \"U\", "
			    "\"u\": \"U\"}}");
	past_print_begin(&file);
	past_print(&file, p);
	past_print_end(&file);
	plugin_free(p);
	assert_int_equal(past_parse(buf_text(&file), &past, NULL), RC_OK);
	assert_int_equal(past.readings.n, 3);
	p = plugin_new(TEXT("p"));
	answer(&a, true, "c.type COUNTER\nd.type DERIVE\nsp ace.type DERIVE\nu.type COUNTER\n");
	plugin_learn(p, &a, &past);
	answer(&a, false, "c.value 9\nd.value 1.25\nsp ace.value 3\nu.value 5\n");
	(void)plugin_measure(p, &a, 1010, 600, no_message, &text);
	assert_string_equal((buf_add(&text, "", 1), text.at),
			    "{\"TimeStamp\": \"1010\", \"Plugin\": \"p\", \"Values\": {\"c\": 1.0, \"d\": 0.25, \"sp "
			    "ace\": 1.0, \"u\": "
			    "\"U\"}}");
	/* the same second again, then long after */
	(void)plugin_measure(p, &a, 1010, 600, no_message, &text);
	assert_non_null(strstr((buf_add(&text, "", 1), text.at), "\"c\": \"U\""));
	(void)plugin_measure(p, &a, 1611, 600, no_message, &text);
	assert_non_null(strstr((buf_add(&text, "", 1), text.at), "\"c\": \"U\""));
	(void)plugin_measure(p, &a, 1621, 600, no_message, &text);
	assert_non_null(strstr((buf_add(&text, "", 1), text.at), "\"c\": 0.0"));
	/* every cut and every flipped bit is seen */
	for (size_t n = 0; n < file.n; n++)
		assert_int_equal(past_parse((struct text){ file.at, n }, &past, NULL), RC_DAMAGED);
	for (size_t n = 0; n < file.n; n++) {
		file.at[n] ^= 1;
		assert_int_equal(past_parse(buf_text(&file), &past, NULL), RC_DAMAGED);
		file.at[n] ^= 1;
	}
	plugin_free(p);
	past_fini(&past);
	answer_teardown(&a);
	buf_fini(&text);
	buf_fini(&file);
	(void)state;
}

struct counted {
	size_t n, most_bytes;
};

static void count_message(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	struct counted *c = argument;

	(void)kind;
	(void)plugin;
	c->n++;
	if (text.n > c->most_bytes)
		c->most_bytes = text.n;
}

static void much_goes_in_several_messages(void **state)
{
	struct plugin *p = plugin_new(TEXT("p"));
	struct counted data = { 0 }, info = { 0 };
	struct answer values, config;
	char line[300];

	answer_setup(&values);
	answer_setup(&config);
	answer_begin(&values, TEXT("p"), false);
	answer_begin(&config, TEXT("p"), true);
	for (int i = 0; i < 10000; i++) {
		(void)answer_take(&values,
				  (struct text){ line, (size_t)snprintf(line, sizeof(line), "f%d.value 1.5", i) });
		(void)answer_take(&config, (struct text){ line, (size_t)snprintf(line, sizeof(line),
										 "f%d.label field %d", i, i) });
		(void)answer_take(&config,
				  (struct text){ line, (size_t)snprintf(line, sizeof(line), "f%d.info %0200d", i, i) });
	}
	plugin_learn(p, &config, NULL);
	assert_int_equal(plugin_measure(p, &values, 1000, 600, count_message, &data), 10000);
	assert_true(data.n >= 2 && data.most_bytes < 130 * 1024);
	/* its info is over what a storage takes: told without the long texts */
	assert_int_equal(plugin_tell(&config, &values, count_message, &info), 1);
	assert_int_equal(info.n, 1);
	assert_true(info.most_bytes < 1 << 20);
	answer_teardown(&values);
	answer_teardown(&config);
	plugin_free(p);
	(void)state;
}

/* What a server answers */

static const struct {
	const char *bytes;
	int status;       /* 0: refused */
	const char *body; /* NULL: not whole at the end of the connection */
} replies[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello" },
	{ "HTTP/1.1 200\nContent-Length: 2\n\nok", 200, "ok" },
	{ "HTTP/1.0 503 Busy\r\n\r\nwait a bit", 503, "wait a bit" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "" },
	{ "HTTP/1.1 413 Large\r\ncontent-length:0\r\n\r\n", 413, "" },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
	  200, "abc0123456789" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", 200, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 200, NULL },
	{ "HTTP/1.1 200 OK\r\n", 200, NULL },
	{ "HTTP/1.1 2x0 OK\r\n\r\n", 0, NULL },
	{ "# munin node at x\r\n\r\n", 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 0, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, NULL },
};

static void replies_are_read_however_they_are_cut(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		for (size_t cut = 1; cut <= strlen(replies[i].bytes); cut++) {
			struct text rest = text_of(replies[i].bytes);
			struct http_reply r;
			enum rc rc = RC_OK;

			http_reply_init(&r);
			while (rc == RC_OK && rest.n > 0) {
				size_t n = cut < rest.n ? cut : rest.n;

				rc = http_reply_take(&r, (struct text){ rest.s, n }, NULL);
				rest = (struct text){ rest.s + n, rest.n - n };
			}
			assert_int_equal(rc, replies[i].status == 0 ? RC_REFUSED : RC_OK);
			if (rc == RC_OK) {
				rc = http_reply_end(&r, NULL);
				assert_int_equal(rc, replies[i].body == NULL ? RC_REFUSED : RC_OK);
			}
			if (rc == RC_OK) {
				assert_int_equal(r.status, replies[i].status);
				assert_true(text_is(buf_text(&r.body), replies[i].body));
			}
			http_reply_fini(&r);
		}
	(void)state;
}

/* JSON */

static void strings_are_ascii_as_python_writes_them(void **state)
{
	static const struct {
		struct text in;
		const char *out;
	} strings[] = {
		{ TEXT_INIT(""), "\"\"" },
		{ TEXT_INIT("plain /"), "\"plain /\"" },
		{ TEXT_INIT("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"" },
		{ TEXT_INIT("\0\x1F\x7F"), "\"\\u0000\\u001f\x7F\"" },
		{ TEXT_INIT("\xC3\xA9\xE2\x82\xAC"), "\"\\u00e9\\u20ac\"" },
		{ TEXT_INIT("\xF0\x9F\x98\x80"), "\"\\ud83d\\ude00\"" },
		{ TEXT_INIT("\xFFz\xC3"), "\"\\ufffdz\\ufffd\"" },
		{ TEXT_INIT("\xED\xA0\x80"), "\"\\ufffd\\ufffd\\ufffd\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		struct buf out;

		buf_init(&out, 1000);
		compose_string(&out, strings[i].in);
		if (!text_is(buf_text(&out), strings[i].out))
			fail_msg("row %zu: %.*s", i, TEXT_ARG(buf_text(&out)));
		buf_fini(&out);
	}
	(void)state;
}

/* Options */

static char warned[2000];

static void note_warning(void *argument, const char *text)
{
	(void)argument;
	snprintf(warned + strlen(warned), sizeof(warned) - strlen(warned), "%s\n", text);
}

static enum rc parse(const char *text, struct poller_config *c, struct why *why)
{
	warned[0] = '\0';
	return poller_config_parse(text_of(text), "f", c, note_warning, NULL, why);
}

static void options_stand_in_their_sections(void **state)
{
	struct poller_config c;
	struct why why;

	assert_int_equal(parse("", &c, &why), RC_OK);
	assert_false(c.enable);
	assert_int_equal(c.poller_time_s, 60);
	assert_int_equal(c.spool_max_bytes, 256000000);
	assert_string_equal(c.plugins_enable, "^.*$");
	assert_string_equal(c.rpc_hosts.at[0].host, "localhost");
	assert_int_equal(c.rpc_hosts.at[0].port, 5672);
	assert_null(c.host_id);
	assert_null(c.storage_url.host);
	poller_config_fini(&c);
	assert_int_equal(parse("[global]\nenable = yes ; comment\nstorage_url = http://[::1]:8081/x/y\nmunin_port = 1\n"
			       "modules = numeter.poller.muninModule:MuninModule|other:Thing\n"
			       "[MuninModule]\nplugins_enable = ^(cpu|df)$\nmunin_port = 4950\n"
			       "[MyInfo]\nname = n\ndescription = two words\nhost_id = 1-abc\n[Other]\nx = 1\n",
			       &c, &why),
			 RC_OK);
	assert_true(c.enable);
	assert_string_equal(c.storage_url.host, "::1");
	assert_int_equal(c.storage_url.port, 8081);
	assert_string_equal(c.storage_url.path, "/x/y");
	assert_int_equal(c.munin_port, 4950);
	assert_string_equal(c.host_id, "1-abc");
	assert_int_equal(poller_config_line(&c, "munin_port"), 8);
	assert_non_null(strstr(warned, "f:4: munin_port: unknown option"));
	assert_non_null(strstr(warned, "f:5: modules: \"other:Thing\" is not built in"));
	assert_non_null(strstr(warned, "f:13: [Other]: unknown section"));
	poller_config_fini(&c);
	(void)state;
}

static const struct {
	const char *text, *why;
} refused[] = {
	{ "[global]\npoller_time = 0\n", "f:2: poller_time: \"0\": expected a whole number from 1 to 86400" },
	{ "[global]\nstorage_url = https://h/\n",
	  "f:2: storage_url: \"https://h/\": expected http://HOST, http://HOST:PORT/PATH or unix:/PATH" },
	{ "[global]\nstorage_url = http://u:secret@h/\n",
	  "f:2: storage_url: expected http://HOST, http://HOST:PORT/PATH or unix:/PATH" },
	{ "[global]\nstorage_url = http://h/a b\n",
	  "f:2: storage_url: \"http://h/a b\": expected http://HOST, http://HOST:PORT/PATH or unix:/PATH" },
	{ "[MyInfo]\nhost_id = ..\n",
	  "f:2: host_id: \"..\": expected 1 to 251 bytes of UTF-8 without control characters" },
	{ "[MuninModule]\nmunin_port = x\n", "f:2: munin_port: \"x\": expected a whole number from 1 to 65535" },
	{ "[global]\nrpc_ssl_key = /k\n", "f:2: rpc_ssl_key: expected rpc_ssl_cert as well" },
};

static void bad_options_are_named(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct poller_config c;
		struct why why;

		assert_int_equal(parse(refused[i].text, &c, &why), RC_REFUSED);
		assert_string_equal(why.text, refused[i].why);
	}
	(void)state;
}

static void what_is_printed_reads_back(void **state)
{
	struct poller_config c, again;
	char *text = NULL, *text_again = NULL;
	size_t n;
	struct why why;
	FILE *out = open_memstream(&text, &n);

	assert_int_equal(parse("[global]\nstorage_url = unix:/run/x.sock\n[MyInfo]\nhost_id = a b\n", &c, &why), RC_OK);
	poller_config_print(&c, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(parse(text, &again, &why), RC_OK);
	assert_string_equal(warned, "");
	out = open_memstream(&text_again, &n);
	poller_config_print(&again, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, text_again);
	assert_non_null(strstr(text, "storage_url = unix:/run/x.sock\n"));
	free(text);
	free(text_again);
	poller_config_fini(&c);
	poller_config_fini(&again);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_are_aligned_and_none_comes_twice),
		cmocka_unit_test(delays_are_a_host_s_own_and_small),
		cmocka_unit_test(a_tick_slept_through_is_missed),
		cmocka_unit_test(readings_stay_until_they_are_known_or_old),
		cmocka_unit_test(counters_go_on_after_a_restart),
		cmocka_unit_test(much_goes_in_several_messages),
		cmocka_unit_test(replies_are_read_however_they_are_cut),
		cmocka_unit_test(strings_are_ascii_as_python_writes_them),
		cmocka_unit_test(options_stand_in_their_sections),
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(what_is_printed_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
