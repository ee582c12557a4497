/*
 * Two clocks that do not mix: wall time (what points carry) and monotonic time (what waiting uses).
 * Code below storage/ takes times as arguments; only threads' loops ask these.
 */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include <stdint.h>
#include <time.h>

struct wall {
	int64_t s; /* Unix seconds */
};

struct mono {
	int64_t ns;
};

static inline struct wall wall_now(void)
{
	return (struct wall){ (int64_t)time(NULL) };
}

static inline struct mono mono_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mono){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}

static inline struct mono mono_after_ms(struct mono m, int64_t ms)
{
	return (struct mono){ m.ns + ms * 1000000 };
}

/* Whole milliseconds from `from` to `to`, rounded up, negative when `to` is earlier. */
static inline int64_t mono_ms_between(struct mono from, struct mono to)
{
	int64_t ns = to.ns - from.ns;

	return ns > 0 ? (ns + 999999) / 1000000 : ns / 1000000;
}

#endif
