/*
 * A damaged file of the tree becomes one that reads again: what can be saved of it in a new file that takes its place, the
 * damaged one as it was in the quarantine. What nothing can be made of goes there for good.
 * For who is alone with the files (flush_alone(), or the lock of the tree).
 */
#ifndef VALUES_WSP_REPAIR_H
#define VALUES_WSP_REPAIR_H

#include "model/point.h"
#include "model/schema.h"
#include "wsp/mend.h"

struct wsp_repair {
	int root_fd;                 /* borrowed */
	const char *quarantine_path; /* absolute folder; NULL: .quarantine below the root */
	const struct schema *schema; /* what archives a file may have whose header is gone */
	enum wsp_allocate allocate;
	int64_t latest_s; /* no slot of a file may be newer */
};

enum wsp_repair_done { REPAIR_NOTHING, REPAIR_MENDED, REPAIR_SET_ASIDE };

struct wsp_repaired {
	enum wsp_repair_done done; /* REPAIR_NOTHING: there was no damage */
	bool header_rebuilt;
	uint64_t n_kept, n_cleared, n_missing, n_cut; /* as in struct wsp_mended */
	struct why why;                               /* REPAIR_SET_ASIDE: why nothing could be made of it */
};

/*
 * Errors   RC_ABSENT no such file · RC_REFUSED a name outside the rules, something else in the way
 *          RC_FULL too large for memory · RC_DISK; the file is as before
 */
CHECKED enum rc wsp_repair_file(const struct wsp_repair *r, const struct series *s, struct wsp_repaired *out,
				struct why *why);

/* Remove what is left of a new file: name begins with WSP_TEMPORARY_PREFIX. Errors: RC_REFUSED another name, RC_DISK. */
CHECKED enum rc wsp_repair_leftover(const struct wsp_repair *r, struct text folder, struct text plugin,
				    struct text name, struct why *why);

#endif
