/*
 * The question of values of many plugins of many hosts. A plan says which series it means; whether an answer given before
 * still holds is judged by the plan and the versions of its series.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "query/ds_list.h"
#include "query/folder.h"
#include "query/table.h"
#include "wire/reply.h"

enum { INFOS_MAX_BYTES = 64 * 1024 * 1024 };

struct pair {
	struct text host, plugin;
	char folder[FOLDER_MAX_BYTES]; /* "": no such host */
	struct text info;              /* as stored; s == NULL: none, or not asked for */
	struct ds_list list;
};

struct query_plan {
	const struct query_values *asked;
	struct arena arena;
	struct buf infos; /* what ds names may point into */
	struct pair *pair;
	size_t n_pairs, n_ds;
	uint64_t versions;
};

void query_plan_free(struct query_plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_pairs; i++)
		ds_list_fini(&p->pair[i].list);
	free(p->pair);
	buf_fini(&p->infos);
	arena_fini(&p->arena);
	free(p);
}

static bool seen_before(const struct text *name, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (text_equal(name[j], name[i]))
			return true;
	return false;
}

static size_t count_different(const struct text *name, size_t n)
{
	size_t different = 0;

	for (size_t i = 0; i < n; i++)
		different += !seen_before(name, i);
	return different;
}

/* Each once: a host and its plugins, the next host … */
static enum rc list_pairs(struct query_plan *p, struct why *why)
{
	const struct query_values *a = p->asked;
	size_t n = 0;

	/* counting what is different costs n²: first a look at how many there are at all */
	if (a->n_hosts <= 10 * QUERY_MAX_PAIRS && a->n_plugins <= 10 * QUERY_MAX_PAIRS)
		n = count_different(a->host, a->n_hosts) * count_different(a->plugin, a->n_plugins);
	if (n == 0 || n > QUERY_MAX_PAIRS)
		return because(why, RC_REFUSED, "host and plugin: expected at most %d hosts × plugins in one question",
			       QUERY_MAX_PAIRS);
	p->pair = must_alloc(n * sizeof(*p->pair));
	for (size_t h = 0; h < a->n_hosts; h++)
		for (size_t i = 0; i < a->n_plugins && !seen_before(a->host, h); i++)
			if (!seen_before(a->plugin, i))
				p->pair[p->n_pairs++] = (struct pair){ .host = a->host[h], .plugin = a->plugin[i] };
	return RC_OK;
}

static enum rc find_folders(const struct query *q, struct query_plan *p, struct why *why)
{
	for (size_t i = 0; i < p->n_pairs; i++) {
		struct pair *pair = &p->pair[i];
		enum rc rc = RC_OK;

		if (i > 0 && text_equal(p->pair[i - 1].host, pair->host))
			memcpy(pair->folder, p->pair[i - 1].folder, sizeof(pair->folder));
		else if (name_check_host(pair->host, NULL) == RC_OK)
			rc = folder_find(q, pair->host, pair->folder, why);
		if (rc != RC_OK && rc != RC_ABSENT)
			return rc;
		if (rc == RC_ABSENT)
			pair->folder[0] = '\0';
	}
	return RC_OK;
}

static enum rc read_infos(const struct query *q, struct query_plan *p, struct meta_read *read, struct why *why)
{
	for (size_t i = 0; i < p->n_pairs; i++)
		read[i] = (struct meta_read){ .key = { META_INFOS, p->pair[i].host, p->pair[i].plugin } };
	return meta_read(q->meta, read, p->n_pairs, &p->infos, why);
}

static bool can_be_there(const struct pair *pair)
{
	return pair->folder[0] != '\0' && name_check_plugin_or_ds(pair->plugin, NULL) == RC_OK;
}

static enum rc list_ds(const struct query *q, struct query_plan *p, struct why *why)
{
	struct meta_read *read = must_alloc(p->n_pairs * sizeof(*read));
	bool every = p->asked->rest.ds.s == NULL;
	enum rc rc = every ? read_infos(q, p, read, why) : RC_OK;

