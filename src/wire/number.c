#include "wire/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Powers of ten that a double holds exactly. */
static const double power_of_10[] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
enum { MOST_EXACT_POWER = 22, MANTISSA_DIGITS = 19, MOST_DIVISOR = 19 };

__extension__ typedef unsigned __int128 wide;
static const uint64_t most_exact_integer = UINT64_C(1) << 53;

/* More digits than any double, or middle between two, has; what follows only matters by being zero or not. */
enum { KEPT_DIGITS = 800 };

/* A decimal number as it is written: 0.d1d2d3… × 10^point. */
struct decimal {
	const char *first,
		*end;      /* from the first digit that is not 0 to behind the last one; a point may stand between */
	uint64_t mantissa; /* its first 19 digits at most */
	size_t n_digits;   /* from `first` on */
	int64_t point;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One or two runs of digits; *p is moved behind them. False: none at all. */
static bool read_digits(const char **p, const char *end, struct decimal *d)
{
	bool any = false, fraction = false;

	for (; *p < end; (*p)++) {
		char c = **p;

		if (c == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (!is_digit(c))
			break;
		any = true;
		if (d->n_digits == 0 && c == '0') {
			d->point -= fraction;
			continue;
		}
		if (d->n_digits == 0)
			d->first = *p;
		if (d->n_digits < MANTISSA_DIGITS)
			d->mantissa = d->mantissa * 10 + (uint64_t)(c - '0');
		d->n_digits++;
		d->point += !fraction;
	}
	d->end = *p;
	return any;
}

/* `e`, a sign, digits, to the very end; the exponent stops growing where no mantissa could bring it back. */
static bool read_exponent(const char *p, const char *end, int64_t *out)
{
	int64_t e = 0;
	bool negative;

	if (p == end)
		return true;
	if ((*p | 0x20) != 'e')
		return false;
	p++;
	negative = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		if (e < INT64_C(1) << 56)
			e = e * 10 + (*p - '0');
	}
	*out = negative ? -e : e;
	return true;
}

/* Digits and exponent have no decimal point, so strtod() reads them alike in every locale. */
static double from_digits(const char *digits, int64_t exponent)
{
	char s[KEPT_DIGITS + 32];

	snprintf(s, sizeof(s), "%se%lld", digits, (long long)exponent);
	return strtod(s, NULL);
}

/* u × 10^-k for k up to 19 and u > 0: a quotient of 63 or 64 bits and whether a rest is left say how to round it. */
static double from_quotient(uint64_t u, int k)
{
	const uint64_t power = k <= 18 ? (uint64_t)power_of_10[k] : (uint64_t)power_of_10[18] * 10;
	const int up = __builtin_clzll(u), power_up = __builtin_clzll(power);
	const wide n = (wide)(u << up) << 63;
	const uint64_t divisor = power << power_up, tie = UINT64_C(1) << 63;
	uint64_t q = (uint64_t)(n / divisor), rest, bits;
	bool inexact = (uint64_t)(n % divisor) != 0;
	int exponent = power_up - up - 63; /* of q's lowest bit */

	if (q < tie) {
		q <<= 1;
		exponent--;
	}
	rest = q << 53; /* the 11 bits that do not fit */
	q >>= 11;
	if (rest > tie || (rest == tie && (inexact || q % 2 == 1)))
		q++; /* 2^53 is fine: it carries into the exponent */
	bits = ((uint64_t)(exponent + 11 + 52 + 1023) << 52) + (q - (UINT64_C(1) << 52));
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* One rounding only when both are exact (W. Clinger, 1990). */
double number_from_decimal(uint64_t mantissa, int64_t exponent)
{
	char digits[24];

	if (FLT_EVAL_METHOD == 0 && mantissa <= most_exact_integer && exponent >= -MOST_EXACT_POWER &&
	    exponent <= MOST_EXACT_POWER) {
		if (exponent < 0)
			return (double)mantissa / power_of_10[-exponent];
		return (double)mantissa * power_of_10[exponent];
	}
	if (mantissa > 0 && exponent <= 0 && exponent >= -MOST_DIVISOR)
		return from_quotient(mantissa, (int)-exponent);
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)mantissa);
	return from_digits(digits, exponent);
}

