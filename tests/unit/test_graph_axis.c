#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "graph/axis.h"

static void labels_of(const struct axis *a, char out[2048])
{
	out[0] = '\0';
	for (size_t i = 0; i < a->n_ticks; i++) {
		strcat(out, i > 0 ? "|" : "");
		strcat(out, a->tick[i].label);
	}
}

static void values_get_round_ticks(void **state)
{
	static const struct {
		double low, high;
		unsigned base, wanted;
		const char *labels;
	} cases[] = {
		{ 0, 0.88, 1000, 8, "0|0.2|0.4|0.6|0.8|1.0" },
		{ 0, 347, 1000, 7, "0|50|100|150|200|250|300|350" },
		{ -214e3, 220e3, 1000, 5, "-300 k|-200 k|-100 k|0|100 k|200 k|300 k" },
		{ 0, 4.1 * 1073741824, 1024, 5, "0|1 G|2 G|3 G|4 G|5 G" },
		{ 0, 700 * 1024, 1024, 4, "0|200 k|400 k|600 k|800 k" },
		{ 0, 0, 1000, 2, "0|0.5|1.0" },
		{ 5, 5, 1000, 2, "4.5|5.0|5.5" },
		{ 0, 0.004, 1000, 4, "0|1 m|2 m|3 m|4 m" },
		{ 0, 3e-6, 1000, 3, "0|1 µ|2 µ|3 µ" },
		{ 0, 1, 1000, 1, "0|1" },
		{ 99.5, 100.2, 1000, 4, "99.4|99.6|99.8|100.0|100.2" },
	};
	char got[2048];
	struct axis a;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		axis_of_values(cases[i].low, cases[i].high, cases[i].base, cases[i].wanted, &a);
		labels_of(&a, got);
		if (strcmp(got, cases[i].labels) != 0)
			fail_msg("%g to %g: %s", cases[i].low, cases[i].high, got);
		assert_true(a.low <= cases[i].low && a.high >= cases[i].high && a.low < a.high);
	}
	(void)state;
}

static void any_span_gets_an_axis(void **state)
{
	static const double ends[] = { -1.7e308, -1e200, -3e9, -1, -1e-9, -5e-324, 0,
				       5e-324,   1e-200, 0.1,  7,  1e15,  1.7e308 };
	struct axis a;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		for (size_t k = i; k < ARRAY_LEN(ends); k++)
			for (unsigned wanted = 0; wanted < 40; wanted += 13) {
				axis_of_values(ends[i], ends[k], 1000 + 24 * (wanted & 1), wanted, &a);
				assert_true(isfinite(a.low) && isfinite(a.high) && a.low < a.high);
				assert_true(a.n_ticks <= AXIS_MAX_TICKS);
				for (size_t t = 0; t < a.n_ticks; t++)
					assert_true(isfinite(a.tick[t].at));
			}
	(void)state;
}

static void values_are_written_with_a_prefix(void **state)
{
	static const struct {
		double v;
		unsigned base;
		const char *text;
	} cases[] = {
		{ 0, 1000, "0" },
		{ 12, 1000, "12" },
		{ 12.345, 1000, "12.35" },
		{ 173.14, 1000, "173.1" },
		{ 1234, 1000, "1.23 k" },
		{ -1234567, 1000, "-1.23 M" },
		{ 1048576, 1024, "1.00 M" },
		{ 1023, 1024, "1023" },
		{ 0.25, 1000, "0.25" },
		{ 0.075, 1000, "75.00 m" },
		{ 0.0000123, 1000, "12.30 µ" },
		{ NAN, 1000, "-" },
		{ INFINITY, 1000, "inf" },
		{ 1e30, 1000, "1e+30" },
	};
	char got[AXIS_LABEL_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		axis_print_value(cases[i].v, cases[i].base, got);
		if (strcmp(got, cases[i].text) != 0)
			fail_msg("%g: %s, wanted %s", cases[i].v, got, cases[i].text);
	}
	(void)state;
}

static void times_get_ticks_of_the_clock_and_calendar(void **state)
{
	static const struct {
		const char *zone;
		int64_t span_s;
		const char *labels;
	} cases[] = {
		{ "UTC0", 3600, "17:00|17:10|17:20|17:30|17:40|17:50" },
		{ "UTC0", 86400, "18:00|21:00|13 May|03:00|06:00|09:00|12:00|15:00" },
		{ "UTC0", 604800, "Wed 07|Thu 08|Fri 09|Sat 10|Sun 11|Mon 12|Tue 13" },
		{ "UTC0", 2678400, "14 Apr|21 Apr|28 Apr|05 May|12 May" },
		{ "UTC0", 31622400, "Jul|Sep|Nov|2014|Mar|May" },
		{ "UTC0", INT64_C(1400003617), "1970|1975|1980|1985|1990|1995|2000|2005|2010" },
		/* midnight of the zone, also over a change of its clock */
		{ "CET-1CEST,M3.5.0,M10.5.0/3", 86400, "21:00|13 May|03:00|06:00|09:00|12:00|15:00|18:00" },
		{ "EST5EDT,M3.2.0,M11.1.0", 604800, "Wed 07|Thu 08|Fri 09|Sat 10|Sun 11|Mon 12|Tue 13" },
	};
	char got[2048];
	struct axis a;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setenv("TZ", cases[i].zone, 1);
		tzset();
		axis_of_times(1400003617 - cases[i].span_s, 1400003617, 9, &a);
		labels_of(&a, got);
		if (strcmp(got, cases[i].labels) != 0)
			fail_msg("%s, %lld s: %s", cases[i].zone, (long long)cases[i].span_s, got);
	}
	(void)state;
}

static void midnights_stay_midnights_when_the_clock_changes(void **state)
{
	struct axis a;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	axis_of_times(1396051200, 1396051200 + 4 * 86400, 5, &a); /* 2014-03-29 00:00 UTC, the change is on the 30th */
	for (size_t i = 0; i < a.n_ticks; i++) {
		time_t t = (time_t)a.tick[i].at;
		struct tm tm;

		localtime_r(&t, &tm);
		assert_int_equal(tm.tm_hour * 60 + tm.tm_min, 0);
	}
	assert_true(a.n_ticks >= 3);
	axis_of_times(5, 5, 0, &a);
	assert_true(a.low < a.high);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_get_round_ticks),
		cmocka_unit_test(any_span_gets_an_axis),
		cmocka_unit_test(values_are_written_with_a_prefix),
		cmocka_unit_test(times_get_ticks_of_the_clock_and_calendar),
		cmocka_unit_test(midnights_stay_midnights_when_the_clock_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
