#include "graph/axis.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/rc.h"

enum { HOUR_S = 3600, DAY_S = 86400, WANTED_MAX = 32 };

/* ---- values ---- */

static const double LEAST = 1e-290, MOST = 1e300;

static const char large[] = " kMGTPEZY", small[] = " mµnpfazy";

/* The power of the base that a value is written with, -8 … 8. */
static int power_of(double v, unsigned base)
{
	double a = fabs(v);
	int power = 0;

	for (; a >= base && power < 8; power++)
		a /= base;
	/* below 1 by thousands, whatever the base; 0.1 and above are written as they are */
	for (; a > 0 && a < 0.0999995 && power > -8; power--)
		a *= 1000;
	return power;
}

static double unit_of(int power, unsigned base)
{
	return power >= 0 ? pow(base, power) : pow(1000, power);
}

/* small[] has one letter of two bytes. */
static void prefix_of(int power, char out[4])
{
	if (power >= 0)
		snprintf(out, 4, "%c", large[power]);
	else if (power == -2)
		snprintf(out, 4, "µ");
	else
		snprintf(out, 4, "%c", small[power < -2 ? -power + 1 : -power]);
}

static void print_with(double v, int power, unsigned base, int decimals, char out[AXIS_LABEL_BYTES])
{
	char prefix[4];

	v /= unit_of(power, base);
	if (v == 0 || power == 0) {
		snprintf(out, AXIS_LABEL_BYTES, "%.*f", v == 0 ? 0 : decimals, v);
		return;
	}
	prefix_of(power, prefix);
	snprintf(out, AXIS_LABEL_BYTES, "%.*f %s", decimals, v, prefix);
}

void axis_print_value(double v, unsigned base, char out[AXIS_LABEL_BYTES])
{
	int power, decimals;
	double shown;

	if (!isfinite(v) || fabs(v) >= 1e27 || (v != 0 && fabs(v) < 1e-24)) {
		snprintf(out, AXIS_LABEL_BYTES, isnan(v) ? "-" : "%.3g", v);
		return;
	}
	power = power_of(v, base);
	shown = fabs(v / unit_of(power, base));
	decimals = shown >= 99.995 ? 1 : 2;
	if (power == 0 && shown == floor(shown))
		decimals = 0;
	print_with(v, power, base, decimals, out);
}

/* The smallest round step not below this. */
static double round_step(double least, unsigned base)
{
	static const double round[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500 };
	double unit = 1;

	if (least > 1) {
		while (least > unit * base)
			unit *= base;
	} else {
		while (least <= unit / 1000)
			unit /= 1000;
		unit /= 1000;
	}
	for (size_t i = 0; i < ARRAY_LEN(round); i++)
		if (round[i] * unit >= least * 0.999999)
			return round[i] * unit;
	return unit * (least > 1 ? base : 1000);
}

/* How many decimals a step needs in this unit. */
static int decimals_of(double step, double unit)
{
	double v = step / unit;
	int n = 0;

	for (; n < 6 && fabs(v - round(v)) > 1e-6 * fabs(v); n++)
		v *= 10;
	return n;
}

static double within(double v)
{
	return fabs(v) < LEAST ? 0 : fmin(fmax(v, -MOST), MOST);
}

void axis_of_values(double low, double high, unsigned base, unsigned wanted, struct axis *out)
{
	double step;
	int power;

	must(isfinite(low) && isfinite(high) && low <= high);
	if (wanted > WANTED_MAX)
		wanted = WANTED_MAX;
	if (wanted < 1)
		wanted = 1;
	/* beyond this a span cannot be divided any more */
	low = within(low);
	high = within(high);
	/* a span of nothing, or so little that a double does not tell its parts */
	if (high - low <= fmax(fabs(low), fabs(high)) * 1e-9) {
		double around = low == 0 && high == 0 ? 1 : fmax(fabs(low), fabs(high)) * 0.1;

		high += around;
		low = low >= 0 && low - around < 0 ? 0 : low - around;
	}
	step = round_step((high - low) / wanted, base);
	*out = (struct axis){ .low = floor(low / step + 1e-9) * step, .high = ceil(high / step - 1e-9) * step };
	power = power_of(fmax(fabs(out->low), fabs(out->high)), base);
	for (double i = round(out->low / step); i * step <= out->high + step / 2 && out->n_ticks < AXIS_MAX_TICKS;
	     i++) {
		struct axis_tick *t = &out->tick[out->n_ticks++];

		t->at = i * step;
		print_with(t->at, power, base, decimals_of(step, unit_of(power, base)), t->label);
	}
}

/* ---- times ---- */

enum unit { UNIT_MINUTE, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR };

