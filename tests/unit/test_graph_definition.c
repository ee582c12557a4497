#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/definition.h"

static void read(const char *info, const char *const *ds, size_t n_ds, const char *only, struct graph_definition *out)
{
	static struct text names[16];
	struct graph_plugin p = { .host = TEXT("web-1"),
				  .plugin = TEXT("load"),
				  .info = text_of(info),
				  .ds = names,
				  .n_ds = n_ds,
				  .only = text_of(only) };

	for (size_t i = 0; i < n_ds; i++)
		names[i] = text_of(ds[i]);
	graph_definition_read(&p, out);
}

static void check_order(const struct graph_definition *d, const char *wanted)
{
	char got[512] = "";

	for (size_t i = 0; i < d->n_fields; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s%s", i > 0 ? " " : "",
			 TEXT_ARG(d->field[i].name), d->field[i].hidden ? "!" : "");
	assert_string_equal(got, wanted);
}

static void without_an_info_everything_is_a_line(void **state)
{
	static const char *const ds[] = { "a", "b" };
	static const char *const infos[] = { NULL, "", "[]", "{", "{}", "{\"Infos\": 1, \"Title\": [], \"Base\": {}}" };
	struct graph_definition d;

	for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
		read(infos[i], ds, 2, NULL, &d);
		assert_true(text_is(d.title, "load"));
		assert_int_equal(d.base, 1000);
		check_order(&d, "a b");
		assert_int_equal(d.field[0].draw, GRAPH_LINE);
		assert_true(text_is(d.field[0].label, "a") && !d.field[0].has_colour && isnan(d.field[0].limits.min));
		graph_definition_fini(&d);
	}
	(void)state;
}

static void what_munin_says_is_read(void **state)
{
	static const char *const ds[] = { "down", "up", "free", "extra" };
	struct graph_definition d;
	const struct graph_field *f;

	read("{\"Title\": \"eth0 traffic\", \"Base\": \"1024\", \"Vlabel\": \"bits per ${graph_period}\", "
	     "\"Order\": \"up  nosuch down\", \"Infos\": {"
	     "\"down\": {\"graph\": \"no\", \"cdef\": \"down,8,*\", \"min\": \"0\", \"max\": 1e9}, "
	     "\"free\": {\"draw\": \"STACK\", \"colour\": \"COLOUR6\", \"warning\": \"10:\", \"critical\": \"5:95\"}, "
	     "\"up\": {\"label\": \"\\u00fcp\", \"negative\": \"down\", \"draw\": \"LINE3\", \"colour\": \"#0a0b0c\", "
	     "\"warning\": \"92\", \"critical\": \":98\"}}}",
	     ds, 4, NULL, &d);
	assert_true(text_is(d.title, "eth0 traffic"));
	assert_true(text_is(d.vertical_label, "bits per second"));
	assert_int_equal(d.base, 1024);
	check_order(&d, "up down! free extra");
	f = graph_definition_find(&d, TEXT("up"));
	assert_true(text_is(f->label, "\xc3\xbcp") && text_is(f->negative, "down") && f->cdef.s == NULL);
	assert_true(f->draw == GRAPH_LINE && f->line_px == 3 && f->has_colour && f->colour == 0x0A0B0C);
	assert_true(isnan(f->warning.min) && f->warning.max == 92 && isnan(f->critical.min) && f->critical.max == 98);
	f = graph_definition_find(&d, TEXT("down"));
	assert_true(text_is(f->cdef, "down,8,*") && f->limits.min == 0 && f->limits.max == 1e9);
	f = graph_definition_find(&d, TEXT("free"));
	assert_true(f->draw == GRAPH_STACK && f->colour == 0xCCFF00 && f->warning.min == 10 && isnan(f->warning.max));
	assert_true(f->critical.min == 5 && f->critical.max == 95);
	assert_null(graph_definition_find(&d, TEXT("nosuch")));
	graph_definition_fini(&d);
	(void)state;
}

static void ways_to_draw(void **state)
{
	static const struct {
		const char *draw;
		enum graph_draw wanted;
		double line_px;
	} cases[] = {
		{ "LINE1", GRAPH_LINE, 1 },          { "LINE2", GRAPH_LINE, 2 },
		{ "LINE", GRAPH_LINE, 1 },           { "LINE0.5", GRAPH_LINE, 0.5 },
		{ "AREA", GRAPH_AREA, 1 },           { "STACK", GRAPH_STACK, 1 },
		{ "AREASTACK", GRAPH_AREASTACK, 1 }, { "LINESTACK2", GRAPH_LINESTACK, 2 },
		{ "circle", GRAPH_LINE, 1 },         { "LINE999", GRAPH_LINE, 1 },
		{ "LINE-3", GRAPH_LINE, 1 },         { "", GRAPH_LINE, 1 },
	};
	static const char *const ds[] = { "a" };
	struct graph_definition d;
	char info[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(info, sizeof(info), "{\"Infos\": {\"a\": {\"draw\": \"%s\"}}}", cases[i].draw);
		read(info, ds, 1, NULL, &d);
		if (d.field[0].draw != cases[i].wanted || d.field[0].line_px != cases[i].line_px)
			fail_msg("%s: %d, %g", cases[i].draw, d.field[0].draw, d.field[0].line_px);
		graph_definition_fini(&d);
	}
	(void)state;
}

