/* Archives laid out at once, counted, and held against others. */
#include "wsp_scratch.h"

static void what_is_laid_is_read(void **state)
{
	static const double value[] = { NAN, NAN, 1, NAN, 3, 4 };
	struct wsp w = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	uint64_t n;

	assert_int_equal(wsp_count(&w, &n, NULL), RC_OK);
	assert_int_equal(n, 0);
	assert_int_equal(wsp_lay(&w, 0, 6000, value, 6, NULL), RC_OK);
	assert_int_equal(wsp_lay(&w, 1, 6000, &value[5], 1, NULL), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(value); i++) {
		double got = scratch_value(&w, 0, 6000 + 60 * (int64_t)i, 6359);

		assert_true(isnan(value[i]) ? isnan(got) : got == value[i]);
	}
	assert_true(scratch_value(&w, 1, 6000, 6359) == 4);
	assert_int_equal(wsp_count(&w, &n, NULL), RC_OK);
	assert_int_equal(n, 4);
	assert_int_equal(wsp_lay(&w, 0, 6000, value, 2, NULL), RC_OK); /* nothing known: nothing written */
	assert_int_equal(wsp_count(&w, &n, NULL), RC_OK);
	assert_int_equal(n, 4);
	assert_int_equal(wsp_length(&w), wsp_file_bytes(&(struct retention){ .archive = { { 60, 10 }, { 300, 10 } },
									     .n_archives = 2 }));
	wsp_close(&w);
	(void)state;
}

static void times_that_the_format_cannot_hold(void **state)
{
	static const double value[] = { 1, 1 };
	struct wsp w = scratch_wsp("60:10", AGGREGATION_AVERAGE, 0.5F);

	assert_int_equal(wsp_lay(&w, 0, 0, value, 1, NULL), RC_REFUSED);
	assert_int_equal(wsp_lay(&w, 0, -60, value, 1, NULL), RC_REFUSED);
	assert_int_equal(wsp_lay(&w, 0, INT64_C(4294967280), value, 2, NULL), RC_REFUSED);
	assert_int_equal(wsp_lay(&w, 0, -60, (const double[]){ NAN, NAN }, 2, NULL), RC_OK);
	wsp_close(&w);
	(void)state;
}

static void who_covers_whom(void **state)
{
	static const double ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct wsp a = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	struct wsp b = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	struct wsp other = scratch_wsp("60:11, 300:10", AGGREGATION_AVERAGE, 0.5F);
	bool covers;

	assert_int_equal(wsp_covers(&a, &b, INT64_MAX, &covers, NULL), RC_OK);
	assert_true(covers); /* both are empty */
	assert_int_equal(wsp_covers(&a, &other, INT64_MAX, &covers, NULL), RC_OK);
	assert_false(covers); /* who knows */
	assert_int_equal(wsp_lay(&a, 0, 6000, ten, 10, NULL), RC_OK);
	assert_int_equal(wsp_lay(&b, 0, 6120, ten, 3, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, INT64_MAX, &covers, NULL), RC_OK);
	assert_true(covers); /* other values, all of times that are known, though slot 0 has another time */
	assert_int_equal(wsp_covers(&b, &a, INT64_MAX, &covers, NULL), RC_OK);
	assert_false(covers);
	assert_int_equal(wsp_update(&a, (struct point){ 6600, 11 }, 6600, NULL), RC_OK);
	assert_int_equal(wsp_lay(&b, 0, 6000, ten, 10, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, INT64_MAX, &covers, NULL), RC_OK);
	assert_true(covers); /* the slot of 6000 is one of a later lap */
	assert_int_equal(wsp_lay(&b, 1, 6000, ten, 3, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, INT64_MAX, &covers, NULL), RC_OK);
	assert_false(covers); /* the coarse archive */
	wsp_close(&a);
	wsp_close(&b);
	wsp_close(&other);
	(void)state;
}

static void a_time_to_come_is_not_given(void **state)
{
	static const double ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct wsp into = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	struct wsp from = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	bool covers;
	uint64_t n;

	assert_int_equal(wsp_lay(&into, 0, 6000, ten, 5, NULL), RC_OK); /* 6000 … 6240 */
	assert_int_equal(wsp_lay(&from, 0, 6300, ten, 9, NULL), RC_OK); /* those from 6600 on take their slots */
	assert_int_equal(wsp_covers(&into, &from, 6240, &covers, NULL), RC_OK);
	assert_true(covers);
	assert_int_equal(wsp_fill(&into, &from, 6360, NULL), RC_OK);
	for (int64_t i = 0; i < 5; i++)
		assert_true(scratch_value(&into, 0, 6000 + 60 * i, 6599) == ten[i]);
	assert_true(scratch_value(&into, 0, 6300, 6599) == 1 && scratch_value(&into, 0, 6360, 6599) == 2);
	assert_int_equal(wsp_count(&into, &n, NULL), RC_OK);
	assert_int_equal(n, 7);
	wsp_close(&into);
	wsp_close(&from);
	(void)state;
}

