#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "munin/answer.h"
#include "munin/lines.h"
#include "munin/rate.h"

/* Lines */

static void lines_come_whole_however_the_bytes_are_cut(void **state)
{
	static const char bytes[] = "a.value 1\r\n\nb.value 2\nhalf";

	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		struct text line, got[8];
		char kept[8][32];
		struct lines l;
		size_t n = 0;

		lines_init(&l);
		for (size_t at = 0; at < sizeof(bytes) - 1; at += cut) {
			lines_add(&l, bytes + at, at + cut < sizeof(bytes) - 1 ? cut : sizeof(bytes) - 1 - at);
			while (lines_next(&l, &line)) {
				memcpy(kept[n], line.s, line.n);
				got[n] = (struct text){ kept[n], line.n };
				n++;
			}
		}
		assert_int_equal(n, 3);
		assert_true(text_is(got[0], "a.value 1") && text_is(got[1], "") && text_is(got[2], "b.value 2"));
		lines_fini(&l);
	}
	(void)state;
}

static void a_line_without_end_is_left_out_whole(void **state)
{
	char *junk = must_alloc(LINES_MAX_BYTES);
	struct text line;
	struct lines l;

	memset(junk, 'x', LINES_MAX_BYTES);
	lines_init(&l);
	for (int i = 0; i < 100; i++) {
		lines_add(&l, junk, LINES_MAX_BYTES);
		assert_false(lines_next(&l, &line));
		assert_true(l.bytes.capacity <= 4 * LINES_MAX_BYTES);
	}
	lines_add(&l, ".value 7\na.value 1\n", 19);
	assert_true(lines_next(&l, &line));
	assert_true(text_is(line, "a.value 1"));
	assert_int_equal(l.n_skipped, 1);
	lines_fini(&l);
	free(junk);
	(void)state;
}

/* Answers */

static enum answer_state feed(struct answer *a, const char *plugin, bool is_config, const char *lines)
{
	enum answer_state state = ANSWER_GOES_ON;
	struct text rest = text_of(lines);

	answer_begin(a, text_of(plugin), is_config);
	while (state == ANSWER_GOES_ON && rest.n > 0) {
		const char *feed = memchr(rest.s, '\n', rest.n);
		size_t n = feed == NULL ? rest.n : (size_t)(feed - rest.s);

		state = answer_take(a, (struct text){ rest.s, n });
		n += feed != NULL;
		rest = (struct text){ rest.s + n, rest.n - n };
	}
	return state;
}

static const char *value_of(const struct answer *a, const struct answer_graph *g, const char *name)
{
	const struct answer_field *f = answer_field(a, g, text_of(name));

	return f == NULL ? "absent" : !f->has_value ? "none" : f->value.s;
}

static void values_are_taken_as_printed(void **state)
{
	static const struct {
		const char *name, *value;
	} expected[] = {
		{ "plain", "1" },      { "long", "26.7677583310387" },
		{ "exp", "3.24e-05" }, { "plus", "+4" },
		{ "sp ace", "1" },     { "dotted.name", "2" },
		{ "unknown", "U" },    { "empty", "U" },
		{ "two", "U" },        { "weird", "1.2.3" },
		{ "tab", "9" },        { "dup", "2" },
		{ "lead", "3" },       { "a.value", "5" },
		{ "gr\xC3\xBC", "1" }, { "../up", "absent" },
		{ "\xFF", "absent" },  { "com", "absent" },
		{ "..", "absent" },
	};
	struct answer a;

	answer_setup(&a);
	assert_int_equal(
		feed(&a, "p", false,
		     "plain.value 1\nlong.value 26.7677583310387\nexp.value 3.24e-05\nplus.value +4\nsp ace.value 1\n"
		     "dotted.name.value 2\nunknown.value U\nempty.value\ntwo.value 1 2\nweird.value "
		     "1.2.3\ntab.value\t9\n"
		     "dup.value 1\ndup.value 2\n lead.value 3\na.value.value 5\ngr\xC3\xBC.value 1\n../up.value 1\n"
		     "\xFF.value 1\n# com.value 1\n...value 1\n.value 1\ngarbage\n\n.\n"),
		ANSWER_ENDED);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(value_of(&a, a.graph, expected[i].name), expected[i].value);
	assert_int_equal(a.n_refused, 3);
	answer_teardown(&a);
	(void)state;
}

