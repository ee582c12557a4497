#include "engine/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/lock.h"
#include "base/mem.h"

enum {
	MAX_LISTENERS = 8,
	REPLAY_GROUP = 4096,
	ROOM_PAUSE_US = 5000,
	ROOM_PATIENCE = 2000 /* 10 s */,
	ASK_AFTER = 65536 /* points and names */
};

struct listener {
	engine_committed_fn *committed;
	void *argument;
};

struct engine {
	/* fixed after open */
	bool (*enough)(void *argument);
	void *argument;
	struct values *values;
	struct registry *registry;
	struct cache *cache;
	struct newest *newest; /* noted by the replay, then under lock */
	struct journal *journal;
	/* fixed after start */
	struct listener listener[MAX_LISTENERS];
	size_t n_listeners;
	atomic_bool replay_ended;         /* replayed is there; before, every point comes from the replay */
	_Atomic(unsigned char) *replayed; /* a bit a series; bits change later */
	size_t replayed_bytes;
	_Atomic(uint32_t) oldest_replayed_s; /* 0: nothing was */
	/*
	 * Journal and cache learn of a point in one go: nobody who asks which segment is still needed may see it in the
	 * journal and not yet in the cache.
	 */
	struct lock lock;
	/* under lock */
	bool started;
	unsigned char *named; /* a bit a series: the journal of this run knows its name */
	size_t named_bytes;
};

static unsigned char bit_of(uint32_t id)
{
	return (unsigned char)(1u << (id & 7));
}

static void on_committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	struct engine *e = argument;

	for (size_t i = 0; i < e->n_listeners; i++)
		e->listener[i].committed(e->listener[i].argument, position, rc, why);
}

enum rc engine_open(const struct engine_options *options, struct engine **out, struct why *why)
{
	struct engine *e = must_alloc(sizeof(*e));
	enum rc rc = journal_open(
		&(struct journal_options){
			.path = options->journal_path,
			.commit_ms = options->journal_commit_ms,
			.commit_bytes = options->journal_commit_bytes,
			.max_bytes = options->journal_max_bytes,
			.committed = on_committed,
			.argument = e,
		},
		&e->journal, why);

	if (rc != RC_OK) {
		free(e);
		return rc;
	}
	e->enough = options->enough;
	e->argument = options->argument;
	e->values = options->values;
	e->registry = registry_new();
	e->cache = cache_new(options->cache_max_bytes);
	e->newest = newest_new();
	lock_init(&e->lock);
	*out = e;
	return RC_OK;
}

void engine_listen(struct engine *e, engine_committed_fn *committed, void *argument)
{
	must(e->n_listeners < MAX_LISTENERS);
	e->listener[e->n_listeners++] = (struct listener){ committed, argument };
}

/* Numbers of one earlier run → ours. */
struct old_run {
	uint32_t run;
	uint32_t *id; /* REGISTRY_NONE: not named */
	size_t n;
};

struct replay {
	struct engine *e;
	struct old_run *run;
	size_t n_runs, capacity;
	struct old_run *last; /* the one asked for last */
	int patience;         /* pauses left to wait for room */
	size_t n_since;       /* points and names since it was asked whether that is enough */
	struct numbered group[REPLAY_GROUP];
};

static struct old_run *find_run(struct replay *r, uint32_t run)
{
	if (r->last != NULL && r->last->run == run)
		return r->last;
	r->last = NULL;
	for (size_t i = 0; i < r->n_runs && r->last == NULL; i++)
		if (r->run[i].run == run)
			r->last = &r->run[i];
	if (r->last == NULL) {
		array_grow(&r->run, &r->capacity, r->n_runs, sizeof(*r->run));
		r->last = &r->run[r->n_runs++];
		*r->last = (struct old_run){ .run = run };
	}
	return r->last;
}

static void free_replay(struct replay *r)
{
	for (size_t i = 0; i < r->n_runs; i++)
		free(r->run[i].id);
	free(r->run);
	free(r);
}