static void times_to_come_are_cleared(void **state)
{
	static const double ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct wsp w = scratch_wsp("60:10, 300:10", AGGREGATION_AVERAGE, 0.5F);
	uint64_t n;

	assert_int_equal(wsp_lay(&w, 0, 6000, ten, 8, NULL), RC_OK);
	assert_int_equal(wsp_lay(&w, 1, 6000, ten, 1, NULL), RC_OK);
	assert_int_equal(wsp_update(&w, (struct point){ 6600, 77 }, 6600, NULL), RC_OK); /* slot 0, which held 6000 */
	assert_int_equal(wsp_clear_future(&w, 6600, &n, NULL), RC_OK);
	assert_int_equal(n, 0);
	assert_int_equal(wsp_clear_future(&w, 6299, &n, NULL), RC_OK);
	assert_int_equal(n, 3 + 1); /* 6300, 6360, 6420 lie in order; 6600 */
	for (int64_t i = 1; i < 10; i++) {
		double got = scratch_value(&w, 0, 6000 + 60 * i, 6599);

		assert_true(i < 5 ? got == ten[i] : isnan(got));
	}
	assert_true(scratch_value(&w, 1, 6000, 6599) == 1);
	assert_int_equal(wsp_count(&w, &n, NULL), RC_OK);
	assert_int_equal(n, 5);
	assert_int_equal(wsp_update(&w, (struct point){ 6300, 5 }, 6300, NULL), RC_OK); /* as into any other file */
	assert_true(scratch_value(&w, 0, 6300, 6599) == 5 && scratch_value(&w, 0, 6240, 6599) == 5);
	assert_int_equal(wsp_clear_future(&w, 0, &n, NULL), RC_OK);
	assert_int_equal(wsp_count(&w, &n, NULL), RC_OK);
	assert_int_equal(n, 0);
	wsp_close(&w);
	(void)state;
}

/* Of what from holds, how many values into, filled, has no room for. */
static uint64_t lost(const char *into_archives, const char *from_archives, size_t level, size_t n_values)
{
	static const double value[40] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	struct wsp into = scratch_wsp(into_archives, AGGREGATION_AVERAGE, 0.5F);
	struct wsp from = scratch_wsp(from_archives, AGGREGATION_AVERAGE, 0.5F);
	uint64_t n;

	assert_int_equal(wsp_lay(&from, level, 6000, value, n_values, NULL), RC_OK);
	assert_int_equal(wsp_fill(&into, &from, INT64_MAX, NULL), RC_OK);
	assert_int_equal(wsp_lost(&into, &from, INT64_MAX, &n, NULL), RC_OK);
	wsp_close(&into);
	wsp_close(&from);
	return n;
}

static void what_there_is_no_room_for(void **state)
{
	struct wsp into, from;
	uint64_t n;

	assert_int_equal(lost("60:10, 300:10", "60:10, 300:10", 0, 10), 0);
	assert_int_equal(lost("60:20", "60:10, 300:10", 0, 10), 0);
	assert_int_equal(lost("60:10", "60:30", 0, 30), 20);         /* shorter */
	assert_int_equal(lost("60:10", "60:30", 0, 10), 0);          /* but all there is fits */
	assert_int_equal(lost("300:20", "60:30", 0, 30), 30);        /* coarser */
	assert_int_equal(lost("60:20", "60:20, 300:10", 1, 10), 10); /* nothing coarse is made finer */
	/* what a longer archive has gone past is not missed */
	into = scratch_wsp("60:10", AGGREGATION_AVERAGE, 0.5F);
	from = scratch_wsp("60:10, 300:4", AGGREGATION_AVERAGE, 0.5F);
	assert_int_equal(wsp_lay(&from, 1, 6000, (const double[]){ 1, 2 }, 2, NULL), RC_OK);
	assert_int_equal(wsp_lay(&from, 0, 6240, (const double[]){ 1, 2 }, 2, NULL), RC_OK);
	assert_int_equal(wsp_fill(&into, &from, INT64_MAX, NULL), RC_OK);
	assert_int_equal(wsp_lost(&into, &from, INT64_MAX, &n, NULL), RC_OK);
	assert_int_equal(n, 0); /* both coarse slots have a finer one */
	assert_int_equal(wsp_update(&into, (struct point){ 60000, 1 }, 60000, NULL), RC_OK);
	assert_int_equal(wsp_update(&into, (struct point){ 60840, 1 }, 60840, NULL), RC_OK); /* over 6240 */
	assert_int_equal(wsp_lost(&into, &from, INT64_MAX, &n, NULL), RC_OK);
	assert_int_equal(n, 1); /* 20 minutes in coarse slots are more than into's ten */
	assert_int_equal(wsp_lost(&into, &from, 5999, &n, NULL), RC_OK);
	assert_int_equal(n, 0);
	wsp_close(&into);
	wsp_close(&from);
	into = scratch_wsp("60:30", AGGREGATION_AVERAGE, 0.5F);
	from = scratch_wsp("120:10", AGGREGATION_AVERAGE, 0.5F);
	assert_int_equal(wsp_lay(&from, 0, 6000, (const double[]){ 1, 2 }, 2, NULL), RC_OK);
	assert_int_equal(wsp_lost(&into, &from, INT64_MAX, &n, NULL), RC_OK);
	assert_int_equal(n, 2);
	assert_int_equal(wsp_update(&into, (struct point){ 60000, 1 }, 60000, NULL), RC_OK);
	assert_int_equal(wsp_lost(&into, &from, INT64_MAX, &n, NULL), RC_OK);
	assert_int_equal(n, 0);
	wsp_close(&into);
	wsp_close(&from);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_laid_is_read),      cmocka_unit_test(times_that_the_format_cannot_hold),
		cmocka_unit_test(who_covers_whom),           cmocka_unit_test(a_time_to_come_is_not_given),
		cmocka_unit_test(times_to_come_are_cleared), cmocka_unit_test(what_there_is_no_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
