/*
 * What a renaming is about, and the file <wsp_path>/.rename that remembers it. Private to upkeep/.
 * Source: docs/formats/trash.md.
 */
#ifndef UPKEEP_RENAMING_H
#define UPKEEP_RENAMING_H

#include "base/arena.h"
#include "upkeep/state.h"

#define RENAMING_NAME ".rename"

/* A host and its folder get other names; folders below wsp_path. */
struct renaming {
	struct upkeep *u;
	struct text host, name, from, to; /* host becomes name, and from becomes to */
	const char *hash;                 /* HOST_ID of the new name */
	uint64_t inode;                   /* of the folder that moves; 0: not known */
};

/* Whole or not at all. Errors: RC_DISK. */
CHECKED enum rc renaming_write(const struct renaming *r, struct why *why);
/*
 * r->u is given, hash is not read. Errors: RC_ABSENT there is none · RC_DAMAGED it is none that we wrote · RC_DISK
 * Owner: the texts are the arena's.
 */
CHECKED enum rc renaming_read(struct arena *a, struct renaming *r, struct why *why);
CHECKED enum rc renaming_remove(struct upkeep *u, struct why *why);

#endif
