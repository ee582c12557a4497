/*
 * Which retention a new file gets: named sections with patterns, first match wins, a default behind them.
 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "model/retention.h"

struct schema_rule {
	char *name;               /* of the [archives NAME] section */
	char *host, *plugin, *ds; /* glob patterns, NULL: any */
	struct retention retention;
};

struct schema {
	struct schema_rule *rule; /* heap, in the file's order */
	size_t n_rules, rule_capacity;
	struct retention otherwise;
};

void schema_init(struct schema *s); /* no rules, retention_default */
void schema_fini(struct schema *s);
/* A new rule at the end, with otherwise's aggregation and xff; borrowed until the next add. */
struct schema_rule *schema_add(struct schema *s, const char *name);
/* Never NULL; borrowed from s. */
const struct retention *schema_pick(const struct schema *s, struct text host, struct text plugin, struct text ds);
/* Seconds of the longest archive of any rule. */
int64_t schema_longest_s(const struct schema *s);
/* Seconds that every rule keeps at least: of the longest archive of the shortest rule. */
int64_t schema_shortest_s(const struct schema *s);

#endif
