/*
 * The recorded sessions of a real munin-node, replayed: what comes out is what the original sent for them, but for its
 * slips (docs/spec/wire.md C1, C2): raw counters at first, then `U`; exponents as `U`.
 *
 *	test_poller_replay TESTS_DATA
 */
#include "test.h"

#include <cjson/cJSON.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "poller/compose.h"
#include "poller/plugin.h"
#include "wire/number.h"

enum { TICKS = 14, REFRESH_TICKS = 5, MAX_BLOCKS = 200, MAX_MESSAGES = 600 };

static const char *data_dir;

struct block { /* one command and its answer */
	struct text command, lines;
	int64_t closed_at;
};

struct tick {
	struct buf bytes;
	struct block poll[MAX_BLOCKS], refresh[MAX_BLOCKS];
	size_t n_poll, n_refresh;
};

static bool take_line(struct text *rest, struct text *line)
{
	const char *feed = rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);

	if (feed == NULL)
		return false;
	*line = (struct text){ rest->s, (size_t)(feed - rest->s) };
	*rest = (struct text){ feed + 1, rest->n - line->n - 1 };
	return true;
}

static bool begins(struct text line, const char *word)
{
	return line.n >= strlen(word) && memcmp(line.s, word, strlen(word)) == 0;
}

static void read_tick(int number, struct tick *t)
{
	char *path = must_format("%s/munin-sessions/tick-%02d.txt", data_dir, number);
	struct block *at = NULL;
	struct text rest, line;
	bool refresh = false;

	*t = (struct tick){ 0 };
	buf_init(&t->bytes, 1 << 22);
	assert_int_equal(fileio_read_all(path, &t->bytes, NULL), RC_OK);
	/* one path was replaced by two different ones when host names and paths were taken out of the recording */
	for (char *p = t->bytes.at;
	     (p = memmem(p, (size_t)(t->bytes.at + t->bytes.n - p), "/mnt/volume1", 12)) != NULL;)
		memcpy(p, "/mnt/scratch", 12);
	rest = buf_text(&t->bytes);
	while (take_line(&rest, &line)) {
		refresh = refresh || begins(line, "== refresh part");
		if (begins(line, "C: ")) {
			at = refresh ? &t->refresh[t->n_refresh++] : &t->poll[t->n_poll++];
			at->command = (struct text){ line.s + 3, line.n - 3 };
			at->lines = (struct text){ rest.s, 0 };
		}
		if (begins(line, "S: ") && at != NULL)
			at->lines.n = (size_t)(line.s + line.n + 1 - at->lines.s);
		if (begins(line, "== close at ") && at != NULL) {
			at->closed_at = atoll(line.s + 12);
			at = NULL;
		}
	}
	free(path);
}

static struct text argument_of(const struct block *b, const char *verb)
{
	size_t n = strlen(verb) + 1;

	if (!begins(b->command, verb) || b->command.n <= n)
		return TEXT_NONE;
	return (struct text){ b->command.s + n, b->command.n - n };
}

static void feed(struct answer *a, const struct block *b, struct text plugin, bool is_config)
{
	struct text rest = b->lines, line;

	answer_begin(a, plugin, is_config);
	while (take_line(&rest, &line) && begins(line, "S: ") &&
	       answer_take(a, (struct text){ line.s + 3, line.n - 3 }) == ANSWER_GOES_ON)
		;
}

struct sent {
	char *plugin;
	enum parcel_kind kind;
	cJSON *payload;
};

struct output {
	struct sent sent[MAX_MESSAGES];
	size_t n;
};

static void emit(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	struct output *o = argument;
	char *copy = must_strndup(text.s, text.n);

	assert_true(o->n < MAX_MESSAGES);
	o->sent[o->n] = (struct sent){ must_strndup(plugin.s, plugin.n), kind, cJSON_Parse(copy) };
	assert_non_null(o->sent[o->n].payload);
	o->n++;
	free(copy);
}

static struct plugin *find_plugin(struct map *plugins, struct text name)
{
	struct plugin *p = map_get(plugins, name);

	if (p == NULL) {
		p = plugin_new(name);
		(void)map_put(plugins, name, p);
	}
	return p;
}

static bool is_wanted(struct text name, bool edge)
{
	return text_is(name, "edgecases") == edge;
}

