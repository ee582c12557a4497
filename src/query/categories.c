/*
 * Which plugins belong to which category: by the Category of their infos.
 */
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "query/query.h"
#include "wire/json.h"
#include "wire/reply.h"

struct entry {
	struct text category, plugin;
};

struct categories {
	const struct query *q;
	const struct gone_view *gone;
	struct text host; /* the one whose infos come */
	struct arena arena, scratch;
	struct map seen; /* category, NUL, plugin */
	struct entry *entry;
	size_t n, capacity;
	struct why *why;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Lower-cased, in the scratch arena; "other" when there is none. */
static struct text category_of(struct categories *c, struct text info)
{
	struct json_value v, category;
	struct text t;
	char *s;

	if (json_check(info, false, &v, NULL) != RC_OK || v.type != JSON_OBJECT ||
	    !json_member(&c->scratch, v, "Category", &category) || category.type != JSON_STRING)
		return TEXT("other");
	t = text_trim(json_string(&c->scratch, category.raw, category.escaped));
	if (t.n == 0)
		return TEXT("other");
	s = arena_alloc(&c->scratch, t.n);
	for (size_t i = 0; i < t.n; i++)
		s[i] = lower(t.s[i]);
	return (struct text){ s, t.n };
}

static void add(struct categories *c, struct text category, struct text plugin)
{
	size_t n = category.n + 1 + plugin.n;
	char *key = arena_alloc(&c->scratch, n);

	memcpy(key, category.s, category.n);
	key[category.n] = '\0';
	memcpy(key + category.n + 1, plugin.s, plugin.n);
	if (map_get(&c->seen, (struct text){ key, n }) != NULL)
		return;
	map_put(&c->seen, (struct text){ key, n }, c);
	array_grow(&c->entry, &c->capacity, c->n, sizeof(*c->entry));
	c->entry[c->n++] = (struct entry){ arena_text(&c->arena, category), arena_text(&c->arena, plugin) };
}

static enum rc take_info(void *argument, struct text plugin, struct text info)
{
	struct categories *c = argument;

	if (plugin.n > 0 && !gone_plugin(c->gone, c->host, plugin))
		add(c, category_of(c, info), plugin);
	arena_reset(&c->scratch);
	return RC_OK;
}

static enum rc take_host(void *argument, struct text host, struct text value)
{
	struct categories *c = argument;

	(void)value;
	c->host = host;
	return name_check_host(host, NULL) != RC_OK || gone_host(c->gone, host)
		       ? RC_OK
		       : meta_each(c->q->meta, META_INFOS, host, take_info, c, c->why);
}

static int compare(struct text x, struct text y)
{
	int order = memcmp(x.s, y.s, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static int by_category(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare(x->category, y->category);

	return order != 0 ? order : compare(x->plugin, y->plugin);
}

static enum rc print(struct categories *c, struct buf *out, struct why *why)
{
	if (c->n > 0)
		qsort(c->entry, c->n, sizeof(*c->entry), by_category);
	buf_add_str(out, "{");
	for (size_t i = 0; i < c->n; i++) {
		if (i > 0 && text_equal(c->entry[i].category, c->entry[i - 1].category)) {
			buf_add_str(out, ", ");
		} else {
			buf_add_str(out, i > 0 ? "], " : "");
			reply_string(out, c->entry[i].category);
			buf_add_str(out, ": [");
		}
		reply_string(out, c->entry[i].plugin);
	}
	buf_add_str(out, c->n > 0 ? "]}" : "}");
	if (out->full)
		return because(why, RC_FULL, "the reply would be over %zu bytes", out->max);
	return RC_OK;
}

enum rc query_categories(const struct query *q, struct text host, struct buf *out, struct why *why)
{
	struct categories c = { .q = q, .why = why };
	struct gone_view *view;
	enum rc rc = gone_take(q->gone, mono_now(), &view, why);

	if (rc != RC_OK)
		return rc;
	c.gone = view;
	arena_init(&c.arena);
	arena_init(&c.scratch);
	map_init(&c.seen);
	if (host.s != NULL)
		rc = take_host(&c, host, TEXT_NONE);
	else
		rc = meta_each(q->meta, META_HOSTS, TEXT_NONE, take_host, &c, why);
	if (rc == RC_OK)
		rc = print(&c, out, why);
	gone_give_back(view);
	free(c.entry);
	map_fini(&c.seen, NULL);
	arena_fini(&c.scratch);
	arena_fini(&c.arena);
	return rc;
}
