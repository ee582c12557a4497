#include "ingest/ingest.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ingest/keep.h"
#include "ingest/quick.h"
#include "ingest/store.h"

/* One call of ingest_forget(). */
struct forget {
	const struct ingest_forget *what;
	bool done; /* under ingest's lock */
	struct forget *next;
};

struct ingest {
	struct store store; /* thread store only, but what quick_accept() looks at */
	pthread_t thread;
	atomic_bool begun;
	struct lock lock;
	struct signal signal;
	/* under lock */
	struct batch *first, **end;
	struct batch *waiting, **waiting_end; /* tried; for the journal's sync, in order of position */
	uint64_t committed;                   /* the journal's position that is synced */
	struct forget *forget;
	bool journal_fails;
	struct why journal_why;
	bool stopping;
};

/* The journal has spoken about this batch. */
static void conclude(struct batch *b, bool synced, const struct why *why)
{
	for (size_t i = 0; i < b->n && !(synced && b->all_wait); i++) {
		struct item *item = &b->item[i];

		if ((item->waits || b->all_wait) && !synced && item->fate == FATE_STORED)
			item->fate = FATE_FAILED;
		item->waits = false;
	}
	if (!synced && b->why.text[0] == '\0')
		b->why = *why;
	b->all_stored = b->all_stored && synced;
	b->all_wait = false;
	b->position = 0;
}

static void hand_back(struct batch *first)
{
	while (first != NULL) {
		struct batch *next = first->next;

		first->next = NULL;
		first->done(first, first->argument);
		first = next;
	}
}

/* Called on thread journal. */
static void on_committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	struct ingest *in = argument;
	struct batch *first, **end = &first;

	lock_take(&in->lock);
	if (rc == RC_OK) {
		in->committed = position;
		in->journal_fails = false;
	} else {
		in->journal_fails = true;
		in->journal_why = *why;
	}
	while (in->waiting != NULL && (rc != RC_OK || in->waiting->position <= position)) {
		*end = in->waiting;
		end = &in->waiting->next;
		in->waiting = in->waiting->next;
	}
	*end = NULL;
	if (in->waiting == NULL)
		in->waiting_end = &in->waiting;
	if (in->stopping) /* the store thread has nothing to do with it, only who closes waits for it */
		signal_all(&in->signal);
	lock_give_back(&in->lock);
	for (struct batch *b = first; b != NULL; b = b->next)
		conclude(b, rc == RC_OK, why);
	hand_back(first);
}

/* Batches of a finished round: those with points wait for the journal unless it has spoken already. */
static void sort_out(struct ingest *in, struct batch *first)
{
	struct batch *ready, **end = &ready;

	lock_take(&in->lock);
	for (struct batch *b = first, *next; b != NULL; b = next) {
		next = b->next;
		if (b->position > in->committed && !in->journal_fails) {
			b->next = NULL;
			*in->waiting_end = b;
			in->waiting_end = &b->next;
			continue;
		}
		if (b->position > 0)
			conclude(b, b->position <= in->committed, &in->journal_why);
		*end = b;
		end = &b->next;
	}
	*end = NULL;
	lock_give_back(&in->lock);
	hand_back(ready);
}

static void serve_forgets(struct ingest *in, struct forget *first)
{
	for (struct forget *f = first; f != NULL; f = f->next)
		store_forget(&in->store, f->what);
	lock_take(&in->lock);
	for (struct forget *f = first, *next; f != NULL; f = next) {
		next = f->next; /* who waits may be gone as soon as the lock is given back */
		f->done = true;
	}
	if (first != NULL)
		signal_all(&in->signal);
	lock_give_back(&in->lock);
}

static struct forget *take_forgets(struct ingest *in)
{
	struct forget *first = in->forget;

	lock_must_hold(&in->lock);
	in->forget = NULL;
	return first;
}

/* Put it before the others, and wait for it. */
static enum rc ask_to_forget(struct ingest *in, struct forget *f, struct why *why)
{
	lock_take(&in->lock);
	if (in->stopping || !atomic_load(&in->begun)) {
		lock_give_back(&in->lock);
		return because(why, RC_PEER, "nothing is taken at the moment");
	}
	f->next = in->forget;
	in->forget = f;
	signal_all(&in->signal);
	while (!f->done)
		signal_wait(&in->signal, &in->lock);
	lock_give_back(&in->lock);
	return RC_OK;
}

enum rc ingest_forget(struct ingest *in, const struct ingest_forget *what, struct why *why)
{
	struct forget f = { .what = what };

	return ask_to_forget(in, &f, why);
}

