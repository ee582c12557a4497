/*
 * What the control socket can be asked of a running numeter-storage. Source: docs/formats/control.md.
 */
#ifndef STORAGE_CONTROL_VERBS_H
#define STORAGE_CONTROL_VERBS_H

#include <stdatomic.h>

#include "base/instant.h"
#include "config/config.h"
#include "control/control.h"
#include "engine/engine.h"
#include "flush/flush.h"
#include "ingest/ingest.h"
#include "query/query.h"
#include "storage/reload.h"
#include "upkeep/upkeep.h"

/* The argument of every verb; borrowed while the socket is served, or while numeterctl works alone. */
struct control_view {
	struct engine *engine;
	struct flush *flush; /* NULL: numeterctl alone, with the tree's lock and nothing but files and metadata open */
	struct meta *meta;
	struct ingest *ingest;
	struct upkeep *upkeep;
	const struct query *query;
	const _Atomic(const struct config *) *in_force; /* the configuration: ask view_config() */
	struct reload *reload;                          /* NULL: numeterctl alone */
	const char *storage_name;
	struct mono started;
};

/*
 * The configuration that counts now: what was read at start, or by a reload since. It is never freed while verbs run, so one
 * that is held stays as it is (storage/reload.h).
 */
static inline const struct config *view_config(const struct control_view *v)
{
	return atomic_load(v->in_force);
}

/* One row a verb: verbs_<subject>.c has it. */
extern const struct control_verb verb_adopt, verb_adopt_metadata, verb_clean, verb_copy, verb_data, verb_delete,
	verb_describe, verb_flush, verb_hosts, verb_info, verb_last_seen, verb_list, verb_metadata, verb_metadata_set,
	verb_plugin_counts, verb_reload, verb_rename, verb_repair, verb_resize, verb_restore, verb_status, verb_values;

extern const struct control_verb *const control_verbs[];
extern const size_t control_n_verbs;

#endif
