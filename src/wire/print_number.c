#include "wire/print_number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/print_number_powers.h"

__extension__ typedef unsigned __int128 wide;

enum { MANTISSA_BITS = 52, BIAS = 1075, MOST_DIGITS = 17 };

static const char pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
	"49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
	"9899";

static void put_pair(char *out, uint64_t below_100)
{
	memcpy(out, pairs + 2 * below_100, 2);
}

static void put_8(char *out, uint32_t v)
{
	uint32_t high = v / 10000, low = v % 10000;

	put_pair(out, high / 100);
	put_pair(out + 2, high % 100);
	put_pair(out + 4, low / 100);
	put_pair(out + 6, low % 100);
}

static size_t count_digits(uint64_t v)
{
	static const uint64_t power[] = {
		0,
		10,
		100,
		1000,
		10000,
		100000,
		1000000,
		10000000,
		100000000,
		1000000000,
		10000000000,
		100000000000,
		1000000000000,
		10000000000000,
		100000000000000,
		1000000000000000,
		10000000000000000,
		100000000000000000,
		1000000000000000000,
	};
	/* log10(2) is 1233/4096, near enough */
	size_t n = (size_t)(64 - __builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= power[n]); /* a 0 is one digit */
}

/* v's n digits, n = count_digits(v) at most 18. */
static void put_digits(char *out, uint64_t v, size_t n)
{
	while (n > 8) {
		put_8(out + n - 8, (uint32_t)(v % 100000000));
		v /= 100000000;
		n -= 8;
	}
	for (; n >= 2; v /= 100, n -= 2)
		put_pair(out + n - 2, v % 100);
	if (n == 1)
		*out = (char)('0' + v % 10);
}

static size_t put_whole(char *out, uint64_t v)
{
	size_t n = count_digits(v);

	put_digits(out, v, n);
	return n;
}

/*
 * Whole numbers, and those of up to two or six decimals: m / 10^k is one exact division, so m is the answer when it gives
 * v back; two decimals of at most 15 digits never are the same double, so no shorter one exists. 0: none of these.
 */
static size_t print_few_decimals(double v, char *out)
{
	uint64_t m, whole, rest;
	size_t n;

	if (v >= 1e15 || FLT_EVAL_METHOD != 0)
		return 0;
	m = (uint64_t)v;
	if ((double)m == v) {
		n = put_whole(out, m);
		memcpy(out + n, ".0", 2);
		return n + 2;
	}
	if (v >= 1e9 || v < 1e-4)
		return 0;
	m = (uint64_t)(v * 100 + 0.5);
	if ((double)m / 100 == v) {
		n = put_whole(out, m / 100);
		out[n++] = '.';
		put_pair(out + n, m % 100);
		return n + 2 - (out[n + 1] == '0');
	}
	m = (uint64_t)(v * 1e6 + 0.5);
	if ((double)m / 1e6 != v)
		return 0;
	whole = m / 1000000;
	rest = m % 1000000;
	n = put_whole(out, whole);
	out[n++] = '.';
	put_pair(out + n, rest / 10000);
	put_pair(out + n + 2, rest / 100 % 100);
	put_pair(out + n + 4, rest % 100);
	for (n += 6; out[n - 1] == '0';)
		n--;
	return n;
}

/* floor(x / 2^n), also for x < 0. */
static int floor_shift(int64_t x, int n)
{
	return (int)(x >> n);
}

