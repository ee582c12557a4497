#include "wsp_scratch.h"

#include <stdlib.h>

#include "wsp/convert.h"

enum { T = 1400004000 }; /* a multiple of 600 */

static struct retention archives(const char *text)
{
	return scratch_retention(text, AGGREGATION_AVERAGE, 0.5F);
}

static struct wsp_table table(const char *text)
{
	struct retention r = archives(text);
	struct wsp_table t;

	assert_int_equal(wsp_table_init(&t, &r, T, NULL), RC_OK);
	return t;
}

static double *slot(const struct wsp_table *t, size_t level, int64_t t_s)
{
	const struct wsp_column *c = &t->column[level];

	assert_int_equal(t_s % c->step_s, 0);
	assert_true(t_s >= wsp_column_start_s(c) && t_s <= c->end_s);
	return &c->value[(t_s - wsp_column_start_s(c)) / c->step_s];
}

/* Points of a random walk in all archives; one slot in `holes` stays empty. */
static void fill(struct wsp_table *t, unsigned holes, unsigned seed)
{
	for (size_t i = 0; i < t->retention.n_archives; i++)
		for (uint32_t k = 0; k < t->column[i].n; k++)
			if (holes == 0 || (unsigned)rand_r(&seed) % holes != 0)
				t->column[i].value[k] = (double)(rand_r(&seed) % 100000) / 8;
	*slot(t, 0, t->column[0].end_s) = 1;
}

static struct wsp_table convert(const struct wsp_table *from, const char *to, struct wsp_converted *told)
{
	struct retention r = archives(to);
	struct wsp_table t;

	assert_int_equal(wsp_convert(from, &r, T, &t, told, NULL), RC_OK);
	return t;
}

static void assert_same_values(const struct wsp_column *a, const struct wsp_column *b, int64_t from_s)
{
	for (int64_t t = from_s; t <= a->end_s; t += a->step_s) {
		double x = a->value[(t - wsp_column_start_s(a)) / a->step_s];
		double y = b->value[(t - wsp_column_start_s(b)) / b->step_s];

		assert_true((isnan(x) && isnan(y)) || x == y);
	}
}

static void the_same_archives_stay_as_they_are(void **state)
{
	struct wsp_table a = table("60:60,300:50,600:100"), b;
	struct wsp_converted told;

	(void)state;
	fill(&a, 4, 1);
	b = convert(&a, "60:60,300:50,600:100", &told);
	assert_int_equal(told.n_lost, 0);
	assert_int_equal(told.n_points, wsp_table_n_points(&a));
	for (size_t i = 0; i < 3; i++)
		for (uint32_t k = 0; k < a.column[i].n; k++) /* holes may be filled from finer or coarser ones */
			if (!isnan(a.column[i].value[k]))
				assert_true(a.column[i].value[k] == b.column[i].value[k]);
	wsp_table_fini(&a);
	wsp_table_fini(&b);
}

static void longer_archives_keep_all_and_show_coarser_points_once(void **state)
{
	struct wsp_table a = table("60:60,300:50,600:100"), b;
	struct wsp_converted told;

	(void)state;
	fill(&a, 0, 2);
	b = convert(&a, "60:600,300:500,600:1000", &told);
	assert_int_equal(told.n_lost, 0);
	for (size_t i = 0; i < 3; i++)
		assert_same_values(&a.column[i], &b.column[i], wsp_column_start_s(&a.column[i]));
	/* behind the old finest archive: one point for each of the next coarser, then of the coarsest */
	for (int64_t t = T - 49 * 300; t < T - 3600 - 300; t += 60) {
		double *value = slot(&b, 0, t);

		assert_true(t % 300 == 0 ? *value == *slot(&a, 1, t) : isnan(*value));
	}
	assert_true(*slot(&b, 0, T - 30000) == *slot(&a, 2, T - 30000));
	assert_true(isnan(*slot(&b, 0, T - 30000 + 300)));
	assert_true(*slot(&b, 1, T - 30000) == *slot(&a, 2, T - 30000));
	assert_true(isnan(*slot(&b, 1, T - 30000 + 300)));
	wsp_table_fini(&a);
	wsp_table_fini(&b);
}

