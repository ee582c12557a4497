#include "test.h"

#include <stdio.h>

#include "base/rc.h"
#include "graph_scratch.h"

static void check(const double *got, double a, double b, double c, double d)
{
	const double wanted[] = { a, b, c, d };

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (isnan(got[i]) != isnan(wanted[i]) || (!isnan(wanted[i]) && got[i] != wanted[i]))
			fail_msg("slot %zu: %g, wanted %g", i, got[i], wanted[i]);
}

static void a_line_has_its_values_and_figures(void **state)
{
	struct scratch_column c[] = { { "a", { 1, NAN, 4, 2.5 } }, { "none", { NAN, NAN, NAN, NAN } } };
	struct scratch_graph g;

	scratch_graph_make(&g, NULL, c, 2, NULL);
	assert_int_equal(g.p.n_lines, 2);
	check(g.p.line[0].high, 1, NAN, 4, 2.5);
	check(g.p.line[0].low, 0, NAN, 0, 0);
	assert_true(g.p.line[0].last == 2.5 && g.p.line[0].min == 1 && g.p.line[0].max == 4 && g.p.line[0].mean == 2.5);
	assert_true(g.p.line[0].colour == 0x00CC00 && g.p.line[1].colour == 0x0066B3);
	assert_true(isnan(g.p.line[1].last) && isnan(g.p.line[1].mean));
	assert_true(g.p.low == 0 && g.p.high == 4);
	assert_int_equal(g.p.newest_s, 1400003640);
	scratch_graph_fini(&g);
	scratch_graph_make(&g, NULL, c + 1, 1, NULL);
	assert_true(g.p.newest_s == INT64_MIN && g.p.low == 0 && g.p.high == 0);
	scratch_graph_fini(&g);
	(void)state;
}

static void beyond_its_limits_a_value_is_unknown(void **state)
{
	struct scratch_column c[] = { { "a", { -1, 0, 100, 101 } } };
	struct scratch_graph g;

	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"min\": \"0\", \"max\": \"100\", \"cdef\": \"a,2,*\"}}}", c, 1,
			   NULL);
	check(g.p.line[0].value, NAN, 0, 200, NAN);
	scratch_graph_fini(&g);
	(void)state;
}

static void a_cdef_may_name_hidden_ones(void **state)
{
	struct scratch_column c[] = { { "a", { 1, 2, NAN, 4 } }, { "b", { 10, 20, 30, 0 } } };
	struct scratch_graph g;

	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"graph\": \"no\"}, \"b\": {\"cdef\": \"a,b,/\"}}}", c, 2, NULL);
	assert_int_equal(g.p.n_lines, 1);
	check(g.p.line[0].value, 0.1, 0.1, NAN, NAN);
	assert_int_equal(g.d.n_notes, 0);
	scratch_graph_fini(&g);
	/* what cannot be calculated is drawn as it came, and said */
	scratch_graph_make(&g, "{\"Infos\": {\"b\": {\"cdef\": \"b,300,TREND\"}}}", c, 2, NULL);
	check(g.p.line[0].value, 10, 20, 30, 0);
	assert_int_equal(g.d.n_notes, 1);
	assert_true(g.d.note[0].n > 40 && memcmp(g.d.note[0].s, "b is drawn as it came", 21) == 0);
	scratch_graph_fini(&g);
	(void)state;
}

