/*
 * When hosts and plugins were last heard of: the newest time accepted of each. What came since the start the engine knows
 * of each series; only who has sent nothing new since then is looked up in files.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "query/folder.h"
#include "query/seen_files.h"
#include "values/wsp_adopt.h"
#include "wire/reply.h"

enum { HOST_MAX_BYTES = 1024 * 1024 };

/* Names of a hash: texts in an arena. */
struct names {
	struct arena arena;
	struct text *name;
	size_t n, capacity;
};

static enum rc add_name(void *argument, struct text field, struct text value)
{
	struct names *l = argument;

	(void)value;
	array_grow(&l->name, &l->capacity, l->n, sizeof(*l->name));
	l->name[l->n++] = arena_text(&l->arena, field);
	return RC_OK;
}

static enum rc list_names(const struct query *q, enum meta_hash hash, struct text host, struct names *out,
			  struct why *why)
{
	*out = (struct names){ 0 };
	arena_init(&out->arena);
	return meta_each(q->meta, hash, host, add_name, out, why);
}

static void names_fini(struct names *l)
{
	free(l->name);
	arena_fini(&l->arena);
}

/* The newest time of each source since the start, by its number. */
static uint32_t *newest_of_sources(const struct query *q, uint32_t *n)
{
	struct registry *r = engine_registry(q->engine);
	const struct newest *newest = engine_newest(q->engine);
	uint32_t n_series = registry_n_series(r), *t_s;

	*n = registry_n_sources(r); /* a series' source is older than it: none of n_series is beyond */
	t_s = must_alloc(((size_t)*n + 1) * sizeof(*t_s));
	for (uint32_t id = 0; id < n_series; id++) {
		uint32_t source = registry_source_of(r, id), of = newest_of(newest, id);

		if (of > t_s[source])
			t_s[source] = of;
	}
	return t_s;
}

/* Hosts → their newest time since the start; values are elements of *t_s. Only of `only` when it is there. */
static uint32_t *newest_of_hosts(const struct query *q, struct text only, struct map *out)
{
	struct registry *r = engine_registry(q->engine);
	uint32_t n, *t_s = newest_of_sources(q, &n), *before;
	struct series s;

	for (uint32_t source = 0; source < n; source++) {
		registry_source_name(r, source, &s);
		if (only.s != NULL && !text_equal(s.host, only))
			continue;
		before = map_get(out, s.host);
		if (before == NULL)
			map_put(out, s.host, &t_s[source]);
		else if (*before < t_s[source])
			*before = t_s[source];
	}
	return t_s;
}

/* The newest time of one plugin since the start. */
static uint32_t newest_of_plugin(const struct query *q, struct text host, struct text plugin)
{
	size_t n = 0, capacity = 0;
	uint32_t *id = NULL, newest_s = 0;

	registry_series_of(engine_registry(q->engine), host, plugin, &id, &n, &capacity);
	for (size_t i = 0; i < n; i++) {
		uint32_t t_s = newest_of(engine_newest(q->engine), id[i]);

		if (t_s > newest_s)
			newest_s = t_s;
	}
	free(id);
	return newest_s;
}

/* What came before the start may be newer than a late point that came since. */
static bool says_all(const struct query *q, uint32_t since_start_s)
{
	return since_start_s != 0 && since_start_s >= q->started_s;
}

/* "": the host has none. Errors: RC_PEER, RC_DISK. */
static enum rc folder_or_none(const struct query *q, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	enum rc rc = folder_find(q, host, folder, why);

	if (rc == RC_OK)
		return RC_OK;
	folder[0] = '\0';
	return rc == RC_ABSENT ? RC_OK : rc;
}

/* What the files of a host hold. */
static enum rc newest_in_files(const struct query *q, struct text host, uint32_t *out, struct why *why)
{
	uint32_t changes = wsp_adopt_changes();
	char folder[FOLDER_MAX_BYTES];
	struct names plugins;
	enum rc rc;

	*out = 0;
	if (name_check_host(host, NULL) != RC_OK || seen_files_host(q, host, out))
		return RC_OK;
	rc = folder_or_none(q, host, folder, why);
	if (rc != RC_OK)
		return rc;
	rc = list_names(q, META_INFOS, host, &plugins, why);
	for (size_t i = 0; i < plugins.n && rc == RC_OK; i++) {
		uint32_t t_s = seen_files_plugin(q, host, text_of(folder), plugins.name[i]);

		if (t_s > *out)
			*out = t_s;
	}
	names_fini(&plugins);
	if (rc == RC_OK)
		seen_files_put_host(q, host, *out, changes);
	return rc;
}

