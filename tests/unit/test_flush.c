#include "engine_scratch.h"
#include "flush/flush.h"

enum { T0 = 1795342600, PLENTY = 64 * 1024 * 1024 };

struct refusals {
	struct lock lock;
	size_t n_points;
	uint32_t newest_s;
	enum reason reason;
	char name[64];
	bool fail; /* nothing can be kept aside */
};

static struct refusals refusals;

static enum rc keep_refused(void *argument, const struct values_batch *batch, struct why *why)
{
	struct refusals *r = argument;
	enum rc rc = RC_OK;

	lock_take(&r->lock);
	if (r->fail)
		rc = because(why, RC_DISK, "nowhere to keep it");
	else
		r->n_points += batch->n_points;
	for (size_t i = 0; i < batch->n_points; i++)
		r->newest_s = batch->point[i].t_s > r->newest_s ? batch->point[i].t_s : r->newest_s;
	r->reason = batch->reason;
	name_of(&batch->series, r->name);
	lock_give_back(&r->lock);
	return rc;
}

static struct flush *start(struct scratch_engine *s, uint32_t interval_s, uint32_t coarse_delay_s)
{
	return flush_start(&(struct flush_options){ .engine = s->engine,
						    .interval_s = interval_s,
						    .coarse_delay_s = coarse_delay_s,
						    .n_threads = 2,
						    .refused = keep_refused,
						    .argument = &refusals });
}

static void stop(struct flush *f)
{
	flush_stop(f);
	flush_free(f);
}

static void open_all(struct scratch_engine *s)
{
	memset(&refusals, 0, sizeof(refusals));
	lock_init(&refusals.lock);
	scratch_init(s);
	scratch_open(s, PLENTY, PLENTY);
	scratch_start(s);
}

static uint64_t n_held(struct scratch_engine *s)
{
	struct cache_stats c;

	cache_stats(engine_cache(s->engine), &c);
	return c.n_points;
}

static void flush_now_writes_syncs_and_retires(void **state)
{
	struct scratch_engine s;
	struct journal_stats j;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	for (uint32_t i = 0; i < 200; i++) {
		char ds[16];

		snprintf(ds, sizeof(ds), "ds%u", i);
		for (uint32_t k = 0; k < 5; k++)
			assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", ds), T0 + 60 * k, k), RC_OK);
	}
	assert_int_equal(n_held(&s), 1000);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_stored(s.values, NULL), 1000);
	assert_int_equal(n_held(&s), 0);
	journal_stats(engine_journal(s.engine), &j);
	assert_int_equal(j.oldest_segment, j.current_segment); /* nothing else is needed */
	assert_int_equal(s.values->n_writes, 200);             /* each series once */
	stop(f);
	scratch_fini(&s);
}

static void flush_now_of_a_host_leaves_the_others(void **state)
{
	struct scratch_engine s;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "one", "a"), T0, 1), RC_OK);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "two", "a"), T0, 1), RC_OK);
	assert_int_equal(flush_now(f, TEXT("two"), NULL), RC_OK);
	assert_int_equal(n_stored(s.values, "two/df/a"), 1);
	assert_int_equal(n_stored(s.values, "one/df/a"), 0);
	assert_int_equal(n_held(&s), 1);
	stop(f);
	scratch_fini(&s);
}

static void failed_write_keeps_its_points(void **state)
{
	struct scratch_engine s;
	struct flush_stats stats;
	struct why why = { "" };
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	atomic_store(&s.values->fail_write, true);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "bad"), T0, 1), RC_OK);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "good"), T0, 1), RC_OK);
	assert_int_equal(flush_now(f, TEXT_NONE, &why), RC_DISK);
	assert_non_null(strstr(why.text, "no space"));
	assert_int_equal(n_stored(s.values, "h/df/good"), 1);
	assert_int_equal(n_held(&s), 1);
	flush_stats(f, &stats);
	assert_true(stats.n_failed >= 1);
	atomic_store(&s.values->fail_write, false);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_stored(s.values, "h/df/bad"), 1);
	assert_int_equal(n_held(&s), 0);
	stop(f);
	scratch_fini(&s);
}

