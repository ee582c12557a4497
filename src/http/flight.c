#include "http/flight.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

struct asking {
	size_t n_waiting;
	bool ended;
	enum rc rc;
	struct why why;
};

/* Under lock. */
struct flights {
	struct lock lock;
	struct signal landed;
	struct map asking; /* by question */
};

struct flights *flights_new(void)
{
	struct flights *f = must_alloc(sizeof(*f));

	lock_init(&f->lock);
	signal_init(&f->landed);
	map_init(&f->asking);
	return f;
}

void flights_free(struct flights *f)
{
	if (f == NULL)
		return;
	map_fini(&f->asking, free);
	signal_fini(&f->landed);
	lock_fini(&f->lock);
	free(f);
}

enum flight flight_begin(struct flights *f, struct text question, bool wait, enum rc *rc, struct why *why)
{
	enum flight answer;
	struct asking *a;

	lock_take(&f->lock);
	a = map_get(&f->asking, question);
	if (a == NULL) {
		map_put(&f->asking, question, must_alloc(sizeof(*a)));
		answer = FLIGHT_MINE;
	} else if (!wait) {
		answer = FLIGHT_OTHERS;
	} else {
		a->n_waiting++;
		while (!a->ended)
			signal_wait(&f->landed, &f->lock);
		*rc = a->rc;
		*why = a->why;
		if (--a->n_waiting == 0)
			free(a);
		answer = FLIGHT_LANDED;
	}
	lock_give_back(&f->lock);
	return answer;
}

void flight_end(struct flights *f, struct text question, enum rc rc, const struct why *why)
{
	struct asking *a;

	lock_take(&f->lock);
	a = map_remove(&f->asking, question);
	must(a != NULL);
	a->ended = true;
	a->rc = rc;
	a->why = *why;
	if (a->n_waiting == 0)
		free(a);
	else
		signal_all(&f->landed);
	lock_give_back(&f->lock);
}
