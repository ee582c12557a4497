#include "upkeep/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/listed.h"
#include "query/folder.h"
#include "upkeep/disk.h"
#include "upkeep/silence.h"
#include "upkeep/target.h"
#include "values/wsp_walk.h"

/* The host-list of now, and of all times. */
struct list {
	bool in_use, takes_all;
	struct map now, ever;
};

struct look {
	struct upkeep *u;
	struct findings *found;
	struct silence silence;
	struct gone_view *view;
	struct list list;
	int64_t now_s, cutoff_s, gone_cutoff_s;
	bool judged;
	struct why *why;
};

/* Names of a hash, in order. */
struct names {
	struct arena *arena;
	struct text *name;
	size_t n, capacity;
};

void findings_fini(struct findings *f)
{
	free(f->at);
	free(f->returned);
	free(f->failed);
	arena_fini(&f->arena);
}

static enum rc add_name(void *argument, struct text field, struct text value)
{
	struct names *l = argument;

	(void)value;
	array_grow(&l->name, &l->capacity, l->n, sizeof(*l->name));
	l->name[l->n++] = arena_text(l->arena, field);
	return RC_OK;
}

static int by_text(const void *a, const void *b)
{
	const struct text *x = a, *y = b;
	int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static enum rc list_names(struct look *l, enum meta_hash hash, struct text host, struct names *out)
{
	enum rc rc;

	*out = (struct names){ .arena = &l->found->arena };
	rc = meta_each(l->u->options.meta, hash, host, add_name, out, l->why);
	if (out->n > 0)
		qsort(out->name, out->n, sizeof(*out->name), by_text);
	return rc;
}

/* ---- the list ---- */

static void take_line(void *argument, const char *key)
{
	struct list *list = argument;

	list->in_use = true;
	if (strcmp(key, "#") == 0)
		list->takes_all = true;
	else if (strpbrk(key, "*#") == NULL && name_check_host(text_of(key), NULL) == RC_OK) /* else a pattern */
		map_put(&list->now, text_of(key), list);
}

/* Whoever is new on it is remembered. */
static enum rc take_list(const struct upkeep *u, struct list *list, struct why *why)
{
	const struct upkeep_options *o = &u->options;
	char *path = must_format("%s/%s", o->wsp_path, LISTED_NAME);
	struct host_list unknown = { 0 };
	struct text name;
	size_t at = 0;
	void *value;
	enum rc rc;

	map_init(&list->now);
	map_init(&list->ever);
	rc = listed_read(path, &list->ever, why);
	if (rc == RC_OK && o->listed != NULL)
		o->listed(o->listed_argument, take_line, list);
	while (rc == RC_OK && map_next(&list->now, &at, &name, &value)) {
		if (map_put(&list->ever, name, list) != NULL)
			continue;
		array_grow(&unknown.key, &unknown.capacity, unknown.n, sizeof(*unknown.key));
		unknown.key[unknown.n++] = must_strndup(name.s, name.n);
	}
	if (unknown.n > 0)
		rc = listed_add(path, &unknown, NULL, why);
	host_list_fini(&unknown);
	free(path);
	return rc;
}

static void list_fini(struct list *list)
{
	map_fini(&list->now, NULL);
	map_fini(&list->ever, NULL);
}

enum rc findings_remember_list(const struct upkeep *u, struct why *why)
{
	struct list list = { 0 };
	enum rc rc = take_list(u, &list, why);

	list_fini(&list);
	return rc;
}

/* ---- hosts ---- */

static struct finding *add(struct look *l, struct finding f)
{
	struct findings *to = l->found;

	array_grow(&to->at, &to->capacity, to->n, sizeof(*to->at));
	to->at[to->n] = f;
	return &to->at[to->n++];
}

/* "ROOT/folder", "ROOT/folder/plugin", "ROOT/folder/plugin/ds.wsp"; without the root when root is "". */
static struct text add_path(struct look *l, const char *root, struct text folder, struct text plugin, struct text ds)
{
	struct text path;
	struct buf b;

	buf_init(&b, SIZE_MAX / 4);
	buf_addf(&b, "%s%s%.*s", root, root[0] == '\0' ? "" : "/", TEXT_ARG(folder));
	if (plugin.s != NULL)
		buf_addf(&b, "/%.*s", TEXT_ARG(plugin));
	if (ds.s != NULL)
		buf_addf(&b, "/%.*s.wsp", TEXT_ARG(ds));
	path = arena_text(&l->found->arena, buf_text(&b));
	buf_fini(&b);
	return path;
}

/* What was accepted since the start may be older than what the files hold. */
static bool says_all(const struct look *l, int64_t since_start_s)
{
	return since_start_s != 0 && since_start_s >= l->u->options.started_s;
}

/* Never heard of counts from the start on; who is noted already stays so. */
static bool is_silent(const struct look *l, int64_t last_s, int64_t cutoff_s, bool noted)
{
	return last_s == 0 ? noted || l->u->options.started_s < cutoff_s : last_s < cutoff_s;
}

/* NULL: it is not. */
static const char *host_is_gone(struct look *l, struct text host, struct text folder, int64_t *last_s, enum rc *rc)
{
	bool was_listed = l->list.in_use && !l->list.takes_all && map_get(&l->list.ever, host) != NULL;
	int64_t cutoff_s = was_listed ? l->cutoff_s : l->gone_cutoff_s, in_files_s = 0;

	*last_s = silence_host_since_start(&l->silence, host);
	if (*last_s >= cutoff_s)
		return NULL;
	if (!says_all(l, *last_s))
		*rc = silence_in_files(l->u, folder, cutoff_s, &in_files_s, l->why);
	if (in_files_s > *last_s)
		*last_s = in_files_s;
	if (*rc != RC_OK || !is_silent(l, *last_s, cutoff_s, gone_host(l->view, host)))
		return NULL;
	return was_listed ? "taken off the host-list and silent" : "silent for host_gone_days";
}

static void give_back(struct look *l, struct text host)
{
	struct findings *f = l->found;

	array_grow(&f->returned, &f->returned_capacity, f->n_returned, sizeof(*f->returned));
	f->returned[f->n_returned++] = host;
}

static bool is_listed(const struct look *l, struct text host)
{
	return l->list.in_use && map_get(&l->list.now, host) != NULL;
}

static enum rc judge_host(struct look *l, struct text host, struct text folder, bool *gone)
{
	bool noted = gone_host(l->view, host);
	int64_t last_s;
	enum rc rc = RC_OK;
	const char *reason = is_listed(l, host) ? NULL : host_is_gone(l, host, folder, &last_s, &rc);

	*gone = noted || reason != NULL;
	if (rc != RC_OK)
		return rc;
	if (reason != NULL)
		add(l, (struct finding){ FOUND_HOST, host, TEXT_NONE, TEXT_NONE, folder,
					 add_path(l, l->u->options.wsp_path, folder, TEXT_NONE, TEXT_NONE), last_s,
					 noted, reason });
	else if (noted)
		give_back(l, host);
	return RC_OK;
}

/* ---- plugins and files of a host that sends ---- */

struct plugin_look {
	struct look *look;
	struct text host, folder;
	const struct names *stale; /* its plugins that are, as a whole */
};

static bool is_in(const struct names *l, struct text name)
{
	return l->n > 0 && bsearch(&name, l->name, l->n, sizeof(name), by_text) != NULL;
}

static enum rc judge_file(void *argument, const struct wsp_found *found, struct why *why)
{
	const struct plugin_look *p = argument;
	struct look *l = p->look;
	struct series s = { p->host, p->folder, found->plugin, found->ds };
	int64_t last_s;

	(void)why;
	if (!text_equal(found->folder, p->folder) || is_in(p->stale, found->plugin))
		return RC_OK;
	last_s = silence_series_now(l->u, s.host, s.plugin, s.ds);
	if (last_s < l->cutoff_s) {
		int64_t in_file_s = silence_in_file(found->dir_fd, found->name);

		last_s = last_s > in_file_s ? last_s : in_file_s;
	}
	if (last_s >= l->cutoff_s || last_s == 0) /* 0: empty or damaged, which is another's matter */
		return RC_OK;
	s.plugin = arena_text(&l->found->arena, found->plugin);
	s.ds = arena_text(&l->found->arena, found->ds);
	add(l, (struct finding){ FOUND_FILE, s.host, s.plugin, s.ds, s.folder,
				 add_path(l, l->u->options.wsp_path, s.folder, s.plugin, s.ds), last_s, false,
				 "no point for wsp_clean_time" });
	return RC_OK;
}

static enum rc judge_plugin(struct look *l, struct text host, struct text folder, struct text plugin,
			    struct names *stale)
{
	int64_t last_s = silence_plugin_since_start(&l->silence, host, plugin), in_files_s = 0;
	struct text below;
	enum rc rc = RC_OK;

	if (last_s >= l->cutoff_s || name_check_plugin_or_ds(plugin, NULL) != RC_OK)
		return RC_OK;
	below = add_path(l, "", folder, plugin, TEXT_NONE);
	if (!says_all(l, last_s))
		rc = silence_in_files(l->u, below, l->cutoff_s, &in_files_s, l->why);
	last_s = last_s > in_files_s ? last_s : in_files_s;
	if (rc != RC_OK || !is_silent(l, last_s, l->cutoff_s, gone_plugin(l->view, host, plugin)))
		return rc;
	array_grow(&stale->name, &stale->capacity, stale->n, sizeof(*stale->name));
	stale->name[stale->n++] = plugin;
	add(l, (struct finding){ FOUND_PLUGIN, host, plugin, TEXT_NONE, folder,
				 add_path(l, l->u->options.wsp_path, folder, plugin, TEXT_NONE), last_s,
				 gone_plugin(l->view, host, plugin), "its host sends, and not this plugin" });
	return RC_OK;
}

static enum rc judge_plugins(struct look *l, struct text host, struct text folder)
{
	struct names plugins, stale = { 0 };
	struct plugin_look p = { l, host, folder, &stale };
	enum rc rc = list_names(l, META_INFOS, host, &plugins);
	int fd;

	for (size_t i = 0; i < plugins.n && rc == RC_OK; i++)
		rc = judge_plugin(l, host, folder, plugins.name[i], &stale);
	free(plugins.name);
	/* in order of names, as bsearch() wants it */
	if (rc == RC_OK && disk_open(l->u->root_fd, folder, false, &fd, NULL) == RC_OK) {
		close(fd);
		rc = wsp_walk(l->u->root_fd, folder, judge_file, &p, l->why);
		rc = rc == RC_ABSENT ? RC_OK : rc;
	}
	free(stale.name);
	return rc;
}

/* Has it sent since the start, and lately? */
static bool still_sends(const struct look *l, struct text host)
{
	int64_t last_s = silence_host_since_start(&l->silence, host);

	return last_s >= l->cutoff_s && last_s >= l->u->options.started_s;
}

static enum rc look_at_host(struct look *l, struct text host)
{
	char folder[FOLDER_MAX_BYTES];
	struct text kept;
	bool gone;
	enum rc rc;

	if (name_check_host(host, NULL) != RC_OK)
		return RC_OK;
	rc = upkeep_goes_on(l->u, l->why);
	if (rc == RC_OK && !l->judged) {
		if (gone_host(l->view, host) && is_listed(l, host))
			give_back(l, arena_text(&l->found->arena, host));
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = target_folder(l->u, host, folder, l->why);
	if (rc != RC_OK)
		return rc;
	kept = arena_text(&l->found->arena, text_of(folder));
	rc = judge_host(l, host, kept, &gone);
	if (rc == RC_OK && !gone && still_sends(l, host))
		rc = judge_plugins(l, host, kept);
	return rc;
}

/* What is wrong with its files keeps nobody from looking at the next. */
static enum rc look_at_next(struct look *l, struct text host)
{
	struct findings *f = l->found;
	enum rc rc = look_at_host(l, host);

	if (rc != RC_DISK && rc != RC_REFUSED)
		return rc;
	array_grow(&f->failed, &f->failed_capacity, f->n_failed, sizeof(*f->failed));
	f->failed[f->n_failed++] = (struct finding_failed){ host, arena_text(&f->arena, text_of(l->why->text)) };
	return RC_OK;
}

enum rc findings_look(struct upkeep *u, struct upkeep_when when, struct findings *out, struct why *why)
{
	const struct upkeep_options *o = &u->options;
	struct look l = { .u = u, .found = out, .now_s = when.now_s, .why = why };
	struct names hosts = { 0 };
	enum rc rc;

	*out = (struct findings){ 0 };
	arena_init(&out->arena);
	l.cutoff_s = when.now_s - o->clean_time_s;
	l.gone_cutoff_s = when.now_s - o->gone_s;
	l.judged = out->judged = upkeep_can_judge(when, o->clean_time_s);
	silence_take(&l.silence, u);
	rc = take_list(u, &l.list, why);
	if (rc == RC_OK)
		rc = gone_take(o->gone, mono_now(), &l.view, why);
	if (rc == RC_OK)
		rc = list_names(&l, META_HOSTS, TEXT_NONE, &hosts);
	for (size_t i = 0; i < hosts.n && rc == RC_OK; i++)
		rc = look_at_next(&l, hosts.name[i]);
	free(hosts.name);
	silence_fini(&l.silence);
	gone_give_back(l.view);
	list_fini(&l.list);
	if (rc != RC_OK)
		findings_fini(out);
	return rc;
}