static void failed_sync_keeps_everything_written_since_the_last(void **state)
{
	struct scratch_engine s;
	struct journal_stats j;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	atomic_store(&s.values->fail_sync, true);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), T0, 1), RC_OK);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_DISK);
	assert_int_equal(n_held(&s), 1);
	journal_stats(engine_journal(s.engine), &j);
	assert_true(j.oldest_segment < j.current_segment); /* the journal still has it */
	atomic_store(&s.values->fail_sync, false);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_held(&s), 0);
	assert_int_equal(n_stored(s.values, "h/df/a"), 2); /* written again */
	assert_false(s.values->stored[0].again);
	assert_true(s.values->stored[1].again); /* and not believed to be there because it reads back */
	stop(f);
	scratch_fini(&s);
}

static void refused_points_are_kept_aside_and_gone(void **state)
{
	struct scratch_engine s;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "refused"), T0, 1), RC_OK);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "refused"), T0 + 60, 1), RC_OK);
	refusals.fail = true;
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_DISK); /* not kept: not gone */
	assert_int_equal(n_held(&s), 2);
	refusals.fail = false;
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_held(&s), 0);
	assert_int_equal(refusals.n_points, 2);
	assert_string_equal(refusals.name, "h/df/refused");
	stop(f);
	scratch_fini(&s);
}

/* A file may keep less than its series would get today: what it cannot take is as good as refused. */
static void points_that_are_too_old_among_others_are_kept_aside(void **state)
{
	struct scratch_engine s;
	struct numbered p[4];
	struct flush_stats stats;
	struct flush *f;
	uint64_t position;
	uint32_t id;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	id = scratch_series(&s, "h", "short");
	for (uint32_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = (struct numbered){ id, T0 - 1 - (i % 2) * SHORT_S - i / 2, i };
	assert_int_equal(engine_accept(s.engine, p, ARRAY_LEN(p), T0, &position, NULL), RC_OK);
	refusals.fail = true;
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_DISK); /* not kept: not gone */
	assert_int_equal(n_held(&s), 4);
	refusals.fail = false;
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_held(&s), 0);
	assert_int_equal(n_stored(s.values, "h/df/short"), 4); /* two, twice */
	assert_int_equal(refusals.n_points, 2);
	assert_int_equal(refusals.newest_s, T0 - 1 - SHORT_S);
	assert_int_equal(refusals.reason, REASON_TOO_OLD);
	flush_stats(f, &stats);
	assert_int_equal(stats.n_points_written, 2);
	stop(f);
	scratch_fini(&s);
}

static void replayed_points_are_written_as_such(void **state)
{
	struct scratch_engine s;
	struct flush *f;

	(void)state;
	open_all(&s);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), T0, 1), RC_OK);
	engine_close(s.engine);
	s.committed = 0;
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(scratch_start(&s).n_points, 1);
	f = start(&s, 3600, 0);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_true(s.values->stored[0].again);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), T0 + 60, 1), RC_OK);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(s.values->n, 2);
	assert_false(s.values->stored[1].again);
	stop(f);
	engine_close(s.engine);
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(scratch_start(&s).n_points, 0); /* retired */
	scratch_fini(&s);
}

static void coarse_archives_wait_until_asked(void **state)
{
	struct scratch_engine s;
	struct flush *f;
	uint32_t id;
	int64_t now_s;

	(void)state;
	open_all(&s);
	now_s = wall_now().s;
	f = start(&s, 1, 3600);
	id = scratch_series(&s, "h", "a");
	assert_int_equal(scratch_accept(&s, id, (uint32_t)now_s, 1), RC_OK);
	for (struct mono end = mono_after_ms(mono_now(), 20000);
	     n_stored(s.values, NULL) < 1 && mono_ms_between(mono_now(), end) > 0;)
		usleep(10000);
	assert_int_equal(n_stored(s.values, NULL), 1);
	assert_true(s.values->stored[0].hold_coarse);
	assert_true(cache_oldest_era(engine_cache(s.engine), UINT32_MAX) != UINT32_MAX); /* the journal keeps it */
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_true(cache_oldest_era(engine_cache(s.engine), UINT32_MAX) == UINT32_MAX);
	stop(f);
	scratch_fini(&s);
}

