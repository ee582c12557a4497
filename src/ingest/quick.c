#include "ingest/quick.h"

#include "base/counter.h"

/* Of any age that every retention keeps, and not ahead of the clock. */
static bool time_is_usual(const struct store *s, const struct message *m, int64_t accepted_s)
{
	int64_t age_s = accepted_s - m->t_s;

	return m->t_s >= 0 && m->t_s <= UINT32_MAX &&
	       -age_s <= atomic_load_explicit(&s->max_future_s, memory_order_relaxed) &&
	       age_s < atomic_load_explicit(&s->shortest_s, memory_order_relaxed);
}

/* What is numbered so far. Messages mostly come in the order in which their sources came first. */
struct numbering {
	struct registry *registry;
	uint32_t mark;
	uint32_t expected; /* the source that is likely next */
	struct numbered *point;
	size_t n, n_unknown;
	bool calls; /* some want an answer */
};

/* REGISTRY_NONE unless the metadata store has been told of it. */
static uint32_t find_source(struct numbering *to, const struct message *m)
{
	uint32_t source = to->expected;

	/* of the sources of one host and plugin only the one of its folder of today has the mark */
	if (!registry_source_is(to->registry, source, m->host, m->plugin) ||
	    registry_mark(to->registry, source) != to->mark)
		source = registry_source(to->registry, m->host, TEXT_NONE, m->plugin, false);
	if (source == REGISTRY_NONE || registry_mark(to->registry, source) != to->mark)
		return REGISTRY_NONE;
	to->expected = source + 1;
	return source;
}

/* False when the message must go the long way. */
static bool number_points(const struct store *s, const struct batch *b, const struct item *i, struct numbering *to)
{
	const struct message *m = &i->message;
	uint32_t source;

	if (!i->decoded || m->kind != MESSAGE_DATA || m->n_refused > 0 || !time_is_usual(s, m, b->accepted_s))
		return false;
	source = find_source(to, m);
	if (source == REGISTRY_NONE)
		return false;
	for (size_t k = 0; k < m->n_samples; k++) {
		const struct sample *sample = &m->sample[k];
		uint32_t id;

		if (sample->kind != SAMPLE_VALUE) {
			if (b->input != INPUT_AMQP)
				return false; /* a ds that was never known may still belong into a made-up info */
			to->n_unknown++;
			continue;
		}
		id = registry_series(to->registry, source, sample->ds, false);
		if (id == REGISTRY_NONE)
			return false;
		to->point[to->n++] = (struct numbered){ id, (uint32_t)m->t_s, sample->value };
	}
	to->calls = to->calls || m->reply_q.n > 0;
	return true;
}

bool quick_accept(const struct store *s, struct batch *b, struct mono now)
{
	struct numbering to = { .registry = engine_registry(s->options.engine),
				.mark = store_mark(s, meta_generation(s->options.meta)),
				.expected = REGISTRY_NONE };
	struct mono asked = { atomic_load_explicit(&s->asked_ns, memory_order_relaxed) };
	size_t n_most = 0;

	if (b->input == INPUT_JOURNAL || b->n == 0 || mono_ms_between(asked, now) >= STORE_CHECK_MS)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		if (b->item[i].fate != FATE_WAITING)
			return false; /* a second try */
		n_most += b->item[i].message.n_samples;
	}
	to.point = arena_alloc(&b->arena, (n_most + 1) * sizeof(*to.point));
	for (size_t i = 0; i < b->n; i++)
		if (!number_points(s, b, &b->item[i], &to))
			return false;
	if (to.n == 0 ||
	    engine_accept(s->options.engine, to.point, to.n, (uint32_t)b->accepted_s, &b->position, NULL) != RC_OK) {
		b->position = 0;
		return false;
	}
	for (size_t i = 0; i < b->n; i++)
		b->item[i].fate = FATE_STORED;
	b->all_wait = true;
	b->all_stored = !to.calls;
	store_count_messages(b->input, b->n);
	store_count_points(b->input, to.n);
	counter_add(COUNTER_POINTS_UNKNOWN, to.n_unknown);
	return true;
}