/* The high 64 bits of power × v, the last of them set when anything but zero lies below: enough to compare with. */
static uint64_t round_to_odd(size_t power, uint64_t v)
{
	wide low = (wide)powers[power].low * v, high = (wide)powers[power].high * v + (uint64_t)(low >> 64);

	return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/*
 * v = mantissa × 2^(exponent - BIAS) as digits × 10^*k. Four times the value and its two neighbours' middles are compared
 * in units of 10^k, chosen so that the interval that reads back as v is at least one and less than ten units wide.
 */
static uint64_t shortest(uint64_t mantissa, int exponent, int *k)
{
	/* below a power of two the next double is nearer than above */
	bool nearer = mantissa == 0 && exponent > 1;
	uint64_t c = exponent == 0 ? mantissa : mantissa | UINT64_C(1) << MANTISSA_BITS;
	int q = (exponent == 0 ? 1 : exponent) - BIAS;
	/* floor(log10(2^q)), of ¾ of it when nearer; then floor(log2(10^-k)) */
	int scale = floor_shift((int64_t)q * 1262611 - (nearer ? 524031 : 0), 22);
	int shift = q + floor_shift((int64_t)-scale * 1741647, 19) + 1;
	size_t power = (size_t)(-scale - POWERS_FROM);
	uint64_t odd = c & 1; /* at the interval's ends only even mantissas are read back */
	uint64_t lower = round_to_odd(power, (4 * c - 2 + nearer) << shift) + odd;
	uint64_t upper = round_to_odd(power, (4 * c + 2) << shift) - odd;
	uint64_t middle = round_to_odd(power, 4 * c << shift), s = middle / 4, tens = s / 10;
	bool below, above;

	if (s >= 10) {
		below = lower <= 40 * tens;
		above = 40 * tens + 40 <= upper;
		if (below != above) {
			*k = scale + 1;
			return tens + above;
		}
	}
	*k = scale;
	below = lower <= 4 * s;
	above = 4 * s + 4 <= upper;
	if (below != above)
		return s + above;
	return s + (middle > 4 * s + 2 || (middle == 4 * s + 2 && (s & 1) != 0));
}

static size_t put_exponent(char *out, int exponent)
{
	size_t n = 2;
	int e = abs(exponent);

	out[0] = 'e';
	out[1] = exponent < 0 ? '-' : '+';
	if (e >= 100) {
		out[n++] = (char)('0' + e / 100);
		e %= 100;
	}
	put_pair(out + n, (uint64_t)e);
	return n + 2;
}

/* digits × 10^k */
static size_t lay_out(uint64_t digits, int k, char *out)
{
	size_t n = count_digits(digits), n_shown = n, n_whole;
	int point = (int)n + k; /* the value is 0.d1d2… × 10^point */
	char text[MOST_DIGITS + 1] = { 0 };

	put_digits(text, digits, n);
	while (n_shown > 1 && text[n_shown - 1] == '0')
		n_shown--;
	if (point > 16 || point <= -4) {
		size_t at = 1;

		out[0] = text[0];
		if (n_shown > 1) {
			out[1] = '.';
			memcpy(out + 2, text + 1, n_shown - 1);
			at = n_shown + 1;
		}
		return at + put_exponent(out + at, point - 1);
	}
	if (point <= 0) {
		size_t zeros = (size_t)(2 - point);

		memcpy(out, "0.000", 5);
		memcpy(out + zeros, text, MOST_DIGITS);
		return zeros + n_shown;
	}
	n_whole = (size_t)point;
	if (n_shown > n_whole) {
		memcpy(out, text, MOST_DIGITS);
		memmove(out + n_whole + 1, text + n_whole, n_shown - n_whole);
		out[n_whole] = '.';
		return n_shown + 1;
	}
	memcpy(out, text, n_shown);
	memset(out + n_shown, '0', n_whole - n_shown);
	memcpy(out + n_whole, ".0", 2);
	return n_whole + 2;
}

size_t print_number(double v, char out[PRINT_NUMBER_MAX_BYTES])
{
	size_t sign = signbit(v) != 0, n;
	double magnitude = fabs(v);
	uint64_t bits, digits;
	int k;

	out[0] = '-';
	n = print_few_decimals(magnitude, out + sign);
	if (n > 0)
		return sign + n;
	memcpy(&bits, &magnitude, sizeof(bits));
	digits = shortest(bits & ((UINT64_C(1) << MANTISSA_BITS) - 1), (int)(bits >> MANTISSA_BITS), &k);
	return sign + lay_out(digits, k, out + sign);
}