static void coarse_archives_wait_again_when_their_sync_failed(void **state)
{
	struct scratch_engine s;
	struct flush *f;
	uint32_t now_s;
	int n_writes;

	(void)state;
	open_all(&s);
	now_s = (uint32_t)wall_now().s;
	f = start(&s, 1, 3600);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), now_s, 1), RC_OK);
	for (struct mono end = mono_after_ms(mono_now(), 20000);
	     n_held(&s) > 0 && mono_ms_between(mono_now(), end) > 0;)
		usleep(10000);
	assert_int_equal(n_held(&s), 0);
	atomic_store(&s.values->fail_sync, true);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_DISK);
	assert_true(cache_oldest_era(engine_cache(s.engine), UINT32_MAX) != UINT32_MAX); /* the journal keeps it */
	atomic_store(&s.values->fail_sync, false);
	n_writes = atomic_load(&s.values->n_writes);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(atomic_load(&s.values->n_writes), n_writes + 1);
	assert_int_equal(atomic_load(&s.values->held_seen), now_s);
	assert_true(cache_oldest_era(engine_cache(s.engine), UINT32_MAX) == UINT32_MAX);
	stop(f);
	scratch_fini(&s);
}

/* The file's place was taken meanwhile: there is nothing to be kept aside, and it is not tried for ever. */
static void coarse_archives_of_a_refused_series_are_let_go(void **state)
{
	struct scratch_engine s;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 1, 3600);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), (uint32_t)wall_now().s, 1), RC_OK);
	for (struct mono end = mono_after_ms(mono_now(), 20000);
	     n_held(&s) > 0 && mono_ms_between(mono_now(), end) > 0;)
		usleep(10000);
	atomic_store(&s.values->refuse_all, true);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_string_equal(refusals.name, ""); /* nobody was asked to keep nothing */
	assert_true(cache_oldest_era(engine_cache(s.engine), UINT32_MAX) == UINT32_MAX);
	stop(f);
	scratch_fini(&s);
}

/* Else a journal that is full of points whose coarse slots wait would stay full until they are due. */
static void a_full_journal_does_not_wait_for_coarse_archives(void **state)
{
	static struct numbered p[1000];
	struct scratch_engine s;
	struct flush *f;
	uint64_t position;
	uint32_t id;

	(void)state;
	memset(&refusals, 0, sizeof(refusals));
	lock_init(&refusals.lock);
	scratch_init(&s);
	scratch_open(&s, 2 << 20, PLENTY);
	scratch_start(&s);
	f = start(&s, 3600, 86400);
	id = scratch_series(&s, "h", "a");
	for (uint32_t i = 0; i < 500; i++) { /* 16 bytes each: four times what fits */
		struct mono end = mono_after_ms(mono_now(), 10000);

		for (uint32_t k = 0; k < ARRAY_LEN(p); k++)
			p[k] = (struct numbered){ id, T0 + i * 60, k };
		while (engine_accept(s.engine, p, ARRAY_LEN(p), T0 + i * 60, &position, NULL) == RC_FULL) {
			assert_true(mono_ms_between(mono_now(), end) > 0);
			usleep(1000);
		}
	}
	stop(f);
	scratch_fini(&s);
}

