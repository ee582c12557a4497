/*
 * The two ways a file comes to be, nameless or under a temporary name, and their steps. Private to wsp/ and its tests.
 */
#ifndef WSP_CREATE_H
#define WSP_CREATE_H

#include "wsp/draft.h"
#include "wsp/wsp.h"

/* ".new-<pid>-<n>", another one each time. */
void wsp_temporary_name(char out[WSP_TEMPORARY_BYTES]);
/* A new, empty file: nameless (EOPNOTSUPP, EISDIR, EINVAL: not in this file system), or under a temporary name. */
int wsp_create_nameless(int dir_fd);
int wsp_create_temporary(int dir_fd, char name[WSP_TEMPORARY_BYTES]);
/* Length and header into it. */
CHECKED enum rc wsp_create_fill(int fd, const struct retention *r, enum wsp_allocate allocate, struct wsp *out,
				struct why *why);
/* Give a nameless file its name. -1 with errno; ENOENT: there is no /proc here. */
int wsp_create_link(int fd, int dir_fd, const char *name);

/* Under a temporary name in dir_fd, then renamed: for file systems without O_TMPFILE. As wsp_create(). */
CHECKED enum rc wsp_create_renamed(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate,
				   struct wsp *out, struct why *why);

#endif
