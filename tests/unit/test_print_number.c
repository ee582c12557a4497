#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/number.h"
#include "wire/print_number.h"

static const char *golden_path;

static double of_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static void check(double v, const char *wanted)
{
	char out[PRINT_NUMBER_MAX_BYTES];
	size_t n = print_number(v, out);

	if (n != strlen(wanted) || memcmp(out, wanted, n) != 0)
		fail_msg("%.17g printed as %.*s, expected %s", v, (int)n, out, wanted);
}

static void prints_as_python_does(void **state)
{
	FILE *f = fopen(golden_path, "r");
	char line[128], wanted[64];
	uint64_t bits;
	size_t n = 0;

	assert_non_null(f);
	for (; fgets(line, sizeof(line), f) != NULL; n++) {
		assert_int_equal(sscanf(line, "%" SCNx64 " %63s", &bits, wanted), 2);
		check(of_bits(bits), wanted);
		memmove(wanted + 1, wanted, strlen(wanted) + 1);
		wanted[0] = '-';
		check(-of_bits(bits), wanted);
	}
	fclose(f);
	assert_true(n > 5000);
	(void)state;
}

static void check_reads_back(double v)
{
	char out[PRINT_NUMBER_MAX_BYTES + 1];
	size_t n = print_number(v, out);

	assert_true(n <= PRINT_NUMBER_MAX_BYTES);
	out[n] = '\0';
	if (bits_of(strtod(out, NULL)) != bits_of(v))
		fail_msg("%.17g printed as %s", v, out);
}

static void every_exponent_reads_back(void **state)
{
	for (uint64_t e = 0; e < 2047; e++) {
		for (int i = 0; i < 100; i++)
			check_reads_back(of_bits(e << 52 | next_random() >> 12));
		check_reads_back(of_bits(e << 52 | 1));
		check_reads_back(of_bits((e << 52 | ((UINT64_C(1) << 52) - 1)) - 1));
	}
	(void)state;
}

/* Random bits, and numbers as they are measured. */
static double random_double(int i)
{
	uint64_t r = next_random();

	switch (i % 5) {
	case 0:
		return of_bits(r);
	case 1:
		return (double)(int64_t)(r >> (r % 40)) / 1000;
	case 2:
		return (double)(r % 100000000) / 60;
	case 3:
		return (double)(r % 1000000000) / 1e7;
	default:
		return (double)(r >> r % 64);
	}
}

static void random_ones_read_back(void **state)
{
	for (int i = 0; i < 1000000; i++) {
		double v = random_double(i);

		if (isfinite(v))
			check_reads_back(v);
	}
	(void)state;
}

/* Two ways to the same text. */
static void prints_as_number_print_does(void **state)
{
	char out[NUMBER_MAX_BYTES + 1];

	for (int i = 0; i < 200000; i++) {
		double v = random_double(i);

		if (!isfinite(v))
			continue;
		out[number_print(v, out)] = '\0';
		check(v, out);
	}
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_python_does),
		cmocka_unit_test(every_exponent_reads_back),
		cmocka_unit_test(random_ones_read_back),
		cmocka_unit_test(prints_as_number_print_does),
	};

	if (argc != 2)
		return EXIT_FAILURE;
	golden_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
