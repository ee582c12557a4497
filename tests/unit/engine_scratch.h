/*
 * An engine in a folder of its own, over values that live in memory and fail when told to.
 */
#ifndef TESTS_ENGINE_SCRATCH_H
#define TESTS_ENGINE_SCRATCH_H

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "test.h"

enum { MOST_STORED = 100000 };

struct stored {
	char name[64]; /* host/plugin/ds */
	struct taken point;
	bool synced, again, hold_coarse;
};

struct memory_values {
	struct values base;
	struct lock lock;
	struct stored *stored;
	size_t n;
	atomic_bool fail_write, fail_sync, refuse_all;
	atomic_bool stuck; /* a write waits until this is false again */
	atomic_int n_syncs, n_writes;
	size_t n_pending_seen; /* of the last fetch */
	atomic_uint held_seen; /* held_from_s of the last write */
};

static inline void name_of(const struct series *s, char out[64])
{
	snprintf(out, 64, "%.*s/%.*s/%.*s", TEXT_ARG(s->host), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
}

enum { SHORT_S = 3600 };

/*
 * A ds that begins with "refused" can never be stored; with "bad" it fails while fail_write is set; one that begins with
 * "short" keeps SHORT_S alone.
 */
static inline enum rc memory_write(struct values *values, struct values_batch *batch, size_t n)
{
	struct memory_values *v = (struct memory_values *)values;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++) {
		struct values_batch *b = &batch[i];

		b->held_from_s_now = 0;
		b->n_kept_old = b->n_too_old = 0;
		atomic_fetch_add(&v->n_writes, 1);
		while (atomic_load(&v->stuck))
			usleep(1000);
		atomic_store(&v->held_seen, b->held_from_s);
		if (atomic_load(&v->refuse_all) || strncmp(b->series.ds.s, "refused", 7) == 0) {
			b->reason = REASON_FILE;
			b->rc = because(&b->why, RC_REFUSED, "refused by the test");
			continue;
		}
		if (atomic_load(&v->fail_write) && strncmp(b->series.ds.s, "bad", 3) == 0) {
			b->rc = rc = because(&b->why, RC_DISK, "no space, says the test");
			continue;
		}
		b->rc = RC_OK;
		if (b->hold_coarse && b->n_points > 0)
			b->held_from_s_now = b->held_from_s != 0 ? b->held_from_s : b->point[0].t_s;
		lock_take(&v->lock);
		for (size_t k = 0; k < b->n_points; k++) {
			struct stored *s;

			if (strncmp(b->series.ds.s, "short", 5) == 0 &&
			    (int64_t)b->point[k].accepted_s - b->point[k].t_s > SHORT_S) {
				b->n_too_old++;
				b->kept_s = SHORT_S;
				continue;
			}
			s = &v->stored[v->n++];
			must(v->n < MOST_STORED);
			*s = (struct stored){ .point = b->point[k], .again = b->again, .hold_coarse = b->hold_coarse };
			name_of(&b->series, s->name);
		}
		lock_give_back(&v->lock);
	}
	return rc;
}

static inline enum rc memory_sync(struct values *values, struct why *why)
{
	struct memory_values *v = (struct memory_values *)values;

	atomic_fetch_add(&v->n_syncs, 1);
	if (atomic_load(&v->fail_sync))
		return because(why, RC_DISK, "input/output error, says the test");
	lock_take(&v->lock);
	for (size_t i = 0; i < v->n; i++)
		v->stored[i].synced = true;
	lock_give_back(&v->lock);
	return RC_OK;
}

/* Only what is pending: the number of points, as one slot. */
static inline enum rc memory_fetch(struct values *values, const struct series *s, const struct taken *pending,
				   size_t n_pending, uint32_t held_from_s, int64_t from_s, int64_t until_s,
				   int64_t now_s, struct span *out, struct why *why)
{
	struct memory_values *v = (struct memory_values *)values;

	(void)s, (void)held_from_s, (void)until_s, (void)now_s;
	v->n_pending_seen = n_pending;
	if (n_pending == 0)
		return because(why, RC_ABSENT, "nothing pending");
	*out = (struct span){ from_s, 60, 1, AGGREGATION_AVERAGE, must_alloc(sizeof(double)) };
	out->value[0] = pending[n_pending - 1].value;
	return RC_OK;
}

