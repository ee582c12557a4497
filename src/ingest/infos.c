#include "ingest/infos.h"

#include <stdlib.h>

#include "base/mem.h"
#include "wire/json.h"
#include "wire/reply.h"

enum { INFO_MAX_BYTES = MESSAGE_MAX_BYTES, FEW_DS = 32 };

struct plugin_info {
	uint64_t generation; /* of the metadata store when this was read */
	uint64_t round;      /* when it was last read or written: what stands here is newer than what is stored */
	bool real;           /* or too large to be made up: left alone */
	struct text *ds;     /* heap, texts too: those listed by the made-up info, in order */
	size_t n_ds, capacity;
	struct map listed; /* the same as a table, once there are more than a few */
};

static void forget_ds(struct plugin_info *p)
{
	for (size_t i = 0; i < p->n_ds; i++)
		free((void *)(uintptr_t)p->ds[i].s);
	map_fini(&p->listed, NULL);
	p->n_ds = 0;
}

static void free_info(void *argument)
{
	struct plugin_info *p = argument;

	forget_ds(p);
	free(p->ds);
	free(p);
}

void infos_init(struct infos *s, struct meta *meta)
{
	*s = (struct infos){ .meta = meta };
	map_init(&s->by_plugin);
	buf_init(&s->answers, 4 * INFO_MAX_BYTES);
}

void infos_fini(struct infos *s)
{
	map_fini(&s->by_plugin, free_info);
	buf_fini(&s->answers);
}

static struct text key_of(struct arena *a, struct text host, struct text plugin)
{
	char *key = arena_alloc(a, host.n + 1 + plugin.n);

	memcpy(key, host.s, host.n);
	key[host.n] = '\0';
	memcpy(key + host.n + 1, plugin.s, plugin.n);
	return (struct text){ key, host.n + 1 + plugin.n };
}

static bool has_ds(const struct plugin_info *p, struct text ds)
{
	if (p->n_ds > FEW_DS)
		return map_get(&p->listed, ds) != NULL;
	for (size_t i = 0; i < p->n_ds; i++)
		if (text_equal(p->ds[i], ds))
			return true;
	return false;
}

static void add_ds(struct plugin_info *p, struct text ds)
{
	array_grow(&p->ds, &p->capacity, p->n_ds, sizeof(*p->ds));
	p->ds[p->n_ds++] = (struct text){ must_strndup(ds.s, ds.n), ds.n };
	if (p->n_ds == FEW_DS + 1) {
		map_init(&p->listed);
		for (size_t i = 0; i < FEW_DS; i++)
			map_put(&p->listed, p->ds[i], p);
	}
	if (p->n_ds > FEW_DS)
		map_put(&p->listed, ds, p);
}

/* The stored info is ours when making it up again from its own ds gives the same bytes. */
static void take_stored(struct plugin_info *p, struct text plugin, struct text stored, struct arena *a)
{
	struct json_value document, infos, value;
	struct json_walk walk;
	struct buf again;
	struct text key;
	bool escaped;

	p->real = true;
	forget_ds(p);
	if (json_check(stored, false, &document, NULL) != RC_OK || document.type != JSON_OBJECT ||
	    !json_member(a, document, "Infos", &infos) || infos.type != JSON_OBJECT)
		return;
	walk = json_walk(infos);
	while (json_next_member(&walk, &key, &escaped, &value)) {
		struct text ds = json_string(a, key, escaped);

		if (has_ds(p, ds))
			return; /* we never list one twice */
		add_ds(p, ds);
	}
	buf_init(&again, INFO_MAX_BYTES);
	reply_default_info(&again, plugin, p->ds, p->n_ds);
	p->real = again.full || !text_equal(buf_text(&again), stored);
	buf_fini(&again);
}

static enum rc look(struct infos *s, struct text host, struct text plugin, struct arena *a, struct text key,
		    struct plugin_info **out, struct why *why)
{
	uint64_t generation = meta_generation(s->meta);
	struct meta_read read = { .key = { META_INFOS, host, plugin } };
	struct plugin_info *p = map_get(&s->by_plugin, key);
	enum rc rc;

