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
	int64_t latest_s;   /* Unix seconds; slots of later times are not taken */
	uint64_t n_files, n_filled;
	uint64_t n_without_room,
		n_damaged; /* files that stay in the entry: their like has no room for all; cannot be read */
};

/*
 * What is not there is moved, as whole folders where that is possible; a file that was begun anew is kept and gets what it
 * lacks (wsp_fill()); what then knows more than there is room for stays in the entry, untouched. May be done again when it was cut short. argument: a struct put_back. On thread flush, by
 * flush_alone(). Errors: RC_REFUSED a link, or a damaged file, stands there; RC_DISK.
 */
flush_alone_fn put_back;

#endif