static void on_name(void *argument, uint32_t run, uint32_t id, const struct series *s)
{
	struct replay *r = argument;
	struct old_run *old = find_run(r, run);
	uint32_t source;

	if (id >= old->n) {
		size_t n = old->n == 0 ? 4096 : old->n;

		while (n <= id)
			n *= 2;
		old->id = must_realloc(old->id, n * sizeof(*old->id));
		while (old->n < n)
			old->id[old->n++] = REGISTRY_NONE;
	}
	r->n_since++;
	source = registry_source(r->e->registry, s->host, s->folder, s->plugin, true);
	old->id[id] = registry_series(r->e->registry, source, s->ds, true);
}

/* A journal may hold more than the cache: what a flusher writes meanwhile makes room. Not waited for without end. */
static void wait_for_room(struct replay *r)
{
	for (; r->patience > 0 && cache_full(r->e->cache); r->patience--) {
		if (r->e->enough != NULL && r->e->enough(r->e->argument))
			return;
		usleep(ROOM_PAUSE_US);
	}
	if (!cache_full(r->e->cache))
		r->patience = ROOM_PATIENCE;
}

static void on_points(void *argument, uint32_t run, uint32_t segment, const struct numbered *point, size_t n,
		      uint32_t accepted_s)
{
	struct replay *r = argument;
	const struct old_run *old = find_run(r, run);
	size_t n_group = 0;

	r->n_since += n;
	if (n > 0 && (atomic_load(&r->e->oldest_replayed_s) == 0 || accepted_s < atomic_load(&r->e->oldest_replayed_s)))
		atomic_store(&r->e->oldest_replayed_s, accepted_s);
	for (size_t i = 0; i < n; i++) {
		/* the journal hands out named points only */
		must(point[i].id < old->n && old->id[point[i].id] != REGISTRY_NONE);
		r->group[n_group++] = (struct numbered){ old->id[point[i].id], point[i].t_s, point[i].value };
		if (n_group == REPLAY_GROUP || i + 1 == n) {
			wait_for_room(r);
			cache_append(r->e->cache, r->group, n_group, accepted_s, segment);
			newest_note(r->e->newest, r->group, n_group);
			n_group = 0;
		}
	}
}

static bool enough(void *argument)
{
	struct replay *r = argument;

	if (r->n_since < ASK_AFTER || r->e->enough == NULL)
		return false;
	r->n_since = 0;
	return r->e->enough(r->e->argument);
}

enum rc engine_start(struct engine *e, struct journal_replayed *out, struct why *why)
{
	struct replay *r = must_alloc(sizeof(*r));
	const struct journal_reader reader = { .name = on_name, .points = on_points, .enough = enough, .argument = r };
	enum rc rc;

	r->e = e;
	r->patience = ROOM_PATIENCE;
	rc = journal_replay(e->journal, &reader, out, why);
	/* Before any new point: every series there is has replayed points. */
	e->replayed_bytes = registry_n_series(e->registry) / 8 + 1;
	e->replayed = must_alloc(e->replayed_bytes);
	for (uint32_t id = 0; id < registry_n_series(e->registry); id++)
		e->replayed[id / 8] |= bit_of(id);
	atomic_store(&e->replay_ended, true);
	free_replay(r);
	if (rc != RC_OK)
		return rc;
	journal_start(e->journal);
	lock_take(&e->lock);
	e->started = true;
	lock_give_back(&e->lock);
	return RC_OK;
}

void engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	journal_close(e->journal);
	cache_free(e->cache);
	newest_free(e->newest);
	registry_free(e->registry);
	lock_fini(&e->lock);
	free(e->named);
	free(e->replayed);
	free(e);
}

/* Tell the journal the names that it does not have in this run. */
static void name_new(struct engine *e, const struct numbered *point, size_t n)
{
	lock_must_hold(&e->lock);
	for (size_t i = 0; i < n; i++) {
		uint32_t id = point[i].id;
		struct series s;

		if (id / 8 >= e->named_bytes) {
			size_t bytes = e->named_bytes == 0 ? 8192 : e->named_bytes;

			while (bytes <= id / 8)
				bytes *= 2;
			e->named = must_realloc(e->named, bytes);
			memset(e->named + e->named_bytes, 0, bytes - e->named_bytes);
			e->named_bytes = bytes;
		}
		if ((e->named[id / 8] & bit_of(id)) != 0)
			continue;
		registry_name(e->registry, id, &s);
		journal_name(e->journal, id, &s);
		e->named[id / 8] |= bit_of(id);
	}
}