	for (size_t i = 0; i < p->n_pairs && rc == RC_OK; i++) {
		struct pair *pair = &p->pair[i];
		const struct series s = { pair->host, text_of(pair->folder), pair->plugin, TEXT_NONE };
		struct text rest = p->asked->rest.ds, ds;

		if (!can_be_there(pair))
			continue;
		if (every && read[i].found)
			pair->info = read[i].value;
		if (every)
			rc = ds_list_all(q, &s, pair->info, &p->arena, &pair->list, why);
		while (!every && pair->list.n <= QUERY_MAX_DS && query_next_ds(&rest, &ds))
			ds_list_add(&pair->list, ds);
		p->n_ds += pair->list.n;
		if (rc == RC_OK && p->n_ds > QUERY_MAX_DS)
			rc = because(why, RC_REFUSED, "ds: more than %d of all plugins together in one question",
				     QUERY_MAX_DS);
	}
	free(read);
	return rc;
}

static void take_versions(const struct query *q, struct query_plan *p)
{
	p->versions = 0;
	for (size_t i = 0; i < p->n_pairs && q->version != NULL; i++) {
		const struct pair *pair = &p->pair[i];
		struct series s = { pair->host, text_of(pair->folder), pair->plugin, TEXT_NONE };

		p->versions = text_hash(s.folder, p->versions);
		p->versions = text_hash(pair->info, p->versions);
		for (size_t j = 0; j < pair->list.n; j++) {
			uint32_t version;

			s.ds = pair->list.ds[j];
			version = q->version(q->version_argument, &s);
			p->versions = text_hash(s.ds, p->versions);
			p->versions = text_hash((struct text){ (const char *)&version, sizeof(version) }, p->versions);
		}
	}
}

enum rc query_plan(const struct query *q, const struct query_values *asked, struct query_plan **out, struct why *why)
{
	struct query_plan *p = must_alloc(sizeof(*p));
	enum rc rc;

	p->asked = asked;
	arena_init(&p->arena);
	buf_init(&p->infos, INFOS_MAX_BYTES);
	rc = list_pairs(p, why);
	if (rc == RC_OK)
		rc = find_folders(q, p, why);
	if (rc == RC_OK)
		rc = list_ds(q, p, why);
	if (rc != RC_OK) {
		query_plan_free(p);
		return rc;
	}
	take_versions(q, p);
	*out = p;
	return RC_OK;
}

/* ---- the answer ---- */

struct answering {
	const struct query *q;
	const struct query_plan *plan;
	struct table_shape shape;
	struct window window;
	int64_t now_s;
	struct buf *out;
	int64_t until_s;
	bool *missing; /* by pair */
};

static void name_pair(struct buf *out, const struct pair *pair)
{
	buf_add_str(out, "{\"host\": ");
	reply_string(out, pair->host);
	buf_add_str(out, ", \"plugin\": ");
	reply_string(out, pair->plugin);
}

static enum rc read_pair(struct answering *x, size_t i, struct table *t, struct why *why)
{
	const struct pair *pair = &x->plan->pair[i];
	const struct series s = { pair->host, text_of(pair->folder), pair->plugin, TEXT_NONE };
	enum rc rc = RC_OK;

	for (size_t j = 0; j < pair->list.n && rc == RC_OK; j++)
		rc = table_add(t, pair->list.ds[j], why);
	if (rc == RC_OK && t->n == 0)
		return because(why, RC_ABSENT, "no such host or plugin");
	return rc == RC_OK ? table_read(x->q, &s, &x->window, &x->shape, x->now_s, t, why) : rc;
}

static enum rc answer_pair(struct answering *x, size_t i, bool *any, struct why *why)
{
	struct table t;
	enum rc rc;

