#include "ctl/pace.h"

#include <stdlib.h>

enum rc pace_init(struct pace *p, const char *rate, struct why *why)
{
	char *end;

	*p = (struct pace){ .began = mono_now() };
	if (rate == NULL)
		return RC_OK;
	p->per_s = strtod(rate, &end);
	if (end == rate || *end != '\0' || !(p->per_s > 0) || p->per_s > 1e9)
		return because(why, RC_REFUSED, "--rate \"%s\": expected a number of files a second", rate);
	return RC_OK;
}

void pace_wait(struct pace *p, uint64_t n)
{
	int64_t due_ns;
	struct timespec t;

	p->n += n;
	if (p->per_s == 0)
		return;
	due_ns = p->began.ns + (int64_t)((double)p->n / p->per_s * 1e9);
	t = (struct timespec){ due_ns / 1000000000, due_ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}
