#include "test.h"

#include <stdlib.h>
#include <time.h>

#include "ctl/when.h"

enum { NOW_S = 1795885530 }; /* 2026-11-28 17:05:30 UTC */

static const struct {
	const char *text;
	int64_t s; /* -1: none */
} times[] = {
	{ "now", NOW_S },
	{ "1795885530", NOW_S },
	{ "-6h", NOW_S - 21600 },
	{ "-30min", NOW_S - 1800 },
	{ "-7d", NOW_S - 604800 },
	{ "2026-11-28", NOW_S - NOW_S % 86400 - 3600 }, /* midnight an hour east of Greenwich */
	{ "2026-11-28T18:05", NOW_S - 30 },
	{ "2026-11-28 18:05:30", NOW_S },
	{ "2026-11-28T17:05:30Z", NOW_S },
	{ "2026-11-28T17:05:30+00:00", NOW_S },
	{ "2026-11-28T12:35:30-0430", NOW_S },
	{ "2024-02-29T00:00Z", 1709164800 },
	{ "2026-02-29", -1 },
	{ "2026-13-01", -1 },
	{ "2026-00-10", -1 },
	{ "2026-11-28T24:00", -1 },
	{ "2026-11-28T17", -1 },
	{ "2026-11-28T17:05:30X", -1 },
	{ "2026-11-28T17:05+1", -1 },
	{ "1969-01-01", -1 },
	{ "yesterday", -1 },
	{ "", -1 },
	{ "-", -1 },
	{ "-6q", -1 },
};

static void reads_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t s = -1;

		if (when_read(text_of(times[i].text), NOW_S, &s) != (times[i].s >= 0) ||
		    (times[i].s >= 0 && s != times[i].s))
			fail_msg("%s: %lld", times[i].text, (long long)s);
	}
}

static void reads_spans(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} spans[] = { { "90", 90 },     { "90s", 90 },      { "10min", 600 },    { "48h", 172800 },
		      { "3d", 259200 }, { "2 w", 1209600 }, { "h", -1 },         { "", -1 },
		      { "-3h", -1 },    { "3hours!", -1 },  { "1234567890", -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		int64_t s = -1;

		assert_int_equal(when_read_span(text_of(spans[i].text), &s), spans[i].s >= 0);
		assert_int_equal(s, spans[i].s);
	}
}

static void shows_times(void **state)
{
	char out[WHEN_BYTES];

	(void)state;
	assert_string_equal(when_print(NOW_S, out), "2026-11-28 18:05:30");
	assert_string_equal(when_print(0, out), "-");
	assert_string_equal(when_print_age(NOW_S - 200, NOW_S, out), "3 min 20 s ago");
	assert_string_equal(when_print_age(NOW_S + 5, NOW_S, out), "in 5 s");
	assert_string_equal(when_print_age(0, NOW_S, out), "never");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_times),
		cmocka_unit_test(reads_spans),
		cmocka_unit_test(shows_times),
	};

	setenv("TZ", "CET-1", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
