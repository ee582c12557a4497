/*
 * A .wsp file that was prepared elsewhere becomes that of a series: what an import brings. The tree is the one of
 * values_wsp.h, but the files go past it; who calls wsp_adopt_over() sees to it that nobody writes the series meanwhile.
 * Killed at any moment and done again it gives the same files.
 * Source: docs/formats/control.md "adopt".
 */
#ifndef VALUES_WSP_ADOPT_H
#define VALUES_WSP_ADOPT_H

#include "model/point.h"

/* The folder below the tree's root in which what is to be adopted lies, plain files. */
#define WSP_ADOPT_FOLDER ".import"

struct wsp_adopt {
	int root_fd, staging_fd;
	int64_t latest_s; /* Unix seconds; no slot of a later time is taken */
};

/*
 * Open both folders; latest_s as above. Errors: RC_ABSENT there is no staging folder · RC_DISK
 * Owner    on RC_OK ended by wsp_adopt_close().
 */
CHECKED enum rc wsp_adopt_open(const char *root, int64_t latest_s, struct wsp_adopt *out, struct why *why);
void wsp_adopt_close(struct wsp_adopt *a);

/*
 * Look at a staged file: a plain name in the staging folder, a regular file of one name, header and length right. Slots
 * of later times than may be are emptied in it: *n_future; they would overwrite stored points, or keep others out.
 * Errors   RC_REFUSED, RC_ABSENT, RC_DAMAGED, RC_FULL, RC_DISK; why does not name the file
 */
CHECKED enum rc wsp_adopt_check(const struct wsp_adopt *a, const char *name, uint64_t *n_future, struct why *why);
/* Has this series a file? False, too, where that cannot be known: adopting says why. */
bool wsp_adopt_has(const struct wsp_adopt *a, const struct series *s);
/* What was staged so far survives a power cut: once before files are given their place. Errors: RC_DISK. */
CHECKED enum rc wsp_adopt_sync(const struct wsp_adopt *a, struct why *why);

/*
 * Give a series that has no file the staged one: checked and synced before. Others may write the series meanwhile.
 * Errors   RC_END it has one: wsp_adopt_over() · RC_REFUSED, RC_DISK
 */
CHECKED enum rc wsp_adopt_new(const struct wsp_adopt *a, const char *name, const struct series *s, struct why *why);

/*
 * Bring a staged file into that of its series, while nobody writes there. The stored values stay and the empty slots
 * take the staged ones; with replace the staged file takes the place, and its empty slots take the stored values.
 * A stored file that is damaged goes to the quarantine (as in values_wsp.h) and the staged one takes its place.
 * Answer   *n_lost: values that the archives of the file that stays have no room for (wsp_lost()): staged ones; with
 *          replace stored ones, and then the stored file is in the quarantine
 * Errors   RC_REFUSED, RC_DAMAGED, RC_FULL, RC_DISK: do it again; the staged file is still there
 */
CHECKED enum rc wsp_adopt_over(const struct wsp_adopt *a, const char *name, const struct series *s, bool replace,
			       const char *quarantine, uint64_t *n_lost, struct why *why);

/* Grows with every file that was adopted in this process: what was read of files before may be other now. Any thread. */
uint32_t wsp_adopt_changes(void);

#endif