	buf_clear(&s->answers);
	rc = meta_read(s->meta, &read, 1, &s->answers, why);
	if (rc != RC_OK)
		return rc;
	if (p == NULL) {
		p = must_alloc(sizeof(*p));
		map_put(&s->by_plugin, key, p);
	}
	p->generation = generation;
	p->round = s->round;
	p->real = false;
	if (read.found)
		take_stored(p, plugin, read.value, a);
	else
		forget_ds(p);
	*out = p;
	return RC_OK;
}

static enum rc make_up(struct plugin_info *p, struct text host, struct text plugin, struct arena *a,
		       struct meta_write *write)
{
	struct buf text;
	enum rc rc = RC_OK;

	buf_init(&text, INFO_MAX_BYTES);
	reply_default_info(&text, plugin, p->ds, p->n_ds);
	if (text.full) {
		p->real = true;
		forget_ds(p);
		rc = RC_END;
	} else {
		*write = (struct meta_write){ META_SET,
					      { META_INFOS, arena_text(a, host), arena_text(a, plugin) },
					      arena_text(a, buf_text(&text)) };
	}
	buf_fini(&text);
	return rc;
}

enum rc infos_saw_ds(struct infos *s, struct text host, struct text plugin, const struct text *ds, size_t n_ds,
		     struct arena *a, struct meta_write *write, struct why *why)
{
	struct text key = key_of(a, host, plugin);
	struct plugin_info *p = map_get(&s->by_plugin, key);
	bool news = p == NULL || p->generation != meta_generation(s->meta);
	enum rc rc;

	for (size_t i = 0; !news && !p->real && i < n_ds; i++)
		news = !has_ds(p, ds[i]);
	if (!news)
		return RC_END;
	/* what another client wrote meanwhile wins; what this round is about to write is not there yet */
	if (p == NULL || p->round != s->round || p->generation != meta_generation(s->meta)) {
		rc = look(s, host, plugin, a, key, &p, why);
		if (rc != RC_OK)
			return rc;
	}
	if (p->real)
		return RC_END;
	news = p->n_ds == 0;
	for (size_t i = 0; i < n_ds; i++)
		if (!has_ds(p, ds[i])) {
			add_ds(p, ds[i]);
			news = true;
		}
	return news ? make_up(p, host, plugin, a, write) : RC_END;
}

void infos_forget(struct infos *s, struct text host, struct text plugin)
{
	struct arena a;
	struct plugin_info *p;

	arena_init(&a);
	p = map_remove(&s->by_plugin, key_of(&a, host, plugin));
	if (p != NULL)
		free_info(p);
	arena_fini(&a);
}

void infos_forget_host(struct infos *s, struct text host)
{
	struct map kept;
	struct text key;
	size_t at = 0;
	void *value;

	map_init(&kept);
	while (map_next(&s->by_plugin, &at, &key, &value))
		if (key.n > host.n && key.s[host.n] == '\0' && memcmp(key.s, host.s, host.n) == 0)
			free_info(value);
		else
			map_put(&kept, key, value);
	map_fini(&s->by_plugin, NULL);
	s->by_plugin = kept;
}

void infos_saw_real(struct infos *s, struct text host, struct text plugin, bool remember)
{
	struct plugin_info *p;
	struct arena a;

	arena_init(&a);
	p = map_get(&s->by_plugin, key_of(&a, host, plugin));
	if (p == NULL && remember) {
		p = must_alloc(sizeof(*p));
		map_put(&s->by_plugin, key_of(&a, host, plugin), p);
	}
	if (p != NULL) {
		p->real = true;
		p->round = s->round;
		p->generation = meta_generation(s->meta);
		forget_ds(p);
	}
	arena_fini(&a);
}

void infos_begin_round(struct infos *s)
{
	s->round++;
}