static void colours(void **state)
{
	static const struct {
		const char *colour;
		bool good;
		uint32_t wanted;
	} cases[] = {
		{ "COLOUR0", true, 0x00CC00 },  { "COLOUR28", true, 0x999900 },
		{ "COLOUR29", true, 0x00CC00 }, { "ff0000", true, 0xFF0000 },
		{ "FF000080", true, 0xFF0000 }, { "COLOUR", false, 0 },
		{ "COLOUR-1", false, 0 },       { "red", false, 0 },
		{ "ff00", false, 0 },           { "gg0000", false, 0 },
		{ "COLOUR99999", false, 0 },    { "+fffff", false, 0 },
	};
	static const char *const ds[] = { "a" };
	struct graph_definition d;
	char info[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(info, sizeof(info), "{\"Infos\": {\"a\": {\"colour\": \"%s\"}}}", cases[i].colour);
		read(info, ds, 1, NULL, &d);
		if (d.field[0].has_colour != cases[i].good || (cases[i].good && d.field[0].colour != cases[i].wanted))
			fail_msg("%s: %d, %06x", cases[i].colour, d.field[0].has_colour, d.field[0].colour);
		graph_definition_fini(&d);
	}
	(void)state;
}

static void sums_and_stacks_of_the_same_plugin(void **state)
{
	static const char *const ds[] = { "a", "b" };
	struct graph_definition d;
	const struct graph_field *f;

	read("{\"Order\": \"both all other=db:cpu.user mine=web-1:load.b\", \"Infos\": {"
	     "\"both\": {\"sum\": \"a load.b web-1:load.a x.y\"}, "
	     "\"all\": {\"stack\": \"one=group;web-1:load.a two=b three=web-2:load.a\"}}}",
	     ds, 2, NULL, &d);
	check_order(&d, "both one two mine a b");
	f = graph_definition_find(&d, TEXT("both"));
	assert_true(f->source.s == NULL && f->n_sum == 3);
	assert_true(text_is(f->sum[0], "a") && text_is(f->sum[1], "b") && text_is(f->sum[2], "a"));
	f = graph_definition_find(&d, TEXT("one"));
	assert_true(text_is(f->source, "a") && f->draw == GRAPH_AREASTACK);
	assert_true(text_is(graph_definition_find(&d, TEXT("mine"))->source, "b"));
	assert_int_equal(d.n_notes, 3);
	assert_true(text_is(d.note[0], "both: sum of \"x.y\", which this plugin does not have"));
	assert_true(text_is(d.note[1], "\"three=web-2:load.a\" is of another plugin, which is not drawn here"));
	graph_definition_fini(&d);
	(void)state;
}

static void only_some_are_drawn_when_asked_for(void **state)
{
	static const char *const ds[] = { "a", "b", "c" };
	struct graph_definition d;

	read("{\"Infos\": {\"a\": {\"graph\": \"no\"}}}", ds, 3, "a,c,nosuch,", &d);
	check_order(&d, "a b! c");
	graph_definition_fini(&d);
	read(NULL, ds, 3, "", &d);
	check_order(&d, "a! b! c!");
	graph_definition_fini(&d);
	(void)state;
}

static void too_many_are_told(void **state)
{
	static struct text name[GRAPH_MAX_FIELDS + 10];
	static char room[GRAPH_MAX_FIELDS + 10][8];
	struct graph_plugin p = { .plugin = TEXT("p"), .ds = name, .n_ds = ARRAY_LEN(name) };
	struct graph_definition d;

	for (size_t i = 0; i < ARRAY_LEN(name); i++) {
		snprintf(room[i], sizeof(room[i]), "d%zu", i);
		name[i] = text_of(room[i]);
	}
	graph_definition_read(&p, &d);
	assert_int_equal(d.n_fields, GRAPH_MAX_FIELDS);
	assert_int_equal(d.n_notes, 1);
	assert_true(text_is(d.note[0], "only the first 200 data sources are drawn"));
	graph_definition_fini(&d);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_info_everything_is_a_line),
		cmocka_unit_test(what_munin_says_is_read),
		cmocka_unit_test(ways_to_draw),
		cmocka_unit_test(colours),
		cmocka_unit_test(sums_and_stacks_of_the_same_plugin),
		cmocka_unit_test(only_some_are_drawn_when_asked_for),
		cmocka_unit_test(too_many_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