static void only_a_dot_alone_ends_an_answer(void **state)
{
	struct answer a;

	answer_setup(&a);
	assert_int_equal(feed(&a, "p", false, "a.value 1\n .\n. \n\t.\nb.value 2\n"), ANSWER_GOES_ON);
	assert_string_equal(value_of(&a, a.graph, "b"), "2");
	assert_int_equal(answer_take(&a, TEXT(".")), ANSWER_ENDED);
	answer_teardown(&a);
	(void)state;
}

static void graphs_of_a_multigraph_plugin_are_kept_apart(void **state)
{
	const struct answer_graph *g;
	struct answer a;

	answer_setup(&a);
	(void)feed(
		&a, "disk", false,
		"multigraph disk_io\nvda.value 1\nmultigraph disk_io.vda\nrd.value 2\nmultigraph ../x y\nrd.value 3\n"
		"multigraph disk_io\nvdb.value 4\n.\n");
	g = a.graph;
	assert_true(text_is(g->name, "disk") && g->n_fields == 0);
	g = g->next;
	assert_true(text_is(g->name, "disk_io") && g->n_fields == 2);
	assert_string_equal(value_of(&a, g, "vdb"), "4");
	g = g->next;
	assert_true(text_is(g->name, "disk_io.vda"));
	assert_string_equal(value_of(&a, g, "rd"), "2");
	g = g->next;
	assert_true(text_is(g->name, "_._x_y"));
	assert_string_equal(value_of(&a, g, "rd"), "3");
	assert_null(g->next);
	answer_teardown(&a);
	(void)state;
}

static void a_config_with_values_has_both(void **state)
{
	const struct answer_field *f;
	struct answer a;

	answer_setup(&a);
	(void)feed(&a, "p", true,
		   "graph_title A title\ngraph_vlabel\nx.label the x.value 3 of it\nx.type COUNTER\nx.value 17\n"
		   "dotted.name.label d\nx.label  twice \n.\n");
	assert_string_equal(answer_find(a.graph->attribute, "graph_title")->value.s, "A title");
	assert_null(answer_find(a.graph->attribute, "graph_vlabel"));
	f = answer_field(&a, a.graph, TEXT("x"));
	assert_string_equal(answer_find(f->attribute, "label")->value.s, "twice");
	assert_string_equal(f->value.s, "17");
	assert_true(a.has_values);
	assert_string_equal(answer_find(answer_field(&a, a.graph, TEXT("dotted.name"))->attribute, "label")->value.s,
			    "d");
	(void)feed(&a, "p", true, "x.label the x.value 3\n.\n");
	assert_false(a.has_values);
	answer_teardown(&a);
	(void)state;
}

static void ten_thousand_fields_are_taken_and_no_million(void **state)
{
	struct answer a;
	char line[64];

	answer_setup(&a);
	answer_begin(&a, TEXT("p"), false);
	for (int i = 0; i < 30000; i++) {
		int n = snprintf(line, sizeof(line), "f%d.value %d", i, i);

		assert_int_equal(answer_take(&a, (struct text){ line, (size_t)n }), ANSWER_GOES_ON);
	}
	assert_int_equal(a.n_fields, ANSWER_MAX_FIELDS);
	assert_int_equal(a.n_refused, 30000 - ANSWER_MAX_FIELDS);
	assert_string_equal(value_of(&a, a.graph, "f9999"), "9999");
	for (int i = 30000; i < ANSWER_MAX_LINES; i++)
		assert_int_equal(answer_take(&a, TEXT("x")), ANSWER_GOES_ON);
	assert_int_equal(answer_take(&a, TEXT("x")), ANSWER_TOO_LONG);
	answer_teardown(&a);
	(void)state;
}

