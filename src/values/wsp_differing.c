#include "values/wsp_differing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

struct differing {
	/* any thread */
	_Atomic(uint8_t) schema; /* which one it is: 1 to 255, then again */
	struct lock lock;
	/* under lock */
	uint64_t n, n_before; /* files; n_before: at the last differing_say() */
	bool said;
	char example[600];
};

struct differing *differing_new(void)
{
	struct differing *d = must_alloc(sizeof(*d));

	atomic_init(&d->schema, 1);
	lock_init(&d->lock);
	return d;
}

void differing_free(struct differing *d)
{
	if (d == NULL)
		return;
	lock_fini(&d->lock);
	free(d);
}

static bool is_like(const struct retention *r, const struct wsp *w)
{
	if (r->n_archives != w->n_archives)
		return false;
	for (size_t i = 0; i < r->n_archives; i++)
		if (r->archive[i].step_s != w->archive[i].step_s || r->archive[i].n_points != w->archive[i].n_points)
			return false;
	return true;
}

uint8_t differing_schema(const struct differing *d)
{
	return atomic_load(&d->schema);
}

void differing_compare(struct differing *d, uint8_t *compared, uint8_t number, const struct schema *schema,
		       const struct series *s, const struct wsp *w)
{
	if (compared == NULL || *compared == number)
		return;
	*compared = number;
	if (is_like(schema_pick(schema, s->host, s->plugin, s->ds), w))
		return;
	counter_add(COUNTER_FILES_DIFFER, 1);
	lock_take(&d->lock);
	if (d->n++ == 0)
		snprintf(d->example, sizeof(d->example), "%.*s/%.*s/%.*s.wsp", TEXT_ARG(s->folder), TEXT_ARG(s->plugin),
			 TEXT_ARG(s->ds));
	lock_give_back(&d->lock);
}

void differing_say(struct differing *d)
{
	char example[sizeof(d->example)];
	uint64_t n;
	bool now;

	lock_take(&d->lock);
	n = d->n;
	now = !d->said && n > 0 && n == d->n_before;
	d->said = d->said || now;
	d->n_before = n;
	if (now)
		snprintf(example, sizeof(example), "%s", d->example);
	lock_give_back(&d->lock);
	if (now)
		log_line(LOG_LEVEL_WARNING, "values.archives_differ",
			 "files=%llu example=\"%s\": they were made with other archives than the configuration gives "
			 "them now, "
			 "and keep theirs; numeterctl resize changes them",
			 (unsigned long long)n, example);
}

void differing_restart(struct differing *d)
{
	lock_take(&d->lock);
	d->n = d->n_before = 0;
	d->said = false;
	lock_give_back(&d->lock);
	/* 0 is "never"; a file that was not written during 255 schemas is compared too seldom */
	atomic_store(&d->schema, atomic_load(&d->schema) == UINT8_MAX ? 1 : (uint8_t)(atomic_load(&d->schema) + 1));
}
