#include "test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl/chart.h"
#include "ctl/plain.h"
#include "graph_scratch.h"

static struct chart_options options(size_t columns, size_t rows, bool utf8)
{
	return (struct chart_options){ .columns = columns,
				       .rows = rows,
				       .utf8 = utf8,
				       .base = 1000,
				       .from_s = 1400003460,
				       .until_s = 1400003700 };
}

static void is_drawn_as(const struct scratch_graph *g, const struct chart_options *o, const char *wanted)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	chart_draw(&g->p, o, &b);
	if (!text_is(buf_text(&b), wanted))
		fail_msg("drawn:\n%.*s\nwanted:\n%s", TEXT_ARG(buf_text(&b)), wanted);
	buf_fini(&b);
}

static void draws_areas_and_a_line_in_ascii(void **state)
{
	struct scratch_column c[] = { { "a", { 2, 2, 1, NAN } }, { "b", { 1, 2, 1, 1 } }, { "c", { 4, 4, 1, 1 } } };
	const struct chart_options o = options(36, 7, false);
	struct scratch_graph g;

	(void)state;
	scratch_graph_make(&g,
			   "{\"Infos\": {\"a\": {\"draw\": \"AREA\"}, \"b\": {\"draw\": \"STACK\"}, \"c\": {\"draw\": "
			   "\"LINE1\"}}}",
			   c, 3, NULL);
	is_drawn_as(&g, &o,
		    "4 ++++++++++++++++++  .   .   .   . \n"
		    "  |****************+                \n"
		    "2 +################++*******  .   . \n"
		    "  |################+++++++++++++++++\n"
		    "0 +#########################********\n"
		    "  +--------+---------------+--------\n"
		    "         17:52           17:54\n");
	scratch_graph_fini(&g);
}

static void draws_negatives_in_braille(void **state)
{
	struct scratch_column c[] = { { "up", { 1, 2, 1, 0 } }, { "down", { 1, 1, 2, NAN } } };
	const struct chart_options o = options(30, 6, true);
	struct scratch_graph g;

	(void)state;
	scratch_graph_make(&g,
			   "{\"Infos\": {\"up\": {\"draw\": \"AREA\", \"negative\": \"down\"}, \"down\": {\"graph\": "
			   "\"no\"}}}",
			   c, 2, NULL);
	is_drawn_as(&g, &o,
		    " 2 ┤┈┈┈┈┈┈⢠⣿⣿⣿⣿⣿⣿⡄┈┈┈┈┈┈┈┈┈┈┈┈\n"
		    " 0 ┤⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣿⣧⣀⣀⣀⣀⣀⣀\n"
		    "   │⣪⣪⣪⣪⣪⣪⣪⣪⣪⣪⣪⣪⣪⡪⡪⡪⡪⡪⡪⡪      \n"
		    "-2 ┤┈┈┈┈┈┈┈┈┈┈┈┈┈⢪⣪⣪⣪⣪⣪⣪┈┈┈┈┈┈\n"
		    "   └──────┬────────────┬──────\n"
		    "        17:52        17:54\n");
	scratch_graph_fini(&g);
}

static void fits_whatever_it_is_given(void **state)
{
	static const double extremes[] = { 0, 1, -1, 1e300, -1e300, 1e-300, NAN, 123456789, 0.001 };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	srand(1);
	for (int round = 0; round < 300; round++) {
		struct scratch_column c[3] = { { "a", { 0 } }, { "b", { 0 } }, { "c", { 0 } } };
		struct chart_options o = options(CHART_LEAST_COLUMNS + (size_t)rand() % 90,
						 CHART_LEAST_ROWS + (size_t)rand() % 30, rand() % 2 == 0);
		struct scratch_graph g;
		size_t lines = 0;

		o.base = rand() % 2 == 0 ? 1000 : 1024;
		o.from_s -= rand() % 100000;
		o.until_s += rand() % 100000;
		for (size_t i = 0; i < 3; i++)
			for (size_t k = 0; k < SCRATCH_SLOTS; k++)
				c[i].value[k] = extremes[(size_t)rand() % ARRAY_LEN(extremes)];
		scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"draw\": \"AREA\"}, \"b\": {\"draw\": \"STACK\"}}}", c, 3,
				   NULL);
		buf_clear(&b);
		chart_draw(&g.p, &o, &b);
		for (size_t at = 0; at < b.n; lines++) {
			const char *end = memchr(b.at + at, '\n', b.n - at);

			assert_non_null(end);
			assert_true(plain_width((struct text){ b.at + at, (size_t)(end - b.at) - at }) <= o.columns);
			at = (size_t)(end - b.at) + 1;
		}
		assert_int_equal(lines, o.rows);
		scratch_graph_fini(&g);
	}
	buf_fini(&b);
}

static void colours_end_where_they_end(void **state)
{
	struct scratch_column c[] = { { "a", { 1, 1, NAN, 1 } } };
	struct chart_options o = options(30, 4, true);
	struct scratch_graph g;
	struct buf b;

	(void)state;
	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"colour\": \"0066B3\"}}}", c, 1, NULL);
	buf_init(&b, SIZE_MAX);
	o.colours = CHART_ALL_COLOURS;
	chart_add_mark(&g.p, 0, &o, &b);
	assert_true(text_is(buf_text(&b), "\033[38;2;0;102;179m──\033[0m"));
	buf_clear(&b);
	o.colours = CHART_256_COLOURS;
	chart_add_mark(&g.p, 0, &o, &b);
	assert_true(text_is(buf_text(&b), "\033[38;5;25m──\033[0m"));
	buf_clear(&b);
	o.colours = CHART_NO_COLOURS;
	chart_draw(&g.p, &o, &b);
	assert_null(memchr(b.at, '\033', b.n));
	scratch_graph_fini(&g);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_areas_and_a_line_in_ascii),
		cmocka_unit_test(draws_negatives_in_braille),
		cmocka_unit_test(fits_whatever_it_is_given),
		cmocka_unit_test(colours_end_where_they_end),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
