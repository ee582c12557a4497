#include "ctl/when.h"

#include <stdio.h>
#include <time.h>

#include "base/rc.h"
#include "ctl/show.h"
#include "wire/number.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };

/* n digits at t; false: others. */
static bool digits(struct text *t, size_t n, int *out)
{
	if (t->n < n)
		return false;
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (t->s[i] < '0' || t->s[i] > '9')
			return false;
		*out = *out * 10 + (t->s[i] - '0');
	}
	*t = (struct text){ t->s + n, t->n - n };
	return true;
}

static bool mark(struct text *t, const char *any_of)
{
	if (t->n == 0 || strchr(any_of, t->s[0]) == NULL)
		return false;
	*t = (struct text){ t->s + 1, t->n - 1 };
	return true;
}

static bool read_clock(struct text *t, struct tm *tm)
{
	if (!digits(t, 2, &tm->tm_hour) || !mark(t, ":") || !digits(t, 2, &tm->tm_min))
		return false;
	return !mark(t, ":") || digits(t, 2, &tm->tm_sec);
}

/* Z, +01:00, -0530; seconds east of Greenwich. */
static bool read_zone(struct text *t, int64_t *east_s)
{
	bool west = t->s[0] == '-';
	int hours, minutes;

	*east_s = 0;
	if (mark(t, "Zz"))
		return true;
	if (!mark(t, "+-") || !digits(t, 2, &hours))
		return false;
	(void)mark(t, ":");
	if (!digits(t, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	*east_s = (hours * 60 + minutes) * MINUTE_S * (west ? -1 : 1);
	return true;
}

static bool in_range(const struct tm *tm)
{
	return tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31 && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec < 60;
}

bool when_read_date(struct text t, int64_t *out)
{
	struct tm tm = { .tm_isdst = -1 }, made;
	int64_t east_s = 0, t_s;
	bool zoned = false;
	int day;

	if (!digits(&t, 4, &tm.tm_year) || !mark(&t, "-") || !digits(&t, 2, &tm.tm_mon) || !mark(&t, "-") ||
	    !digits(&t, 2, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	day = tm.tm_mday;
	if (t.n > 0) {
		if (!mark(&t, "Tt ") || !read_clock(&t, &tm))
			return false;
		zoned = t.n > 0;
		if (zoned && !read_zone(&t, &east_s))
			return false;
	}
	if (t.n > 0 || !in_range(&tm))
		return false;
	made = tm;
	t_s = zoned ? timegm(&made) - east_s : mktime(&made);
	if (made.tm_mday != day || t_s < 0) /* 31 February */
		return false;
	*out = t_s;
	return true;
}

bool when_read_span(struct text t, int64_t *out)
{
	static const struct {
		const char *name;
		int64_t s;
	} units[] = { { "", 1 },      { "s", 1 },         { "m", MINUTE_S },     { "min", MINUTE_S }, { "h", HOUR_S },
		      { "d", DAY_S }, { "w", 7 * DAY_S }, { "mon", 30 * DAY_S }, { "y", 365 * DAY_S } };
	int64_t n = 0;
	size_t i = 0;

	t = text_trim(t);
	for (; i < t.n && i < 9 && t.s[i] >= '0' && t.s[i] <= '9'; i++)
		n = n * 10 + (t.s[i] - '0');
	if (i == 0)
		return false;
	t = text_trim((struct text){ t.s + i, t.n - i });
	for (size_t u = 0; u < ARRAY_LEN(units); u++)
		if (text_is(t, units[u].name)) {
			*out = n * units[u].s;
			return true;
		}
	return false;
}

bool when_read(struct text t, int64_t now_s, int64_t *out)
{
	int64_t back_s;

	t = text_trim(t);
	if (text_is(t, "now")) {
		*out = now_s;
		return true;
	}
	if (when_read_date(t, out))
		return true;
	if (t.n > 1 && t.s[0] == '-' && when_read_span((struct text){ t.s + 1, t.n - 1 }, &back_s)) {
		*out = now_s - back_s;
		return true;
	}
	return number_parse_seconds(t, out) && *out >= 0;
}

const char *when_print(int64_t t_s, char out[WHEN_BYTES])
{
	time_t t = (time_t)t_s;
	struct tm tm;

	if (t_s == 0 || localtime_r(&t, &tm) == NULL || strftime(out, WHEN_BYTES, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(out, WHEN_BYTES, "-");
	return out;
}

const char *when_print_age(int64_t t_s, int64_t now_s, char out[WHEN_BYTES])
{
	char span[SHOW_BYTES];

	if (t_s == 0)
		snprintf(out, WHEN_BYTES, "never");
	else if (t_s > now_s)
		snprintf(out, WHEN_BYTES, "in %.24s", show_duration((double)(t_s - now_s), span));
	else
		snprintf(out, WHEN_BYTES, "%.24s ago", show_duration((double)(now_s - t_s), span));
	return out;
}