static void areas_stand_on_each_other(void **state)
{
	struct scratch_column c[] = { { "a", { 1, 1, NAN, 1 } },
				      { "b", { 2, NAN, 2, 2 } },
				      { "c", { 3, 3, 3, 3 } },
				      { "line", { 9, 9, 9, 9 } } };
	struct scratch_graph g;

	scratch_graph_make(&g,
			   "{\"Infos\": {\"a\": {\"draw\": \"AREA\"}, \"b\": {\"draw\": \"STACK\"}, "
			   "\"c\": {\"draw\": \"STACK\"}, \"line\": {\"draw\": \"LINE2\"}}}",
			   c, 4, NULL);
	check(g.p.line[0].high, 1, 1, NAN, 1);
	check(g.p.line[1].low, 1, NAN, 0, 1);
	check(g.p.line[1].high, 3, NAN, 2, 3);
	check(g.p.line[2].low, 3, 1, 2, 3);
	check(g.p.line[2].high, 6, 4, 5, 6);
	check(g.p.line[2].value, 3, 3, 3, 3); /* the legend's figures are its own */
	assert_true(g.p.line[0].area && g.p.line[1].area && g.p.line[2].area && !g.p.line[3].area);
	check(g.p.line[3].high, 9, 9, 9, 9);
	assert_true(g.p.line[3].width_px == 2 && g.p.high == 9);
	scratch_graph_fini(&g);
	/* AREASTACK needs no first one; a STACK without anything below is a line */
	scratch_graph_make(&g,
			   "{\"Infos\": {\"a\": {\"draw\": \"AREASTACK\"}, \"b\": {\"draw\": \"AREASTACK\"}, "
			   "\"c\": {\"draw\": \"LINESTACK1\"}}}",
			   c, 3, NULL);
	check(g.p.line[1].high, 3, NAN, 2, 3);
	check(g.p.line[2].high, 6, 4, 5, 6);
	assert_true(g.p.line[0].area && g.p.line[1].area && !g.p.line[2].area);
	scratch_graph_fini(&g);
	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"draw\": \"STACK\"}, \"b\": {\"draw\": \"STACK\"}}}", c, 2, NULL);
	assert_true(!g.p.line[0].area && !g.p.line[1].area);
	check(g.p.line[1].high, 3, NAN, 2, 3);
	scratch_graph_fini(&g);
	(void)state;
}

static void a_negative_is_drawn_downwards(void **state)
{
	struct scratch_column c[] = { { "down", { 1, 2, NAN, 4 } }, { "up", { 5, 6, 7, 8 } } };
	struct scratch_graph g;

	scratch_graph_make(&g,
			   "{\"Infos\": {\"down\": {\"graph\": \"no\", \"cdef\": \"down,8,*\"}, "
			   "\"up\": {\"negative\": \"down\", \"draw\": \"AREA\"}}}",
			   c, 2, NULL);
	assert_int_equal(g.p.n_lines, 2);
	check(g.p.line[0].high, 5, 6, 7, 8);
	check(g.p.line[1].high, -8, -16, NAN, -32);
	check(g.p.line[1].value, 8, 16, NAN, 32);
	assert_true(g.p.line[1].downwards && g.p.line[1].area && g.p.line[1].colour == g.p.line[0].colour);
	assert_true(g.p.low == -32 && g.p.high == 8);
	scratch_graph_fini(&g);
	(void)state;
}

static void sums_add_what_is_known(void **state)
{
	struct scratch_column c[] = { { "a", { 1, NAN, NAN, 4 } }, { "b", { 5, 6, NAN, 8 } } };
	struct scratch_graph g;

	scratch_graph_make(&g, "{\"Infos\": {\"all\": {\"sum\": \"a b\"}, \"more\": {\"stack\": \"x=a y=b\"}}}", c, 2,
			   "all,x,y");
	assert_int_equal(g.p.n_lines, 3);
	check(g.p.line[0].value, 6, 6, NAN, 12);
	check(g.p.line[1].high, 1, NAN, NAN, 4);
	check(g.p.line[2].high, 6, 6, NAN, 12);
	scratch_graph_fini(&g);
	(void)state;
}

static void numbers_beyond_all_measure_are_gaps(void **state)
{
	struct scratch_column c[] = { { "a", { 1e308, 1, INFINITY, 1 } }, { "b", { 1e308, 2, 3, -INFINITY } } };
	struct scratch_graph g;

	scratch_graph_make(&g,
			   "{\"Infos\": {\"all\": {\"sum\": \"a b\"}, \"a\": {\"draw\": \"AREASTACK\"}, "
			   "\"b\": {\"draw\": \"AREASTACK\"}}}",
			   c, 2, NULL);
	check(g.p.line[0].high, NAN, 3, NAN, NAN);
	check(g.p.line[2].high, NAN, 3, 3, NAN);
	assert_true(isfinite(g.p.high));
	scratch_graph_fini(&g);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_its_values_and_figures),
		cmocka_unit_test(beyond_its_limits_a_value_is_unknown),
		cmocka_unit_test(a_cdef_may_name_hidden_ones),
		cmocka_unit_test(areas_stand_on_each_other),
		cmocka_unit_test(a_negative_is_drawn_downwards),
		cmocka_unit_test(sums_add_what_is_known),
		cmocka_unit_test(numbers_beyond_all_measure_are_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
