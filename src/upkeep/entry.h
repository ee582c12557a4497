/*
 * What lies in the trash says in its entry.json what it is, and has the metadata that was taken out with it.
 * Source: docs/formats/trash.md. Private to upkeep/, its tests and fuzz target.
 */
#ifndef UPKEEP_ENTRY_H
#define UPKEEP_ENTRY_H

#include "base/arena.h"
#include "base/buf.h"
#include "meta/meta.h"

enum entry_kind { ENTRY_HOST, ENTRY_PLUGIN, ENTRY_FILES };

enum { ENTRY_MAX_BYTES = 256 << 20 };

/* One field of one hash. */
struct entry_value {
	enum meta_hash hash; /* META_HOSTS, META_HOST_ID, META_WSP_PATH; META_INFOS of the entry's host */
	struct text field, value;
};

/* Texts are in its arena, or borrowed from who filled it. */
struct entry {
	struct arena arena;
	enum entry_kind kind;
	struct text host;
	struct text plugin; /* ENTRY_PLUGIN */
	struct text ds;     /* ENTRY_FILES of one file that was named, "PLUGIN/DS"; else TEXT_NONE */
	struct text folder; /* of the host, below wsp_path */
	struct text why;
	int64_t time_s; /* Unix seconds */
	struct entry_value *value;
	size_t n_values, capacity;
};

void entry_init(struct entry *e);
void entry_fini(struct entry *e);
/* Copied into the arena. */
void entry_add_value(struct entry *e, enum meta_hash hash, struct text field, struct text value);

/* As JSON, appended to out. */
void entry_print(const struct entry *e, struct buf *out);
/*
 * Read what entry_print() wrote into an initialised entry; nothing of it is believed: names are within the rules, the folder
 * is a plain relative one. Texts are slices of document or in the arena.
 * Errors   RC_DAMAGED
 */
CHECKED enum rc entry_read(struct text document, struct entry *out, struct why *why);

const char *entry_kind_name(enum entry_kind kind);

#endif
