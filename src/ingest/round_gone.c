#include "base/log.h"
#include "base/map.h"
#include "ingest/round.h"

/* taken: the fields of this hash that are written already. */
static size_t take_out(struct map *taken, struct meta_write *out, struct meta_key key)
{
	if (map_put(taken, key.field, taken) != NULL)
		return 0;
	*out = (struct meta_write){ META_DELETE, key, TEXT_NONE };
	return 1;
}

static struct text field_of(struct arena *a, struct text host, struct text plugin)
{
	struct text field;
	struct buf b;

	buf_init(&b, 4096);
	gone_plugin_field(host, plugin, &b);
	field = arena_text(a, buf_text(&b));
	buf_fini(&b);
	return field;
}

size_t round_gone_writes(struct round *r, const struct gone_view *view, struct meta_write *out)
{
	struct map hosts, plugins;
	size_t n = 0;

	if (!gone_any(view))
		return 0;
	map_init(&hosts);
	map_init(&plugins);
	for (size_t t = 0; t < r->n_tasks; t++) {
		const struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded || task->batch->input == INPUT_JOURNAL ||
		    (m->kind != MESSAGE_DATA && m->kind != MESSAGE_INFO && m->kind != MESSAGE_MYINFO))
			continue;
		if (gone_host(view, m->host))
			n += take_out(&hosts, &out[n], (struct meta_key){ META_DELETED_HOSTS, TEXT_NONE, m->host });
		if (m->kind != MESSAGE_MYINFO && gone_plugin(view, m->host, m->plugin))
			n += take_out(&plugins, &out[n],
				      (struct meta_key){ META_DELETED_PLUGINS, TEXT_NONE,
							 field_of(&r->store->arena, m->host, m->plugin) });
	}
	map_fini(&hosts, NULL);
	map_fini(&plugins, NULL);
	return n;
}

void round_say_returned(const struct meta_write *write, size_t n)
{
	static struct log_limit limit;

	for (size_t i = 0; i < n; i++)
		log_limited(&limit, LOG_LEVEL_INFO, "upkeep.returned", "%s=\"%.*s\"",
			    write[i].key.hash == META_DELETED_HOSTS ? "host" : "plugin", TEXT_ARG(write[i].key.field));
}
