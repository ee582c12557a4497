#include "flush/writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/mem.h"

enum { MOST_QUEUED = 16, NAME_BYTES = 16 };

/* One thread's scratch: a job's points, and the batches that point into them. */
struct scratch {
	struct taken *point;
	size_t n, capacity;
	size_t first[JOB_SERIES];
	uint32_t id[JOB_SERIES];
	bool took_replay; /* by the job's series */
	struct written written[JOB_SERIES];
	struct values_batch batch[JOB_SERIES];
	size_t n_batches;
};

/* Coarse archives are written at once, when asked, or when the oldest held-back slot is as old as may be. */
static bool is_due(const struct flush_options *o, const struct job *j, uint32_t held_from_s)
{
	return j->coarse || o->coarse_delay_s == 0 ||
	       (held_from_s != 0 && wall_now().s - (int64_t)held_from_s >= (int64_t)o->coarse_delay_s);
}

/* Take the points of the job's series. Addresses of points are known only when all are gathered. */
static void gather(struct writers *w, const struct job *j, struct scratch *s)
{
	const struct flush_options *o = w->options;
	bool distrust = atomic_load(&w->distrust);
	struct cache *cache = engine_cache(o->engine);
	struct registry *registry = engine_registry(o->engine);
	bool skipped = false;

	s->took_replay = engine_replay_ended(o->engine); /* asked before anything is taken */
	s->n = s->n_batches = 0;
	for (size_t i = 0; i < j->n; i++) {
		size_t first = s->n;
		uint32_t held_from_s;
		struct values_batch *b = &s->batch[s->n_batches];

		if (!cache_take(cache, j->id[i], &s->point, &s->n, &s->capacity, &held_from_s)) {
			skipped = true;
			continue;
		}
		*b = (struct values_batch){
			.number = j->id[i] + 1,
			.n_points = s->n - first,
			.held_from_s = held_from_s,
			.hold_coarse = !is_due(o, j, held_from_s),
			.rewrite = distrust,
			.again = distrust || engine_replayed(o->engine, j->id[i]),
		};
		if (b->n_points == 0 && b->hold_coarse) { /* only what is held back, and not due yet */
			cache_give_back(cache, j->id[i]);
			continue;
		}
		registry_name(registry, j->id[i], &b->series);
		s->first[s->n_batches] = first;
		s->id[s->n_batches++] = j->id[i];
	}
	for (size_t i = 0; i < s->n_batches; i++)
		s->batch[i].point = s->point + s->first[i];
	if (skipped) {
		lock_take(&w->lock);
		w->skipped[j->pass] = true;
		lock_give_back(&w->lock);
	}
}

/* A file that keeps less than its series would get today took the others: those it could not are refused. */
static enum rc keep_too_old(const struct flush_options *o, const struct values_batch *b, struct why *why)
{
	struct taken *point = must_alloc(b->n_too_old * sizeof(*point));
	struct values_batch too_old = { .series = b->series, .point = point, .reason = REASON_TOO_OLD };
	enum rc rc;

	for (size_t i = 0; i < b->n_points; i++)
		if ((int64_t)b->point[i].accepted_s - b->point[i].t_s > b->kept_s) {
			must(too_old.n_points < b->n_too_old);
			point[too_old.n_points++] = b->point[i];
		}
	because(&too_old.why, RC_REFUSED, "older than the file keeps");
	rc = o->refused(o->argument, &too_old, why);
	free(point);
	return rc;
}

/*
 * A batch that failed may have put some of its points into the finest archive. When it comes again those are no change,
 * so the coarse slots over all of it are noted as held back.
 */
static uint32_t held_of_failed(const struct values_batch *b)
{
	uint32_t from_s = b->held_from_s == 0 ? UINT32_MAX : b->held_from_s;

	for (size_t i = 0; i < b->n_points; i++)
		from_s = b->point[i].t_s < from_s ? b->point[i].t_s : from_s;
	return from_s == 0 ? 1 : from_s;
}

/* What became of each batch: written ones wait for the sync, refused ones are kept aside, the others given back. */
static void conclude(struct writers *w, struct scratch *s)
{
	const struct flush_options *o = w->options;
	struct cache *cache = engine_cache(o->engine);
	size_t n_written = 0, n_points = 0, n_failed = 0, n_refused = 0;
	struct why why = { "" };

	for (size_t i = 0; i < s->n_batches; i++) {
		struct values_batch *b = &s->batch[i];

		if (b->rc == RC_REFUSED) {
			b->rc = b->n_points == 0 ? RC_OK : o->refused(o->argument, b, &b->why);
			if (b->rc == RC_OK && b->n_points == 0) /* no file to catch up */
				cache_set_held(cache, s->id[i], 0);
			if (b->rc == RC_OK) { /* kept aside for good */
				cache_settle(cache, s->id[i]);
				if (s->took_replay)
					engine_settled(o->engine, s->id[i]);
				n_refused++;
				continue;
			}
		}
		if (b->rc == RC_OK && b->n_too_old > 0)
			b->rc = keep_too_old(o, b, &b->why);
		if (b->rc == RC_OK) {
			cache_set_held(cache, s->id[i], b->held_from_s_now);
			s->written[n_written++] = (struct written){ s->id[i], b->held_from_s, s->took_replay };
			n_points += b->n_points - b->n_too_old;
		} else {
			if (b->hold_coarse && b->n_points > 0)
				cache_set_held(cache, s->id[i], held_of_failed(b));
			cache_give_back(cache, s->id[i]);
			why = b->why;
			n_failed++;
		}
	}
	lock_take(&w->lock);
	while (w->written_capacity < w->n_written + n_written) {
		w->written_capacity = w->written_capacity == 0 ? 1024 : w->written_capacity * 2;
		w->written = must_realloc(w->written, w->written_capacity * sizeof(*w->written));
	}
	if (n_written > 0)
		memcpy(w->written + w->n_written, s->written, n_written * sizeof(*s->written));
	w->n_written += n_written;
	w->n_series_written += n_written;
	w->n_points_written += n_points;
	w->n_failed += n_failed;
	w->n_failed_of_pass += n_failed;
	w->n_refused += n_refused;
	if (n_failed > 0)
		w->why = why;
	lock_give_back(&w->lock);
}

