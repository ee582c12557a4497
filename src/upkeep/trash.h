/*
 * The trash: one folder an entry, "20261128T171500Z-1", in which lie entry.json, what was moved in `files`, laid out as below
 * its host's folder, and `done` once the metadata is taken out. An entry is made in <wsp_path>/.trash, whither renaming is
 * possible, and goes on to trash_path when that is elsewhere. Names that begin with a dot are entries on their way.
 * Source: docs/formats/trash.md. Private to upkeep/. One thread at a time.
 */
#ifndef UPKEEP_TRASH_H
#define UPKEEP_TRASH_H

#include "upkeep/entry.h"

enum { TRASH_NAME_BYTES = 40 };

struct trash {
	int root_fd;      /* of the tree, borrowed */
	const char *path; /* trash_path, borrowed; NULL: .trash below the tree */
};

/* One entry, opened. */
struct trash_entry {
	char name[TRASH_NAME_BYTES];
	bool near;           /* in .trash below the tree */
	int above_fd, fd;    /* owned: of the folder it lies in, and its own */
	bool done, damaged;  /* damaged: entry.json cannot be read, entry has nothing */
	struct buf document; /* of entry.json */
	struct entry entry;
};

void trash_entry_close(struct trash_entry *t);

/* Make an entry, its entry.json synced. what is borrowed until the entry is closed. Errors: RC_DISK. */
CHECKED enum rc trash_begin(const struct trash *t, const struct entry *what, struct trash_entry *out, struct why *why);
/*
 * All is done: say so, and move it to where it belongs; when that cannot be done now it stays near, which is logged. It gets
 * another name when another entry there has its own.
 */
CHECKED enum rc trash_seal(const struct trash *t, struct trash_entry *e, struct why *why);
/* Remove an entry with what is in it; cut short, it never looks like an entry again. */
CHECKED enum rc trash_drop(struct trash_entry *e, struct why *why);
/* The same of what lies in above_fd by this name. */
CHECKED enum rc trash_remove(int above_fd, const char *name, struct why *why);

/*
 * Every entry, oldest first; those that are not done too. RC_END from fn ends it (RC_OK then), other errors are handed on.
 * The entry is closed behind fn.
 */
typedef enum rc trash_each_fn(void *argument, struct trash_entry *e, struct why *why);
CHECKED enum rc trash_each(const struct trash *t, trash_each_fn *fn, void *argument, struct why *why);

/* Can all of it be seen? An entry in a trash_path that is away is in no trash_each(). */
bool trash_is_there(const struct trash *t);

/* Remove what removing and copying left half done. */
CHECKED enum rc trash_sweep(const struct trash *t, struct why *why);

#endif
