/*
 * Infos made up for plugins that send none: data by HTTP or carbon whose plugin has no INFOS entry gets one that lists
 * the data sources seen so far. A real info replaces it. Driven by the store thread alone.
 * Source: docs/spec/system.md "Payload: Data of a host without MyInfo".
 */
#ifndef INGEST_INFOS_H
#define INGEST_INFOS_H

#include "base/arena.h"
#include "base/map.h"
#include "meta/meta.h"

struct infos {
	struct meta *meta;
	struct map by_plugin; /* "host NUL plugin" → struct plugin_info, owned */
	uint64_t round;
	struct buf answers;
};

void infos_init(struct infos *s, struct meta *meta);
void infos_fini(struct infos *s);

/*
 * Data with this ds came in: fill *write with the info to write, if one is needed.
 * Errors   RC_END nothing to write · RC_PEER, RC_DISK the metadata store is away
 * Owner    texts of *write are in arena a. After it was accepted nothing need be called: the next look reads again
 *          what it has not seen itself.
 */
CHECKED enum rc infos_saw_ds(struct infos *s, struct text host, struct text plugin, const struct text *ds, size_t n_ds,
			     struct arena *a, struct meta_write *write, struct why *why);

/* What was handed to the metadata store was not accepted: forget what is known of this plugin. */
void infos_forget(struct infos *s, struct text host, struct text plugin);

/* The same of all plugins of a host. */
void infos_forget_host(struct infos *s, struct text host);

/*
 * A real info came: nothing is made up for this plugin from now on. remember: also when the plugin is not known yet,
 * needed while data of it may stand in the same round, before the info is in the metadata store.
 */
void infos_saw_real(struct infos *s, struct text host, struct text plugin, bool remember);

/* What was seen in earlier rounds is in the metadata store by now, or was forgotten. */
void infos_begin_round(struct infos *s);

#endif