static void *run(void *argument)
{
	struct writers *w = argument;
	struct scratch *s = must_alloc(sizeof(*s));

	thread_give_way(); /* what is written is safe already: readers and inputs come first */
	lock_take(&w->lock);
	for (;;) {
		struct job *j;

		while (w->first == NULL && !w->stopping)
			signal_wait(&w->work, &w->lock);
		if (w->stopping)
			break;
		j = w->first;
		w->first = j->next;
		if (w->first == NULL)
			w->end = &w->first;
		w->n_queued--;
		w->n_at_work++;
		lock_give_back(&w->lock);
		gather(w, j, s);
		if (s->n_batches > 0) {
			struct mono began = mono_now();

			/* each batch says for itself what became of it */
			(void)!values_write(engine_values(w->options->engine), s->batch, s->n_batches);
			histogram_note(HISTOGRAM_FLUSH_BATCH, mono_now().ns - began.ns, 1);
			conclude(w, s);
		}
		lock_take(&w->lock);
		j->next = w->spare;
		w->spare = j;
		w->n_at_work--;
		w->n_open[j->pass]--;
		signal_all(&w->idle);
	}
	lock_give_back(&w->lock);
	free(s->point);
	free(s);
	return NULL;
}

void writers_start(struct writers *w, const struct flush_options *options)
{
	*w = (struct writers){ .options = options, .n_threads = options->n_threads };
	w->end = &w->first;
	if (w->n_threads == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		w->n_threads = n < 1 ? 1 : (unsigned)n;
	}
	lock_init(&w->lock);
	signal_init(&w->work);
	signal_init(&w->idle);
	w->thread = must_alloc(w->n_threads * sizeof(*w->thread));
	for (unsigned i = 0; i < w->n_threads; i++) {
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "flush-%u", i % 1000);
		thread_start(&w->thread[i], name, run, w);
	}
}

static void free_jobs(struct job *j)
{
	while (j != NULL) {
		struct job *next = j->next;

		free(j);
		j = next;
	}
}

void writers_halt(struct writers *w)
{
	lock_take(&w->lock);
	w->stopping = true;
	signal_all(&w->work);
	signal_all(&w->idle);
	lock_give_back(&w->lock);
}

void writers_stop(struct writers *w)
{
	writers_halt(w);
	for (unsigned i = 0; i < w->n_threads; i++)
		must(pthread_join(w->thread[i], NULL) == 0);
	free_jobs(w->first);
	free_jobs(w->spare);
	free(w->filling);
	free(w->written);
	free(w->thread);
}

void writers_fini(struct writers *w)
{
	signal_fini(&w->work);
	signal_fini(&w->idle);
	lock_fini(&w->lock);
}

void writers_push(struct writers *w)
{
	struct job *j = w->filling;

	if (j == NULL || j->n == 0)
		return;
	w->filling = NULL;
	j->next = NULL;
	lock_take(&w->lock);
	while (w->n_queued >= MOST_QUEUED && !w->stopping)
		signal_wait(&w->idle, &w->lock);
	*w->end = j;
	w->end = &j->next;
	w->n_queued++;
	j->pass = w->pass;
	w->n_open[j->pass]++;
	signal_all(&w->work);
	lock_give_back(&w->lock);
}

void writers_add(struct writers *w, uint32_t id, bool coarse)
{
	struct job *j = w->filling;

	if (j != NULL && (j->n == JOB_SERIES || j->coarse != coarse)) {
		writers_push(w);
		j = NULL;
	}
	if (j == NULL) {
		lock_take(&w->lock);
		j = w->spare;
		if (j != NULL)
			w->spare = j->next;
		lock_give_back(&w->lock);
		if (j == NULL)
			j = must_alloc(sizeof(*j));
		j->n = 0;
		j->coarse = coarse;
		w->filling = j;
	}
	j->id[j->n++] = id;
}

void writers_wait(struct writers *w)
{
	writers_push(w);
	lock_take(&w->lock);
	while ((w->n_queued > 0 || w->n_at_work > 0) && !w->stopping)
		signal_wait(&w->idle, &w->lock);
	lock_give_back(&w->lock);
}

void writers_begin_pass(struct writers *w)
{
	must(w->filling == NULL || w->filling->n == 0);
	lock_take(&w->lock);
	w->pass = 1 - w->pass;
	w->skipped[w->pass] = false;
	lock_give_back(&w->lock);
}

bool writers_pass_is_written(struct writers *w)
{
	bool is;

	lock_take(&w->lock);
	is = w->n_open[1 - w->pass] == 0 && !w->skipped[1 - w->pass] && w->n_failed_of_pass == 0;
	lock_give_back(&w->lock);
	return is;
}

size_t writers_take_written(struct writers *w, struct written **out)
{
	size_t n;

	lock_take(&w->lock);
	*out = w->written;
	n = w->n_written;
	w->written = NULL;
	w->n_written = w->written_capacity = 0;
	lock_give_back(&w->lock);
	return n;
}

size_t writers_n_written(struct writers *w)
{
	size_t n;

	lock_take(&w->lock);
	n = w->n_written;
	lock_give_back(&w->lock);
	return n;
}
