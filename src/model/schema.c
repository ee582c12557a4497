#include "model/schema.h"

#include <stdlib.h>

#include "base/mem.h"

void schema_init(struct schema *s)
{
	*s = (struct schema){ .otherwise = retention_default };
}

void schema_fini(struct schema *s)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		free(s->rule[i].name);
		free(s->rule[i].host);
		free(s->rule[i].plugin);
		free(s->rule[i].ds);
	}
	free(s->rule);
	*s = (struct schema){ 0 };
}

struct schema_rule *schema_add(struct schema *s, const char *name)
{
	array_grow(&s->rule, &s->rule_capacity, s->n_rules, sizeof(*s->rule));
	s->rule[s->n_rules] = (struct schema_rule){ .name = must_strdup(name), .retention = s->otherwise };
	return &s->rule[s->n_rules++];
}

static bool takes(const char *pattern, struct text t)
{
	return pattern == NULL || text_matches(t, text_of(pattern));
}

const struct retention *schema_pick(const struct schema *s, struct text host, struct text plugin, struct text ds)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		const struct schema_rule *r = &s->rule[i];

		if (takes(r->host, host) && takes(r->plugin, plugin) && takes(r->ds, ds))
			return &r->retention;
	}
	return &s->otherwise;
}

int64_t schema_longest_s(const struct schema *s)
{
	int64_t longest = retention_longest_s(&s->otherwise);

	for (size_t i = 0; i < s->n_rules; i++) {
		int64_t span = retention_longest_s(&s->rule[i].retention);

		if (span > longest)
			longest = span;
	}
	return longest;
}

int64_t schema_shortest_s(const struct schema *s)
{
	int64_t shortest = retention_longest_s(&s->otherwise);

	for (size_t i = 0; i < s->n_rules; i++) {
		int64_t span = retention_longest_s(&s->rule[i].retention);

		if (span < shortest)
			shortest = span;
	}
	return shortest;
}
