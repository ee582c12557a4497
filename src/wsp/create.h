/*
 * The two ways a file comes to be; wsp_create() chooses. Private to wsp/ and its tests.
 */
#ifndef WSP_CREATE_H
#define WSP_CREATE_H

#include "wsp/wsp.h"

/* Under a temporary name in dir_fd, then renamed: for file systems without O_TMPFILE. As wsp_create(). */
CHECKED enum rc wsp_create_renamed(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate,
				   struct wsp *out, struct why *why);

#endif
