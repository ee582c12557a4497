#include "config/compare.h"

#include "config/option.h"

/* The value as it would stand in a file. */
static const char *print(const struct option *o, const void *base, struct buf *out)
{
	buf_clear(out);
	o->kind->print(o, base, out);
	buf_add(out, "", 1);
	return out->at;
}

static void compare_global(const struct config *was, const struct config *is, config_difference_fn *fn, void *argument)
{
	struct buf a, b;

	buf_init(&a, SIZE_MAX);
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < option_global.n; i++) {
		const struct option *o = &option_global.row[i];
		struct config_difference d = { o->key, print(o, was, &a), print(o, is, &b), o->reloadable };

		if (strcmp(d.was, d.is) == 0)
			continue;
		if (o->secret) {
			d.was = d.was[0] == '\0' ? "" : "***";
			d.is = d.is[0] == '\0' ? "" : "***";
		}
		fn(argument, &d);
	}
	buf_fini(&a);
	buf_fini(&b);
}

static const struct schema_rule *find_rule(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (strcmp(s->rule[i].name, name) == 0)
			return &s->rule[i];
	return NULL;
}

static bool is_same_rule(const struct schema_rule *x, const struct schema_rule *y)
{
	struct buf a, b;
	bool same = true;

	buf_init(&a, SIZE_MAX);
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < option_archives.n && same; i++)
		same = strcmp(print(&option_archives.row[i], x, &a), print(&option_archives.row[i], y, &b)) == 0;
	buf_fini(&a);
	buf_fini(&b);
	return same;
}

/* Of the sections of s those that the other does not have alike; both: also those that it has, but other than s. */
static bool compare_rules(const struct schema *s, const struct schema *other, bool both, config_difference_fn *fn,
			  void *argument)
{
	bool differ = false;

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct schema_rule *rule = find_rule(other, s->rule[i].name);
		char key[300];

		if (rule != NULL && (!both || is_same_rule(&s->rule[i], rule)))
			continue;
		snprintf(key, sizeof(key), "[archives %s]", s->rule[i].name);
		fn(argument, &(struct config_difference){ key, "", "", true });
		differ = true;
	}
	return differ;
}

void config_compare(const struct config *was, const struct config *is, config_difference_fn *fn, void *argument)
{
	const struct schema *a = &was->schema, *b = &is->schema;
	bool differ;

	compare_global(was, is, fn, argument);
	differ = compare_rules(b, a, true, fn, argument);
	if (compare_rules(a, b, false, fn, argument) || differ)
		return;
	for (size_t i = 0; i < a->n_rules; i++)
		if (strcmp(a->rule[i].name, b->rule[i].name) != 0) {
			fn(argument, &(struct config_difference){ "[archives]", "", "", true });
			return;
		}
}
