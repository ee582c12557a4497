/*
 * What a check of limits found, and how it is told: as nagios and its kin read their plugins, as JSON.
 */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include "base/arena.h"
#include "ctl/command.h"
#include "ctl/limits.h"

/* One data source that has limits. */
struct probe_finding {
	struct text host, plugin, ds, label;
	int state;      /* PROBE_… */
	double value;   /* NAN: not known */
	int64_t time_s; /* of the value; 0: none */
	struct limits_range warning, critical;
};

struct probe {
	struct arena arena; /* the texts */
	struct probe_finding *finding;
	size_t n, capacity;
	bool one_host, one_plugin; /* of these alone: their names need not be told with each */
};

void probe_init(struct probe *p);
void probe_fini(struct probe *p);
void probe_add(struct probe *p, const struct probe_finding *f); /* texts are copied */

/* The state of all: CRITICAL before WARNING before UNKNOWN before OK, as munin-limits has it. */
int probe_state(const struct probe *p);
/* "CRITICAL" */
const char *probe_state_name(int state);

/* "WARNING - …|perfdata", then a line for each that is not OK. */
void probe_print(const struct probe *p, int64_t now_s, struct buf *out);
void probe_print_json(const struct probe *p, struct buf *out);

#endif