static inline void memory_close(struct values *values)
{
	struct memory_values *v = (struct memory_values *)values;

	lock_fini(&v->lock);
	free(v->stored);
	free(v);
}

static const struct values_ops memory_ops = {
	.write = memory_write, .sync = memory_sync, .fetch = memory_fetch, .close = memory_close
};

static inline struct memory_values *memory_values_new(void)
{
	struct memory_values *v = must_alloc(sizeof(*v));

	v->base.ops = &memory_ops;
	v->stored = must_alloc(MOST_STORED * sizeof(*v->stored));
	lock_init(&v->lock);
	return v;
}

/* How many points of this name ("host/plugin/ds"; NULL: any) are stored; synced ones only. */
static inline size_t n_stored(struct memory_values *v, const char *name)
{
	size_t n = 0;

	lock_take(&v->lock);
	for (size_t i = 0; i < v->n; i++)
		n += v->stored[i].synced && (name == NULL || strcmp(v->stored[i].name, name) == 0);
	lock_give_back(&v->lock);
	return n;
}

struct scratch_engine {
	char path[64];
	struct memory_values *values;
	struct engine *engine;
	unsigned n_asked; /* whether it has replayed enough */
	bool had_enough;
	bool awaits_write; /* a replay goes on only when something is being written */
	struct lock lock;
	struct signal signal;
	/* under lock */
	uint64_t committed;
	enum rc rc;
};

static inline void scratch_committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	struct scratch_engine *s = argument;

	(void)why;
	lock_take(&s->lock);
	s->rc = rc;
	if (rc == RC_OK)
		s->committed = position;
	signal_all(&s->signal);
	lock_give_back(&s->lock);
}

static inline bool scratch_enough(void *argument)
{
	struct scratch_engine *s = argument;

	s->n_asked++;
	for (int i = 0; i < 10000 && s->awaits_write && atomic_load(&s->values->n_writes) == 0; i++)
		usleep(1000);
	return s->had_enough;
}

static inline void scratch_open(struct scratch_engine *s, uint64_t journal_max, uint64_t cache_max)
{
	struct why why = { "" };
	enum rc rc = engine_open(
		&(struct engine_options){
			.values = &s->values->base,
			.journal_path = s->path,
			.journal_commit_ms = 1,
			.journal_commit_bytes = 256 * 1024,
			.journal_max_bytes = journal_max,
			.cache_max_bytes = cache_max,
			.enough = scratch_enough,
			.argument = s,
		},
		&s->engine, &why);

	if (rc != RC_OK)
		fail_msg("engine_open: %s", why.text);
	engine_listen(s->engine, scratch_committed, s);
}

static inline struct journal_replayed scratch_start(struct scratch_engine *s)
{
	struct journal_replayed replayed;
	struct why why = { "" };

	if (engine_start(s->engine, &replayed, &why) != RC_OK)
		fail_msg("engine_start: %s", why.text);
	return replayed;
}

static inline void scratch_init(struct scratch_engine *s)
{
	*s = (struct scratch_engine){ .path = "/tmp/numeter-engine-XXXXXX" };
	assert_non_null(mkdtemp(s->path));
	s->values = memory_values_new();
	lock_init(&s->lock);
	signal_init(&s->signal);
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static inline void scratch_fini(struct scratch_engine *s)
{
	engine_close(s->engine);
	values_close(&s->values->base);
	nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	signal_fini(&s->signal);
	lock_fini(&s->lock);
}

static inline uint32_t scratch_series(struct scratch_engine *s, const char *host, const char *ds)
{
	struct registry *r = engine_registry(s->engine);

	return registry_series(r, registry_source(r, text_of(host), text_of(host), TEXT("df"), true), text_of(ds),
			       true);
}

/* Accept one point and wait until it is safe. */
static inline enum rc scratch_accept(struct scratch_engine *s, uint32_t id, uint32_t t_s, double value)
{
	const struct numbered point = { id, t_s, value };
	uint64_t position;
	struct why why;
	enum rc rc = engine_accept(s->engine, &point, 1, t_s, &position, &why);

	if (rc != RC_OK)
		return rc;
	lock_take(&s->lock);
	while (s->committed < position && s->rc == RC_OK)
		signal_wait(&s->signal, &s->lock);
	rc = s->rc;
	lock_give_back(&s->lock);
	return rc;
}

#endif
