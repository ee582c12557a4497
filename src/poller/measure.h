/*
 * One poll: ask munin-node for everything and turn it into messages. One thread; talks to the node, not to anything else.
 * Source: docs/spec/poller.md; docs/spec/wire.md C1.
 */
#ifndef POLLER_MEASURE_H
#define POLLER_MEASURE_H

#include "config/poller_config.h"
#include "munin/client.h"
#include "poller/plugin.h"

struct measure;

/*
 * Compile what the configuration says of plugins.
 * Errors   RC_REFUSED plugins_enable is no regular expression: why says where
 * Owner    c is borrowed until measure_free()
 */
CHECKED enum rc measure_new(const struct poller_config *c, const struct reach_wake *wake, struct measure **out,
			    struct why *why);
void measure_free(struct measure *m);

/* The counters of before a restart; a file that is not there or damaged is passed over. */
void measure_remember(struct measure *m, const char *path);
/*
 * Before the first tick in which the node answered the file stays as it is. Readings of before the restart, of plugins
 * that have not answered since, stay in it until they are a day old.
 * Errors   RC_DISK
 */
CHECKED enum rc measure_keep(struct measure *m, const char *path, struct why *why);

struct measure_count {
	size_t n_plugins; /* that answered */
	size_t n_failed;  /* that did not */
	size_t n_values;
	bool is_refresh;
};

/*
 * Poll once, at now: MyInfo when infos are due, all data, then the infos; each by emit as soon as it is known.
 * Errors   RC_PEER the node is away, or was left early: what came was emitted · RC_END asked to end
 */
CHECKED enum rc measure_tick(struct measure *m, struct mono now, plugin_emit_fn *emit, void *argument,
			     struct measure_count *count, struct why *why);

#endif
