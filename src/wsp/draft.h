/*
 * A new file that is to take the place of another one of the same name. It is written while nobody can see it, synced and
 * read back by who writes it, and then renamed over the old one: at every moment there is one whole file of that name.
 */
#ifndef WSP_DRAFT_H
#define WSP_DRAFT_H

#include <sys/stat.h>

#include "wsp/wsp.h"

/* What the names of files begin with that are not whole yet; a process that was killed may leave one behind. */
#define WSP_TEMPORARY_PREFIX ".new-"
enum { WSP_TEMPORARY_BYTES = 64 };

/* Embed it. */
struct wsp_draft {
	struct wsp wsp;                      /* open for reading and writing; blank to begin with */
	int dir_fd;                          /* borrowed */
	char temporary[WSP_TEMPORARY_BYTES]; /* "": it has no name yet */
};

/*
 * A blank file of r's archives in the folder dir_fd, nameless where the file system can.
 * Errors   RC_REFUSED r is impossible · RC_DISK (ENOSPC…): nothing is left behind
 * Owner    on RC_OK ended by wsp_draft_close().
 */
CHECKED enum rc wsp_draft_open(struct wsp_draft *d, int dir_fd, const struct retention *r, enum wsp_allocate allocate,
			       struct why *why);
/*
 * Owner, mode and time of last writing become those of st; the time is a nanosecond off, so that who goes by length and time
 * sees another file. Errors: RC_DISK, also when we may not give it away.
 */
CHECKED enum rc wsp_draft_resemble(struct wsp_draft *d, const struct stat *st, struct why *why);
/* Take the place of `name`; what was written must be synced before. Errors: RC_DISK, the old file is still there. */
CHECKED enum rc wsp_draft_replace(struct wsp_draft *d, const char *name, struct why *why);
/* Of one that was not put in place nothing is left. */
void wsp_draft_close(struct wsp_draft *d);

#endif
