/*
 * What the control socket can be asked of a running numeter-storage. Source: docs/formats/control.md.
 */
#ifndef STORAGE_CONTROL_VERBS_H
#define STORAGE_CONTROL_VERBS_H

#include "base/instant.h"
#include "config/config.h"
#include "control/control.h"
#include "engine/engine.h"
#include "flush/flush.h"
#include "ingest/ingest.h"
#include "query/query.h"
#include "upkeep/upkeep.h"

/* The argument of every verb; borrowed while the socket is served, or while numeterctl works alone. */
struct control_view {
	struct engine *engine;
	struct flush *flush;
	struct meta *meta;
	struct ingest *ingest;
	struct upkeep *upkeep;
	const struct query *query;
	const struct config *config;
	const char *storage_name;
	struct mono started;
};

/* One row a verb: verbs_<subject>.c has it. */
extern const struct control_verb verb_clean, verb_delete, verb_flush, verb_rename, verb_restore, verb_status;

enum { CONTROL_N_VERBS = 6 };
extern const struct control_verb *const control_verbs[CONTROL_N_VERBS];

#endif
