#include "test.h"

#include "query/window.h"

enum { NOW = 1400003617 };

static struct query_data asking(const char *res, const char *from, const char *until)
{
	return (struct query_data){ .res = text_of(res), .from = text_of(from), .until = text_of(until) };
}

static void res_is_a_window_that_ends_now(void **state)
{
	static const struct {
		const char *res;
		int64_t intended_s, original_s;
	} cases[] = {
		{ "Daily", 86400, 86400 },
		{ "Weekly", 604800, 604800 },
		{ "Monthly", 2678400, 18748800 },
		{ "Yearly", 31622400, 224985600 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = asking(cases[i].res, NULL, NULL);
		struct window w;

		assert_int_equal(window_read(&asked, false, NOW, &w, NULL), RC_OK);
		assert_int_equal(w.from_s, NOW - cases[i].intended_s);
		assert_int_equal(w.until_s, NOW);
		assert_int_equal(window_read(&asked, true, NOW, &w, NULL), RC_OK);
		assert_int_equal(w.from_s, NOW - cases[i].original_s);
	}
	(void)state;
}

static void times_are_read(void **state)
{
	static const struct {
		const char *from, *until;
		int64_t from_s, until_s;
	} cases[] = {
		{ "-6h", NULL, NOW - 21600, NOW },
		{ "-30min", "now", NOW - 1800, NOW },
		{ "-30m", "-10s", NOW - 1800, NOW - 10 },
		{ " -7d ", " now ", NOW - 7 * 86400, NOW },
		{ "- 7 days", "-1day", NOW - 7 * 86400, NOW - 86400 },
		{ "now-2w", NULL, NOW - 14 * 86400, NOW },
		{ "-1mon", "-1week", NOW - 30 * 86400, NOW - 7 * 86400 },
		{ "-1y", NULL, NOW - 365 * 86400, NOW },
		{ "0", "1400000000", 0, 1400000000 },
		{ "1400000000.9", "1400000060", 1400000000, 1400000060 },
		{ "1400003617", "1400003617", NOW, NOW },
		{ "-1h", "9999999999", NOW - 3600, NOW }, /* a future end is cut */
		{ "-999999999y", NULL, NOW - INT64_C(999999999) * 365 * 86400, NOW },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = asking(NULL, cases[i].from, cases[i].until);
		struct window w = { 0, 0 };

		if (window_read(&asked, false, NOW, &w, NULL) != RC_OK || w.from_s != cases[i].from_s ||
		    w.until_s != cases[i].until_s)
			fail_msg("from=%s until=%s: %lld %lld", cases[i].from, cases[i].until, (long long)w.from_s,
				 (long long)w.until_s);
	}
	(void)state;
}

static void what_cannot_be_read_is_refused(void **state)
{
	static const struct {
		const char *res, *from, *until, *says;
	} cases[] = {
		{ NULL, NULL, NULL, "res is missing" },
		{ NULL, NULL, "now", "res is missing" },
		{ "", NULL, NULL, "res=: " },
		{ "daily", NULL, NULL, "res=daily: " },
		{ "Daily ", NULL, NULL, "res=Daily : " },
		{ "Daily", "-6h", NULL, "both" },
		{ "Daily", NULL, "now", "both" },
		{ NULL, "", NULL, "from=: " },
		{ NULL, "-6", NULL, "from=-6: " },
		{ NULL, "6h", NULL, "from=6h: " },
		{ NULL, "-h", NULL, "from=-h: " },
		{ NULL, "-6H", NULL, "from=-6H: " },
		{ NULL, "-6h5", NULL, "from=-6h5: " },
		{ NULL, "-1234567890s", NULL, "from=-1234567890s: " },
		{ NULL, "--6h", NULL, "from=--6h: " },
		{ NULL, "yesterday", NULL, "from=yesterday: " },
		{ NULL, "0x10", NULL, "from=0x10: " },
		{ NULL, "nan", NULL, "from=nan: " },
		{ NULL, "99999999999999999999", NULL, "from=99999999999999999999: " },
		{ NULL, "-6h", "soon", "until=soon: " },
		{ NULL, "-6h", "-7h", "later than until" },
		{ NULL, "1400003618", NULL, "later than until" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = asking(cases[i].res, cases[i].from, cases[i].until);
		struct why why = { "" };
		struct window w;

		if (window_read(&asked, false, NOW, &w, &why) != RC_REFUSED || strstr(why.text, cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, why.text);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(res_is_a_window_that_ends_now),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(what_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
