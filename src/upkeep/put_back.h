/*
 * The files of an entry of the trash, back to where their host's are. Private to upkeep/.
 */
#ifndef UPKEEP_PUT_BACK_H
#define UPKEEP_PUT_BACK_H

#include "upkeep/state.h"

struct put_back {
	const struct upkeep *u;
	const struct trash_entry *e;
	struct text folder; /* where the host's files are now */
	uint64_t n_files, n_filled;
};

/*
 * What is not there is moved, as whole folders where that is possible; a file that was begun anew is kept and gets what it
 * lacks (wsp_fill()). May be done again when it was cut short. argument: a struct put_back. On thread flush, by
 * flush_alone(). Errors: RC_REFUSED a link, or a damaged file, stands there; RC_DISK.
 */
flush_alone_fn put_back;

#endif