static double from_many_digits(const struct decimal *d)
{
	char digits[KEPT_DIGITS + 2];
	size_t n = 0;
	bool more = false;

	for (const char *p = d->first; p < d->end; p++) {
		if (*p == '.')
			continue;
		if (n < KEPT_DIGITS)
			digits[n++] = *p;
		else
			more |= *p != '0';
	}
	if (more)
		digits[n++] = '1';
	digits[n] = '\0';
	return from_digits(digits, d->point - (int64_t)n);
}

static double decimal_value(const struct decimal *d)
{
	if (d->n_digits == 0 || d->point < -400)
		return 0.0;
	if (d->point > 400)
		return INFINITY;
	if (d->n_digits <= MANTISSA_DIGITS)
		return number_from_decimal(d->mantissa, d->point - (int64_t)d->n_digits);
	return from_many_digits(d);
}

static bool is_word(struct text t, const char *lower)
{
	if (t.n != strlen(lower))
		return false;
	for (size_t i = 0; i < t.n; i++)
		if ((t.s[i] | 0x20) != lower[i])
			return false;
	return true;
}

enum number_kind number_parse(struct text t, double *out)
{
	struct decimal d = { 0 };
	int64_t exponent = 0;
	const char *p, *end;
	struct text word;
	double v;
	bool negative;

	t = text_trim(t);
	if (t.n == 0)
		return NUMBER_BAD;
	if (t.n == 1 && t.s[0] == 'U')
		return NUMBER_UNKNOWN;
	p = t.s;
	end = p + t.n;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	word = (struct text){ p, (size_t)(end - p) };
	if (is_word(word, "nan") || is_word(word, "inf") || is_word(word, "infinity"))
		return NUMBER_UNKNOWN;
	if (!read_digits(&p, end, &d) || !read_exponent(p, end, &exponent))
		return NUMBER_BAD;
	d.point += exponent;
	v = decimal_value(&d);
	if (isinf(v))
		return NUMBER_BAD;
	*out = negative ? -v : v;
	return NUMBER_VALUE;
}