static const struct block *find_block(const struct block *b, size_t n, const char *verb, struct text plugin)
{
	for (size_t i = 0; i < n; i++)
		if (text_equal(argument_of(&b[i], verb), plugin))
			return &b[i];
	return NULL;
}

static void run_tick(struct map *plugins, int number, bool edge, struct output *out)
{
	struct tick *t = must_alloc(sizeof(*t));
	struct answer config, values;

	read_tick(number, t);
	answer_setup(&config);
	answer_setup(&values);
	for (size_t i = 0; number % REFRESH_TICKS == 0 && i < t->n_refresh; i++) {
		struct text name = argument_of(&t->refresh[i], "config");

		if (name.n == 0 || !is_wanted(name, edge))
			continue;
		feed(&config, &t->refresh[i], name, true);
		plugin_learn(find_plugin(plugins, name), &config, NULL);
	}
	for (size_t i = 0; i < t->n_poll; i++) {
		struct text name = argument_of(&t->poll[i], "fetch");

		if (name.n == 0 || !is_wanted(name, edge))
			continue;
		feed(&values, &t->poll[i], name, false);
		(void)plugin_measure(find_plugin(plugins, name), &values, t->poll[i].closed_at, 600, emit, out);
	}
	for (size_t i = 0; number % REFRESH_TICKS == 0 && i < t->n_refresh; i++) {
		struct text name = argument_of(&t->refresh[i], "config");
		const struct block *fetched = find_block(t->refresh, t->n_refresh, "fetch", name);

		if (name.n == 0 || !is_wanted(name, edge))
			continue;
		feed(&config, &t->refresh[i], name, true);
		if (fetched != NULL)
			feed(&values, fetched, name, false);
		assert_int_equal(plugin_tell(&config, fetched == NULL ? NULL : &values, emit, out), 0);
	}
	answer_teardown(&config);
	answer_teardown(&values);
	buf_fini(&t->bytes);
	free(t);
}

/* What the original sent: the payloads in order, MyInfo left out. */
static void read_expected(const char *name, struct output *out)
{
	char *path = must_format("%s/%s", data_dir, name);
	struct text rest, line;
	struct buf bytes;

	buf_init(&bytes, 1 << 24);
	assert_int_equal(fileio_read_all(path, &bytes, NULL), RC_OK);
	rest = buf_text(&bytes);
	while (take_line(&rest, &line)) {
		cJSON *m = cJSON_ParseWithLength(line.s, line.n);
		const cJSON *context = cJSON_GetObjectItem(m, "context");
		const char *plugin = cJSON_GetObjectItem(context, "plugin")->valuestring;
		const char *type = cJSON_GetObjectItem(context, "type")->valuestring;
		const char *text = cJSON_GetObjectItem(cJSON_GetObjectItem(m, "args"), "message")->valuestring;

		if (strcmp(plugin, "MyInfo") != 0)
			emit(out, strcmp(type, "data") == 0 ? PARCEL_DATA : PARCEL_INFO, text_of(plugin),
			     text_of(text));
		cJSON_Delete(m);
	}
	buf_fini(&bytes);
	free(path);
}

static void free_output(struct output *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->sent[i].plugin);
		cJSON_Delete(o->sent[i].payload);
	}
	free(o);
}

/* A number as both send it: text of a number, or a JSON number. */
static bool number_of(const cJSON *v, double *out)
{
	if (cJSON_IsNumber(v)) {
		*out = v->valuedouble;
		return true;
	}
	return number_parse(text_of(v->valuestring), out) == NUMBER_VALUE;
}

struct seen { /* of a counter: what the original sent raw at first */
	double raw;
	int64_t t_s;
	int n;
};

static size_t n_exponents, n_first, n_second, n_same;

static void compare_value(struct map *counters, const char *plugin, int64_t t_s, const cJSON *theirs, const cJSON *ours)
{
	char *key = must_format("%s/%s", plugin, theirs->string);
	struct seen *seen = map_get(counters, text_of(key));
	double a, b;

	if (cJSON_IsString(ours) && strcmp(ours->valuestring, "U") == 0 && cJSON_IsString(theirs) &&
	    number_of(theirs, &a) && seen == NULL) {
		/* a counter's first reading */
		seen = must_alloc(sizeof(*seen));
		*seen = (struct seen){ a, t_s, 1 };
		(void)map_put(counters, text_of(key), seen);
		n_first++;
	} else if (seen != NULL && seen->n == 1) {
		assert_string_equal(theirs->valuestring, "U");
		assert_true(cJSON_IsNumber(ours));
		seen->n = 2;
		n_second++;
	} else if (cJSON_Compare(theirs, ours, true)) {
		n_same++;
	} else {
		/* an exponent */
		assert_string_equal(theirs->valuestring, "U");
		assert_true(cJSON_IsString(ours) && number_of(ours, &b));
		assert_non_null(strchr(ours->valuestring, 'e'));
		n_exponents++;
	}
	free(key);
}

