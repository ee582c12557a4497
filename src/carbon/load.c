#include "carbon/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
	FULL_ITEMS = 64 * 1024,
	FULL_BYTES = 16 * 1024 * 1024,
	ITEM_SAMPLES = 512, /* at most in one message */
	RETRY_FIRST_MS = 250,
	RETRY_MOST_MS = 5000,
};

static void on_done(struct batch *b, void *argument)
{
	struct loads *l = argument;

	(void)b;
	atomic_store(&l->returned, true);
	l->wake(l->argument);
}

static struct batch *new_batch(struct loads *l)
{
	struct batch *b = batch_new(INPUT_CARBON);

	b->done = on_done;
	b->argument = l;
	return b;
}

void loads_init(struct loads *l, void (*submit)(void *, struct batch *), void (*wake)(void *), void *argument)
{
	*l = (struct loads){ .submit = submit, .wake = wake, .argument = argument, .filling_number = 1 };
	l->filling = new_batch(l);
	l->out = new_batch(l);
}

void loads_fini(struct loads *l)
{
	must(!l->with_ingest);
	batch_free(l->filling);
	batch_free(l->out);
}

static struct item *new_item(struct loads *l, int64_t accepted_s)
{
	struct batch *b = l->filling;

	array_grow(&b->item, &b->capacity, b->n, sizeof(*b->item));
	b->item[b->n] = (struct item){ .fate = FATE_WAITING };
	b->accepted_s = accepted_s;
	return &b->item[b->n++];
}

/* The newest item, when the point belongs to the same message; else a new one. */
static struct item *item_for(struct loads *l, const struct series *s, int64_t t_s, int64_t accepted_s)
{
	struct batch *b = l->filling;
	struct item *i = l->open ? &b->item[b->n - 1] : NULL;

	if (i != NULL && i->message.t_s == t_s && i->message.n_samples < ITEM_SAMPLES &&
	    text_equal(i->message.plugin, s->plugin) && text_equal(i->message.host, s->host))
		return i;
	i = new_item(l, accepted_s);
	i->decoded = true;
	i->message = (struct message){
		.kind = MESSAGE_DATA,
		.host = arena_text(&b->arena, s->host),
		.plugin = arena_text(&b->arena, s->plugin),
		.t_s = t_s,
	};
	l->open = true;
	l->sample_capacity = l->original_capacity = 0;
	return i;
}

static void add_sample(struct loads *l, struct item *i, const struct sample *one)
{
	struct message *m = &i->message;

	if (m->n_samples == l->sample_capacity) {
		struct sample *more;

		l->sample_capacity = l->sample_capacity == 0 ? 4 : l->sample_capacity * 2;
		more = arena_alloc(&l->filling->arena, l->sample_capacity * sizeof(*more));
		if (m->n_samples > 0)
			memcpy(more, m->sample, m->n_samples * sizeof(*more));
		m->sample = more;
	}
	m->sample[m->n_samples++] = *one;
}

/* The lines of one message stand behind each other, as they came. */
static void add_original(struct loads *l, struct item *i, struct text line)
{
	size_t n = i->original.n, n_new = n + (n > 0) + line.n;
	char *more;

	if (n_new > l->original_capacity) {
		l->original_capacity = n == 0 ? n_new : n_new * 2;
		more = arena_alloc(&l->filling->arena, l->original_capacity);
		if (n > 0)
			memcpy(more, i->original.s, n);
		i->original.s = more;
	}
	more = (char *)(uintptr_t)i->original.s; /* our own memory */
	if (n > 0)
		more[n++] = '\n';
	memcpy(more + n, line.s, line.n);
	i->original.n = n_new;
}

void loads_add_point(struct loads *l, const struct series *s, int64_t t_s, double value, struct text line,
		     int64_t accepted_s)
{
	struct item *i = item_for(l, s, t_s, accepted_s);

	add_sample(
		l, i,
		&(struct sample){ .ds = arena_text(&l->filling->arena, s->ds), .kind = SAMPLE_VALUE, .value = value });
	add_original(l, i, line);
}

void loads_add_refused(struct loads *l, enum reason reason, const char *detail, const struct series *s,
		       struct text line, int64_t accepted_s)
{
	struct batch *b = l->filling;
	struct item *i = new_item(l, accepted_s);

	l->open = false;
	if (line.n > LINE_MAX_BYTES)
		line.n = LINE_MAX_BYTES;
	i->original = arena_text(&b->arena, line);
	i->refusal.reason = reason;
	if (s != NULL) {
		i->refusal.host = arena_text(&b->arena, s->host);
		i->refusal.plugin = arena_text(&b->arena, s->plugin);
	}
	snprintf(i->refusal.detail, sizeof(i->refusal.detail), "%s", detail);
}

static bool any_failed(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->item[i].fate == FATE_FAILED)
			return true;
	return false;
}

static void take_back(struct loads *l, struct mono now)
{
	atomic_store(&l->returned, false);
	l->with_ingest = false;
	l->failed = any_failed(l->out);
	if (!l->failed) {
		l->retry_ms = 0;
		l->done_number++;
		batch_reset(l->out);
		return;
	}
	l->retry_ms = l->retry_ms == 0 ? RETRY_FIRST_MS : l->retry_ms * 2;
	if (l->retry_ms > RETRY_MOST_MS)
		l->retry_ms = RETRY_MOST_MS;
	l->due = mono_after_ms(now, l->retry_ms);
}

static void hand_over(struct loads *l)
{
	l->with_ingest = true;
	l->failed = false;
	l->submit(l->argument, l->out);
}

void loads_turn(struct loads *l, struct mono now)
{
	struct batch *full;

	if (l->with_ingest && atomic_load(&l->returned))
		take_back(l, now);
	if (l->with_ingest)
		return;
	if (l->failed) {
		if (mono_ms_between(now, l->due) <= 0)
			hand_over(l);
		return;
	}
	if (l->filling->n == 0)
		return;
	full = l->filling;
	l->filling = l->out;
	l->out = full;
	l->filling_number++;
	l->open = false;
	hand_over(l);
}

bool loads_full(const struct loads *l)
{
	return l->filling->n >= FULL_ITEMS || l->filling->arena.total_bytes >= FULL_BYTES;
}

size_t loads_n_waiting(const struct loads *l)
{
	return l->filling->n + l->out->n;
}
