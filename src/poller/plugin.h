/*
 * What is known of one of munin-node's plugins from tick to tick: which of its fields are counters, and their last
 * readings. Answers in, messages out; no I/O, and time is what the caller says.
 * Source: docs/spec/poller.md; docs/spec/wire.md C1, C2.
 */
#ifndef POLLER_PLUGIN_H
#define POLLER_PLUGIN_H

#include "base/map.h"
#include "munin/answer.h"
#include "munin/rate.h"
#include "poller/parcel.h"

struct counter_field {
	enum rate_type type;
	struct rate_limits limits;
	struct rate_reading last;
	int64_t last_s; /* 0: never read */
};

struct plugin {
	struct text name;
	bool configured;     /* its `config` was understood once: until then a counter cannot be told from a gauge */
	bool late;           /* it failed the last time it was asked */
	unsigned n_failed;   /* times in a row */
	unsigned n_left_out; /* it is not asked the next so many ticks */
	bool listed;         /* by the node, the last time */
	struct map counters; /* "GRAPH\tFIELD" → struct counter_field */
};

/* Readings from before a restart, by "PLUGIN\tGRAPH\tFIELD" → struct counter_field. */
struct plugin_past {
	struct map readings;
};

struct plugin *plugin_new(struct text name);
void plugin_free(void *plugin);

/* A message of this plugin; plugin and text are borrowed for the call. */
typedef void plugin_emit_fn(void *argument, enum parcel_kind kind, struct text plugin, struct text text);

/* What `config` says of the fields counts from now on. Readings of fields that were counters before stay; past may be NULL. */
void plugin_learn(struct plugin *p, const struct answer *config, const struct plugin_past *past);
/* The infos of all its graphs; values may be the same answer, or NULL. Returns how many could not be told whole. */
size_t plugin_tell(const struct answer *config, const struct answer *values, plugin_emit_fn *emit, void *argument);
/*
 * The data of all its graphs at t_s. A counter's rate is taken to its last reading when that is not older than
 * max_age_s, else it is unknown. Returns the number of values, unknown ones too.
 */
size_t plugin_measure(struct plugin *p, const struct answer *values, int64_t t_s, int64_t max_age_s,
		      plugin_emit_fn *emit, void *argument);

enum { PLUGIN_KEY_MAX_BYTES = 3 * 256 };
/* The key of a field in struct plugin and, with the plugin in front, in struct plugin_past. */
struct text plugin_key(struct text plugin, struct text graph, struct text field, char key[PLUGIN_KEY_MAX_BYTES]);

#endif
