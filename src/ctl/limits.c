#include "ctl/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/number.h"
#include "wire/print_number.h"

enum { UNKNOWN_LIMIT = 3, UNKNOWN_LIMIT_MOST = 100000 };

/* An end that is not there is open. False: it is no number. */
static bool read_end(struct text t, double *out)
{
	*out = NAN;
	return t.n == 0 || number_parse(t, out) == NUMBER_VALUE;
}

struct limits_range limits_read(struct text t)
{
	struct limits_range r = { .is_there = true, .min = NAN, .max = NAN };
	const char *colon;
	bool good;

	t = text_trim(t);
	if (t.n == 0)
		return (struct limits_range){ .is_there = false, .min = NAN, .max = NAN };
	colon = memchr(t.s, ':', t.n);
	if (colon == NULL)
		good = read_end(t, &r.max);
	else
		good = read_end((struct text){ t.s, (size_t)(colon - t.s) }, &r.min) &&
		       read_end((struct text){ colon + 1, t.n - (size_t)(colon + 1 - t.s) }, &r.max);
	return good ? r : (struct limits_range){ .is_there = true, .min = 0, .max = 0 };
}

bool limits_exceeded(const struct limits_range *r, double value)
{
	char rounded[512];

	if (!r->is_there || isnan(value))
		return false;
	snprintf(rounded, sizeof(rounded), "%.2f", value);
	value = strtod(rounded, NULL);
	return (!isnan(r->min) && value < r->min) || (!isnan(r->max) && value > r->max);
}

unsigned limits_read_unknown(struct text t)
{
	int64_t n = 0;

	t = text_trim(t);
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] < '0' || t.s[i] > '9')
			return UNKNOWN_LIMIT;
	if (t.n == 0 || !number_parse_seconds(t, &n))
		return UNKNOWN_LIMIT;
	return n > UNKNOWN_LIMIT_MOST ? UNKNOWN_LIMIT_MOST : (unsigned)n;
}

/* Without the ".0" of whole numbers. */
static void add_number(double v, struct buf *out)
{
	char digits[PRINT_NUMBER_MAX_BYTES];
	size_t n = print_number(v, digits);

	if (n > 2 && memcmp(digits + n - 2, ".0", 2) == 0)
		n -= 2;
	buf_add(out, digits, n);
}

void limits_print(const struct limits_range *r, struct buf *out)
{
	if (!r->is_there)
		return;
	if (!isnan(r->min))
		add_number(r->min, out);
	buf_add_str(out, ":");
	if (!isnan(r->max))
		add_number(r->max, out);
}

void limits_print_perfdata(const struct limits_range *r, struct buf *out)
{
	if (!r->is_there || (isnan(r->min) && isnan(r->max)))
		return;
	if (isnan(r->min))
		buf_add_str(out, "~");
	limits_print(r, out);
}
