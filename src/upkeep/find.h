/*
 * What is stale: looked for, nothing is changed. Private to upkeep/.
 *
 * A host whose name stands on the host-list is never gone. One that stood there is, when silent for clean_time_s. All others
 * (HTTP, carbon, the line `*`) are, when silent for gone_s. Plugins and files are judged of hosts that have sent since the
 * start and within clean_time_s. Nothing is judged before the daemon has run for upkeep_patience_s(): while it was away
 * nobody could be heard; nor by a clock that has leapt.
 */
#ifndef UPKEEP_FIND_H
#define UPKEEP_FIND_H

#include "upkeep/state.h"

enum finding_kind { FOUND_HOST, FOUND_PLUGIN, FOUND_FILE };

struct finding {
	enum finding_kind kind;
	struct text host, plugin, ds;
	struct text folder; /* of the host, below wsp_path */
	struct text path;   /* of the host's, plugin's, or file's own, absolute */
	int64_t last_s;     /* 0: never heard of */
	bool noted;         /* in DELETED_HOSTS, DELETED_PLUGINS already */
	const char *why;
};

/* A host whose files could not be looked at. */
struct finding_failed {
	struct text host, why;
};

struct findings {
	struct arena arena;
	struct finding *at; /* hosts, each with its plugins, each with its files; by name */
	size_t n, capacity;
	struct text *returned; /* noted hosts that are not gone after all */
	size_t n_returned, returned_capacity;
	struct finding_failed *failed;
	size_t n_failed, failed_capacity;
	bool judged; /* else only hosts that are on the list again were looked for */
};

/* Who stands on the host-list now has stood there once. A cleaning does that, too. Errors: RC_DISK, RC_FULL. */
CHECKED enum rc findings_remember_list(const struct upkeep *u, struct why *why);

/* Errors: RC_PEER, RC_DISK. Owner: on RC_OK ended by findings_fini(). */
CHECKED enum rc findings_look(struct upkeep *u, struct upkeep_when when, struct findings *out, struct why *why);
void findings_fini(struct findings *f);

/* How long the daemon must have run. */
static inline int64_t upkeep_patience_s(int64_t clean_time_s)
{
	return clean_time_s < 3600 ? clean_time_s : 3600;
}

/* May anything be found too old? */
static inline bool upkeep_can_judge(struct upkeep_when when, int64_t clean_time_s)
{
	return !when.leapt && when.up_s >= upkeep_patience_s(clean_time_s);
}

#endif
