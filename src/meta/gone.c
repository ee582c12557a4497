#include "meta/gone.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct noted {
	struct text host, plugin, folder; /* of the view's heap, see free_noted() */
};

struct gone_view {
	atomic_uint n_users;
	/* fixed once it is shown */
	struct map host, plugin; /* host; host NUL plugin → struct noted, owned */
};

struct gone {
	struct meta *meta;
	struct lock lock;
	struct signal loaded;
	/* under lock */
	struct gone_view *view; /* NULL: none yet */
	struct mono asked;
	int64_t young_ms; /* so long after it was asked for the view is of now */
	unsigned changes;
	bool loading; /* by one at a time */
	enum rc rc;   /* of the last load */
	struct why why;
};

/* Who is asked again and again spends at most so much of its time with loading. */
enum { MOST_LOADING_PART = 4 };

static void free_noted(void *p)
{
	struct noted *n = p;

	free((char *)(uintptr_t)n->host.s);
	free((char *)(uintptr_t)n->plugin.s);
	free((char *)(uintptr_t)n->folder.s);
	free(n);
}

struct gone *gone_new(struct meta *meta)
{
	struct gone *g = must_alloc(sizeof(*g));

	g->meta = meta;
	lock_init(&g->lock);
	signal_init(&g->loaded);
	return g;
}

void gone_free(struct gone *g)
{
	if (g == NULL)
		return;
	gone_give_back(g->view);
	signal_fini(&g->loaded);
	lock_fini(&g->lock);
	free(g);
}

void gone_give_back(struct gone_view *v)
{
	if (v == NULL || atomic_fetch_sub(&v->n_users, 1) != 1)
		return;
	map_fini(&v->host, free_noted);
	map_fini(&v->plugin, free_noted);
	free(v);
}

static struct text copy(struct text t)
{
	return t.s == NULL ? TEXT_NONE : (struct text){ must_strndup(t.s, t.n), t.n };
}

static void put(struct map *m, struct text key, struct text host, struct text plugin, struct text folder)
{
	struct noted *n = must_alloc(sizeof(*n)), *before;

	*n = (struct noted){ copy(host), copy(plugin), copy(folder) };
	before = map_put(m, key, n);
	if (before != NULL)
		free_noted(before);
}

static enum rc add_host(void *argument, struct text host, struct text folder)
{
	struct gone_view *v = argument;

	put(&v->host, host, host, TEXT_NONE, folder);
	return RC_OK;
}

/* host NUL plugin: appended to out. */
static void add_key(struct buf *out, struct text host, struct text plugin)
{
	buf_add_text(out, host);
	buf_add(out, "", 1);
	buf_add_text(out, plugin);
}

/* Names may hold an @: the folder's last part says which of them stands between. */
static size_t at_of(struct text field, struct text folder)
{
	size_t slash = folder.n;

	while (slash > 0 && folder.s[slash - 1] != '/')
		slash--;
	struct text last = { folder.s + slash, folder.n - slash };

	if (last.n > 0 && field.n > last.n && field.s[field.n - last.n - 1] == '@' &&
	    memcmp(field.s + field.n - last.n, last.s, last.n) == 0)
		return field.n - last.n - 1;
	for (size_t i = 0; i < field.n; i++)
		if (field.s[i] == '@')
			return i;
	return field.n;
}

static enum rc add_plugin(void *argument, struct text field, struct text folder)
{
	struct gone_view *v = argument;
	size_t at = at_of(field, folder);
	struct text host = { field.s, at }, plugin;
	struct buf key;

	if (at == field.n)
		return RC_OK; /* nobody's */
	plugin = (struct text){ field.s + at + 1, field.n - at - 1 };
	buf_init(&key, SIZE_MAX / 4);
	add_key(&key, host, plugin);
	put(&v->plugin, buf_text(&key), host, plugin, folder);
	buf_fini(&key);
	return RC_OK;
}

static enum rc load(struct meta *meta, struct gone_view **out, struct why *why)
{
	struct gone_view *v = must_alloc(sizeof(*v));
	enum rc rc;

	atomic_init(&v->n_users, 1);
	map_init(&v->host);
	map_init(&v->plugin);
	rc = meta_each(meta, META_DELETED_HOSTS, TEXT_NONE, add_host, v, why);
	if (rc == RC_OK)
		rc = meta_each(meta, META_DELETED_PLUGINS, TEXT_NONE, add_plugin, v, why);
	if (rc == RC_OK)
		*out = v;
	else
		gone_give_back(v);
	return rc;
}

