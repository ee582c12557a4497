#include "test.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/number.h"

static uint64_t random_state = 42;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double bits_to_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static bool same_bits(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static void reads_decimal_numbers(void **state)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{ "0", 0 },
		{ "-0", -0.0 },
		{ "26.7677583310387", 26.7677583310387 },
		{ ".5", .5 },
		{ "5.", 5 },
		{ "-12.5", -12.5 },
		{ "+4", 4 },
		{ "3.24e-05", 3.24e-05 },
		{ "1e5", 1e5 },
		{ "1E+05", 1e5 },
		{ "5.e1", 50 },
		{ "  7\t\r\n\v\f", 7 },
		{ "007", 7 },
		{ "000.000", 0 },
		{ "171.98333333333332", 171.98333333333332 },
		{ "9007199254740993", 9007199254740992.0 },
		{ "9007199254740993.00000000000000000000000000000000000000001", 9007199254740994.0 },
		{ "12345678901234567890", 12345678901234567890.0 },
		{ "99999999999999999999999999", 1e26 },
		{ "1.7976931348623157e308", DBL_MAX },
		{ "4.9e-324", 4.9e-324 },
		{ "2e-324", 0 },
		{ "1e-999999999999999999999", 0 },
		{ "-1e-400", -0.0 },
		{ "0e999999999999999999999", 0 },
		{ "123456789012345678901234567890e-29", 1.2345678901234568 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double v = 99;

		if (number_parse(text_of(cases[i].text), &v) != NUMBER_VALUE || !same_bits(v, cases[i].value))
			fail_msg("%s: %.17g", cases[i].text, v);
	}
	(void)state;
}

