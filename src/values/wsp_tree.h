/*
 * The tree of .wsp files below a root folder: where a series' file is, and how it is opened, made and set aside. Every
 * open is beneath the root by the kernel's word; names are checked again here. For values/ and for who looks after the tree.
 * Source: docs/spec/system.md "Files", "Payload: Names".
 */
#ifndef VALUES_WSP_TREE_H
#define VALUES_WSP_TREE_H

#include <stdatomic.h>

#include "model/point.h"
#include "wsp/wsp.h"

/* Errors: RC_REFUSED a name outside the rules, a folder that is not a plain relative one; why says which. */
CHECKED enum rc tree_check_names(const struct series *s, struct why *why);

/*
 * An absolute folder, made when absent; it may lie behind links of the administrator's.
 * Errors   RC_DISK
 * Owner    *out is an O_PATH descriptor that the caller closes.
 */
CHECKED enum rc tree_open_root(const char *path, int *out, struct why *why);

/* The folder of a plugin, kept open while one series after the other lies in it. One thread. */
struct tree_folder {
	int root_fd;            /* borrowed */
	const char *quarantine; /* borrowed; an absolute folder, NULL: .quarantine below the root */
	int fd;                 /* -1: none, or it does not exist */
	bool known;             /* fd is that of folder and plugin, whose names are within the rules */
	bool no_space;          /* met already: what takes new space is not tried again */
	struct text host, folder, plugin;
	struct wsp_seen seen;
};

void tree_folder_init(struct tree_folder *f, int root_fd, const char *quarantine);
void tree_folder_fini(struct tree_folder *f);

/*
 * Turn to the folder of s. The names of s are borrowed until the next call.
 * Errors   RC_REFUSED a name outside the rules: *bad_name is true
 *          RC_ABSENT no such folder yet: tree_folder_make() makes it
 *          RC_REFUSED something that is no folder, a link out of the tree or a folder without permission is in the way
 *          RC_DISK   the kernel said no for another cause, or the root itself gives no permission: may pass
 */
CHECKED enum rc tree_folder_turn(struct tree_folder *f, const struct series *s, bool *bad_name, struct why *why);
CHECKED enum rc tree_folder_make(struct tree_folder *f, struct why *why);

/* In the folder turned to. Errors: as wsp_open(), and RC_REFUSED as above. */
CHECKED enum rc tree_open(struct tree_folder *f, struct text ds, struct wsp *out, struct why *why);
/* The same in two steps: the descriptor, which is the caller's, and what its header says (wsp_attach_like(), which takes it). */
CHECKED enum rc tree_open_file(struct tree_folder *f, struct text ds, int *fd, struct why *why);
CHECKED enum rc tree_create(struct tree_folder *f, struct text ds, const struct retention *r,
			    enum wsp_allocate allocate, struct wsp *out, struct why *why);
/*
 * Move the file to <quarantine>/<folder>/<plugin>/, with a number behind its name when that is taken; to another file
 * system by a synced copy.
 */
CHECKED enum rc tree_quarantine(const struct tree_folder *f, struct text ds, struct why *why);
/* The same, but the file stays where it is too: a link, or a synced copy. */
CHECKED enum rc tree_quarantine_copy(const struct tree_folder *f, struct text ds, struct why *why);

/*
 * Every <ds>.wsp file of the plugin of s, with the time of its last change. For readers.
 * Errors   RC_ABSENT no such folder, or a name outside the rules · RC_DISK
 */
CHECKED enum rc tree_each(int root_fd, const struct series *s,
			  void (*fn)(void *argument, struct text ds, int64_t written_s), void *argument,
			  struct why *why);

/* Is there a file of s? Errors: RC_ABSENT there is not, or a name outside the rules · RC_DISK */
CHECKED enum rc tree_has(int root_fd, const struct series *s, struct why *why);
/*
 * Count the .wsp files below a folder, or with TEXT_NONE below the root; what begins with a dot is not looked at, nor what
 * is behind a link. enough may be NULL.
 * Errors   RC_DISK · RC_END it was enough
 */
CHECKED enum rc tree_count(int root_fd, struct text folder, const atomic_bool *enough, uint64_t *n, struct why *why);

/* For readers: no folder is kept. Errors: RC_ABSENT also for links out of the tree; the names are within the rules. */
CHECKED enum rc tree_open_for_reading(int root_fd, const struct series *s, struct wsp *out, struct why *why);

#endif
