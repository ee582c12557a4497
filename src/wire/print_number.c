#include "wire/print_number.h"

#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/print_number_powers.h"

__extension__ typedef unsigned __int128 wide;

enum { MANTISSA_BITS = 52, BIAS = 1075, MOST_DIGITS = 17, EIGHT = 100000000 /* 10^8 */ };

static const char pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
	"49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
	"9899";

static void put_pair(char *out, uint64_t below_100)
{
	memcpy(out, pairs + 2 * below_100, 2);
}

/* Eight decimal digits, the first in the lowest byte, as numbers from 0 to 9; v < 10^8. */
static uint64_t eight_digits(uint32_t v)
{
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t high = fours * 10486 >> 20 & UINT64_C(0x7F0000007F); /* x / 100 for x < 10^4 */
	uint64_t twos = high | (fours - 100 * high) << 16;
	uint64_t tens = twos * 103 >> 10 & UINT64_C(0x000F000F000F000F); /* x / 10 for x < 100 */

	return tens | (twos - 10 * tens) << 8;
}

/* The same as text, stored at out. */
static void put_digits(char *out, uint64_t digits)
{
	digits = htole64(digits | UINT64_C(0x3030303030303030));
	memcpy(out, &digits, sizeof(digits));
}

/* How many zeros the eight begin or end with; `most` of them count at most, from 0 to 7. */
static unsigned leading_zeros(uint64_t digits, unsigned most)
{
	return (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 8 * most) / 8;
}

static unsigned trailing_zeros(uint64_t digits)
{
	return digits == 0 ? 8 : (unsigned)__builtin_clzll(digits) / 8;
}

/* v < 10^8 without leading zeros, at least one digit. Writes 8 bytes. */
static size_t put_small(char *out, uint32_t v)
{
	uint64_t digits = eight_digits(v);
	unsigned skipped = leading_zeros(digits, 7);

	put_digits(out, digits >> 8 * skipped);
	return 8 - skipped;
}

/* v < 10^15. Writes up to 16 bytes. */
static size_t put_whole(char *out, uint64_t v)
{
	size_t n;

	if (v < EIGHT)
		return put_small(out, (uint32_t)v);
	n = put_small(out, (uint32_t)(v / EIGHT));
	put_digits(out + n, eight_digits((uint32_t)(v % EIGHT)));
	return n + 8;
}

/* Rounded v × power, when dividing it again gives v back; the products' errors are told from a remainder beforehand. */
static bool is_decimal(double v, double power, int64_t *m)
{
	double scaled = v * power;

	*m = (int64_t)(scaled + 0.5); /* signed: the conversion is one instruction */
	return fabs(scaled - (double)*m) <= scaled * 0x1p-51 && (double)*m / power == v;
}

/*
 * Whole numbers, and those of up to two or six decimals: m / 10^k is one exact division, so m is the answer when it gives
 * v back; two decimals of at most 15 digits never are the same double, so no shorter one exists. 0: none of these.
 */
static size_t print_few_decimals(double v, char *out)
{
	uint64_t digits;
	int64_t m;
	size_t n;

	if (v >= 1e15 || FLT_EVAL_METHOD != 0)
		return 0;
	m = (int64_t)v;
	if ((double)m == v) {
		n = put_whole(out, (uint64_t)m);
		memcpy(out + n, ".0", 2);
		return n + 2;
	}
	if (v >= 1e8 || v < 1e-4)
		return 0;
	if (is_decimal(v, 1e2, &m)) {
		n = put_small(out, (uint32_t)((uint64_t)m / 100));
		out[n] = '.';
		put_pair(out + n + 1, (uint64_t)m % 100);
		return n + 3 - (m % 10 == 0);
	}
	if (!is_decimal(v, 1e6, &m))
		return 0;
	n = put_small(out, (uint32_t)((uint64_t)m / 1000000));
	digits = eight_digits((uint32_t)((uint64_t)m % 1000000) * 100);
	out[n] = '.';
	put_digits(out + n + 1, digits);
	return n + 9 - trailing_zeros(digits);
}

/* floor(x / 2^n), also for x < 0; |x| < 2^40, n <= 22. */
static int floor_shift(int64_t x, int n)
{
	return (int)(((UINT64_C(1) << 40) + (uint64_t)x) >> n) - (1 << (40 - n));
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

/* m × 10^k, m of at most 17 digits. Fixed stretches are copied, only the length says what counts. */
static size_t lay_out(uint64_t m, int k, char *out)
{
	char text[2 * PRINT_NUMBER_MAX_BYTES], *first;
	uint64_t high = m / EIGHT, middle = eight_digits((uint32_t)(high % EIGHT)),
		 low = eight_digits((uint32_t)(m % EIGHT));
	unsigned skipped, zeros = trailing_zeros(low);
	size_t n;
	int point; /* the value is 0.d1d2… × 10^point */

	/* 17 digits, and zeros behind them: a whole number may have more places */
	text[0] = (char)('0' + high / EIGHT);
	put_digits(text + 1, middle);
	put_digits(text + 9, low);
	memset(text + MOST_DIGITS, '0', sizeof(text) - MOST_DIGITS);
	skipped = high >= EIGHT ? 0 : high > 0 ? 1 + leading_zeros(middle, 7) : 9 + leading_zeros(low, 7);
	if (zeros == 8)
		zeros += trailing_zeros(middle);
	first = text + skipped;
	n = MOST_DIGITS - skipped - zeros;
	point = MOST_DIGITS - (int)skipped + k;
	if (point > 16 || point <= -4) {
		size_t at = 1;

		out[0] = first[0];
		if (n > 1) {
			out[1] = '.';
			memcpy(out + 2, first + 1, MOST_DIGITS - 1);
			at = n + 1;
		}
		return at + put_exponent(out + at, point - 1);
	}
	if (point <= 0) {
		memcpy(out, "0.000", 5);
		memcpy(out + 2 - point, first, MOST_DIGITS);
		return (size_t)(2 - point) + n;
	}
	memcpy(out, first, MOST_DIGITS);
	out[point] = '.';
	memcpy(out + point + 1, first + point, MOST_DIGITS);
	return n > (size_t)point ? n + 1 : (size_t)point + 2;
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
