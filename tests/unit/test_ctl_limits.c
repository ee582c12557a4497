#include "test.h"

#include <math.h>

#include "ctl/limits.h"

/* As munin's get_limits() reads a range and process_service() compares. */
static const struct {
	const char *range;
	double value;
	bool exceeded;
} verdicts[] = {
	{ "92", 92, false },     { "92", 92.01, true },  { "92", 92.004, false }, /* two decimals */
	{ "92", -1000, false },  { ":92", 93, true },    { "5:", 4, true },       { "5:", 5, false },
	{ "5:", 1e12, false },   { "5:10", 4.99, true }, { "5:10", 5, false },    { "5:10", 10, false },
	{ "5:10", 10.01, true }, { "-5:5", -5.1, true }, { "-5:5", 0, false },    { " 1:2 ", 3, true },
	{ ":", 1e9, false },     { ":", -1e9, false },   { "0:0", 0.004, false }, { "abc", 0, false },
	{ "abc", 0.1, true },    { "abc", -0.1, true }, /* counts as 0:0 */
	{ "1:x", 0.5, true },    { "+3", 3.5, true },    { ".5", 0.51, true },    { "1e3", 999, false },
	{ "1e3", 1001, true },   { "", 1e9, false },
};

static void judges_as_munin_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		struct limits_range r = limits_read(text_of(verdicts[i].range));

		if (limits_exceeded(&r, verdicts[i].value) != verdicts[i].exceeded)
			fail_msg("%s against %g", verdicts[i].range, verdicts[i].value);
	}
	assert_false(limits_read(TEXT_NONE).is_there);
	assert_false(limits_read(TEXT("  ")).is_there);
	assert_true(limits_read(TEXT(":")).is_there);
	assert_false(limits_exceeded(&(struct limits_range){ true, 0, 0 }, NAN));
}

static void prints_ranges(void **state)
{
	static const struct {
		const char *range, *printed, *perfdata;
	} ranges[] = { { "92", ":92", "~:92" }, { "5:", "5:", "5:" },  { "-0.5:1e6", "-0.5:1000000", "-0.5:1000000" },
		       { ":", ":", "" },        { "x", "0:0", "0:0" }, { "", "", "" } };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		struct limits_range r = limits_read(text_of(ranges[i].range));

		buf_clear(&b);
		limits_print(&r, &b);
		assert_true(text_is(buf_text(&b), ranges[i].printed));
		buf_clear(&b);
		limits_print_perfdata(&r, &b);
		assert_true(text_is(buf_text(&b), ranges[i].perfdata));
	}
	buf_fini(&b);
}

static void reads_unknown_limits(void **state)
{
	(void)state;
	assert_int_equal(limits_read_unknown(TEXT_NONE), 3);
	assert_int_equal(limits_read_unknown(TEXT("x")), 3);
	assert_int_equal(limits_read_unknown(TEXT("-1")), 3);
	assert_int_equal(limits_read_unknown(TEXT(" 7 ")), 7);
	assert_int_equal(limits_read_unknown(TEXT("0")), 0);
	assert_int_equal(limits_read_unknown(TEXT("999999999999")), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_as_munin_limits),
		cmocka_unit_test(prints_ranges),
		cmocka_unit_test(reads_unknown_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