enum rc engine_accept(struct engine *e, const struct numbered *point, size_t n, uint32_t accepted_s, uint64_t *position,
		      struct why *why)
{
	uint32_t segment = 0;
	enum rc rc;

	if (cache_full(e->cache))
		return because(why, RC_FULL, "the cache is full (cache_max_bytes)");
	lock_take(&e->lock);
	if (e->started) {
		name_new(e, point, n);
		rc = journal_append(e->journal, point, n, accepted_s, position, &segment, why);
	} else {
		rc = because(why, RC_FULL, "the journal is being replayed");
	}
	if (rc == RC_OK) {
		cache_append(e->cache, point, n, accepted_s, segment);
		newest_note(e->newest, point, n);
	}
	lock_give_back(&e->lock);
	if (rc == RC_OK)
		counter_add(COUNTER_POINTS_ACCEPTED, n);
	return rc;
}

uint32_t engine_oldest_replayed_s(struct engine *e)
{
	return atomic_load(&e->oldest_replayed_s);
}

bool engine_replay_ended(struct engine *e)
{
	return atomic_load(&e->replay_ended);
}

bool engine_replayed(struct engine *e, uint32_t id)
{
	if (!atomic_load(&e->replay_ended))
		return true;
	return id / 8 < e->replayed_bytes &&
	       (atomic_load_explicit(&e->replayed[id / 8], memory_order_relaxed) & bit_of(id)) != 0;
}

void engine_settled(struct engine *e, uint32_t id)
{
	if (engine_replayed(e, id))
		atomic_fetch_and_explicit(&e->replayed[id / 8], (unsigned char)~bit_of(id), memory_order_relaxed);
}

enum rc engine_retire(struct engine *e, struct why *why)
{
	uint32_t oldest = 0;
	bool started;

	lock_take(&e->lock);
	started = e->started;
	if (started)
		oldest = cache_oldest_era(e->cache, journal_current(e->journal));
	lock_give_back(&e->lock);
	if (!started)
		return RC_OK;
	return journal_retire(e->journal, oldest, why);
}

void engine_roll(struct engine *e)
{
	lock_take(&e->lock);
	if (e->started)
		(void)journal_roll(e->journal);
	lock_give_back(&e->lock);
}

static unsigned percent(uint64_t n, uint64_t of)
{
	return (unsigned)((double)n * 100 / (double)of);
}

unsigned engine_pressure(struct engine *e)
{
	struct journal_stats j;
	struct cache_stats c;
	unsigned of_journal, of_cache;

	journal_stats(e->journal, &j);
	cache_stats(e->cache, &c);
	of_journal = percent(j.n_bytes, j.max_bytes);
	of_cache = percent(c.bytes_used, c.max_bytes);
	return of_journal > of_cache ? of_journal : of_cache;
}

struct registry *engine_registry(struct engine *e)
{
	return e->registry;
}

struct cache *engine_cache(struct engine *e)
{
	return e->cache;
}

const struct newest *engine_newest(struct engine *e)
{
	return e->newest;
}

struct journal *engine_journal(struct engine *e)
{
	return e->journal;
}

struct values *engine_values(struct engine *e)
{
	return e->values;
}

enum rc engine_fetch(struct engine *e, const struct series *s, int64_t from_s, int64_t until_s, int64_t now_s,
		     struct span *out, struct why *why)
{
	uint32_t id = registry_find(e->registry, s->host, s->plugin, s->ds), held_from_s = 0;
	struct taken *pending = NULL;
	size_t n = 0, capacity = 0;
	enum rc rc;

	/* Pending first: what is settled in between is in the file by then. */
	if (id != REGISTRY_NONE)
		cache_read(e->cache, id, &pending, &n, &capacity, &held_from_s);
	rc = values_fetch(e->values, s, pending, n, held_from_s, from_s, until_s, now_s, out, why);
	free(pending);
	return rc;
}

uint32_t engine_version(struct engine *e, const struct series *s)
{
	uint32_t id = registry_find(e->registry, s->host, s->plugin, s->ds);

	return id == REGISTRY_NONE ? 0 : cache_version(e->cache, id) + 1;
}
