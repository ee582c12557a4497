/*
 * A point, a series' address, and a span of read values. Values only: no I/O.
 */
#ifndef MODEL_POINT_H
#define MODEL_POINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "model/retention.h"

struct point {
	int64_t t_s; /* Unix seconds */
	double value;
};

/*
 * A point as it was accepted: 16 bytes, the form in which cache, journal and values engines hand points to each other.
 * accepted_s decides the archive, also when the point is written much later or replayed.
 */
struct taken {
	uint32_t t_s;        /* Unix seconds */
	uint32_t accepted_s; /* Unix seconds, by our clock */
	double value;
};

/* A point of the series with this number (cache/registry.h). */
struct numbered {
	uint32_t id;
	uint32_t t_s; /* Unix seconds */
	double value;
};

/*
 * Where a series lives. All four are valid names (model/name.h); folder is the host's folder below the root of the
 * tree ("0c/myhost-123456", from WSP_PATH), which engines without a tree ignore. Borrowed by every call that takes it.
 */
struct series {
	struct text host, folder, plugin, ds;
};

/* What was read: one slot per step_s, the first at start_s; a slot without a point is NAN. */
struct span {
	int64_t start_s;
	uint32_t step_s;
	size_t n;
	enum aggregation aggregation; /* how slots of this series are joined into longer ones */
	double *value;                /* n of them, heap */
};

void span_fini(struct span *s);

/*
 * Join slots into longer ones: step_s becomes new_step_s (a multiple), start_s the first multiple of it not before the
 * old start's own long slot. A long slot is NAN when all its slots are.
 */
void span_consolidate(struct span *s, uint32_t new_step_s);

#endif
