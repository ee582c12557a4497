/*
 * What can be saved of a damaged .wsp file. Nothing is guessed: a slot counts when its time and place agree; archives
 * are those of the header or, when that is impossible, those known ones that fit the file's length exactly.
 */
#ifndef WSP_MEND_H
#define WSP_MEND_H

#include "wsp/table.h"

struct wsp_mended {
	struct wsp_table table; /* what the new file gets */
	bool header_rebuilt;
	uint64_t n_kept;    /* points */
	uint64_t n_cleared; /* slots that held something that cannot be */
	uint64_t n_missing; /* slots that the file was too short for: empty now */
	uint64_t n_cut;     /* bytes behind the last archive */
};

/*
 * Read the damaged file fd, which stays the caller's. known: the archives that it may have, the likeliest first.
 * Errors   RC_DAMAGED nothing can be made of it: why says so · RC_FULL too large for memory · RC_DISK
 * Owner    on RC_OK out->table is ended by wsp_table_fini().
 */
CHECKED enum rc wsp_mend(int fd, const struct retention *const *known, size_t n_known, int64_t latest_s,
			 struct wsp_mended *out, struct why *why);

#endif
