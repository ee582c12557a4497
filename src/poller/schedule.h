/*
 * When to poll: at whole multiples of the period on the wall clock plus a delay of the host's own. Pure.
 */
#ifndef POLLER_SCHEDULE_H
#define POLLER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The host's delay in nanoseconds: always the same for it, spread over a sixth of the period among hosts. */
int64_t schedule_delay_ns(struct text host_id, int64_t period_s);
/* The first tick after now, both wall time in nanoseconds. */
int64_t schedule_next_ns(int64_t now_ns, int64_t period_s, int64_t delay_ns);
/* Whether a tick that was due at due_ns is to be left out at now_ns: the machine slept, or the clock was set. */
bool schedule_is_missed(int64_t due_ns, int64_t now_ns, int64_t period_s);

#endif
