#include "query/ds_list.h"

#include <stdlib.h>

#include "base/mem.h"
#include "wire/json.h"

void ds_list_fini(struct ds_list *l)
{
	free(l->ds);
	*l = (struct ds_list){ NULL, 0, 0 };
}

void ds_list_add(struct ds_list *l, struct text ds)
{
	for (size_t i = 0; i < l->n; i++)
		if (text_equal(l->ds[i], ds))
			return;
	array_grow(&l->ds, &l->capacity, l->n, sizeof(*l->ds));
	l->ds[l->n++] = ds;
}

bool query_next_ds(struct text *rest, struct text *ds)
{
	while (rest->n > 0) {
		const char *comma = memchr(rest->s, ',', rest->n);

		*ds = (struct text){ rest->s, comma == NULL ? rest->n : (size_t)(comma - rest->s) };
		*rest = comma == NULL ? TEXT_NONE : (struct text){ comma + 1, rest->n - ds->n - 1 };
		if (name_check_plugin_or_ds(*ds, NULL) == RC_OK)
			return true;
	}
	return false;
}

static void add_named(struct text info, struct arena *a, struct ds_list *out)
{
	struct json_value v, infos, value;
	struct json_walk w;
	struct text key;
	bool escaped;

	if (info.s == NULL || json_check(info, false, &v, NULL) != RC_OK || v.type != JSON_OBJECT ||
	    !json_member(a, v, "Infos", &infos) || infos.type != JSON_OBJECT)
		return;
	w = json_walk(infos);
	while (out->n <= QUERY_MAX_DS && json_next_member(&w, &key, &escaped, &value)) {
		struct text ds = json_string(a, key, escaped);

		if (name_check_plugin_or_ds(ds, NULL) == RC_OK)
			ds_list_add(out, ds);
	}
}

struct others {
	struct arena *arena;
	struct text *ds;
	size_t n, capacity;
};

static void add_other(void *argument, struct text ds, int64_t written_s)
{
	struct others *o = argument;

	(void)written_s;
	array_grow(&o->ds, &o->capacity, o->n, sizeof(*o->ds));
	o->ds[o->n++] = arena_text(o->arena, ds);
}

static void add_pending(const struct query *q, const struct series *s, struct others *o)
{
	struct registry *r = engine_registry(q->engine);
	size_t n = 0, capacity = 0;
	uint32_t *id = NULL;
	struct series name;

	registry_series_of(r, s->host, s->plugin, &id, &n, &capacity);
	for (size_t i = 0; i < n; i++) {
		registry_name(r, id[i], &name);
		add_other(o, name.ds, 0);
	}
	free(id);
}

static int by_name(const void *a, const void *b)
{
	const struct text *x = a, *y = b;
	int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

enum rc ds_list_all(const struct query *q, const struct series *s, struct text info, struct arena *a,
		    struct ds_list *out, struct why *why)
{
	struct others o = { .arena = a };
	enum rc rc = RC_OK;

	add_named(info, a, out);
	if (s->folder.n > 0)
		rc = values_each(engine_values(q->engine), s, add_other, &o, why);
	if (rc == RC_ABSENT)
		rc = RC_OK;
	add_pending(q, s, &o);
	if (o.n > 0)
		qsort(o.ds, o.n, sizeof(*o.ds), by_name);
	for (size_t i = 0; i < o.n && out->n <= QUERY_MAX_DS; i++)
		if (i == 0 || !text_equal(o.ds[i], o.ds[i - 1]))
			ds_list_add(out, o.ds[i]);
	free(o.ds);
	return rc;
}