static void names_are_munin_s(void **state)
{
	static const char *const good[] = { "cpu", "ip_127.0.0.1", "a:b@c", "-", "x" };
	static const char *const bad[] = { "", ".x", "a/b", "a b", "a\nb", "\xC3\xA9", "a;b", "$(x)" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(answer_is_plugin_name(text_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(answer_is_plugin_name(text_of(bad[i])));
	(void)state;
}

/* Rates */

static const struct {
	enum rate_type type;
	const char *min, *max, *last, *now;
	int64_t seconds;
	double rate; /* NAN: unknown */
} rates[] = {
	{ RATE_COUNTER, "", "", "100", "160", 60, 1 },
	{ RATE_COUNTER, "", "", "100", "100", 60, 0 },
	{ RATE_COUNTER, "", "", "4294967290", "10", 16, 1 },                     /* 32 bits */
	{ RATE_COUNTER, "", "", "8000000000", "10", 1, 18446744065709551626.0 }, /* too much for them */
	{ RATE_COUNTER, "", "", "18446744073709551610", "10", 16, 1 },           /* 64 bits */
	{ RATE_COUNTER, "", "", "9007199254740993", "9007199254740995", 2, 1 },  /* no double holds these */
	{ RATE_COUNTER, "", "1000", "4294967290", "4000000000", 60, NAN },       /* a reset, out of reach */
	{ RATE_DERIVE, "", "", "100", "40", 60, -1 },
	{ RATE_DERIVE, "0", "", "100", "40", 60, NAN },
	{ RATE_DERIVE, "0", "", "40", "40", 60, 0 },
	{ RATE_DERIVE, "", "", "-9223372036854775808", "9223372036854775807", 1, 18446744073709551615.0 },
	{ RATE_DERIVE, "", "", "1.5", "3", 3, 0.5 },
	{ RATE_DERIVE, "0", "2", "0", "180", 60, NAN },
	{ RATE_DERIVE, "U", "U", "0", "180", 60, 3 },
	{ RATE_ABSOLUTE, "", "", "100", "120", 60, 2 },
	{ RATE_ABSOLUTE, "", "", "U", "120", 60, 2 },
	{ RATE_ABSOLUTE, "", "", "100", "U", 60, NAN },
	{ RATE_COUNTER, "", "", "U", "160", 60, NAN },
	{ RATE_COUNTER, "", "", "100", "U", 60, NAN },
	{ RATE_COUNTER, "", "", "100", "1.2.3", 60, NAN },
	{ RATE_COUNTER, "", "", "-", "100", 60, NAN },
	{ RATE_COUNTER, "", "", "100", "160", 0, NAN },
	{ RATE_COUNTER, "", "", "100", "160", -60, NAN },
	{ RATE_COUNTER, "", "", "1e300", "1e299", 1, NAN },
	{ RATE_NONE, "", "", "100", "160", 60, NAN },
};

static void rates_are_munin_s(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct rate_limits limits = rate_limits_of(text_of(rates[i].min), text_of(rates[i].max));
		double got = (double)NAN;
		bool known = rate_between(rates[i].type, limits, rate_read(text_of(rates[i].last)),
					  rate_read(text_of(rates[i].now)), rates[i].seconds, &got);

		if (known != !isnan(rates[i].rate) || (known && got != rates[i].rate))
			fail_msg("row %zu: %s → %s: %d %.17g", i, rates[i].last, rates[i].now, known, got);
	}
	assert_int_equal(rate_type_of(TEXT("COUNTER")), RATE_COUNTER);
	assert_int_equal(rate_type_of(TEXT("derive")), RATE_NONE);
	assert_int_equal(rate_type_of(TEXT("GAUGE")), RATE_NONE);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_whole_however_the_bytes_are_cut),
		cmocka_unit_test(a_line_without_end_is_left_out_whole),
		cmocka_unit_test(values_are_taken_as_printed),
		cmocka_unit_test(only_a_dot_alone_ends_an_answer),
		cmocka_unit_test(graphs_of_a_multigraph_plugin_are_kept_apart),
		cmocka_unit_test(a_config_with_values_has_both),
		cmocka_unit_test(ten_thousand_fields_are_taken_and_no_million),
		cmocka_unit_test(names_are_munin_s),
		cmocka_unit_test(rates_are_munin_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