struct heard *ingest_heard(struct ingest *in)
{
	return in->store.heard;
}

/* Loop of thread `store`: all that came since the last round is one round. */
static void *run(void *argument)
{
	struct ingest *in = argument;

	for (;;) {
		struct forget *forget;
		struct batch *first;
		bool ending;

		lock_take(&in->lock);
		while (in->first == NULL && in->forget == NULL && !in->stopping)
			signal_wait(&in->signal, &in->lock);
		first = in->first;
		in->first = NULL;
		in->end = &in->first;
		forget = take_forgets(in);
		ending = in->stopping && first == NULL;
		lock_give_back(&in->lock);
		serve_forgets(in, forget);
		if (ending)
			return NULL;
		if (first == NULL)
			continue;
		store_round(&in->store, first, wall_now().s, mono_now());
		sort_out(in, first);
	}
}

enum rc ingest_open(const struct ingest_options *options, struct ingest **out, struct why *why)
{
	struct ingest *in = must_alloc(sizeof(*in));
	enum rc rc = store_init(&in->store, options, why);

	if (rc != RC_OK) {
		free(in);
		return rc;
	}
	in->end = &in->first;
	in->waiting_end = &in->waiting;
	lock_init(&in->lock);
	signal_init(&in->signal);
	engine_listen(options->engine, on_committed, in);
	*out = in;
	return RC_OK;
}

void ingest_change(struct ingest *in, const struct ingest_options *options)
{
	store_change(&in->store, options);
}

void ingest_quota(struct ingest *in, struct quota_state *out)
{
	quota_look(&in->store.quota, out);
}

void ingest_start(struct ingest *in)
{
	quota_begin(&in->store.quota);
	atomic_store(&in->begun, true);
	thread_start(&in->thread, "store", run, in);
}

/* Stopped before the engine took points: nobody has tried them. */
static void fail_all(struct ingest *in)
{
	struct batch *first;

	lock_take(&in->lock);
	first = in->first;
	in->first = NULL;
	in->end = &in->first;
	lock_give_back(&in->lock);
	for (struct batch *b = first; b != NULL; b = b->next)
		for (size_t i = 0; i < b->n; i++)
			b->item[i].fate = FATE_FAILED;
	hand_back(first);
}

void ingest_close(struct ingest *in)
{
	if (in == NULL)
		return;
	lock_take(&in->lock);
	in->stopping = true;
	signal_all(&in->signal);
	lock_give_back(&in->lock);
	if (atomic_load(&in->begun))
		must(pthread_join(in->thread, NULL) == 0);
	else
		fail_all(in);
	lock_take(&in->lock);
	while (in->waiting != NULL)
		signal_wait(&in->signal, &in->lock);
	lock_give_back(&in->lock);
	store_fini(&in->store);
}

void ingest_release(struct ingest *in)
{
	if (in == NULL)
		return;
	signal_fini(&in->signal);
	lock_fini(&in->lock);
	free(in);
}

void ingest_submit(struct ingest *in, struct batch *b)
{
	bool quick;

	must(b->done != NULL);
	b->next = NULL;
	quick = quick_accept(&in->store, b, mono_now());
	lock_take(&in->lock);
	if (quick && b->position > in->committed && !in->journal_fails) {
		*in->waiting_end = b;
		in->waiting_end = &b->next;
	} else { /* an accepted one, too, that the journal has spoken about already: done is not called from here */
		*in->end = b;
		in->end = &b->next;
		signal_all(&in->signal);
	}
	lock_give_back(&in->lock);
}

void ingest_stats(struct ingest *in, struct ingest_stats *out)
{
	*out = (struct ingest_stats){
		.n_hosts = atomic_load_explicit(&in->store.n_hosts, memory_order_relaxed),
		.rejected_bytes = atomic_load_explicit(&in->store.rejected_bytes, memory_order_relaxed),
	};
}

uint32_t ingest_mark(struct ingest *in)
{
	return store_mark(&in->store, meta_generation(in->store.options.meta));
}

uint32_t ingest_n_forgets(struct ingest *in)
{
	return atomic_load(&in->store.n_forgets);
}

enum rc ingest_keep_points(struct ingest *in, const struct values_batch *points, struct why *why)
{
	struct keep k;
	enum rc rc;

	if (!atomic_load(&in->begun)) /* in a replay: waiting would hold up its end */
		return because(why, RC_PEER, "nothing is kept aside before the replay has ended");
	keep_init(&k, points);
	ingest_submit(in, k.batch);
	rc = keep_wait(&k, why);
	keep_fini(&k);
	return rc;
}