bool number_parse_seconds(struct text t, int64_t *out)
{
	const uint64_t most = most_exact_integer;
	const char *p, *end;
	uint64_t v = 0;
	bool negative;
	double d;

	t = text_trim(t);
	if (t.n == 0)
		return false;
	p = t.s;
	end = p + t.n;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	if (p == end || !is_digit(*p))
		return false;
	for (; p < end && is_digit(*p); p++)
		if (v <= most)
			v = v * 10 + (uint64_t)(*p - '0');
	if (p < end && *p == '.')
		for (p++; p < end && is_digit(*p);)
			p++;
	if (p < end) {
		if (number_parse(t, &d) != NUMBER_VALUE || fabs(d) > (double)most)
			return false;
		*out = (int64_t)d;
		return true;
	}
	if (v > most)
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

/* The digits of m without the zeros at its end. Returns how many; *point is where the decimal point stands. */
static size_t put_digits(uint64_t m, int64_t exponent, char out[24], int *point)
{
	char reversed[24];
	size_t n = 0, zeros = 0;

	do
		reversed[n++] = (char)('0' + m % 10);
	while ((m /= 10) > 0);
	while (zeros + 1 < n && reversed[zeros] == '0')
		zeros++;
	*point = (int)((int64_t)n + exponent);
	for (size_t i = 0; i < n - zeros; i++)
		out[i] = reversed[n - 1 - i];
	return n - zeros;
}

/* Lay 0.d1d2… × 10^point out as Python's repr() does: plain for 1e-4 to 1e16, else with an exponent. */
static size_t lay_out(bool negative, const char *digits, size_t n, int point, char *out)
{
	char *o = out;

	if (negative)
		*o++ = '-';
	if (point > 16 || point <= -4) {
		*o++ = digits[0];
		if (n > 1) {
			*o++ = '.';
			memcpy(o, digits + 1, n - 1);
			o += n - 1;
		}
		o += sprintf(o, "e%c%02d", point > 0 ? '+' : '-', abs(point - 1));
		return (size_t)(o - out);
	}
	if (point <= 0) {
		memcpy(o, "0.000", 5);
		o += 2 - point;
		memcpy(o, digits, n);
		return (size_t)(o + n - out);
	}
	for (size_t i = 0; i < (size_t)point; i++)
		*o++ = i < n ? digits[i] : '0';
	*o++ = '.';
	if (n <= (size_t)point) {
		*o++ = '0';
		return (size_t)(o - out);
	}
	memcpy(o, digits + point, n - (size_t)point);
	return (size_t)(o + n - (size_t)point - out);
}

/* Up to six decimals of at most 15 digits in all: m / 10^k is one exact division, and shortest when it gives v back. */
static bool print_few_decimals(double v, uint64_t *m, int *exponent)
{
	for (int k = 0; k <= 6; k += 2) {
		double scaled = v * power_of_10[k];

		if (scaled >= 1e15 || FLT_EVAL_METHOD != 0)
			return false;
		*m = (uint64_t)(scaled + 0.5);
		*exponent = -k;
		if ((double)*m / power_of_10[k] == v)
			return true;
	}
	return false;
}

/* 10^k, k from 0 to 23. */
static wide wide_power_of_10(int k)
{
	return k <= 18 ? (wide)(uint64_t)power_of_10[k]
		       : (wide)(uint64_t)power_of_10[18] * (uint64_t)power_of_10[k - 18];
}

/*
 * For 1e-6 <= v < 1e15, in whole numbers: v is mantissa / 2^shift, a text of n digits is m / 10^k, and both sides of
 * "the text lies within half a step of v" fit in 128 bits when multiplied out. Not for powers of two, whose step is
 * smaller below than above.
 */
static bool print_medium(double v, uint64_t *m, int *exponent)
{
	uint64_t bits, mantissa;
	int shift, point;

	if (v < 1e-6 || v >= 1e15)
		return false;
	memcpy(&bits, &v, sizeof(bits));
	mantissa = bits & ((UINT64_C(1) << 52) - 1);
	if (mantissa == 0)
		return false;
	mantissa |= UINT64_C(1) << 52;
	shift = 1075 - (int)(bits >> 52);
	point = (int)floor((53 - shift) * 0.30103); /* log10(2): the right one, or one too small */
	if (point >= 0 ? v >= power_of_10[point] : (mantissa * wide_power_of_10(-point)) >> shift > 0)
		point++;
	for (int n = 15; n <= 17; n++) {
		wide power = wide_power_of_10(n - point), exact = mantissa * power, half = (wide)1 << (shift - 1);
		wide text = (exact + half) >> shift, distance;

		if ((text << shift) - exact == half) /* a tie goes to the even one, as in printf() */
			text &= ~(wide)1;
		distance = text << shift > exact ? (text << shift) - exact : exact - (text << shift);
		if (distance * 2 > power || (distance * 2 == power && mantissa % 2 == 1))
			continue;
		*m = (uint64_t)text;
		*exponent = point - n;
		return true;
	}
	return false;
}

/* v with `n` digits, correctly rounded, as mantissa and exponent; the locale's decimal point is passed over. */
static void round_to_digits(double v, int n, uint64_t *m, int *exponent)
{
	char s[64];
	const char *p = s;

	snprintf(s, sizeof(s), "%.*e", n - 1, v);
	*m = 0;
	for (; *p != 'e' && *p != '\0'; p++)
		if (is_digit(*p))
			*m = *m * 10 + (uint64_t)(*p - '0');
	*exponent = *p == '\0' ? 0 : atoi(p + 1) - (n - 1);
}

/* A normal double is given back by its 15 digits, or else needs 16 or 17; a denormal one may need fewer. */
static void print_shortest(double v, uint64_t *m, int *exponent)
{
	for (int n = v < DBL_MIN ? 1 : 15; n <= 17; n++) {
		round_to_digits(v, n, m, exponent);
		if (n == 17 || number_from_decimal(*m, *exponent) == v)
			return;
		/* below a power of two doubles lie closer than above: the nearest text may miss it, the next one not */
		if (number_from_decimal(*m + 1, *exponent) == v) {
			(*m)++;
			return;
		}
	}
}

size_t number_print(double v, char out[NUMBER_MAX_BYTES])
{
	double magnitude = fabs(v);
	uint64_t m;
	int exponent, point;
	char digits[24] = "0";
	size_t n;

	if (!print_few_decimals(magnitude, &m, &exponent) && !print_medium(magnitude, &m, &exponent))
		print_shortest(magnitude, &m, &exponent);
	if (m == 0)
		return lay_out(signbit(v), "0", 1, 1, out);
	n = put_digits(m, exponent, digits, &point);
	return lay_out(signbit(v), digits, n, point, out);
}
