/*
 * What is stale, or unwanted, is noted or goes into the trash. Private to upkeep/.
 */
#ifndef UPKEEP_DISCARD_H
#define UPKEEP_DISCARD_H

#include "upkeep/find.h"

/* Has the host, or plugin, been heard of after all, since it was judged? */
bool discard_is_heard(struct upkeep *u, const struct finding *f, int64_t cutoff_s);

/*
 * Note a host (plugin.s NULL) or plugin in DELETED_HOSTS or DELETED_PLUGINS. When it was heard of meanwhile it is taken out
 * again, *noted says which. Errors: RC_PEER, RC_DISK.
 */
CHECKED enum rc discard_note(struct upkeep *u, const struct finding *f, int64_t cutoff_s, bool *noted, struct why *why);

/* A file below a host's folder. */
struct discard_file {
	struct text plugin, ds;
};

struct discard {
	enum entry_kind kind;
	struct text host, plugin, ds; /* ds: "PLUGIN/DS" for one that was named */
	struct text folder;           /* of the host, below wsp_path */
	const struct discard_file *file;
	size_t n_files; /* ENTRY_FILES */
	struct text why;
};

/*
 * Move it into the trash: what waits is written first, entry.json before anything moves, then files, then metadata.
 * Errors   RC_REFUSED a link, or another host's folder, is in the way; nothing is done · RC_PEER, RC_DISK
 */
CHECKED enum rc discard_move(struct upkeep *u, const struct discard *what, int64_t now_s, char name[TRASH_NAME_BYTES],
			     struct why *why);

/* Its metadata back, where there is none now, and its note out. Errors: RC_PEER, RC_DISK. */
CHECKED enum rc discard_put_values(struct upkeep *u, const struct entry *e, struct why *why);

/* Finish an entry that a kill has cut short, or remove it when nothing had been moved yet. */
CHECKED enum rc discard_resume(struct upkeep *u, struct trash_entry *e, struct why *why);

#endif
