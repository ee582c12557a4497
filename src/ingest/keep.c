#include "ingest/keep.h"

#include "wire/reply.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024 };

static void on_done(struct batch *b, void *argument)
{
	struct keep *k = argument;

	(void)b;
	lock_take(&k->lock);
	k->done = true;
	signal_all(&k->signal);
	lock_give_back(&k->lock);
}

/* What the points were, as somebody would send them again: [[time, value], …]. */
static struct text points_text(struct arena *a, const struct values_batch *points)
{
	struct buf out;
	struct text result;

	buf_init(&out, LINE_MAX_BYTES);
	buf_add_str(&out, "[");
	for (size_t i = 0; i < points->n_points && !out.full; i++) {
		buf_addf(&out, "%s[%u, ", i == 0 ? "" : ", ", (unsigned)points->point[i].t_s);
		reply_number(&out, points->point[i].value);
		buf_add_str(&out, "]");
	}
	buf_add_str(&out, "]");
	result = arena_text(a, buf_text(&out));
	buf_fini(&out);
	return result;
}

void keep_init(struct keep *k, const struct values_batch *points)
{
	struct batch *b = batch_new(INPUT_JOURNAL);
	struct item *item = batch_add_none(b);
	struct message *m = &item->message;

	*k = (struct keep){ .batch = b };
	lock_init(&k->lock);
	signal_init(&k->signal);
	item->decoded = true;
	item->original = points_text(&b->arena, points);
	*m = (struct message){ .kind = MESSAGE_DATA, .host = points->series.host, .plugin = points->series.plugin };
	m->t_s = points->n_points == 0 ? 0 : points->point[0].t_s;
	m->sample = arena_alloc(&b->arena, sizeof(*m->sample));
	m->sample[0] = (struct sample){ points->series.ds, SAMPLE_REFUSED, points->reason, 0 };
	m->n_samples = m->n_refused = 1;
	b->done = on_done;
	b->argument = k;
}

enum rc keep_wait(struct keep *k, struct why *why)
{
	lock_take(&k->lock);
	while (!k->done)
		signal_wait(&k->signal, &k->lock);
	lock_give_back(&k->lock);
	return k->batch->item[0].fate == FATE_FAILED ? because(why, RC_DISK, "%s", k->batch->why.text) : RC_OK;
}

void keep_fini(struct keep *k)
{
	batch_free(k->batch);
	signal_fini(&k->signal);
	lock_fini(&k->lock);
}