static void tells_unknown_from_bad(void **state)
{
	static const char *const unknown[] = { "U",   " U ",  "nan", "NaN",      "-nan",      "+NAN",
					       "inf", "-INF", "Inf", "infinity", "-Infinity", "+INFINITY" };
	static const struct text bad[] = {
		TEXT_INIT(""),
		TEXT_INIT(" "),
		TEXT_INIT("-"),
		TEXT_INIT("+"),
		TEXT_INIT("."),
		TEXT_INIT("-."),
		TEXT_INIT("u"),
		TEXT_INIT("-U"),
		TEXT_INIT("UU"),
		TEXT_INIT("1.2.3"),
		TEXT_INIT("0x10"),
		TEXT_INIT("1_000"),
		TEXT_INIT("1,5"),
		TEXT_INIT("1 2"),
		TEXT_INIT("1e"),
		TEXT_INIT("1e+"),
		TEXT_INIT("e5"),
		TEXT_INIT(".e5"),
		TEXT_INIT("1e5.0"),
		TEXT_INIT("--1"),
		TEXT_INIT("1e309"),
		TEXT_INIT("-1e999"),
		TEXT_INIT("1\0"),
		TEXT_INIT("\0"),
		TEXT_INIT("1e99999999999999999999999"),
		TEXT_INIT("infinit"),
		TEXT_INIT("nan(1)"),
		TEXT_INIT(".nan"),
		TEXT_INIT("5nan"),
		TEXT_INIT("\xC2\xA0"
			  "1"),
		TEXT_INIT("1f"),
		TEXT_INIT("true"),
		TEXT_INIT("\xD9\xA1"),
		TEXT_INIT("0b1"),
		TEXT_INIT("1.8e308"),
	};

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		if (number_parse(text_of(unknown[i]), &(double){ 0 }) != NUMBER_UNKNOWN)
			fail_msg("%s", unknown[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (number_parse(bad[i], &(double){ 0 }) != NUMBER_BAD)
			fail_msg("%.*s", TEXT_ARG(bad[i]));
	assert_int_equal(number_parse(TEXT_NONE, &(double){ 0 }), NUMBER_BAD);
	(void)state;
}

/* A middle between two doubles with a million digits behind it: only the last one decides. */
static void reads_a_million_digits(void **state)
{
	const size_t n = 1024 * 1024;
	char *s = malloc(n);
	double v;

	memset(s, '0', n);
	memcpy(s, "9007199254740993.", 17);
	assert_int_equal(number_parse((struct text){ s, n }, &v), NUMBER_VALUE);
	assert_true(v == 9007199254740992.0);
	s[n - 1] = '1';
	assert_int_equal(number_parse((struct text){ s, n }, &v), NUMBER_VALUE);
	assert_true(v == 9007199254740994.0);
	memset(s, '0', n);
	s[1] = '.';
	memcpy(s + n - 10, "25e1048564", 10);
	assert_int_equal(number_parse((struct text){ s, n }, &v), NUMBER_VALUE); /* 1,048,564 zeros behind the point */
	assert_true(v == 0.25);
	memset(s, '9', n);
	assert_int_equal(number_parse((struct text){ s, n }, &v), NUMBER_BAD);
	free(s);
	(void)state;
}

static void reads_as_the_c_library_does(void **state)
{
	for (int i = 0; i < 200000; i++) {
		char s[80];
		uint64_t r = next_random();
		double mine = 0, theirs;

		switch (i % 4) {
		case 0:
			snprintf(s, sizeof(s), "%.*g", (int)(r % 20) + 1, bits_to_double(next_random()));
			break;
		case 1:
			snprintf(s, sizeof(s), "%llu.%llu", (unsigned long long)(r >> (r % 64)),
				 (unsigned long long)next_random());
			break;
		case 2:
			snprintf(s, sizeof(s), "%llue%d", (unsigned long long)r, (int)(next_random() % 700) - 350);
			break;
		case 3:
			snprintf(s, sizeof(s), "-0.%0*llu", (int)(r % 40), (unsigned long long)next_random());
			break;
		}
		theirs = strtod(s, NULL);
		if (number_parse(text_of(s), &mine) == NUMBER_VALUE ? !same_bits(mine, theirs) : isfinite(theirs))
			fail_msg("%s: %.17g, not %.17g", s, mine, theirs);
	}
	(void)state;
}

/* Up to 19 decimals by division: any mantissa, and odd ones of 54 bits, which lie right between two doubles. */
static void divides_as_the_c_library_reads(void **state)
{
	static const uint64_t power_of_5[] = { 1, 5, 25, 125, 625 };

	for (int i = 0; i < 200000; i++) {
		uint64_t m = next_random() >> (next_random() % 64);
		int k = (int)(next_random() % 20);
		char s[40];

		if (i % 2 == 0) {
			k %= (int)ARRAY_LEN(power_of_5);
			m = (next_random() >> 10 | UINT64_C(1) << 53 | 1) * power_of_5[k];
		}
		snprintf(s, sizeof(s), "%llue-%d", (unsigned long long)m, k);
		if (!same_bits(number_from_decimal(m, -k), strtod(s, NULL)))
			fail_msg("%s", s);
	}
	(void)state;
}

static void reads_seconds(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = {
		{ "1795342600", 1795342600 },
		{ " 1795342600\n", 1795342600 },
		{ "1400003557.5", 1400003557 },
		{ "1400003557.9999999999", 1400003557 },
		{ "-1.9", -1 },
		{ "+5.", 5 },
		{ "0", 0 },
		{ "1.4e9", 1400000000 },
		{ "9007199254740992", INT64_C(9007199254740992) },
		{ "-9007199254740992", -INT64_C(9007199254740992) },
	};
	static const char *const bad[] = { "",
					   "U",
					   "nan",
					   "-",
					   ".5",
					   "1.2.3",
					   "0x10",
					   "1 2",
					   "9007199254740993",
					   "1e400",
					   "99999999999999999999999999999",
					   "1e16",
					   "12a",
					   "1.5x" };
	int64_t s;

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!number_parse_seconds(text_of(good[i].text), &s) || s != good[i].s)
			fail_msg("%s: %lld", good[i].text, (long long)s);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (number_parse_seconds(text_of(bad[i]), &s))
			fail_msg("%s was taken", bad[i]);
	assert_false(number_parse_seconds(TEXT_NONE, &s));
	(void)state;
}

/* The expected texts are those of Python's repr(). */
static void prints_the_shortest_text(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 0.0, "0.0" },
		{ -0.0, "-0.0" },
		{ 1, "1.0" },
		{ -12.5, "-12.5" },
		{ 0.14, "0.14" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 171.98333333333332, "171.98333333333332" },
		{ 26.7677583310387, "26.7677583310387" },
		{ 100, "100.0" },
		{ 1e15, "1000000000000000.0" },
		{ 9999999999999998.0, "9999999999999998.0" },
		{ 1e16, "1e+16" },
		{ 1.5e300, "1.5e+300" },
		{ 0.0001, "0.0001" },
		{ 0.00012345, "0.00012345" },
		{ 0.00001, "1e-05" },
		{ 1.2345e-7, "1.2345e-07" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ DBL_MIN, "2.2250738585072014e-308" },
		{ 5e-324, "5e-324" },
		{ 1.5e-323, "1.5e-323" },
		{ 5.684341886080802e-14, "5.684341886080802e-14" }, /* 2^-44: the nearest 16 digits miss it */
		{ 9007199254740993.0, "9007199254740992.0" },
		{ 1234567.000001, "1234567.000001" },
		{ 199138850438087.125, "199138850438087.12" }, /* a tie */
		{ 199138850438087.375, "199138850438087.38" },
		{ 1e-6, "1e-06" },
		{ 0.0000012345678901234567, "1.2345678901234567e-06" },
		{ 999999999999999.9, "999999999999999.9" },
		{ 0.99999999999999989, "0.9999999999999999" },
		{ 9.9999999999999982, "9.999999999999998" },
		{ 2.0 / 3, "0.6666666666666666" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[NUMBER_MAX_BYTES];
		size_t n = number_print(cases[i].v, out);

		if (!text_is((struct text){ out, n }, cases[i].text))
			fail_msg("%.*s, not %s", (int)n, out, cases[i].text);
	}
	(void)state;
}

