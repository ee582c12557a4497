#include <string.h>

#include "ingest/round.h"
#include "model/name.h"

enum { GROUP_POINTS = 64 * 1024 };

/* The points of one task go behind those gathered so far. */
static void gather(struct round *r, struct task *t)
{
	struct registry *registry = engine_registry(r->store->options.engine);
	const struct message *m = &t->item->message;
	const struct host *host = r->want[t->want].host;

	t->source = registry_source(registry, m->host, (struct text){ host->folder, host->n_folder }, m->plugin, true);
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

void round_accept_points(struct round *r, size_t n_points)
{
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
			} else if (position > 0) {
				task->item->waits = true;
				task->batch->position = position;
			}
		}
	}
}
