/*
 * --rate: not more than so many files a second.
 */
#ifndef CTL_PACE_H
#define CTL_PACE_H

#include <stdint.h>

#include "base/instant.h"
#include "base/rc.h"

struct pace {
	double per_s; /* 0: as fast as it goes */
	uint64_t n;
	struct mono began;
};

/* rate: of the command line, NULL: not given. Errors: RC_REFUSED no number above 0. */
CHECKED enum rc pace_init(struct pace *p, const char *rate, struct why *why);
/* n more are done: wait until they may have been. */
void pace_wait(struct pace *p, uint64_t n);

#endif