static void dirty_series_are_written_within_the_interval(void **state)
{
	struct scratch_engine s;
	struct flush *f;

	(void)state;
	open_all(&s);
	f = start(&s, 1, 0);
	for (uint32_t i = 0; i < 50; i++) {
		char ds[16];

		snprintf(ds, sizeof(ds), "ds%u", i);
		assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", ds), T0, 1), RC_OK);
	}
	for (struct mono end = mono_after_ms(mono_now(), 20000);
	     n_held(&s) > 0 && mono_ms_between(mono_now(), end) > 0;)
		usleep(10000);
	assert_int_equal(n_held(&s), 0);
	assert_int_equal(n_stored(s.values, NULL), 50);
	stop(f);
	scratch_fini(&s);
}

static void pressure_writes_before_the_interval_is_over(void **state)
{
	struct scratch_engine s;
	struct flush *f;
	uint64_t position;

	(void)state;
	memset(&refusals, 0, sizeof(refusals));
	lock_init(&refusals.lock);
	scratch_init(&s);
	scratch_open(&s, PLENTY, 64 * 1024);
	scratch_start(&s);
	f = start(&s, 3600, 0);
	for (uint32_t i = 0; i < 10000; i++) { /* 16 bytes each: twice what fits */
		struct numbered p = { scratch_series(&s, "h", "a"), T0 + i, 1 };
		struct mono end = mono_after_ms(mono_now(), 20000);

		while (engine_accept(s.engine, &p, 1, T0, &position, NULL) == RC_FULL) {
			assert_true(mono_ms_between(mono_now(), end) > 0);
			usleep(1000);
		}
	}
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_stored(s.values, NULL), 10000);
	stop(f);
	scratch_fini(&s);
}

/* n points of each of 1000 series, accepted and not written; the engine is closed. */
static void leave_in_journal(struct scratch_engine *s, uint32_t n)
{
	struct numbered points[1000];
	uint64_t position;

	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t i = 0; i < 1000; i++) {
			char ds[16];

			snprintf(ds, sizeof(ds), "ds%u", i);
			points[i] = (struct numbered){ scratch_series(s, "h", ds), T0 + 60 * k, k };
		}
		assert_int_equal(engine_accept(s->engine, points, 1000, T0 + 60 * k, &position, NULL), RC_OK);
	}
	engine_close(s->engine);
	s->committed = 0;
}

static void replay_larger_than_the_cache_is_written_on_the_way(void **state)
{
	struct scratch_engine s;
	struct cache_stats c;
	struct flush *f;

	(void)state;
	open_all(&s);
	leave_in_journal(&s, 50);
	scratch_open(&s, PLENTY, 256 * 1024); /* some 16,000 points */
	f = start(&s, 3600, 0);
	assert_int_equal(scratch_start(&s).n_points, 50000);
	cache_stats(engine_cache(s.engine), &c);
	assert_true(c.bytes_used < 400 * 1024);
	assert_true(n_stored(s.values, NULL) > 30000);
	assert_true(s.values->stored[0].again);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_stored(s.values, NULL), 50000);
	stop(f);
	scratch_fini(&s);
}

/*
 * Points that the replay brings while their series is being written are left behind by that write, and may have been stored
 * in part before as well: the write's end, when the replay is over, does not make new ones of them.
 */
static void what_the_replay_brings_during_a_write_comes_from_the_replay(void **state)
{
	struct scratch_engine s;
	struct flush *f;
	size_t n_first;

	(void)state;
	open_all(&s);
	leave_in_journal(&s, 80);
	s.awaits_write = true;
	atomic_store(&s.values->stuck, true);
	scratch_open(&s, PLENTY, PLENTY);
	f = start(&s, 1, 0);
	assert_int_equal(scratch_start(&s).n_points, 80000);
	assert_true(atomic_load(&s.values->n_writes) > 0); /* one began before the replay was over */
	atomic_store(&s.values->stuck, false);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	n_first = s.values->n;
	assert_int_equal(n_stored(s.values, NULL), 80000);
	for (size_t i = 0; i < n_first; i++)
		assert_true(s.values->stored[i].again);
	/* what comes now is new */
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "ds0"), T0 + 60 * 80, 1), RC_OK);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(s.values->n, n_first + 1);
	assert_false(s.values->stored[n_first].again);
	stop(f);
	scratch_fini(&s);
}

