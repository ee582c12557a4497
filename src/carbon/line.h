/*
 * One line of the carbon plaintext protocol: `name value timestamp`. What it says, and which series its name means.
 * Source: docs/formats/carbon.md; Graphite's "Feeding In Your Data"; docs/spec/system.md "Payload".
 */
#ifndef CARBON_LINE_H
#define CARBON_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/point.h"
#include "model/reason.h"

enum { LINE_MAX_BYTES = 4096 }; /* without the line break */

struct line {
	struct text key; /* the name as it came; a slice of the line */
	bool unknown;    /* nan or an infinity: no point */
	double value;    /* finite, unless unknown */
	int64_t t_s;     /* Unix seconds */
};

/*
 * Read a line without its line feed; one CR at its end, blanks and tabs around the three fields do not matter.
 * now_s: what a timestamp of -1 or N means.
 * Returns  REASON_NONE: *out is filled, and key.n is 0 for a line of blanks · else why it is bad, *why says more
 *          (out->key as far as it was found)
 */
enum reason line_read(struct text line, int64_t now_s, struct line *out, struct why *why);

/*
 * Which series a key means: host, plugin and ds by the rules of docs/formats/carbon.md, checked by those for names.
 * folder is left empty. Returns  REASON_NONE, or why it is refused.
 * Owner    slices of key, or of static texts.
 */
enum reason line_split(struct text key, struct series *out, struct why *why);

/*
 * The two numbers of a line in their common form, read without a look at where the line ends: p stands in front of
 * them, a line feed follows somewhere, and LINE_SLACK bytes behind that may be read.
 */
enum { LINE_SLACK = 16 };

/* `-12.50 ` of 15 digits at most → value; returns what follows the one blank, or NULL: any other form. */
static inline const char *line_plain_number(const char *p, double *out);
/* `1400003557` and LF or CR LF → seconds; returns what follows the LF, or NULL: any other form. */
static inline const char *line_plain_seconds(const char *p, uint32_t *out);

/* inline, for they are half of what a line costs */

static inline const char *line_plain_number(const char *p, double *out)
{
	static const double power_of_10[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	bool negative = *p == '-';
	const char *first = p + negative, *point = NULL;
	uint64_t mantissa = 0;
	size_t n_digits, n_decimals;
	unsigned digit;
	double v;

	p = first;
	while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
		mantissa = mantissa * 10 + digit;
		p++;
	}
	n_digits = (size_t)(p - first);
	n_decimals = 0;
	if (*p == '.') {
		point = ++p;
		while ((digit = (unsigned)(unsigned char)*p - '0') <= 9) {
			mantissa = mantissa * 10 + digit;
			p++;
		}
		n_decimals = (size_t)(p - point);
		n_digits += n_decimals;
	}
	/* up to 15 digits and a power of ten are exact, so one division rounds correctly */
	if (n_digits == 0 || n_digits > 15 || *p != ' ' || __FLT_EVAL_METHOD__ != 0)
		return NULL;
	v = (double)mantissa;
	if (n_decimals > 0)
		v /= power_of_10[n_decimals];
	*out = negative ? -v : v;
	return p + 1;
}

static inline const char *line_plain_seconds(const char *p, uint32_t *out)
{
	const uint64_t sixes = UINT64_C(0x0606060606060606), tops = UINT64_C(0xF0F0F0F0F0F0F0F0);
	const uint64_t zeros = UINT64_C(0x3030303030303030);
	uint64_t x, seconds;
	unsigned tens, ones;

	x = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[1] << 8 | (uint64_t)(unsigned char)p[2] << 16 |
	    (uint64_t)(unsigned char)p[3] << 24 | (uint64_t)(unsigned char)p[4] << 32 |
	    (uint64_t)(unsigned char)p[5] << 40 | (uint64_t)(unsigned char)p[6] << 48 |
	    (uint64_t)(unsigned char)p[7] << 56; /* one load */
	tens = (unsigned)(unsigned char)p[8] - '0';
	ones = (unsigned)(unsigned char)p[9] - '0';
	if ((x & tops) != zeros || ((x + sixes) & tops) != zeros || tens > 9 || ones > 9)
		return NULL;
	/* eight digits at once: pairs, fours, all */
	x -= zeros;
	x = (x * 10 + (x >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
	x = (x * 100 + (x >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
	x = (x * 10000 + (x >> 32)) & UINT64_C(0xFFFFFFFF);
	seconds = x * 100 + tens * 10 + ones;
	if (seconds > UINT32_MAX)
		return NULL;
	*out = (uint32_t)seconds;
	p += 10;
	p += *p == '\r';
	return *p == '\n' ? p + 1 : NULL;
}

#endif
