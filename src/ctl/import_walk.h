/*
 * The files below a folder of others, for the imports. Links are not followed.
 */
#ifndef CTL_IMPORT_WALK_H
#define CTL_IMPORT_WALK_H

#include "ctl/import.h"

/* path: from the folder on. Borrowed for the call. */
typedef void import_walk_fn(void *argument, const char *path);

/*
 * Call fn for every regular file whose name ends so (".wsp"), in order of names. What cannot be looked into, and links of
 * such names, are skipped aloud. Returns EXIT_FINE, or EXIT_UNUSABLE when the folder itself cannot be read: said.
 */
CHECKED int import_walk(struct import *im, const char *folder, const char *ending, import_walk_fn *fn, void *argument);

#endif