/* What runs alone, and what was seen from inside it. */
struct alone {
	struct scratch_engine *s;
	struct lock lock;
	struct signal entered, go_on;
	bool is_in, may_end;
	int n_writes_at_begin, n_writes_at_end;
	size_t n_stored_at_begin;
};

static enum rc be_alone(void *argument, struct why *why)
{
	struct alone *a = argument;

	a->n_writes_at_begin = atomic_load(&a->s->values->n_writes);
	a->n_stored_at_begin = n_stored(a->s->values, NULL);
	lock_take(&a->lock);
	a->is_in = true;
	signal_all(&a->entered);
	while (!a->may_end)
		signal_wait(&a->go_on, &a->lock);
	lock_give_back(&a->lock);
	a->n_writes_at_end = atomic_load(&a->s->values->n_writes);
	return because(why, RC_ABSENT, "its own answer");
}

struct asking {
	struct flush *f;
	struct alone *a;
	struct text host;
	enum rc rc;
	struct why why;
	atomic_bool ended;
};

static void *ask_alone(void *argument)
{
	struct asking *q = argument;

	q->rc = flush_alone(q->f, q->host, be_alone, q->a, &q->why);
	atomic_store(&q->ended, true);
	return NULL;
}

static void alone_init(struct alone *a, struct scratch_engine *s)
{
	*a = (struct alone){ .s = s };
	lock_init(&a->lock);
	signal_init(&a->entered);
	signal_init(&a->go_on);
}

static void wait_until_in(struct alone *a)
{
	lock_take(&a->lock);
	while (!a->is_in)
		signal_wait(&a->entered, &a->lock);
	lock_give_back(&a->lock);
}

static void let_end(struct alone *a)
{
	lock_take(&a->lock);
	a->may_end = true;
	signal_all(&a->go_on);
	lock_give_back(&a->lock);
}

static void alone_fini(struct alone *a)
{
	signal_fini(&a->go_on);
	signal_fini(&a->entered);
	lock_fini(&a->lock);
}

static void nothing_is_written_while_somebody_is_alone(void **state)
{
	struct scratch_engine s;
	struct alone a;
	struct flush *f;
	struct asking q = { .host = TEXT("one") };
	pthread_t thread;

	(void)state;
	open_all(&s);
	f = start(&s, 1, 0); /* what is dirty is written within a second */
	alone_init(&a, &s);
	q.f = f;
	q.a = &a;
	for (uint32_t i = 0; i < 100; i++) {
		char ds[16];

		snprintf(ds, sizeof(ds), "ds%u", i);
		assert_int_equal(scratch_accept(&s, scratch_series(&s, "one", ds), T0, 1), RC_OK);
	}
	thread_start(&thread, "asks", ask_alone, &q);
	wait_until_in(&a);
	assert_true(a.n_stored_at_begin >= 100); /* all of the host, synced */
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(scratch_accept(&s, scratch_series(&s, "one", "late"), T0 + 60 * i, 1), RC_OK);
	usleep(1200000); /* a whole pass would have written them */
	assert_int_equal(n_held(&s), 100);
	let_end(&a);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(q.rc, RC_ABSENT);
	assert_string_equal(q.why.text, "its own answer");
	assert_int_equal(a.n_writes_at_begin, a.n_writes_at_end);
	assert_int_equal(flush_now(f, TEXT_NONE, NULL), RC_OK);
	assert_int_equal(n_stored(s.values, "one/df/late"), 100);
	assert_int_equal(n_held(&s), 0);
	stop(f);
	alone_fini(&a);
	scratch_fini(&s);
}