static void prints_what_reads_back(void **state)
{
	for (int i = 0; i < 200000; i++) {
		uint64_t r = next_random();
		double v, back;
		char out[NUMBER_MAX_BYTES];
		size_t n;

		switch (i % 4) {
		case 0:
			v = bits_to_double(r);
			break;
		case 1:
			v = (double)(int64_t)(r >> (r % 40)) / 1000;
			break;
		case 2:
			v = (double)(r % 100000000) / 60;
			break;
		default:
			v = bits_to_double(r & UINT64_C(0x7FF0000000000000)); /* powers of two */
			break;
		}
		if (!isfinite(v))
			continue;
		n = number_print(v, out);
		assert_true(n < NUMBER_MAX_BYTES);
		if (number_parse((struct text){ out, n }, &back) != NUMBER_VALUE || !same_bits(v, back))
			fail_msg("%.17g printed as %.*s", v, (int)n, out);
	}
	(void)state;
}

/* Skips where no locale with a decimal comma is installed. */
static void does_not_mind_the_locale(void **state)
{
	char out[NUMBER_MAX_BYTES];
	double v;

	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
		skip();
	assert_int_equal(number_parse(TEXT("0.30000000000000004"), &v), NUMBER_VALUE);
	assert_true(v == 0.30000000000000004);
	assert_true(text_is((struct text){ out, number_print(v, out) }, "0.30000000000000004"));
	setlocale(LC_NUMERIC, "C");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_decimal_numbers),
		cmocka_unit_test(tells_unknown_from_bad),
		cmocka_unit_test(reads_a_million_digits),
		cmocka_unit_test(reads_as_the_c_library_does),
		cmocka_unit_test(reads_seconds),
		cmocka_unit_test(prints_the_shortest_text),
		cmocka_unit_test(prints_what_reads_back),
		cmocka_unit_test(does_not_mind_the_locale),
		cmocka_unit_test(divides_as_the_c_library_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
