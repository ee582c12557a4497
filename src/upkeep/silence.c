#include "upkeep/silence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "upkeep/disk.h"
#include "values/wsp_walk.h"
#include "wsp/wsp.h"

static void make_key(struct buf *out, struct text host, struct text plugin)
{
	buf_init(out, 4096);
	buf_add_text(out, host);
	buf_add(out, "", 1);
	buf_add_text(out, plugin);
}

static void raise_to(struct map *m, struct text key, int64_t *t_s)
{
	int64_t *before = map_get(m, key);

	if (before == NULL)
		map_put(m, key, t_s);
	else if (*before < *t_s)
		*before = *t_s;
}

void silence_take(struct silence *s, const struct upkeep *u)
{
	struct registry *r = engine_registry(u->options.engine);
	const struct newest *newest = engine_newest(u->options.engine);
	uint32_t n_series = registry_n_series(r), n = registry_n_sources(r);

	*s = (struct silence){ .u = u };
	map_init(&s->host);
	map_init(&s->plugin);
	/* two numbers a source: the host's map raises the one, the plugin's the other */
	s->source_s = must_alloc(((size_t)n * 2 + 1) * sizeof(*s->source_s));
	for (uint32_t id = 0; id < n_series; id++) {
		uint32_t source = registry_source_of(r, id);
		int64_t t_s = newest_of(newest, id);

		if (t_s > s->source_s[(size_t)source * 2])
			s->source_s[(size_t)source * 2] = t_s;
	}
	for (uint32_t source = 0; source < n; source++) {
		int64_t *at = &s->source_s[(size_t)source * 2];
		struct series name;
		struct buf key;

		at[1] = at[0];
		registry_source_name(r, source, &name);
		make_key(&key, name.host, name.plugin);
		raise_to(&s->host, name.host, &at[0]);
		raise_to(&s->plugin, buf_text(&key), &at[1]);
		buf_fini(&key);
	}
}

void silence_fini(struct silence *s)
{
	map_fini(&s->host, NULL);
	map_fini(&s->plugin, NULL);
	free(s->source_s);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t silence_host_since_start(const struct silence *s, struct text host)
{
	const int64_t *t_s = map_get(&s->host, host);

	return later(t_s == NULL ? 0 : *t_s, heard_of(ingest_heard(s->u->options.ingest), host, TEXT_NONE));
}

int64_t silence_plugin_since_start(const struct silence *s, struct text host, struct text plugin)
{
	const int64_t *t_s;
	struct buf key;

	make_key(&key, host, plugin);
	t_s = map_get(&s->plugin, buf_text(&key));
	buf_fini(&key);
	return later(t_s == NULL ? 0 : *t_s, heard_of(ingest_heard(s->u->options.ingest), host, plugin));
}

int64_t silence_series_now(const struct upkeep *u, struct text host, struct text plugin, struct text ds)
{
	struct engine *e = u->options.engine;
	uint32_t id = registry_find(engine_registry(e), host, plugin, ds);

	return id == REGISTRY_NONE ? 0 : newest_of(engine_newest(e), id);
}

int64_t silence_plugin_now(const struct upkeep *u, struct text host, struct text plugin)
{
	int64_t t_s = heard_of(ingest_heard(u->options.ingest), host, plugin);
	struct engine *e = u->options.engine;
	size_t n = 0, capacity = 0;
	uint32_t *id = NULL;

	registry_series_of(engine_registry(e), host, plugin, &id, &n, &capacity);
	for (size_t i = 0; i < n; i++)
		t_s = later(t_s, newest_of(engine_newest(e), id[i]));
	free(id);
	return t_s;
}

struct now {
	const struct upkeep *u;
	struct text host;
	int64_t t_s;
};

static enum rc raise_plugin(void *argument, struct text plugin, struct text info)
{
	struct now *n = argument;

	(void)info;
	n->t_s = later(n->t_s, silence_plugin_now(n->u, n->host, plugin));
	return RC_OK;
}

int64_t silence_host_now(const struct upkeep *u, struct text host)
{
	struct now n = { u, host, heard_of(ingest_heard(u->options.ingest), host, TEXT_NONE) };

	/* without the metadata store nothing is going to be noted either */
	(void)!meta_each(u->options.meta, META_INFOS, host, raise_plugin, &n, NULL);
	return n.t_s;
}

int64_t silence_in_file(int dir_fd, const char *name)
{
	int fd = fileio_open_in(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	uint32_t t_s = 0;
	struct wsp w;

	if (fd < 0 || wsp_attach(fd, &w, NULL) != RC_OK)
		return 0;
	if (wsp_newest(&w, &t_s, NULL) != RC_OK)
		t_s = 0;
	wsp_close(&w);
	return t_s;
}

struct looking {
	int64_t enough_s, newest_s;
};

static enum rc look(void *argument, const struct wsp_found *found, struct why *why)
{
	struct looking *l = argument;

	(void)why;
	l->newest_s = later(l->newest_s, silence_in_file(found->dir_fd, found->name));
	return l->newest_s >= l->enough_s ? RC_END : RC_OK;
}

enum rc silence_in_files(const struct upkeep *u, struct text folder, int64_t enough_s, int64_t *newest_s,
			 struct why *why)
{
	struct looking l = { .enough_s = enough_s };
	int fd;
	enum rc rc = disk_open(u->root_fd, folder, false, &fd, NULL);

	*newest_s = 0;
	if (rc == RC_ABSENT || rc == RC_REFUSED)
		return RC_OK;
	if (rc != RC_OK)
		return because(why, rc, "open folder %.*s", TEXT_ARG(folder));
	close(fd);
	rc = wsp_walk(u->root_fd, folder, look, &l, why);
	*newest_s = l.newest_s;
	return rc == RC_ABSENT ? RC_OK : rc;
}