static void alone_with_nobodys_points_leaves_them(void **state)
{
	struct scratch_engine s;
	struct alone a;
	struct flush *f;
	struct why why;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	alone_init(&a, &s);
	let_end(&a);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "one", "a"), T0, 1), RC_OK);
	assert_int_equal(flush_alone(f, TEXT_NONE, be_alone, &a, &why), RC_ABSENT);
	assert_true(a.is_in);
	assert_int_equal(n_held(&s), 1);
	/* also when a point cannot be written */
	a.is_in = false;
	atomic_store(&s.values->fail_write, true);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "two", "bad"), T0, 1), RC_OK);
	assert_int_equal(flush_alone(f, TEXT("two"), be_alone, &a, &why), RC_ABSENT);
	assert_true(a.is_in);
	assert_int_equal(n_held(&s), 2);
	stop(f);
	alone_fini(&a);
	scratch_fini(&s);
}

/* Who relies on the points being in the files is not let in when they are not. */
static void alone_when_written_wants_the_points_written(void **state)
{
	struct scratch_engine s;
	struct alone a;
	struct flush *f;
	struct why why = { "" };

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	alone_init(&a, &s);
	let_end(&a);
	atomic_store(&s.values->fail_write, true);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "one", "bad"), T0, 1), RC_OK);
	assert_int_equal(flush_alone_written(f, TEXT("one"), be_alone, &a, &why), RC_DISK);
	assert_string_not_equal(why.text, "");
	assert_false(a.is_in);
	assert_int_equal(flush_n_alone(f), 0);
	/* those of others are no matter */
	assert_int_equal(flush_alone_written(f, TEXT("two"), be_alone, &a, &why), RC_ABSENT);
	assert_true(a.is_in);
	a.is_in = false;
	atomic_store(&s.values->fail_write, false);
	atomic_store(&s.values->fail_sync, true);
	assert_int_equal(flush_alone_written(f, TEXT("one"), be_alone, &a, &why), RC_DISK);
	assert_false(a.is_in);
	atomic_store(&s.values->fail_sync, false);
	assert_int_equal(flush_alone_written(f, TEXT("one"), be_alone, &a, &why), RC_ABSENT);
	assert_true(a.is_in);
	assert_int_equal(n_held(&s), 0);
	stop(f);
	alone_fini(&a);
	scratch_fini(&s);
}

static void *stop_it(void *argument)
{
	flush_stop(argument);
	return NULL;
}

static void who_waits_to_be_alone_is_told_of_the_stop(void **state)
{
	enum { MOST = 1000 };
	static struct asking asking[MOST];
	static pthread_t asks[MOST];
	struct scratch_engine s;
	struct alone first, others;
	struct asking one = { .rc = RC_OK };
	pthread_t thread, stops;
	struct flush *f;
	size_t n = 0;

	(void)state;
	open_all(&s);
	f = start(&s, 3600, 0);
	alone_init(&first, &s);
	alone_init(&others, &s);
	let_end(&others);
	one.f = f;
	one.a = &first;
	thread_start(&thread, "first", ask_alone, &one);
	wait_until_in(&first);
	/* some wait behind the first; once one is refused the stop has begun */
	for (bool refused = false; !refused;) {
		assert_true(n < MOST);
		asking[n].f = f;
		asking[n].a = &others;
		asking[n].host = TEXT("one");
		thread_start(&asks[n], "asks", ask_alone, &asking[n]);
		if (n == 0)
			thread_start(&stops, "stops", stop_it, f);
		for (int i = 0; i < 20 && !refused; i++) {
			usleep(1000);
			refused = atomic_load(&asking[n].ended);
		}
		n++;
	}
	let_end(&first);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pthread_join(stops, NULL), 0);
	assert_int_equal(one.rc, RC_ABSENT); /* it ran to its end */
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pthread_join(asks[i], NULL), 0);
		assert_int_equal(asking[i].rc, RC_PEER);
		assert_non_null(strstr(asking[i].why.text, "stopping"));
	}
	assert_false(others.is_in);
	flush_free(f);
	alone_fini(&first);
	alone_fini(&others);
	scratch_fini(&s);
}

