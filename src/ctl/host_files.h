/*
 * The .wsp files of one host: every plugin and ds that the rules for names allow, those that begin with a dot too.
 */
#ifndef CTL_HOST_FILES_H
#define CTL_HOST_FILES_H

#include "base/rc.h"
#include "base/text.h"

/* name: "<ds>.wsp" in the plugin's open folder. Texts are borrowed for the call. */
typedef enum rc host_files_fn(void *argument, int dir_fd, const char *name, struct text plugin, struct text ds,
			      struct why *why);

/*
 * Call fn for each, in order of names. folder: the host's, below the open root; no link is followed.
 * Errors   RC_ABSENT there is no such folder · RC_DISK · those of fn, which end it
 */
CHECKED enum rc host_files_each(int root_fd, struct text folder, host_files_fn *fn, void *argument, struct why *why);

#endif