static const struct {
	enum unit unit;
	int n;
	int64_t about_s;
} steps[] = {
	{ UNIT_MINUTE, 1, 60 },           { UNIT_MINUTE, 2, 120 },          { UNIT_MINUTE, 5, 300 },
	{ UNIT_MINUTE, 10, 600 },         { UNIT_MINUTE, 15, 900 },         { UNIT_MINUTE, 30, 1800 },
	{ UNIT_MINUTE, 60, HOUR_S },      { UNIT_MINUTE, 120, 2 * HOUR_S }, { UNIT_MINUTE, 180, 3 * HOUR_S },
	{ UNIT_MINUTE, 240, 4 * HOUR_S }, { UNIT_MINUTE, 360, 6 * HOUR_S }, { UNIT_MINUTE, 720, 12 * HOUR_S },
	{ UNIT_DAY, 1, DAY_S },           { UNIT_DAY, 2, 2 * DAY_S },       { UNIT_WEEK, 1, 7 * DAY_S },
	{ UNIT_WEEK, 2, 14 * DAY_S },     { UNIT_MONTH, 1, 30 * DAY_S },    { UNIT_MONTH, 2, 61 * DAY_S },
	{ UNIT_MONTH, 3, 91 * DAY_S },    { UNIT_MONTH, 6, 182 * DAY_S },   { UNIT_YEAR, 1, 365 * DAY_S },
	{ UNIT_YEAR, 2, 730 * DAY_S },    { UNIT_YEAR, 5, 1826 * DAY_S },   { UNIT_YEAR, 10, 3652 * DAY_S },
	{ UNIT_YEAR, 50, 18262 * DAY_S },
};

/* The clock at t_s, with all below the unit set to its begin. */
static struct tm begin_of(int64_t t_s, enum unit unit, int n)
{
	time_t t = t_s;
	struct tm tm;
	int64_t days;

	if (localtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	if (unit == UNIT_MINUTE) {
		int minutes = tm.tm_hour * 60 + tm.tm_min;

		minutes -= minutes % n;
		tm.tm_hour = minutes / 60;
		tm.tm_min = minutes % 60;
		return tm;
	}
	/* days and weeks are counted through, so that every second one stays the same when the span moves on */
	days = (t_s + tm.tm_gmtoff) / DAY_S;
	tm.tm_hour = tm.tm_min = 0;
	if (unit == UNIT_DAY)
		tm.tm_mday -= (int)(days % n);
	if (unit == UNIT_WEEK)
		tm.tm_mday -= (tm.tm_wday + 6) % 7 + 7 * (int)((days + 3) / 7 % n);
	if (unit >= UNIT_MONTH)
		tm.tm_mday = 1;
	if (unit == UNIT_MONTH)
		tm.tm_mon -= tm.tm_mon % n;
	if (unit == UNIT_YEAR) {
		tm.tm_mon = 0;
		tm.tm_year -= (tm.tm_year + 1900) % n;
	}
	return tm;
}

static void advance(struct tm *tm, enum unit unit, int n)
{
	switch (unit) {
	case UNIT_MINUTE:
		tm->tm_min += n;
		break;
	case UNIT_DAY:
		tm->tm_mday += n;
		break;
	case UNIT_WEEK:
		tm->tm_mday += 7 * n;
		break;
	case UNIT_MONTH:
		tm->tm_mon += n;
		break;
	case UNIT_YEAR:
		tm->tm_year += n;
		break;
	}
	tm->tm_isdst = -1;
}

static void print_tick(int64_t t_s, enum unit unit, bool short_span, char out[AXIS_LABEL_BYTES])
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm = begin_of(t_s, UNIT_MINUTE, 1);

	if (unit == UNIT_MINUTE && (tm.tm_hour != 0 || tm.tm_min != 0))
		snprintf(out, AXIS_LABEL_BYTES, "%02d:%02d", tm.tm_hour, tm.tm_min);
	else if (unit == UNIT_DAY && short_span)
		snprintf(out, AXIS_LABEL_BYTES, "%s %02d", days[tm.tm_wday], tm.tm_mday);
	else if (unit <= UNIT_WEEK)
		snprintf(out, AXIS_LABEL_BYTES, "%02d %s", tm.tm_mday, months[tm.tm_mon]);
	else if (unit == UNIT_MONTH && tm.tm_mon != 0)
		snprintf(out, AXIS_LABEL_BYTES, "%s", months[tm.tm_mon]);
	else
		snprintf(out, AXIS_LABEL_BYTES, "%d", tm.tm_year + 1900);
}

void axis_of_times(int64_t low_s, int64_t high_s, unsigned wanted, struct axis *out)
{
	size_t step = 0;
	struct tm tm;

	if (wanted > AXIS_MAX_TICKS / 2)
		wanted = AXIS_MAX_TICKS / 2;
	if (wanted < 1)
		wanted = 1;
	if (high_s <= low_s)
		high_s = low_s + 1;
	*out = (struct axis){ .low = (double)low_s, .high = (double)high_s };
	while (step + 1 < ARRAY_LEN(steps) && (high_s - low_s) / steps[step].about_s >= wanted)
		step++;
	tm = begin_of(low_s, steps[step].unit, steps[step].n);
	while (out->n_ticks < AXIS_MAX_TICKS) {
		struct tm round = tm;
		int64_t t_s = mktime(&round);
		struct axis_tick *t = &out->tick[out->n_ticks];

		if (t_s > high_s || round.tm_year > 8000)
			break;
		if (t_s >= low_s) {
			t->at = (double)t_s;
			print_tick(t_s, steps[step].unit, high_s - low_s <= 9 * DAY_S, t->label);
			out->n_ticks++;
		}
		advance(&tm, steps[step].unit, steps[step].n);
	}
}

void axis_print_time(int64_t t_s, char out[AXIS_LABEL_BYTES])
{
	struct tm tm = begin_of(t_s, UNIT_MINUTE, 1);

	snprintf(out, AXIS_LABEL_BYTES, "%04d-%02d-%02d %02d:%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min);
}