static void the_recorded_sessions_give_the_recorded_messages(void **state)
{
	struct output *ours = must_alloc(sizeof(*ours)), *theirs = must_alloc(sizeof(*theirs));
	struct map plugins, counters;

	map_init(&plugins);
	map_init(&counters);
	read_expected("messages.jsonl", theirs);
	for (int i = 0; i < TICKS; i++)
		run_tick(&plugins, i, false, ours);
	assert_int_equal(ours->n, theirs->n);
	assert_int_equal(ours->n, 502 - 3);
	for (size_t i = 0; i < ours->n; i++) {
		const struct sent *a = &theirs->sent[i], *b = &ours->sent[i];
		const cJSON *values, *v;

		assert_string_equal(a->plugin, b->plugin);
		assert_int_equal(a->kind, b->kind);
		if (a->kind == PARCEL_INFO) {
			if (!cJSON_Compare(a->payload, b->payload, true))
				fail_msg("info of %s:\n%s\n%s", a->plugin, cJSON_PrintUnformatted(a->payload),
					 cJSON_PrintUnformatted(b->payload));
			continue;
		}
		v = cJSON_GetObjectItem(a->payload, "TimeStamp");
		assert_true(cJSON_Compare(v, cJSON_GetObjectItem(b->payload, "TimeStamp"), true));
		assert_string_equal(cJSON_GetObjectItem(b->payload, "Plugin")->valuestring, a->plugin);
		values = cJSON_GetObjectItem(b->payload, "Values");
		assert_int_equal(cJSON_GetArraySize(values),
				 cJSON_GetArraySize(cJSON_GetObjectItem(a->payload, "Values")));
		cJSON_ArrayForEach(v, cJSON_GetObjectItem(a->payload, "Values")) compare_value(
			&counters, a->plugin, atoll(cJSON_GetObjectItem(a->payload, "TimeStamp")->valuestring), v,
			cJSON_GetObjectItemCaseSensitive(values, v->string));
	}
	/* nothing compared would be equal too */
	assert_true(n_same > 1500 && n_first > 50 && n_first == n_second && n_exponents > 10);
	map_fini(&counters, free);
	map_fini(&plugins, plugin_free);
	free_output(ours);
	free_output(theirs);
	(void)state;
}

static const char *text_at(const cJSON *values, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(values, name);

	return v == NULL ? "absent" : cJSON_IsNumber(v) ? "number" : v->valuestring;
}

