#include "munin/rate.h"

#include <math.h>

#include "wire/number.h"

enum rate_type rate_type_of(struct text type)
{
	if (text_is(type, "COUNTER"))
		return RATE_COUNTER;
	if (text_is(type, "DERIVE"))
		return RATE_DERIVE;
	return text_is(type, "ABSOLUTE") ? RATE_ABSOLUTE : RATE_NONE;
}

static bool read_whole(struct text t, struct rate_reading *out)
{
	uint64_t magnitude = 0;
	size_t i = 0;

	if (t.n > 0 && (t.s[0] == '-' || t.s[0] == '+'))
		i = 1;
	if (i == t.n)
		return false;
	for (size_t k = i; k < t.n; k++) {
		unsigned digit = (unsigned char)t.s[k] - (unsigned)'0';

		if (digit > 9 || magnitude > (UINT64_MAX - digit) / 10)
			return false;
		magnitude = magnitude * 10 + digit;
	}
	out->negative = i == 1 && t.s[0] == '-' && magnitude > 0;
	out->magnitude = magnitude;
	return true;
}

struct rate_reading rate_read(struct text t)
{
	struct rate_reading r = { 0 };

	r.known = number_parse(t, &r.value) == NUMBER_VALUE;
	r.whole = r.known && read_whole(text_trim(t), &r);
	return r;
}

static double limit_of(struct text t)
{
	double value;

	return number_parse(t, &value) == NUMBER_VALUE ? value : (double)NAN;
}

struct rate_limits rate_limits_of(struct text min, struct text max)
{
	return (struct rate_limits){ limit_of(min), limit_of(max) };
}

__extension__ typedef __int128 whole_number; /* holds the difference of any two */

static whole_number whole_of(struct rate_reading r)
{
	return r.negative ? -(whole_number)r.magnitude : (whole_number)r.magnitude;
}

/* now - last, exact for whole numbers. */
static double difference(struct rate_reading last, struct rate_reading now)
{
	if (!last.whole || !now.whole)
		return now.value - last.value;
	return (double)(whole_of(now) - whole_of(last));
}

/* A counter that fell has wrapped: the first that makes it grow. */
static double counted(struct rate_reading last, struct rate_reading now)
{
	static const double wrap32 = 4294967296.0;
	double grown = difference(last, now);

	if (grown >= 0)
		return grown;
	if (grown + wrap32 >= 0)
		return grown + wrap32;
	if (last.whole && now.whole && !last.negative && !now.negative)
		return (double)(now.magnitude - last.magnitude); /* modulo 2^64 */
	return (double)NAN;
}

bool rate_between(enum rate_type type, struct rate_limits limits, struct rate_reading last, struct rate_reading now,
		  int64_t seconds, double *out)
{
	double rate = (double)NAN;

	if (!now.known || seconds <= 0 || (type != RATE_ABSOLUTE && !last.known))
		return false;
	switch (type) {
	case RATE_NONE:
		return false;
	case RATE_COUNTER:
		rate = counted(last, now);
		break;
	case RATE_DERIVE:
		rate = difference(last, now);
		break;
	case RATE_ABSOLUTE:
		rate = now.value;
		break;
	}
	rate /= (double)seconds;
	if (!isfinite(rate) || rate < limits.min || rate > limits.max) /* NAN limits compare false */
		return false;
	*out = rate;
	return true;
}
