/*
 * What span of time a question means: res names, Unix seconds, `-6h` forms → from and until.
 * Source: docs/spec/system.md "REST"; docs/spec/wire.md E "Windows".
 */
#ifndef QUERY_WINDOW_H
#define QUERY_WINDOW_H

#include "query/query.h"

struct window {
	int64_t from_s, until_s; /* from_s ≤ until_s ≤ now */
};

/*
 * Errors   RC_REFUSED res, from or until cannot be read, or from is later than until: why names the parameter
 */
CHECKED enum rc window_read(const struct query_data *asked, bool original, int64_t now_s, struct window *out,
			    struct why *why);

#endif
