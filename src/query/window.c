#include "query/window.h"

#include "wire/number.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, SHOWN_MAX_BYTES = 64 };

/* The original multiplied by 7 once too often for the last two (docs/spec/wire.md E). */
static const struct {
	const char *name;
	int64_t intended_s, original_s;
} windows[] = {
	{ "Daily", DAY_S, DAY_S },
	{ "Weekly", 7 * DAY_S, 7 * DAY_S },
	{ "Monthly", 31 * DAY_S, 7 * 31 * DAY_S },
	{ "Yearly", 366 * DAY_S, INT64_C(7) * 372 * DAY_S },
};

static const struct {
	const char *name;
	int64_t s;
} units[] = {
	{ "s", 1 },
	{ "sec", 1 },
	{ "second", 1 },
	{ "seconds", 1 },
	{ "m", MINUTE_S },
	{ "min", MINUTE_S },
	{ "minute", MINUTE_S },
	{ "minutes", MINUTE_S },
	{ "h", HOUR_S },
	{ "hour", HOUR_S },
	{ "hours", HOUR_S },
	{ "d", DAY_S },
	{ "day", DAY_S },
	{ "days", DAY_S },
	{ "w", 7 * DAY_S },
	{ "week", 7 * DAY_S },
	{ "weeks", 7 * DAY_S },
	{ "mon", 30 * DAY_S },
	{ "month", 30 * DAY_S },
	{ "months", 30 * DAY_S },
	{ "y", 365 * DAY_S },
	{ "year", 365 * DAY_S },
	{ "years", 365 * DAY_S },
};

/* "6h" → 21600; at most 9 digits, so nothing overflows. */
static bool read_distance(struct text t, int64_t *out)
{
	int64_t n = 0;
	size_t i = 0;

	for (; i < t.n && t.s[i] >= '0' && t.s[i] <= '9'; i++) {
		if (i == 9)
			return false;
		n = n * 10 + (t.s[i] - '0');
	}
	if (i == 0)
		return false;
	t = text_trim((struct text){ t.s + i, t.n - i });
	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		if (!text_is(t, units[u].name))
			continue;
		*out = n * units[u].s;
		return true;
	}
	return false;
}

/* now · -6h · now-6h · Unix seconds */
static bool read_instant(struct text t, int64_t now_s, int64_t *out)
{
	int64_t distance_s;

	t = text_trim(t);
	if (text_is(t, "now")) {
		*out = now_s;
		return true;
	}
	if (t.n > 3 && memcmp(t.s, "now", 3) == 0)
		t = (struct text){ t.s + 3, t.n - 3 };
	else if (number_parse_seconds(t, out) && *out >= 0)
		return true;
	if (t.n < 2 || t.s[0] != '-')
		return false;
	if (!read_distance(text_trim((struct text){ t.s + 1, t.n - 1 }), &distance_s))
		return false;
	*out = now_s - distance_s;
	return true;
}

static enum rc read_parameter(const char *name, struct text t, int64_t now_s, int64_t *out, struct why *why)
{
	if (read_instant(t, now_s, out))
		return RC_OK;
	return because(why, RC_REFUSED, "%s=%.*s: expected Unix seconds, now, or a time back like -6h, -30min, -7d",
		       name, t.n > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : (int)t.n, t.s);
}

static enum rc read_res(struct text res, bool original, int64_t now_s, struct window *out, struct why *why)
{
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		if (!text_is(res, windows[i].name))
			continue;
		*out = (struct window){ now_s - (original ? windows[i].original_s : windows[i].intended_s), now_s };
		return RC_OK;
	}
	return because(why, RC_REFUSED, "res=%.*s: expected Daily, Weekly, Monthly or Yearly",
		       res.n > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : (int)res.n, res.s);
}

enum rc window_read(const struct query_data *asked, bool original, int64_t now_s, struct window *out, struct why *why)
{
	struct window w = { 0, now_s };
	enum rc rc;

	if (asked->res.s != NULL && (asked->from.s != NULL || asked->until.s != NULL))
		return because(why, RC_REFUSED, "res and from/until are both there: give one of them");
	if (asked->res.s != NULL)
		return read_res(asked->res, original, now_s, out, why);
	if (asked->from.s == NULL)
		return because(why, RC_REFUSED, "res is missing (or from, with or without until)");
	rc = read_parameter("from", asked->from, now_s, &w.from_s, why);
	if (rc == RC_OK && asked->until.s != NULL)
		rc = read_parameter("until", asked->until, now_s, &w.until_s, why);
	if (rc != RC_OK)
		return rc;
	if (w.until_s > now_s)
		w.until_s = now_s;
	if (w.from_s > w.until_s)
		return because(why, RC_REFUSED, "from=%lld is later than until=%lld (at the latest now)",
			       (long long)w.from_s, (long long)w.until_s);
	*out = w;
	return RC_OK;
}
