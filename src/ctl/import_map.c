#include "ctl/import_map.h"

#include <string.h>

#include "carbon/line.h"

enum { MAX_PARTS = 64 };

struct parts {
	struct text part[MAX_PARTS];
	size_t n;
};

static bool split(struct text t, struct parts *out)
{
	size_t start = 0;

	out->n = 0;
	for (size_t i = 0; i <= t.n; i++) {
		if (i < t.n && t.s[i] != '.')
			continue;
		if (i == start || out->n == MAX_PARTS)
			return false;
		out->part[out->n++] = (struct text){ t.s + start, i - start };
		start = i + 1;
	}
	return true;
}

/* "plugin+" → "plugin", true. */
static bool takes_many(struct text *word)
{
	if (word->n < 2 || word->s[word->n - 1] != '+')
		return false;
	word->n--;
	return true;
}

enum rc import_map_check(const struct import_map *m, struct why *why)
{
	bool host = m->host != NULL, ds = false;
	struct parts rule;
	size_t n_many = 0;

	if (m->rule == NULL)
		return RC_OK;
	if (!split(text_of(m->rule), &rule))
		return because(why, RC_REFUSED, "--map %s: expected words with dots between", m->rule);
	for (size_t i = 0; i < rule.n; i++) {
		struct text word = rule.part[i];

		n_many += takes_many(&word);
		host = host || text_is(word, "host");
		ds = ds || text_is(word, "ds");
	}
	if (!host || !ds)
		return because(why, RC_REFUSED, "--map %s: expected the words host and ds, as in host.plugin+.ds",
			       m->rule);
	if (n_many > 1)
		return because(why, RC_REFUSED, "--map %s: only one word may take several parts", m->rule);
	return RC_OK;
}

/* More of the same stands behind what there is, with a dot between. */
static void join(struct arena *a, struct text *to, struct text more)
{
	char *both;

	if (to->s == NULL) {
		*to = more;
		return;
	}
	both = arena_alloc(a, to->n + 1 + more.n);
	memcpy(both, to->s, to->n);
	both[to->n] = '.';
	memcpy(both + to->n + 1, more.s, more.n);
	*to = (struct text){ both, to->n + 1 + more.n };
}

static bool apply(const char *rule_text, const struct parts *name, struct arena *a, struct series *out)
{
	struct parts rule;
	size_t at = 0;

	if (!split(text_of(rule_text), &rule) || name->n < rule.n)
		return false;
	for (size_t i = 0; i < rule.n; i++) {
		struct text word = rule.part[i];
		size_t n = takes_many(&word) ? name->n - rule.n + 1 : 1;

		for (; n > 0; n--, at++) {
			if (at == name->n)
				return false;
			if (text_is(word, "host"))
				join(a, &out->host, name->part[at]);
			else if (text_is(word, "plugin"))
				join(a, &out->plugin, name->part[at]);
			else if (text_is(word, "ds"))
				join(a, &out->ds, name->part[at]);
			else if (!text_is(word, "-") && !text_equal(word, name->part[at]))
				return false;
		}
	}
	return at == name->n;
}

enum rc import_map_name(const struct import_map *m, struct text name, struct arena *a, struct series *out,
			struct why *why)
{
	const char *tags;
	struct parts parts;
	struct text path, tail;

	*out = (struct series){ .host = TEXT_NONE };
	if (m->prefix != NULL) {
		struct text prefix = text_of(m->prefix);

		if (name.n <= prefix.n + 1 || memcmp(name.s, prefix.s, prefix.n) != 0 || name.s[prefix.n] != '.')
			return because(why, RC_ABSENT, "it does not begin with \"%s.\"", m->prefix);
		name = (struct text){ name.s + prefix.n + 1, name.n - prefix.n - 1 };
	}
	if (m->rule == NULL && m->host == NULL)
		return line_split(name, out, why) == REASON_NONE ? RC_OK : RC_REFUSED;
	tags = memchr(name.s, ';', name.n);
	path = (struct text){ name.s, tags == NULL ? name.n : (size_t)(tags - name.s) };
	tail = (struct text){ path.s + path.n, name.n - path.n };
	if (!split(path, &parts))
		return because(why, RC_REFUSED, "a name with an empty part");
	if (m->rule != NULL ? !apply(m->rule, &parts, a, out)
			    : !apply(parts.n > 1 ? "plugin+.ds" : "ds", &parts, a, out))
		return because(why, RC_REFUSED, "it does not fit --map %s", m->rule);
	if (m->host != NULL)
		out->host = text_of(m->host);
	if (out->plugin.s == NULL)
		out->plugin = TEXT("carbon");
	if (tail.n > 0) { /* tags stay at the end of the ds */
		char *both = arena_alloc(a, out->ds.n + tail.n);

		memcpy(both, out->ds.s, out->ds.n);
		memcpy(both + out->ds.n, tail.s, tail.n);
		out->ds = (struct text){ both, out->ds.n + tail.n };
	}
	return RC_OK;
}
