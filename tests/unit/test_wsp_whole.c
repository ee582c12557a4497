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

	assert_int_equal(wsp_covers(&a, &b, &covers, NULL), RC_OK);
	assert_true(covers); /* both are empty */
	assert_int_equal(wsp_covers(&a, &other, &covers, NULL), RC_OK);
	assert_false(covers); /* who knows */
	assert_int_equal(wsp_lay(&a, 0, 6000, ten, 10, NULL), RC_OK);
	assert_int_equal(wsp_lay(&b, 0, 6120, ten, 3, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, &covers, NULL), RC_OK);
	assert_true(covers); /* other values, all of times that are known, though slot 0 has another time */
	assert_int_equal(wsp_covers(&b, &a, &covers, NULL), RC_OK);
	assert_false(covers);
	assert_int_equal(wsp_update(&a, (struct point){ 6600, 11 }, 6600, NULL), RC_OK);
	assert_int_equal(wsp_lay(&b, 0, 6000, ten, 10, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, &covers, NULL), RC_OK);
	assert_true(covers); /* the slot of 6000 is one of a later lap */
	assert_int_equal(wsp_lay(&b, 1, 6000, ten, 3, NULL), RC_OK);
	assert_int_equal(wsp_covers(&a, &b, &covers, NULL), RC_OK);
	assert_false(covers); /* the coarse archive */
	wsp_close(&a);
	wsp_close(&b);
	wsp_close(&other);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_laid_is_read),
		cmocka_unit_test(times_that_the_format_cannot_hold),
		cmocka_unit_test(who_covers_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