static void print_time(struct buf *out, uint32_t t_s)
{
	if (t_s == 0)
		buf_add_str(out, "null");
	else
		buf_addf(out, "%lu", (unsigned long)t_s);
}

static enum rc answer_hosts(const struct query *q, const struct gone_view *gone, struct buf *out, struct why *why)
{
	struct names hosts;
	struct map newest;
	bool any = false;
	uint32_t *t_s;
	enum rc rc;

	map_init(&newest);
	t_s = newest_of_hosts(q, TEXT_NONE, &newest);
	rc = list_names(q, META_HOSTS, TEXT_NONE, &hosts, why);
	for (size_t i = 0; i < hosts.n && rc == RC_OK; i++) {
		const uint32_t *since_start_s = map_get(&newest, hosts.name[i]);
		uint32_t last_s = since_start_s == NULL ? 0 : *since_start_s, in_files_s = 0;

		if (gone_host(gone, hosts.name[i]))
			continue;
		if (!says_all(q, last_s))
			rc = newest_in_files(q, hosts.name[i], &in_files_s, why);
		buf_add_str(out, any ? ", " : "");
		any = true;
		reply_string(out, hosts.name[i]);
		buf_add_str(out, ": ");
		print_time(out, last_s > in_files_s ? last_s : in_files_s);
	}
	names_fini(&hosts);
	map_fini(&newest, NULL);
	free(t_s);
	return rc;
}

static enum rc answer_plugins(const struct query *q, const struct gone_view *gone, struct text host, struct buf *out,
			      uint32_t *last_s, struct why *why)
{
	char folder[FOLDER_MAX_BYTES];
	struct names plugins;
	bool any = false;
	enum rc rc = folder_or_none(q, host, folder, why);

	if (rc != RC_OK)
		return rc;
	rc = list_names(q, META_INFOS, host, &plugins, why);
	for (size_t i = 0; i < plugins.n && rc == RC_OK; i++) {
		uint32_t t_s = newest_of_plugin(q, host, plugins.name[i]), in_files_s = 0;

		if (!says_all(q, t_s))
			in_files_s = seen_files_plugin(q, host, text_of(folder), plugins.name[i]);
		if (t_s < in_files_s)
			t_s = in_files_s;
		if (t_s > *last_s)
			*last_s = t_s;
		if (gone_plugin(gone, host, plugins.name[i]))
			continue;
		buf_add_str(out, any ? ", " : "");
		any = true;
		reply_string(out, plugins.name[i]);
		buf_add_str(out, ": ");
		print_time(out, t_s);
	}
	names_fini(&plugins);
	return rc;
}

static enum rc answer_host(const struct query *q, const struct gone_view *gone, struct text host, struct buf *out,
			   struct why *why)
{
	struct meta_read read = { .key = { META_HOSTS, TEXT_NONE, host } };
	uint32_t last_s = 0, *t_s, *newest_s;
	struct buf stored, plugins;
	struct map newest;
	enum rc rc = RC_OK;

	buf_init(&stored, HOST_MAX_BYTES);
	buf_init(&plugins, out->max);
	if (name_check_host(host, NULL) == RC_OK && !gone_host(gone, host))
		rc = meta_read(q->meta, &read, 1, &stored, why);
	if (rc == RC_OK && read.found) {
		map_init(&newest);
		t_s = newest_of_hosts(q, host, &newest);
		newest_s = map_get(&newest, host);
		last_s = newest_s == NULL ? 0 : *newest_s;
		map_fini(&newest, NULL);
		free(t_s);
		rc = answer_plugins(q, gone, host, &plugins, &last_s, why);
	}
	reply_string(out, host);
	buf_add_str(out, ", \"last\": ");
	print_time(out, last_s);
	buf_add_str(out, ", \"plugins\": {");
	buf_add_text(out, buf_text(&plugins));
	buf_fini(&stored);
	buf_fini(&plugins);
	return rc;
}

enum rc query_last_seen(const struct query *q, struct text host, int64_t now_s, struct buf *out, struct why *why)
{
	struct gone_view *view;
	enum rc rc = gone_take(q->gone, mono_now(), &view, why);

	if (rc != RC_OK)
		return rc;
	buf_addf(out, "{\"now\": %lld, \"%s\": ", (long long)now_s, host.s == NULL ? "hosts" : "host");
	if (host.s == NULL) {
		buf_add_str(out, "{");
		rc = answer_hosts(q, view, out, why);
	} else {
		rc = answer_host(q, view, host, out, why);
	}
	gone_give_back(view);
	if (rc != RC_OK)
		return rc;
	buf_add_str(out, "}}");
	if (out->full)
		return because(why, RC_FULL, "the reply would be over %zu bytes", out->max);
	return RC_OK;
}
