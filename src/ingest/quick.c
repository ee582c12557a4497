#include "ingest/quick.h"

/* Of any age that every retention keeps, and not ahead of the clock. */
static bool time_is_usual(const struct store *s, const struct message *m, int64_t accepted_s)
{
	int64_t age_s = accepted_s - m->t_s;

	return m->t_s >= 0 && m->t_s <= UINT32_MAX && -age_s <= s->options.max_future_s && age_s < s->shortest_s;
}

/* Number the points of one message from point on; false when it must go the long way. */
static bool number_points(const struct store *s, const struct batch *b, const struct item *i, uint32_t mark,
			  struct numbered *point, size_t *n)
{
	struct registry *registry = engine_registry(s->options.engine);
	const struct message *m = &i->message;
	uint32_t source;

	if (!i->decoded || m->kind != MESSAGE_DATA || m->n_refused > 0 || !time_is_usual(s, m, b->accepted_s))
		return false;
	source = registry_source(registry, m->host, TEXT_NONE, m->plugin, false);
	if (source == REGISTRY_NONE || registry_mark(registry, source) != mark)
		return false;
	for (size_t k = 0; k < m->n_samples; k++) {
		const struct sample *sample = &m->sample[k];
		uint32_t id;

		if (sample->kind != SAMPLE_VALUE) {
			if (b->input == INPUT_AMQP)
				continue;
			return false; /* a ds that was never known may still belong into a made-up info */
		}
		id = registry_series(registry, source, sample->ds, false);
		if (id == REGISTRY_NONE)
			return false;
		point[(*n)++] = (struct numbered){ id, (uint32_t)m->t_s, sample->value };
	}
	return true;
}

bool quick_accept(const struct store *s, struct batch *b, struct mono now)
{
	uint32_t mark = store_mark(s, meta_generation(s->options.meta));
	struct mono asked = { atomic_load_explicit(&s->asked_ns, memory_order_relaxed) };
	size_t n_most = 0, n = 0;
	struct numbered *point;

	if (b->input == INPUT_JOURNAL || b->n == 0 || mono_ms_between(asked, now) >= STORE_CHECK_MS)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		if (b->item[i].fate != FATE_WAITING)
			return false; /* a second try */
		n_most += b->item[i].message.n_samples;
	}
	point = arena_alloc(&b->arena, (n_most + 1) * sizeof(*point));
	for (size_t i = 0; i < b->n; i++)
		if (!number_points(s, b, &b->item[i], mark, point, &n))
			return false;
	if (n == 0 ||
	    engine_accept(s->options.engine, point, n, (uint32_t)b->accepted_s, &b->position, NULL) != RC_OK) {
		b->position = 0;
		return false;
	}
	for (size_t i = 0; i < b->n; i++) {
		b->item[i].waits = true;
		b->item[i].fate = FATE_STORED;
		store_count(b->input, &b->item[i]);
	}
	return true;
}
