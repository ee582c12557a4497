#include "poller/plugin.h"

#include <stdlib.h>

#include "base/mem.h"
#include "poller/compose.h"
#include "wire/message.h"
#include "wire/number.h"

enum {
	DATA_SPLIT_BYTES = 128 * 1024, /* then another message goes on */
	ESCAPED_TIMES = 8,             /* as much may a byte become in the envelope */
	INFO_MAX_BYTES = 2 * MESSAGE_MAX_BYTES,
	VALUE_MAX_BYTES = 100,
};

struct plugin *plugin_new(struct text name)
{
	struct plugin *p = must_alloc(sizeof(*p));

	p->name = (struct text){ must_strndup(name.s, name.n), name.n };
	map_init(&p->counters);
	return p;
}

void plugin_free(void *plugin)
{
	struct plugin *p = plugin;
	union {
		const char *from;
		char *to;
	} name;

	if (p == NULL)
		return;
	name.from = p->name.s;
	free(name.to);
	map_fini(&p->counters, free);
	free(p);
}

struct text plugin_key(struct text plugin, struct text graph, struct text field, char key[PLUGIN_KEY_MAX_BYTES])
{
	size_t n = 0;

	must(plugin.n + graph.n + field.n + 2 <= PLUGIN_KEY_MAX_BYTES);
	if (plugin.n > 0) {
		memcpy(key, plugin.s, plugin.n);
		n = plugin.n;
		key[n++] = '\t';
	}
	memcpy(key + n, graph.s, graph.n);
	n += graph.n;
	key[n++] = '\t';
	memcpy(key + n, field.s, field.n);
	return (struct text){ key, n + field.n };
}

static struct text attribute_of(const struct answer_field *f, const char *name)
{
	const struct answer_attribute *a = answer_find(f->attribute, name);

	return a == NULL ? TEXT_NONE : a->value;
}

void plugin_learn(struct plugin *p, const struct answer *config, const struct plugin_past *past)
{
	struct map counters;
	char bytes[PLUGIN_KEY_MAX_BYTES];

	map_init(&counters);
	for (const struct answer_graph *g = config->graph; g != NULL; g = g->next)
		for (const struct answer_field *f = g->field; f != NULL; f = f->next) {
			enum rate_type type = rate_type_of(attribute_of(f, "type"));
			const struct counter_field *before;
			struct counter_field *c;
			struct text key;

			if (type == RATE_NONE)
				continue;
			c = must_alloc(sizeof(*c));
			before = map_get(&p->counters, plugin_key(TEXT_NONE, g->name, f->name, bytes));
			if (before == NULL && past != NULL)
				before = map_get(&past->readings, plugin_key(p->name, g->name, f->name, bytes));
			if (before != NULL)
				*c = *before;
			c->type = type;
			c->limits = rate_limits_of(attribute_of(f, "min"), attribute_of(f, "max"));
			key = plugin_key(TEXT_NONE, g->name, f->name, bytes);
			free(map_put(&counters, key, c));
		}
	map_fini(&p->counters, free);
	p->counters = counters;
	p->configured = true;
}

static const struct answer_graph *find_graph(const struct answer *a, struct text name)
{
	const struct answer_graph *g = a == NULL ? NULL : a->graph;

	while (g != NULL && !text_equal(g->name, name))
		g = g->next;
	return g;
}

/* Whether the storage takes it in its envelope. */
static bool fits(const struct buf *payload, struct text plugin)
{
	struct parcel p = { .kind = PARCEL_INFO, .plugin = plugin, .text = buf_text(payload) };
	struct buf body;
	bool small;

	if (payload->full || payload->n > MESSAGE_MAX_BYTES)
		return false;
	if (payload->n < MESSAGE_MAX_BYTES / ESCAPED_TIMES / 2)
		return true;
	buf_init(&body, MESSAGE_MAX_BYTES - 1024); /* the rest is for the hostID */
	compose_envelope(&body, &p);
	small = !body.full;
	buf_fini(&body);
	return small;
}

size_t plugin_tell(const struct answer *config, const struct answer *values, plugin_emit_fn *emit, void *argument)
{
	size_t n_cut = 0;
	struct buf payload;

	buf_init(&payload, INFO_MAX_BYTES);
	for (const struct answer_graph *g = config->graph; g != NULL; g = g->next) {
		const struct answer_graph *with = values == config ? NULL : find_graph(values, g->name);
		int detail = COMPOSE_ALL;
		bool told = true, small = false;

		for (; told && !small && detail <= COMPOSE_IDS; detail++) {
			payload.full = false;
			buf_clear(&payload);
			told = compose_info(&payload, config, g, with, (enum compose_detail)detail);
			small = told && fits(&payload, g->name);
		}
		n_cut += told && (!small || detail > COMPOSE_ALL + 1);
		if (told && small)
			emit(argument, PARCEL_INFO, g->name, buf_text(&payload));
	}
	buf_fini(&payload);
	return n_cut;
}

/* The rate since the last reading, which this one replaces. */
static bool count_on(struct counter_field *c, struct text value, int64_t t_s, int64_t max_age_s, double *out)
{
	struct rate_reading now = rate_read(value);
	int64_t age_s = t_s - c->last_s;
	bool known;

	if (c->last_s != 0 && age_s == 0)
		return false; /* the second is measured already; what comes counts from its first reading */
	known = c->last_s != 0 && age_s > 0 && age_s <= max_age_s &&
		rate_between(c->type, c->limits, c->last, now, age_s, out);
	c->last = now;
	c->last_s = t_s;
	return known;
}

static void add_value(struct plugin *p, struct buf *payload, const struct answer_graph *g, const struct answer_field *f,
		      int64_t t_s, int64_t max_age_s)
{
	char bytes[PLUGIN_KEY_MAX_BYTES];
	struct counter_field *c = map_get(&p->counters, plugin_key(TEXT_NONE, g->name, f->name, bytes));
	double value;

	if (c == NULL) {
		bool good = f->value.n <= VALUE_MAX_BYTES && number_parse(f->value, &value) == NUMBER_VALUE;

		compose_data_text(payload, f->name, good ? f->value : TEXT("U"));
	} else if (count_on(c, f->value, t_s, max_age_s, &value)) {
		compose_data_rate(payload, f->name, value);
	} else {
		compose_data_text(payload, f->name, TEXT("U"));
	}
}

size_t plugin_measure(struct plugin *p, const struct answer *values, int64_t t_s, int64_t max_age_s,
		      plugin_emit_fn *emit, void *argument)
{
	size_t n = 0, n_here;
	struct buf payload;

	buf_init(&payload, SIZE_MAX);
	for (const struct answer_graph *g = values->graph; g != NULL; g = g->next) {
		n_here = 0;
		for (const struct answer_field *f = g->field; f != NULL; f = f->next) {
			if (!f->has_value)
				continue;
			if (n_here++ == 0)
				compose_data_begin(&payload, t_s, g->name);
			add_value(p, &payload, g, f, t_s, max_age_s);
			n++;
			if (payload.n < DATA_SPLIT_BYTES)
				continue;
			compose_data_end(&payload);
			emit(argument, PARCEL_DATA, g->name, buf_text(&payload));
			buf_clear(&payload);
			n_here = 0;
		}
		if (n_here == 0)
			continue;
		compose_data_end(&payload);
		emit(argument, PARCEL_DATA, g->name, buf_text(&payload));
		buf_clear(&payload);
	}
	buf_fini(&payload);
	return n;
}
