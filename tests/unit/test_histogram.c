#include "test.h"

#include "base/histogram.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#define MS 1000000

static void each_time_falls_below_its_bound(void **state)
{
	struct histogram_counts before, now, since;

	histogram_read(HISTOGRAM_METADATA, &before);
	assert_int_equal(histogram_total(&before), 0);
	assert_true(isnan(histogram_average_s(&before)) && isnan(histogram_quantile_s(&before, 0.95)));
	histogram_note(HISTOGRAM_METADATA, (int64_t)histogram_bound_ns[3], 1);     /* included */
	histogram_note(HISTOGRAM_METADATA, (int64_t)histogram_bound_ns[3] + 1, 2); /* not */
	histogram_note(HISTOGRAM_METADATA, -5, 1);                                 /* a clock that stepped back */
	histogram_note(HISTOGRAM_METADATA, INT64_C(1000000000) * 3600, 1);
	histogram_read(HISTOGRAM_METADATA, &now);
	histogram_since(&before, &now, &since);
	assert_int_equal(since.n[0], 1);
	assert_int_equal(since.n[3], 1);
	assert_int_equal(since.n[4], 2);
	assert_int_equal(since.n[HISTOGRAM_BUCKETS], 1);
	assert_int_equal(histogram_total(&since), 5);
	assert_int_equal(since.sum_ns, 3 * histogram_bound_ns[3] + 2 + UINT64_C(1000000000) * 3600);
	histogram_since(&now, &now, &since);
	assert_int_equal(histogram_total(&since) + since.sum_ns, 0);
	(void)state;
}

static void bounds_rise(void **state)
{
	for (size_t i = 1; i < HISTOGRAM_BUCKETS; i++)
		assert_true(histogram_bound_ns[i] > histogram_bound_ns[i - 1]);
	assert_int_equal(histogram_bound_ns[HISTOGRAM_BUCKETS - 1], UINT64_C(60000000000));
	(void)state;
}

static void quantiles_lie_within_their_bucket(void **state)
{
	struct histogram_counts c = { .n = { [3] = 90, [6] = 10 } }; /* ≤ 1 ms, ≤ 10 ms */

	assert_float_equal(histogram_quantile_s(&c, 0.45), 0.00075, 1e-9); /* half of 0.5 to 1 ms */
	assert_float_equal(histogram_quantile_s(&c, 0.9), 0.001, 1e-9);
	assert_float_equal(histogram_quantile_s(&c, 0.95), 0.0075, 1e-9);
	assert_float_equal(histogram_quantile_s(&c, 1), 0.01, 1e-9);
	c = (struct histogram_counts){ .n = { [HISTOGRAM_BUCKETS] = 1 } };
	assert_float_equal(histogram_quantile_s(&c, 0.5), 60, 1e-9);
	(void)state;
}

static void rows_of_a_family_stand_together(void **state)
{
	for (int h = 0; h < HISTOGRAM_COUNT; h++) {
		int same = h > 0 && strcmp(histogram_family(h), histogram_family(h - 1)) == 0;

		assert_int_equal(histogram_help(h) == NULL, same);
		if (same) {
			assert_non_null(histogram_label(h));
			assert_non_null(histogram_label(h - 1));
		}
		for (int k = 0; k < h - 1; k++)
			if (!same)
				assert_string_not_equal(histogram_family(h), histogram_family(k));
	}
	(void)state;
}

enum { THREADS = 4, NOTES = 100000 };

static void *note_many(void *argument)
{
	for (int i = 0; i < NOTES; i++)
		histogram_note(HISTOGRAM_FLUSH_BATCH, (i % 20) * MS, 3);
	return argument;
}

static void nothing_is_lost_between_threads(void **state)
{
	struct histogram_counts c;
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, note_many, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	histogram_read(HISTOGRAM_FLUSH_BATCH, &c);
	assert_int_equal(histogram_total(&c), 3 * THREADS * NOTES);
	assert_int_equal(c.sum_ns, UINT64_C(3) * THREADS * (NOTES / 20) * 190 * MS);
	assert_float_equal(histogram_average_s(&c), 0.0095, 1e-9);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_time_falls_below_its_bound),   cmocka_unit_test(bounds_rise),
		cmocka_unit_test(quantiles_lie_within_their_bucket), cmocka_unit_test(rows_of_a_family_stand_together),
		cmocka_unit_test(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