static void shorter_archives_cut_and_say_so(void **state)
{
	struct wsp_table a = table("60:60,300:50,600:100"), b;
	struct wsp_converted told;

	(void)state;
	fill(&a, 0, 3);
	b = convert(&a, "60:10,300:20,600:40", &told);
	for (size_t i = 0; i < 3; i++)
		assert_same_values(&b.column[i], &a.column[i], wsp_column_start_s(&b.column[i]));
	/* the coarsest reaches back 40 slots of 600: what ended before is lost */
	assert_int_equal(told.n_points, 210);
	assert_int_equal(told.n_lost, 60);
	assert_int_equal(told.lost_until_s, T - 40 * 600);
	wsp_table_fini(&a);
	wsp_table_fini(&b);
}

static void a_new_step_is_joined_from_finer_points(void **state)
{
	struct wsp_table a = table("60:60"), b;
	struct wsp_converted told;

	(void)state;
	for (int i = 0; i < 20; i++)
		*slot(&a, 0, T - 3540 + 60 * i) = i;
	for (int i = 1; i < 20; i += 2) /* T - 3540 is 60 behind a multiple of 120 */
		*slot(&a, 0, T - 3540 + 60 * i) = NAN;
	b = convert(&a, "120:60", &told);
	for (int i = 0; i < 10; i++) /* one of two known: just enough */
		assert_true(*slot(&b, 0, T - 3600 + 120 * i) == 2 * i);
	assert_int_equal(told.n_lost, 0);
	wsp_table_fini(&b);
	b = convert(&a, "180:60", &told);
	assert_true(*slot(&b, 0, T - 3600) == 0); /* of the minutes -1, 0, 1 one is known: it would be lost */
	assert_true(*slot(&b, 0, T - 3420) == 3); /* 2 and 4 */
	assert_int_equal(told.n_lost, 0);
	wsp_table_fini(&b);
	b = convert(&a, "60:60,180:100", &told);
	assert_true(isnan(*slot(&b, 1, T - 3420 + 1080))); /* known finer, but too few for xff */
	assert_int_equal(told.n_lost, 0);
	wsp_table_fini(&b);
	wsp_table_fini(&a);
}

static void another_aggregation_joins_anew_what_is_known_finely(void **state)
{
	static const struct {
		enum aggregation how;
		double expected;
	} cases[] = { { AGGREGATION_MAX, 9 },      { AGGREGATION_MIN, -20 },
		      { AGGREGATION_SUM, 3 },      { AGGREGATION_LAST, 5 },
		      { AGGREGATION_ABSMAX, -20 }, { AGGREGATION_ABSMIN, 1 },
		      { AGGREGATION_AVERAGE, 77 }, { AGGREGATION_AVERAGE_ZERO, 3.0 / 5 } };
	static const double values[5] = { 1, 9, -20, 8, 5 };
	struct wsp_table a = table("60:60,300:50"), b;
	struct wsp_converted told;

	(void)state;
	for (int i = 0; i < 5; i++)
		*slot(&a, 0, T - 1200 + 60 * i) = values[i];
	*slot(&a, 1, T - 1200) = 77;
	*slot(&a, 0, T - 900) = 5; /* one of five: what the coarse one holds is better */
	*slot(&a, 1, T - 900) = 78;
	*slot(&a, 1, T - 9000) = 79; /* not known finely */
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct retention r = archives("60:60,300:50");

		r.aggregation = cases[i].how;
		assert_int_equal(wsp_convert(&a, &r, T, &b, &told, NULL), RC_OK);
		assert_true(*slot(&b, 1, T - 1200) == cases[i].expected);
		assert_true(*slot(&b, 1, T - 900) == 78);
		assert_true(*slot(&b, 1, T - 9000) == 79);
		wsp_table_fini(&b);
	}
	wsp_table_fini(&a);
}

static void the_archive_that_knows_most_is_asked(void **state)
{
	struct wsp_table a = table("60:10,300:50"), b;
	struct wsp_converted told;

	(void)state;
	/* of T - 1200 … the finest holds nothing; of T - 600 it holds all, and so does the coarser */
	*slot(&a, 1, T - 1200) = 10;
	*slot(&a, 1, T - 900) = 20;
	for (int i = 0; i < 10; i++)
		*slot(&a, 0, T - 540 + 60 * i) = i; /* minutes 1 to 10 */
	*slot(&a, 1, T - 600) = 100;
	*slot(&a, 1, T - 300) = 300;
	b = convert(&a, "600:50", &told);
	assert_true(*slot(&b, 0, T - 1200) == 15);
	assert_true(*slot(&b, 0, T - 600) == 200); /* 9 of 10 minutes, but both of 300 */
	assert_true(*slot(&b, 0, T) == 9);         /* 1 of 10, which would be lost */
	assert_int_equal(told.n_lost, 0);
	wsp_table_fini(&a);
	wsp_table_fini(&b);
}

