#include <stdlib.h>

#include "ingest/round.h"

static int by_series_then_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const struct text *const p[] = { &x->series.folder, &x->series.plugin, &x->series.ds };
	const struct text *const q[] = { &y->series.folder, &y->series.plugin, &y->series.ds };

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		size_t n = p[i]->n < q[i]->n ? p[i]->n : q[i]->n;
		int c = p[i]->s == q[i]->s ? 0 : memcmp(p[i]->s, q[i]->s, n);

		if (c != 0)
			return c;
		if (p[i]->n != q[i]->n)
			return p[i]->n < q[i]->n ? -1 : 1;
	}
	return (x->order > y->order) - (x->order < y->order);
}

/* The points of tasks[from..to) whose host is known, by series. */
static void gather(struct round *r, size_t from, size_t to)
{
	struct point *point;

	r->n_entries = r->n_batches = 0;
	for (size_t t = from; t < to; t++) {
		const struct item *i = r->task[t].item;
		const struct host *host;

		if (r->task[t].failed || !i->decoded || i->message.kind != MESSAGE_DATA)
			continue;
		host = r->want[r->task[t].want].host;
		for (size_t k = 0; k < i->message.n_samples; k++) {
			struct sample *sample = &i->message.sample[k];

			if (sample->kind != SAMPLE_VALUE)
				continue;
			r->entry[r->n_entries] = (struct entry){
				{ i->message.host, text_of(host->folder), i->message.plugin, sample->ds },
				{ i->message.t_s, sample->value },
				sample,
				t,
				r->n_entries,
			};
			r->n_entries++;
		}
	}
	qsort(r->entry, r->n_entries, sizeof(*r->entry), by_series_then_order);
	point = arena_alloc(&r->store->arena, (r->n_entries + 1) * sizeof(*point));
	for (size_t e = 0; e < r->n_entries; e++) {
		struct values_batch *b = r->n_batches == 0 ? NULL : &r->batch[r->n_batches - 1];
		const struct series *series = &r->entry[e].series;

		point[e] = r->entry[e].point;
		if (b == NULL || !text_equal(b->series.ds, series->ds) ||
		    !text_equal(b->series.plugin, series->plugin) || !text_equal(b->series.folder, series->folder)) {
			r->batch_entry[r->n_batches] = e;
			r->batch[r->n_batches++] = (struct values_batch){ .series = *series, .point = &point[e] };
			b = &r->batch[r->n_batches - 1];
		}
		b->n_points++;
	}
	r->batch_entry[r->n_batches] = r->n_entries;
}

void round_fail(struct round *r, struct task *t, const struct why *why)
{
	t->failed = true;
	if (r->why.text[0] == '\0')
		r->why = *why;
	if (t->batch->why.text[0] == '\0')
		t->batch->why = *why;
}

static void refuse(struct task *t, struct sample *sample, enum reason reason)
{
	sample->kind = SAMPLE_REFUSED;
	sample->reason = reason;
	t->item->message.n_refused++;
}

/* Mark the tasks and samples behind one batch of values by what became of it. */
static void settle_values(struct round *r, const struct values_batch *b, size_t first, size_t end)
{
	for (size_t e = first; e < end; e++) {
		const struct entry *entry = &r->entry[e];
		struct task *t = &r->task[entry->task];

		if (b->rc == RC_REFUSED)
			refuse(t, entry->sample, b->reason);
		else if (b->rc != RC_OK)
			round_fail(r, t, &b->why);
		else if (b->n_too_old > 0 && entry->point.t_s < b->oldest_taken_s)
			refuse(t, entry->sample, REASON_TOO_OLD);
	}
}

void round_write_values(struct round *r, size_t n_points)
{
	r->entry = arena_alloc(&r->store->arena, (n_points + 1) * sizeof(*r->entry));
	r->batch = arena_alloc(&r->store->arena, (n_points + 1) * sizeof(*r->batch));
	r->batch_entry = arena_alloc(&r->store->arena, (n_points + 2) * sizeof(*r->batch_entry));
	for (size_t from = 0, to = 0; from < r->n_tasks; from = to) {
		int64_t accepted_s = r->task[from].batch->accepted_s;
		enum rc rc = RC_OK;

		while (to < r->n_tasks && r->task[to].batch->accepted_s == accepted_s)
			to++;
		gather(r, from, to);
		if (r->n_batches > 0)
			rc = values_write(r->store->options.values, r->batch, r->n_batches, accepted_s);
		for (size_t b = 0; b < r->n_batches; b++)
			if (rc != RC_OK || r->batch[b].rc != RC_OK || r->batch[b].n_too_old > 0)
				settle_values(r, &r->batch[b], r->batch_entry[b], r->batch_entry[b + 1]);
	}
}
