#include "ctl/show.h"

#include <stdio.h>
#include <time.h>

#include "base/rc.h"

const char *show_bytes(double n, char out[SHOW_BYTES])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (n >= 1024 && i + 1 < ARRAY_LEN(units)) {
		n /= 1024;
		i++;
	}
	snprintf(out, SHOW_BYTES, "%.*f %s", i == 0 || n >= 100 ? 0 : 1, n, units[i]);
	return out;
}

const char *show_duration(double s, char out[SHOW_BYTES])
{
	static const struct {
		long s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	long whole = s < 0 ? 0 : s > 1e12 ? 1000000000000 : (long)s;
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(units) && whole < units[i].s)
		i++;
	if (i + 1 == ARRAY_LEN(units))
		snprintf(out, SHOW_BYTES, "%ld s", whole);
	else
		snprintf(out, SHOW_BYTES, "%ld %s %ld %s", whole / units[i].s, units[i].name,
			 whole % units[i].s / units[i + 1].s, units[i + 1].name);
	return out;
}

const char *show_time(int64_t s, char out[SHOW_BYTES])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (s == 0 || gmtime_r(&t, &tm) == NULL || strftime(out, SHOW_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, SHOW_BYTES, "-");
	return out;
}

void show_buf(const struct buf *b)
{
	struct text t = buf_text(b);

	fwrite(t.s, 1, t.n, stdout);
}