static void odd_output_costs_its_own_source_alone(void **state)
{
	static const struct {
		const char *name, *first, *second;
	} expected[] = {
		{ "cnt", "U", "number" },
		{ "drv", "U", "U" /* falls, min 0 */ },
		{ "abs", "U", "number" },
		{ "gauge", "3.25", "3.25" },
		{ "unk", "U", "U" },
		{ "exp", "1.5e-05", "1.5e-05" },
		{ "neg", "-12.5", "-12.5" },
		{ "plus", "+4", "+4" },
		{ "sp ace", "1", "1" },
		{ "dotted.name", "2", "2" },
		{ "empty", "U", "U" },
		{ "two", "U", "U" },
		{ "weird", "U", "U" },
		{ "dashes", "U", "U" },
		{ "../escape", "absent", "absent" },
		{ "tab", "9", "9" },
		{ "dot", ".5", ".5" },
		{ "trail", "5.", "5." },
		{ "dup", "2", "2" },
		{ "lead", "3", "3" },
	};
	struct output *o = must_alloc(sizeof(*o));
	const cJSON *info, *first, *second;
	struct map plugins;

	map_init(&plugins);
	for (int i = 0; i < 2; i++)
		run_tick(&plugins, i, true, o);
	assert_int_equal(o->n, 3);
	first = cJSON_GetObjectItem(o->sent[0].payload, "Values");
	info = o->sent[1].payload;
	second = cJSON_GetObjectItem(o->sent[2].payload, "Values");
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		assert_string_equal(text_at(first, expected[i].name), expected[i].first);
		assert_string_equal(text_at(second, expected[i].name), expected[i].second);
	}
	/* 120 by the seconds between the two ticks, not differenced */
	assert_true(cJSON_GetObjectItem(second, "abs")->valuedouble > 1.7 &&
		    cJSON_GetObjectItem(second, "abs")->valuedouble < 2.3);
	assert_string_equal(cJSON_GetObjectItem(info, "Base")->valuestring, "1024");
	assert_string_equal(cJSON_GetObjectItem(info, "Title")->valuestring, "Edge \"cases\" \\ \xC3\xA9");
	assert_string_equal(cJSON_GetObjectItem(info, "Order")->valuestring, "cnt drv");
	assert_string_equal(cJSON_GetObjectItem(info, "Category")->valuestring, "lab");
	info = cJSON_GetObjectItem(info, "Infos");
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(info, "onlyconfig"), "id")->valuestring,
			    "onlyconfig");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(info, "nolabel")), 1);
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(info, "dotted.name"), "label")->valuestring,
			    "dotted");
	map_fini(&plugins, plugin_free);
	free_output(o);
	(void)state;
}

/* The body in its envelope is what oslo.messaging makes of the same call. */
static void envelopes_are_those_of_oslo_messaging(void **state)
{
	char *pattern = must_format("%s/amqp-bodies/*-default/*.body.json", data_dir);
	glob_t found;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 20);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct parcel p = { 0 };
		cJSON *theirs, *inner, *ours, *our_inner;
		struct buf bytes, body;
		const cJSON *args;
		const char *id;

		buf_init(&bytes, 1 << 20);
		buf_init(&body, 1 << 20);
		assert_int_equal(fileio_read_all(found.gl_pathv[i], &bytes, NULL), RC_OK);
		theirs = cJSON_ParseWithLength(bytes.at, bytes.n);
		inner = cJSON_Parse(cJSON_GetObjectItem(theirs, "oslo.message")->valuestring);
		p.host = text_of(cJSON_GetObjectItem(inner, "_context_hostid")->valuestring);
		p.plugin = text_of(cJSON_GetObjectItem(inner, "_context_plugin")->valuestring);
		p.kind = strcmp(cJSON_GetObjectItem(inner, "_context_type")->valuestring, "data") == 0 ? PARCEL_DATA
												       : PARCEL_INFO;
		args = cJSON_GetObjectItem(cJSON_GetObjectItem(inner, "args"), "args");
		p.text = text_of(cJSON_GetObjectItem(args, "message")->valuestring);
		id = cJSON_GetObjectItem(inner, "_unique_id")->valuestring;
		for (size_t k = 0; k < PARCEL_ID_BYTES; k++) {
			char two[3] = { id[2 * k], id[2 * k + 1], '\0' };

			p.id[k] = (uint8_t)strtoul(two, NULL, 16);
		}
		compose_envelope(&body, &p);
		ours = cJSON_ParseWithLength(body.at, body.n);
		assert_non_null(ours);
		our_inner = cJSON_Parse(cJSON_GetObjectItem(ours, "oslo.message")->valuestring);
		assert_true(cJSON_Compare(inner, our_inner, true));
		assert_int_equal(cJSON_GetArraySize(ours), cJSON_GetArraySize(theirs));
		assert_string_equal(cJSON_GetObjectItem(ours, "oslo.version")->valuestring, "2.0");
		/* same length: same escapes, same blanks */
		assert_int_equal(bytes.n, body.n);
		for (size_t k = 0; k < body.n; k++)
			assert_true((unsigned char)body.at[k] < 0x80);
		cJSON_Delete(ours);
		cJSON_Delete(our_inner);
		cJSON_Delete(inner);
		cJSON_Delete(theirs);
		buf_fini(&bytes);
		buf_fini(&body);
	}
	globfree(&found);
	free(pattern);
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_recorded_sessions_give_the_recorded_messages),
		cmocka_unit_test(odd_output_costs_its_own_source_alone),
		cmocka_unit_test(envelopes_are_those_of_oslo_messaging),
	};

	must(argc == 2);
	data_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
