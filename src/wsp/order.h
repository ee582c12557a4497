/*
 * A batch's points in order of time, ready to be split by archive. Private to wsp/.
 */
#ifndef WSP_ORDER_H
#define WSP_ORDER_H

#include "wsp/wsp.h"

enum { ORDER_FEW = 64 };

struct ordered {
	int64_t t_s;
	double value;
	size_t given;       /* index in the caller's array */
	int64_t accepted_s; /* of order_taken() */
};

/* Embed it; not copied: `at` may point into itself. */
struct order {
	struct ordered *at;
	size_t n;
	size_t n_too_old; /* left out */
	struct ordered few[ORDER_FEW];
};

/*
 * Sort points by t_s, the first given of the same t_s last; points older than the longest archive at now_s are left out.
 * Errors   RC_REFUSED  a time, or now_s, that a slot cannot hold
 * Owner    on RC_OK ended by order_fini().
 */
CHECKED enum rc order_points(struct order *o, const struct wsp *w, const struct point *points, size_t n, int64_t now_s,
			     struct why *why);
/* The same, the last given of the same t_s last, each point's age at its own accepted_s. Ended by order_fini(). */
void order_taken(struct order *o, const struct wsp *w, const struct taken *points, size_t n);
void order_fini(struct order *o);

/* Times that the functions of wsp.h take: what an interval of 32 bits holds, and some room above for now. */
CHECKED enum rc order_check_now(int64_t now_s, struct why *why);

#endif
