/*
 * All .wsp files below a root folder, whoever made them: <folder>/<plugin>/<ds>.wsp, folder of any depth, as WSP_PATH may
 * have it. For who looks after the tree; readers and writers go by names.
 */
#ifndef VALUES_WSP_WALK_H
#define VALUES_WSP_WALK_H

#include <sys/types.h>

#include "base/rc.h"
#include "base/text.h"

/* A file that was found; texts are borrowed for the call. */
struct wsp_found {
	struct text folder, plugin, ds;
	int dir_fd;       /* of the plugin's folder, for *at() calls */
	const char *name; /* in it: "<ds>.wsp" */
};

/* RC_OK to go on, RC_END to stop (the walk then answers RC_OK), or an error that the walk hands on. */
typedef enum rc wsp_walk_fn(void *argument, const struct wsp_found *found, struct why *why);

/*
 * Call fn for every regular file <ds>.wsp below root, or below one folder of it, in order of names (so that a walk that
 * was broken off can go on). What begins with a dot at the root, or is part of a folder, links, names outside the rules, and
 * files nearer to the root than folder/plugin/ are passed over. What vanishes meanwhile is passed over too.
 * folder: relative ("0c/myhost"); TEXT_NONE: all.
 * Errors   RC_ABSENT no such folder · RC_DISK a folder cannot be read · those of fn
 */
CHECKED enum rc wsp_walk(int root_fd, struct text folder, wsp_walk_fn *fn, void *argument, struct why *why);
/*
 * The same for what is left of new files that never got their names (WSP_TEMPORARY_PREFIX), in the folders where files of
 * series lie: found->ds is TEXT_NONE. Files that are just being made are among them.
 */
CHECKED enum rc wsp_walk_leftovers(int root_fd, struct text folder, wsp_walk_fn *fn, void *argument, struct why *why);

#endif
