#include "upkeep/orphans.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum { ANSWERS_MAX_BYTES = 256 << 20 };

struct orphans {
	struct arena arena;
	struct map trash;        /* host, host NUL plugin */
	struct meta_read *read;  /* of each note: what it hides, */
	struct meta_write *drop; /* and how it is taken out */
	size_t n, read_capacity, drop_capacity;
};

static struct text key_of(struct arena *a, struct text host, struct text plugin)
{
	char *key = arena_alloc(a, host.n + 1 + plugin.n);

	if (plugin.s == NULL)
		return host;
	memcpy(key, host.s, host.n);
	key[host.n] = '\0';
	memcpy(key + host.n + 1, plugin.s, plugin.n);
	return (struct text){ key, host.n + 1 + plugin.n };
}

static enum rc note_entry(void *argument, struct trash_entry *e, struct why *why)
{
	struct orphans *o = argument;

	(void)why;
	if (!e->damaged && e->entry.kind != ENTRY_FILES)
		map_put(&o->trash,
			key_of(&o->arena, e->entry.host, e->entry.kind == ENTRY_PLUGIN ? e->entry.plugin : TEXT_NONE),
			o);
	return RC_OK;
}

static void add(void *argument, struct text host, struct text plugin, struct text folder)
{
	struct orphans *o = argument;
	struct buf field;

	(void)folder;
	if (map_get(&o->trash, host) != NULL || map_get(&o->trash, key_of(&o->arena, host, plugin)) != NULL)
		return;
	array_grow(&o->read, &o->read_capacity, o->n, sizeof(*o->read));
	array_grow(&o->drop, &o->drop_capacity, o->n, sizeof(*o->drop));
	host = arena_text(&o->arena, host);
	buf_init(&field, 4096);
	if (plugin.s == NULL) {
		o->read[o->n] = (struct meta_read){ .key = { META_HOSTS, TEXT_NONE, host } };
		o->drop[o->n] = (struct meta_write){ META_DELETE, { META_DELETED_HOSTS, TEXT_NONE, host }, TEXT_NONE };
	} else {
		gone_plugin_field(host, plugin, &field);
		o->read[o->n] = (struct meta_read){ .key = { META_INFOS, host, arena_text(&o->arena, plugin) } };
		o->drop[o->n] = (struct meta_write){
			META_DELETE,
			{ META_DELETED_PLUGINS, TEXT_NONE, arena_text(&o->arena, buf_text(&field)) },
			TEXT_NONE,
		};
	}
	buf_fini(&field);
	o->n++;
}

static enum rc drop(struct upkeep *u, struct orphans *o, struct why *why)
{
	struct buf answers;
	size_t n = 0;
	enum rc rc;

	buf_init(&answers, ANSWERS_MAX_BYTES);
	rc = meta_read(u->options.meta, o->read, o->n, &answers, why);
	buf_fini(&answers);
	for (size_t i = 0; rc == RC_OK && i < o->n; i++)
		if (!o->read[i].found)
			o->drop[n++] = o->drop[i];
	return rc == RC_OK ? meta_apply(u->options.meta, o->drop, n, why) : rc;
}

enum rc orphans_drop(struct upkeep *u, struct why *why)
{
	struct orphans o = { .n = 0 };
	struct gone_view *view;
	enum rc rc;

	if (!trash_is_there(&u->trash))
		return RC_OK;
	arena_init(&o.arena);
	map_init(&o.trash);
	rc = trash_each(&u->trash, note_entry, &o, why);
	if (rc == RC_OK)
		rc = gone_take(u->options.gone, mono_now(), &view, why);
	if (rc == RC_OK) {
		gone_each(view, add, &o);
		gone_give_back(view);
		rc = drop(u, &o, why);
	}
	free(o.read);
	free(o.drop);
	map_fini(&o.trash, NULL);
	arena_fini(&o.arena);
	return rc;
}