static unsigned changes_now(const struct gone *g)
{
	return meta_changes(g->meta, META_DELETED_HOSTS, TEXT_NONE) +
	       meta_changes(g->meta, META_DELETED_PLUGINS, TEXT_NONE);
}

/*
 * The view that is there, if it is of now, or somebody is about to load the next and we have written nothing since; NULL,
 * RC_OK: load it, then call put_view().
 */
static enum rc recall(struct gone *g, struct mono now, struct gone_view **out, struct why *why)
{
	enum rc rc = RC_OK;

	lock_take(&g->lock);
	for (;;) {
		bool same = g->view != NULL && g->changes == changes_now(g);

		if (same && (g->loading || mono_ms_between(g->asked, now) < g->young_ms)) {
			*out = g->view;
			atomic_fetch_add(&g->view->n_users, 1);
			break;
		}
		if (!g->loading) {
			g->loading = true;
			break;
		}
		while (g->loading)
			signal_wait(&g->loaded, &g->lock);
		rc = g->rc;
		if (rc != RC_OK) { /* each would wait for as long again */
			*why = g->why;
			break;
		}
	}
	lock_give_back(&g->lock);
	return rc;
}

/* v is ours and the caller's; NULL with rc: there is none. */
static void put_view(struct gone *g, struct gone_view *v, struct mono now, int64_t took_ms, unsigned changes,
		     enum rc rc, const struct why *why)
{
	struct gone_view *old = NULL;

	lock_take(&g->lock);
	g->loading = false;
	g->rc = rc;
	if (rc == RC_OK) {
		old = g->view;
		g->view = v;
		g->asked = now;
		g->young_ms = took_ms * MOST_LOADING_PART > GONE_YOUNG_MS ? took_ms * MOST_LOADING_PART : GONE_YOUNG_MS;
		g->changes = changes;
	} else {
		g->why = *why;
	}
	signal_all(&g->loaded);
	lock_give_back(&g->lock);
	gone_give_back(old);
}

enum rc gone_take(struct gone *g, struct mono now, struct gone_view **out, struct why *why)
{
	struct why own = { "" };
	struct mono began;
	unsigned changes;
	enum rc rc;

	*out = NULL;
	if (g == NULL)
		return RC_OK;
	rc = recall(g, now, out, &own);
	if (rc == RC_OK && *out == NULL) {
		began = mono_now();
		changes = changes_now(g);
		rc = load(g->meta, out, &own);
		if (rc == RC_OK)
			atomic_fetch_add(&(*out)->n_users, 1);
		put_view(g, *out, now, mono_ms_between(began, mono_now()), changes, rc, &own);
	}
	if (rc != RC_OK && why != NULL)
		*why = own;
	return rc;
}

struct gone_view *gone_last(struct gone *g)
{
	struct gone_view *v;

	if (g == NULL)
		return NULL;
	lock_take(&g->lock);
	v = g->view;
	if (v != NULL)
		atomic_fetch_add(&v->n_users, 1);
	lock_give_back(&g->lock);
	return v;
}

bool gone_any(const struct gone_view *v)
{
	return v != NULL && v->host.n + v->plugin.n > 0;
}

bool gone_host(const struct gone_view *v, struct text host)
{
	return v != NULL && v->host.n > 0 && map_get(&v->host, host) != NULL;
}

bool gone_plugin(const struct gone_view *v, struct text host, struct text plugin)
{
	struct buf key;
	bool gone;

	if (v == NULL || v->plugin.n == 0)
		return false;
	buf_init(&key, SIZE_MAX / 4);
	add_key(&key, host, plugin);
	gone = map_get(&v->plugin, buf_text(&key)) != NULL;
	buf_fini(&key);
	return gone;
}

void gone_count(const struct gone_view *v, size_t *n_hosts, size_t *n_plugins)
{
	*n_hosts = v == NULL ? 0 : v->host.n;
	*n_plugins = v == NULL ? 0 : v->plugin.n;
}

static void each_of(const struct map *m, gone_each_fn *fn, void *argument)
{
	struct text key;
	size_t at = 0;
	void *value;

	while (map_next(m, &at, &key, &value)) {
		const struct noted *n = value;

		fn(argument, n->host, n->plugin, n->folder);
	}
}

void gone_each(const struct gone_view *v, gone_each_fn *fn, void *argument)
{
	if (v == NULL)
		return;
	each_of(&v->host, fn, argument);
	each_of(&v->plugin, fn, argument);
}

void gone_plugin_field(struct text host, struct text plugin, struct buf *out)
{
	buf_add_text(out, host);
	buf_add_str(out, "@");
	buf_add_text(out, plugin);
}
