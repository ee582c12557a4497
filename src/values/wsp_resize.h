/*
 * Files of the tree get other archives: each is read, converted, written anew beside itself, synced, read back and compared,
 * and only then takes the old one's place. Whoever is killed in between leaves every file as it was or as it shall be.
 * For who is alone with the files (flush_alone(), or the lock of the tree): what is written to a file meanwhile is lost.
 */
#ifndef VALUES_WSP_RESIZE_H
#define VALUES_WSP_RESIZE_H

#include "base/instant.h"
#include "model/point.h"
#include "model/schema.h"
#include "wsp/convert.h"

/* What archives files shall have. */
struct wsp_wanted {
	bool configured; /* those of the schema for each series; else `retention` */
	struct retention retention;
	bool has_aggregation, has_xff; /* given; else the file's own, and with `configured` the schema's */
};

/*
 * Read archives ("configured", or as the configuration has them), aggregation (a name) and xff (0 to 1). TEXT_NONE: not
 * given, which archives must not be. Errors: RC_REFUSED why names the argument, the value and what was expected.
 */
CHECKED enum rc wsp_wanted_read(struct text archives, struct text aggregation, struct text xff, struct wsp_wanted *out,
				struct why *why);
/* For one series, whose file has `own` now. */
struct retention wsp_wanted_for(const struct wsp_wanted *w, const struct schema *schema, const struct series *s,
				const struct retention *own);

struct wsp_resize {
	int root_fd; /* borrowed */
	const struct schema *schema;
	struct wsp_wanted wanted;
	enum wsp_allocate allocate;
	int64_t now_s, latest_s; /* no slot of a file may be newer than latest_s */
	bool dry;                /* only tell */
};

enum { WSP_RESIZE_MOST = 64 }; /* files in one call */

struct wsp_resized {
	struct series series; /* asked for; its host may be any valid name when none is known */
	/* answer */
	enum rc rc; /* RC_OK · RC_ABSENT gone · RC_DAMAGED · RC_REFUSED · RC_FULL · RC_DISK; then the file is as before */
	struct why why;
	bool same; /* it had these archives already */
	uint64_t bytes_before, bytes_after;
	struct wsp_converted told;
};

/*
 * Do files in turn until they are done or the deadline has passed; one at least. Returns how many have an answer, the first
 * of them first.
 */
size_t wsp_resize_files(const struct wsp_resize *r, struct wsp_resized *file, size_t n, struct mono deadline);

#endif