enum { LAG_SERIES = 20, LAG_POINTS = 20000, LAG_EVERY_US = 5000 };

/* Of each point that is held: was it accepted before all_before? */
static bool claims_too_much(struct scratch_engine *s, const uint32_t *id, const struct mono *accepted,
			    struct mono all_before)
{
	struct taken *point = NULL;
	size_t n = 0, capacity = 0;
	uint32_t held_from_s;
	bool wrong = false;

	for (size_t i = 0; i < LAG_SERIES; i++)
		cache_read(engine_cache(s->engine), id[i], &point, &n, &capacity, &held_from_s);
	for (size_t i = 0; i < n; i++)
		wrong = wrong || accepted[point[i].t_s - T0].ns < all_before.ns;
	free(point);
	return wrong;
}

/* Through passes that go well, writes and syncs that fail, and after them. */
static void what_is_older_than_it_says_is_in_synced_files(void **state)
{
	static struct mono accepted[LAG_POINTS];
	struct scratch_engine s;
	struct flush_stats stats;
	struct flush *f;
	uint32_t id[LAG_SERIES], n = 0;
	struct mono began, failed_until = { 0 };

	(void)state;
	open_all(&s);
	f = start(&s, 1, 0);
	began = mono_now();
	for (uint32_t i = 0; i < LAG_SERIES; i++) {
		char ds[16];

		snprintf(ds, sizeof(ds), i == 7 ? "bad" : "ds%u", i);
		id[i] = scratch_series(&s, "h", ds);
	}
	do {
		int64_t ms = mono_ms_between(began, mono_now());

		atomic_store(&s.values->fail_sync, ms > 300 && ms < 900);
		atomic_store(&s.values->fail_write, ms > 1200 && ms < 1500);
		if (ms >= 1500 && failed_until.ns == 0)
			failed_until = mono_now();
		assert_true(n < LAG_POINTS);
		accepted[n] = mono_now();
		assert_int_equal(scratch_accept(&s, id[n % LAG_SERIES], T0 + n, 1), RC_OK);
		n++;
		flush_stats(f, &stats);
		assert_false(claims_too_much(&s, id, accepted, stats.all_before));
		usleep(LAG_EVERY_US);
	} while (failed_until.ns == 0 || stats.all_before.ns < failed_until.ns);
	assert_true(stats.whole_pass);
	stop(f);
	scratch_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flush_now_writes_syncs_and_retires),
		cmocka_unit_test(flush_now_of_a_host_leaves_the_others),
		cmocka_unit_test(failed_write_keeps_its_points),
		cmocka_unit_test(failed_sync_keeps_everything_written_since_the_last),
		cmocka_unit_test(refused_points_are_kept_aside_and_gone),
		cmocka_unit_test(points_that_are_too_old_among_others_are_kept_aside),
		cmocka_unit_test(replayed_points_are_written_as_such),
		cmocka_unit_test(coarse_archives_wait_until_asked),
		cmocka_unit_test(coarse_archives_wait_again_when_their_sync_failed),
		cmocka_unit_test(coarse_archives_of_a_refused_series_are_let_go),
		cmocka_unit_test(dirty_series_are_written_within_the_interval),
		cmocka_unit_test(a_full_journal_does_not_wait_for_coarse_archives),
		cmocka_unit_test(replay_larger_than_the_cache_is_written_on_the_way),
		cmocka_unit_test(what_the_replay_brings_during_a_write_comes_from_the_replay),
		cmocka_unit_test(what_is_older_than_it_says_is_in_synced_files),
		cmocka_unit_test(pressure_writes_before_the_interval_is_over),
		cmocka_unit_test(nothing_is_written_while_somebody_is_alone),
		cmocka_unit_test(alone_with_nobodys_points_leaves_them),
		cmocka_unit_test(alone_when_written_wants_the_points_written),
		cmocka_unit_test(who_waits_to_be_alone_is_told_of_the_stop),
	};

	return cmocka_run_group_tests_name("flush", tests, NULL, NULL);
}
