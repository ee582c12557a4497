/*
 * What the control socket can be asked of a running numeter-storage. Source: docs/formats/control.md.
 */
#ifndef STORAGE_CONTROL_VERBS_H
#define STORAGE_CONTROL_VERBS_H

#include "base/instant.h"
#include "control/control.h"
#include "engine/engine.h"
#include "flush/flush.h"
#include "storage/reload.h"

/* The argument of every verb; borrowed while the socket is served. */
struct control_view {
	struct engine *engine;
	struct flush *flush;
	struct reload *reload;
	const char *storage_name;
	struct mono started;
};

enum { CONTROL_N_VERBS = 3 };
extern const struct control_verb control_verbs[CONTROL_N_VERBS];

#endif