static void steps_that_are_no_multiples(void **state)
{
	struct wsp_table a = table("60:60"), b;
	struct wsp_converted told;

	(void)state;
	fill(&a, 0, 5);
	b = convert(&a, "45:200", &told);
	assert_int_equal(told.n_lost, 0);
	assert_int_equal(wsp_table_n_points(&b), 60);
	wsp_table_fini(&b);
	b = convert(&a, "90:200", &told);
	assert_int_equal(told.n_lost, 0);
	assert_true(wsp_table_n_points(&b) >= 40);
	wsp_table_fini(&b);
	wsp_table_fini(&a);
}

static void nothing_becomes_nothing(void **state)
{
	struct retention r = archives("60:60,300:50");
	struct wsp_table a, b;
	struct wsp_converted told;

	(void)state;
	assert_int_equal(wsp_table_init(&a, &r, 0, NULL), RC_OK);
	b = convert(&a, "60:600,600:800", &told);
	assert_int_equal(wsp_table_n_points(&b), 0);
	assert_int_equal(told.n_points, 0);
	wsp_table_fini(&a);
	wsp_table_fini(&b);
	r = archives("1:9000000");
	assert_int_equal(wsp_table_init(&a, &r, 0, NULL), RC_FULL);
}

/*
 * Whatever the archives: what the old file knows at a time is, in every new archive that reaches back so far, there (same
 * step), or a point in its time (finer), or in the aggregate unless xff says no (coarser).
 */
static void no_point_is_lost_that_can_be_held(void **state)
{
	static const char *const layouts[] = { "60:60,300:50,600:100", "60:30,600:100",         "60:1000",
					       "300:50,3600:40",       "10:100,60:120,1200:90", "120:60,360:70",
					       "60:60,300:1000" };

	(void)state;
	for (unsigned from = 0; from < ARRAY_LEN(layouts); from++)
		for (unsigned to = 0; to < ARRAY_LEN(layouts); to++) {
			struct wsp_table a = table(layouts[from]), b;
			struct wsp_converted told;

			fill(&a, from * to % 5, 10 * from + to);
			b = convert(&a, layouts[to], &told);
			for (size_t i = 0; i < a.retention.n_archives; i++)
				for (uint32_t k = 0; k < a.column[i].n; k++) {
					const struct wsp_column *old = &a.column[i];
					int64_t t_s = wsp_column_start_s(old) + (int64_t)k * old->step_s;

					for (size_t j = 0; j < b.retention.n_archives && !isnan(old->value[k]); j++) {
						const struct wsp_column *c = &b.column[j];
						bool any = false;

						if (c->step_s > old->step_s ||
						    wsp_align(t_s, c->step_s) < wsp_column_start_s(c))
							continue;
						for (int64_t t = wsp_align(t_s, c->step_s);
						     t < t_s + old->step_s && t <= c->end_s; t += c->step_s)
							any = any || !isnan(*slot(&b, j, t));
						assert_true(any);
						if (c->step_s == old->step_s)
							assert_true(*slot(&b, j, t_s) == old->value[k]);
					}
				}
			wsp_table_fini(&a);
			wsp_table_fini(&b);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_archives_stay_as_they_are),
		cmocka_unit_test(longer_archives_keep_all_and_show_coarser_points_once),
		cmocka_unit_test(shorter_archives_cut_and_say_so),
		cmocka_unit_test(a_new_step_is_joined_from_finer_points),
		cmocka_unit_test(another_aggregation_joins_anew_what_is_known_finely),
		cmocka_unit_test(the_archive_that_knows_most_is_asked),
		cmocka_unit_test(steps_that_are_no_multiples),
		cmocka_unit_test(nothing_becomes_nothing),
		cmocka_unit_test(no_point_is_lost_that_can_be_held),
	};

	return cmocka_run_group_tests_name("wsp_convert", tests, NULL, NULL);
}