	table_init(&t);
	rc = read_pair(x, i, &t, why);
	if (rc == RC_OK) {
		int64_t until_s =
			table_holds_until(&t, &x->plan->asked->rest, x->q->original_windows, &x->window, x->now_s);

		if (until_s < x->until_s)
			x->until_s = until_s;
		buf_add_str(x->out, *any ? ", " : "");
		*any = true;
		name_pair(x->out, &x->plan->pair[i]);
		buf_add_str(x->out, ", ");
		table_print(&t, x->out);
		buf_add_str(x->out, "}");
	} else if (rc == RC_ABSENT || rc == RC_REFUSED) { /* refused: their steps meet nowhere */
		x->missing[i] = true;
		rc = RC_OK;
	}
	table_fini(&t);
	return rc;
}

static enum rc answer_all(struct answering *x, struct why *why)
{
	bool any = false;
	enum rc rc = RC_OK;

	buf_addf(x->out, "{\"now\": %lld, \"results\": [", (long long)x->now_s);
	for (size_t i = 0; i < x->plan->n_pairs && rc == RC_OK && !x->out->full; i++)
		rc = answer_pair(x, i, &any, why);
	if (rc != RC_OK)
		return rc;
	buf_add_str(x->out, "], \"missing\": [");
	any = false;
	for (size_t i = 0; i < x->plan->n_pairs; i++) {
		if (!x->missing[i])
			continue;
		buf_add_str(x->out, any ? ", " : "");
		any = true;
		name_pair(x->out, &x->plan->pair[i]);
		buf_add_str(x->out, "}");
	}
	buf_add_str(x->out, "]}");
	if (x->out->full)
		return because(why, RC_FULL, "the reply would be over %zu bytes: ask fewer plugins or a shorter time",
			       x->out->max);
	return RC_OK;
}

enum rc query_values(const struct query *q, const struct query_plan *p, int64_t now_s, struct buf *out,
		     struct query_basis *basis, struct why *why)
{
	struct answering x = { .q = q, .plan = p, .now_s = now_s, .out = out, .until_s = INT64_MAX };
	enum rc rc = window_read(&p->asked->rest, q->original_windows, now_s, &x.window, why);

	*basis = (struct query_basis){ .from_s = now_s, .until_s = now_s, .versions = p->versions };
	if (rc == RC_OK)
		rc = table_shape_read(&p->asked->rest, &x.shape, why);
	if (rc != RC_OK)
		return rc;
	x.missing = must_alloc(p->n_pairs * sizeof(*x.missing));
	rc = answer_all(&x, why);
	free(x.missing);
	/* with a pair missing, time alone may bring it back into its files' span */
	if (rc == RC_OK && q->version != NULL)
		basis->until_s = x.until_s == INT64_MAX ? now_s + 1 : x.until_s;
	return rc;
}

struct text query_plan_info(const struct query_plan *p)
{
	return p->pair[0].info;
}

size_t query_plan_ds(const struct query_plan *p, const struct text **ds)
{
	*ds = p->pair[0].list.ds;
	return p->pair[0].list.n;
}

enum rc query_plan_read(const struct query *q, const struct query_plan *p, const struct table_shape *shape,
			int64_t now_s, struct table *out, struct query_basis *basis, struct why *why)
{
	struct answering x = { .q = q, .plan = p, .shape = *shape, .now_s = now_s };
	enum rc rc = window_read(&p->asked->rest, q->original_windows, now_s, &x.window, why);

	*basis = (struct query_basis){ .from_s = now_s, .until_s = now_s, .versions = p->versions };
	if (rc == RC_OK)
		rc = read_pair(&x, 0, out, why);
	if (rc == RC_OK && q->version != NULL)
		basis->until_s = table_holds_until(out, &p->asked->rest, q->original_windows, &x.window, now_s);
	return rc;
}

bool query_values_hold(const struct query *q, const struct query_plan *p, int64_t now_s,
		       const struct query_basis *basis)
{
	return q->version != NULL && now_s >= basis->from_s && now_s < basis->until_s && p->versions == basis->versions;
}
