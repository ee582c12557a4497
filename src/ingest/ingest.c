#include "ingest/ingest.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ingest/store.h"

struct ingest {
	struct store store; /* thread store only */
	pthread_t thread;
	struct lock lock;
	struct signal signal;
	/* under lock */
	struct batch *first, **end;
	bool stopping;
};

/* Loop of thread `store`: all that came since the last round is one round. */
static void *run(void *argument)
{
	struct ingest *in = argument;

	for (;;) {
		struct batch *first;

		lock_take(&in->lock);
		while (in->first == NULL && !in->stopping)
			signal_wait(&in->signal, &in->lock);
		first = in->first;
		in->first = NULL;
		in->end = &in->first;
		lock_give_back(&in->lock);
		if (first == NULL)
			return NULL;
		store_round(&in->store, first, wall_now().s, mono_now());
		while (first != NULL) {
			struct batch *next = first->next;

			first->next = NULL;
			first->done(first, first->argument);
			first = next;
		}
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
	lock_init(&in->lock);
	signal_init(&in->signal);
	thread_start(&in->thread, "store", run, in);
	*out = in;
	return RC_OK;
}

void ingest_close(struct ingest *in)
{
	if (in == NULL)
		return;
	lock_take(&in->lock);
	in->stopping = true;
	signal_all(&in->signal);
	lock_give_back(&in->lock);
	must(pthread_join(in->thread, NULL) == 0);
	store_fini(&in->store);
	signal_fini(&in->signal);
	lock_fini(&in->lock);
	free(in);
}

void ingest_submit(struct ingest *in, struct batch *b)
{
	must(b->done != NULL);
	b->next = NULL;
	lock_take(&in->lock);
	*in->end = b;
	in->end = &b->next;
	signal_all(&in->signal);
	lock_give_back(&in->lock);
}
