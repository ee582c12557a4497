#include "cache/newest.h"
#include "test.h"

static void the_newest_time_of_each_series_is_kept(void **state)
{
	const struct numbered some[] = { { 3, 100, 1 }, { 1, 50, 1 }, { 3, 90, 1 }, { 900000, 7, 1 }, { 1, 51, 1 } };
	struct newest *n = newest_new();

	newest_note(n, some, ARRAY_LEN(some));
	assert_int_equal(newest_of(n, 3), 100);
	assert_int_equal(newest_of(n, 1), 51);
	assert_int_equal(newest_of(n, 900000), 7);
	assert_int_equal(newest_of(n, 0), 0);
	assert_int_equal(newest_of(n, 2000000), 0);
	assert_int_equal(newest_of(n, UINT32_MAX), 0);
	newest_note(n, some, 3);
	assert_int_equal(newest_of(n, 3), 100);
	newest_free(n);
	newest_free(NULL);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_newest_time_of_each_series_is_kept) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
