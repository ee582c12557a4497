#include <string.h>

#include "ingest/quota.h"
#include "ingest/round.h"
#include "model/name.h"

enum { GROUP_POINTS = 64 * 1024 };

/* The source of a message when the registry has it, in the host's folder of today. */
static uint32_t find_source(struct registry *r, const struct series *s)
{
	uint32_t source = registry_source(r, s->host, TEXT_NONE, s->plugin, false);
	struct series known;

	if (source == REGISTRY_NONE)
		return source;
	registry_source_name(r, source, &known);
	return text_equal(known.folder, s->folder) ? source : registry_source(r, s->host, s->folder, s->plugin, true);
}

/* With quotas: whatever is not let in becomes refused, and leaves nothing in the registry. */
static void admit(struct round *r, struct task *t, const struct series *of_task)
{
	struct registry *registry = engine_registry(r->store->options.engine);
	struct message *m = &t->item->message;
	struct series s = *of_task;

	t->source = find_source(registry, &s);
	for (size_t k = 0; k < m->n_samples; k++) {
		struct sample *sample = &m->sample[k];

		s.ds = sample->ds;
		if (sample->kind != SAMPLE_VALUE ||
		    (t->source != REGISTRY_NONE && registry_series(registry, t->source, s.ds, false) != REGISTRY_NONE))
			continue;
		sample->reason = quota_admit(&r->store->quota, &s, r->now_s, r->now);
		if (sample->reason != REASON_NONE) {
			sample->kind = SAMPLE_REFUSED;
			m->n_refused++;
			continue;
		}
		t->source = registry_source(registry, s.host, s.folder, s.plugin, true);
		(void)registry_series(registry, t->source, s.ds, true);
	}
}

/* The points of one task go behind those gathered so far. */
static void gather(struct round *r, struct task *t)
{
	struct registry *registry = engine_registry(r->store->options.engine);
	const struct message *m = &t->item->message;
	const struct host *host = r->want[t->want].host;
	struct series s = { .host = m->host, .folder = { host->folder, host->n_folder }, .plugin = m->plugin };

	if (quota_is_on(&r->store->quota))
		admit(r, t, &s);
	else
		t->source = registry_source(registry, s.host, s.folder, s.plugin, true);
	if (t->source == REGISTRY_NONE)
		return;
	for (size_t k = 0; k < m->n_samples; k++) {
		const struct sample *sample = &m->sample[k];

		if (sample->kind == SAMPLE_VALUE)
			r->point[r->n_points++] =
				(struct numbered){ registry_series(registry, t->source, sample->ds, true),
						   (uint32_t)m->t_s, sample->value };
	}
}

void round_fail(struct round *r, struct task *t, const struct why *why)
{
	t->failed = true;
	if (r->why.text[0] == '\0')
		r->why = *why;
	if (t->batch->why.text[0] == '\0')
		t->batch->why = *why;
}

static bool has_points(const struct task *t)
{
	return !t->failed && t->item->decoded && t->item->message.kind == MESSAGE_DATA && t->want != SIZE_MAX;
}

/* Points of one second go together, a batch always whole; not so many that one batch too large fails all others. */
static bool goes_with(const struct round *r, size_t from, size_t to)
{
	const struct batch *b = r->task[to].batch;

	return b->accepted_s == r->task[from].batch->accepted_s &&
	       (r->n_points < GROUP_POINTS || b == r->task[to - 1].batch);
}

/* A host of which the quotas let nothing in is not told of. */
static void note_used(struct round *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct task *t = &r->task[i];
		const struct message *m = &t->item->message;

		if (t->want != SIZE_MAX && (m->kind != MESSAGE_DATA || !has_points(t) || t->source != REGISTRY_NONE ||
					    m->n_refused < m->n_samples))
			r->want[t->want].used = true;
	}
}

void round_accept_points(struct round *r, size_t n_points, int64_t now_s, struct mono now)
{
	r->now_s = now_s;
	r->now = now;
	r->point = arena_alloc(&r->store->arena, (n_points + 1) * sizeof(*r->point));
	for (size_t from = 0, to = 0; from < r->n_tasks; from = to) {
		int64_t accepted_s = r->task[from].batch->accepted_s;
		uint64_t position = 0;
		struct why why;
		enum rc rc = RC_OK;

		r->n_points = 0;
		memset(r->n_points_of, 0, sizeof(r->n_points_of));
		for (; to < r->n_tasks && goes_with(r, from, to); to++) {
			size_t before = r->n_points;

			if (has_points(&r->task[to]))
				gather(r, &r->task[to]);
			r->n_points_of[r->task[to].batch->input] += r->n_points - before;
		}
		if (r->n_points > 0)
			rc = engine_accept(r->store->options.engine, r->point, r->n_points, (uint32_t)accepted_s,
					   &position, &why);
		for (enum input i = 0; rc == RC_OK && i < INPUT_COUNT; i++)
			store_count_points(i, r->n_points_of[i]);
		for (size_t t = from; t < to; t++) {
			struct task *task = &r->task[t];

			if (!has_points(task))
				continue;
			if (rc != RC_OK) {
				round_fail(r, task, &why);
			} else if (position > 0 && task->source != REGISTRY_NONE) {
				task->item->waits = true;
				task->batch->position = position;
			}
		}
	}
	note_used(r);
}
