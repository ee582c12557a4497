/*
 * The pace: a pass over all series in path order takes interval_s. What is due is handed to the writers; what they wrote is
 * synced together every few seconds, settled, and the journal's segments retired.
 */
#include "flush/flush.h"

#include <stdlib.h>

#include "base/histogram.h"
#include "base/log.h"
#include "base/mem.h"
#include "flush/writers.h"

enum {
	TICK_MS = 100,
	SYNC_MOST_MS = 10000,    /* what was written is synced this often */
	SYNC_SERIES = 200000,    /* or when this many series wait for it */
	HURRY_PERCENT = 50,      /* of cache or journal: write as fast as the disk takes it */
	HURRY_PAUSE_MS = 1000,   /* between two hurried passes when something fails */
	ROLL_POINTS = 4096,      /* a pass begins a new segment when so many points were accepted since the last */
	FAILING_PASS_MS = 10000, /* a pass takes this long at most while something cannot be written */
};

/* Somebody waits for a pass of its own. */
struct request {
	struct text host;
	flush_alone_fn *alone; /* NULL: nothing but writing is wanted */
	bool only_written;     /* alone is called when all of host's could be written */
	void *argument;
	enum rc rc;
	struct why *why;
	bool done;
	struct request *next;
};

struct flush {
	struct flush_options options; /* fixed */
	struct writers writers;
	pthread_t thread;
	struct lock lock;
	struct signal wake, answered;
	/* under lock */
	bool stopping;
	struct request *request;
	uint64_t n_syncs, sync_ns_sum, pass_done, pass_of;
	atomic_uint n_alone;
	bool failing, sync_fails;
	struct why sync_why;
	struct mono all_before;
	bool whole_pass;
	/* thread flush only */
	const uint32_t *order;
	uint32_t n_order, cursor;
	struct mono pass_began, synced, hurried;
	struct mono previous_began; /* of the pass before */
	bool sound;                 /* the present pass began after the replay, and no sync has failed since */
	bool passed_sound;          /* such a pass has ended, and no sync has failed since */
	bool sync_failed;           /* said, and not yet over */
	uint64_t rolled_points;
};

static bool is_stopping(struct flush *f)
{
	bool stopping;

	lock_take(&f->lock);
	stopping = f->stopping;
	lock_give_back(&f->lock);
	return stopping;
}

/* Look at the series of order[from .. to). */
static void hand_over(struct flush *f, uint32_t from, uint32_t to, bool coarse)
{
	struct cache *cache = engine_cache(f->options.engine);

	for (uint32_t i = from; i < to; i++)
		if (cache_dirty(cache, f->order[i]))
			writers_add(&f->writers, f->order[i], coarse);
	writers_push(&f->writers);
}

static void say_sync(struct flush *f, enum rc rc, const struct why *why)
{
	static struct log_limit failed = { .burst = LOG_BURST }, recovered = { .burst = LOG_BURST };

	if (rc != RC_OK && !f->sync_failed)
		log_limited(&failed, LOG_LEVEL_ERROR, "flush.sync_failed",
			    "why=\"%s\": what was written since the last sync is written again", why->text);
	if (rc == RC_OK && f->sync_failed)
		log_limited(&recovered, LOG_LEVEL_WARNING, "flush.sync_recovered", "series=%zu",
			    writers_n_written(&f->writers));
	f->sync_failed = rc != RC_OK;
	lock_take(&f->lock);
	f->sync_fails = f->sync_failed;
	if (f->sync_failed)
		f->sync_why = *why;
	lock_give_back(&f->lock);
}

static void settle(struct engine *e, const struct written *written, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cache_settle(engine_cache(e), written[i].id);
		if (written[i].took_replay)
			engine_settled(e, written[i].id);
	}
}

static void give_back(struct engine *e, const struct written *written, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (written[i].held_before_s != 0) /* what was caught up may be lost as well */
			cache_set_held(engine_cache(e), written[i].id, written[i].held_before_s);
		cache_give_back(engine_cache(e), written[i].id);
	}
}

/*
 * A failed sync is told once and may be about any write so far: also about those made while it ran. All of them come
 * again, and are written again though they may read back right.
 */
static void distrust(struct flush *f, const struct written *written, size_t n)
{
	struct engine *e = f->options.engine;
	struct written *meanwhile;
	size_t n_meanwhile;

	f->sound = f->passed_sound = false;
	atomic_store(&f->writers.distrust, true);
	writers_wait(&f->writers);
	n_meanwhile = writers_take_written(&f->writers, &meanwhile);
	give_back(e, written, n);
	give_back(e, meanwhile, n_meanwhile);
	free(meanwhile);
}

/* All that the pass before has written is synced: what was accepted before that pass began is in synced files. */
static void note_synced(struct flush *f)
{
	if (!f->passed_sound)
		return;
	lock_take(&f->lock);
	if (!f->failing && f->previous_began.ns > f->all_before.ns) {
		f->all_before = f->previous_began;
		f->whole_pass = true;
	}
	lock_give_back(&f->lock);
}

/* Sync what was written, then let go of its points and of the segments that only they needed. */
static enum rc sync_and_settle(struct flush *f, struct why *why)
{
	struct engine *e = f->options.engine;
	struct mono began = mono_now();
	bool pass_is_written = writers_pass_is_written(&f->writers); /* asked first: it is among what is taken then */
	struct written *written;
	size_t n = writers_take_written(&f->writers, &written);
	int64_t took_ns;
	enum rc rc = RC_OK;

	f->synced = began;
	if (n > 0) {
		rc = values_sync(engine_values(e), why);
		if (rc == RC_OK)
			settle(e, written, n);
		else
			distrust(f, written, n);
		say_sync(f, rc, why);
		took_ns = mono_now().ns - began.ns;
		if (rc == RC_OK)
			histogram_note(HISTOGRAM_FLUSH_SYNC, took_ns, 1);
		lock_take(&f->lock);
		f->n_syncs++;
		f->sync_ns_sum += (uint64_t)took_ns;
		lock_give_back(&f->lock);
	}
	free(written);
	if (rc == RC_OK && pass_is_written)
		note_synced(f);
	if (rc == RC_OK && engine_retire(e, why) != RC_OK) {
		static struct log_limit limit;

		log_limited(&limit, LOG_LEVEL_WARNING, "journal.not_retired", "why=\"%s\": tried again", why->text);
	}
	return rc;
}

/* Series were added since: the pass goes on with the series that would have been next, so that none is left out. */
static void look_at_order(struct flush *f)
{
	struct registry *registry = engine_registry(f->options.engine);
	bool at_end = f->cursor == f->n_order, at_begin = f->cursor == 0;
	uint32_t next = at_end ? REGISTRY_NONE : f->order[f->cursor];

	if (registry_n_series(registry) == f->n_order)
		return;
	registry_in_path_order(registry, &f->order, &f->n_order);
	if (!at_begin && at_end)
		f->cursor = f->n_order;
	while (!at_begin && !at_end && f->order[f->cursor] != next)
		f->cursor++; /* those that were before it still are */
	lock_take(&f->lock);
	f->pass_of = f->n_order;
	lock_give_back(&f->lock);
}

/* Points written long ago are not worth a replay: a pass begins with a new segment. */
static void roll(struct flush *f)
{
	struct journal *j = engine_journal(f->options.engine);
	struct journal_stats stats;

	journal_stats(j, &stats);
	if (stats.n_points - f->rolled_points < ROLL_POINTS)
		return;
	f->rolled_points = stats.n_points;
	engine_roll(f->options.engine);
}

/* An outage is said when it begins and when a whole pass went without. */
static void look_at_failures(struct flush *f, bool pass_ends)
{
	static struct log_limit failed = { .burst = LOG_BURST }, recovered = { .burst = LOG_BURST };
	uint64_t n_failed;
	struct why why;

	lock_take(&f->writers.lock);
	n_failed = f->writers.n_failed_of_pass;
	why = f->writers.why;
	if (pass_ends)
		f->writers.n_failed_of_pass = 0;
	lock_give_back(&f->writers.lock);
	if (n_failed > 0 && !f->failing)
		log_limited(&failed, LOG_LEVEL_ERROR, "flush.failed", "series=%llu why=\"%s\": kept, tried again",
			    (unsigned long long)n_failed, why.text);
	if (n_failed == 0 && f->failing && pass_ends)
		log_limited(&recovered, LOG_LEVEL_WARNING, "flush.recovered", "series=%u", f->n_order);
	if (n_failed > 0 || pass_ends) {
		lock_take(&f->lock);
		f->failing = n_failed > 0;
		lock_give_back(&f->lock);
	}
}

static void begin_pass(struct flush *f, struct mono now)
{
	look_at_failures(f, true);
	writers_begin_pass(&f->writers);
	f->passed_sound = f->passed_sound || f->sound;
	f->sound = engine_replay_ended(f->options.engine);
	f->previous_began = f->pass_began;
	f->pass_began = now;
	f->cursor = 0;
	roll(f);
}

/* coarse: what is held back, too. */
static void advance(struct flush *f, struct mono now, bool hurry, bool coarse)
{
	int64_t ms = mono_ms_between(f->pass_began, now), interval_ms = (int64_t)f->options.interval_s * 1000;
	uint32_t to;

	if (f->failing && interval_ms > FAILING_PASS_MS)
		interval_ms = FAILING_PASS_MS;
	if (ms >= interval_ms || hurry)
		to = f->n_order;
	else
		to = (uint32_t)((double)f->n_order * (double)ms / (double)interval_ms);
	if (to > f->cursor) {
		hand_over(f, f->cursor, to, coarse);
		f->cursor = to;
	}
	lock_take(&f->lock);
	f->pass_done = f->cursor;
	lock_give_back(&f->lock);
	if (hurry)
		writers_wait(&f->writers);
	look_at_failures(f, false);
	if (ms >= interval_ms || (hurry && f->n_order > 0))
		begin_pass(f, now);
}

/* Everything of one host, or of all, at once. */
static void write_wanted(struct flush *f, struct request *r)
{
	struct registry *registry = engine_registry(f->options.engine);
	struct cache *cache = engine_cache(f->options.engine);
	bool replayed = engine_replay_ended(f->options.engine);
	struct mono began = mono_now();
	uint64_t failed_before, failed_after;
	struct why why = { "" };

	/* What is on its way may have been taken before the newest points came: settle it first, then write the rest. */
	writers_wait(&f->writers);
	lock_take(&f->writers.lock);
	failed_before = f->writers.n_failed;
	lock_give_back(&f->writers.lock);
	r->rc = sync_and_settle(f, &why);
	look_at_order(f);
	for (uint32_t i = 0; i < f->n_order; i++) {
		struct series s;

		if (!cache_dirty(cache, f->order[i]))
			continue;
		if (r->host.s != NULL) {
			registry_name(registry, f->order[i], &s);
			if (!text_equal(s.host, r->host))
				continue;
		}
		writers_add(&f->writers, f->order[i], true);
	}
	writers_wait(&f->writers);
	if (r->host.s == NULL)
		engine_roll(f->options.engine);
	if (r->rc == RC_OK)
		r->rc = sync_and_settle(f, &why);
	lock_take(&f->writers.lock);
	failed_after = f->writers.n_failed;
	if (r->rc == RC_OK && failed_after > failed_before) {
		why = f->writers.why;
		r->rc = RC_DISK;
	}
	lock_give_back(&f->writers.lock);
	if (r->rc == RC_OK && r->host.s == NULL) {
		lock_take(&f->lock);
		f->all_before = began;
		f->whole_pass = f->whole_pass || replayed;
		lock_give_back(&f->lock);
	}
	if (r->rc == RC_OK && is_stopping(f))
		r->rc = because(&why, RC_PEER, "the daemon is stopping");
	if (r->rc != RC_OK)
		because(r->why, r->rc, "%s", why.text);
}

/* The writers are idle behind write_wanted(): only this thread gives them work. */
static void serve(struct flush *f, struct request *r)
{
	if (r->alone == NULL) {
		write_wanted(f, r);
		return;
	}
	if (r->host.s != NULL)
		write_wanted(f, r);
	if (r->only_written && r->rc != RC_OK)
		return;
	writers_wait(&f->writers);
	if (is_stopping(f)) {
		r->rc = because(r->why, RC_PEER, "the daemon is stopping");
		return;
	}
	r->rc = r->alone(r->argument, r->why);
	values_touched(engine_values(f->options.engine));
	atomic_fetch_add(&f->n_alone, 1);
}

static void serve_requests(struct flush *f)
{
	for (;;) {
		struct request *r;

		lock_take(&f->lock);
		r = f->request;
		if (r != NULL)
			f->request = r->next;
		lock_give_back(&f->lock);
		if (r == NULL)
			return;
		serve(f, r);
		lock_take(&f->lock);
		r->done = true;
		signal_all(&f->answered);
		lock_give_back(&f->lock);
	}
}

/* Segments with points whose coarse slots are held back stay: then those are worth less than room. */
static bool journal_presses(const struct flush *f)
{
	struct journal_stats stats;

	journal_stats(engine_journal(f->options.engine), &stats);
	return (double)stats.n_bytes * 100 >= (double)stats.max_bytes * HURRY_PERCENT;
}

static void turn(struct flush *f)
{
	struct mono now = mono_now();
	int64_t sync_ms = (int64_t)f->options.interval_s * 1000 / 2; /* before a series that was written is due again */
	bool hurry = engine_pressure(f->options.engine) >= HURRY_PERCENT;
	struct why why;

	if (hurry && (f->failing || f->sync_failed) && mono_ms_between(f->hurried, now) < HURRY_PAUSE_MS)
		hurry = false;
	if (hurry)
		f->hurried = now;
	serve_requests(f);
	look_at_order(f);
	advance(f, now, hurry, hurry && journal_presses(f));
	if (sync_ms > SYNC_MOST_MS)
		sync_ms = SYNC_MOST_MS;
	if (hurry || mono_ms_between(f->synced, now) >= sync_ms || writers_n_written(&f->writers) >= SYNC_SERIES)
		(void)!sync_and_settle(f, &why); /* said there */
}

static void *run(void *argument)
{
	struct flush *f = argument;

	thread_give_way();
	f->previous_began = f->pass_began = f->synced = f->hurried = mono_now();
	f->sound = engine_replay_ended(f->options.engine);
	while (!is_stopping(f)) {
		turn(f);
		lock_take(&f->lock);
		if (!f->stopping && f->request == NULL)
			signal_wait_until(&f->wake, &f->lock, mono_after_ms(mono_now(), TICK_MS));
		lock_give_back(&f->lock);
	}
	return NULL;
}

struct flush *flush_start(const struct flush_options *options)
{
	struct flush *f = must_alloc(sizeof(*f));

	f->options = *options;
	f->all_before = mono_now();
	lock_init(&f->lock);
	signal_init(&f->wake);
	signal_init(&f->answered);
	writers_start(&f->writers, &f->options);
	thread_start(&f->thread, "flush", run, f);
	return f;
}

void flush_stop(struct flush *f)
{
	if (f == NULL)
		return;
	lock_take(&f->lock);
	f->stopping = true;
	signal_all(&f->wake);
	lock_give_back(&f->lock);
	writers_halt(&f->writers);
	must(pthread_join(f->thread, NULL) == 0);
	lock_take(&f->lock);
	for (struct request *r = f->request; r != NULL; r = r->next) {
		r->rc = because(r->why, RC_PEER, "the daemon is stopping");
		r->done = true;
	}
	f->request = NULL;
	signal_all(&f->answered);
	lock_give_back(&f->lock);
	writers_stop(&f->writers);
}

void flush_free(struct flush *f)
{
	if (f == NULL)
		return;
	writers_fini(&f->writers);
	signal_fini(&f->wake);
	signal_fini(&f->answered);
	lock_fini(&f->lock);
	free(f);
}

/* Put it behind the others, and wait for it. */
static enum rc ask(struct flush *f, struct request *r)
{
	struct request **at;

	lock_take(&f->lock);
	if (f->stopping) {
		lock_give_back(&f->lock);
		return because(r->why, RC_PEER, "the daemon is stopping");
	}
	for (at = &f->request; *at != NULL;)
		at = &(*at)->next;
	*at = r;
	signal_all(&f->wake);
	while (!r->done)
		signal_wait(&f->answered, &f->lock);
	lock_give_back(&f->lock);
	return r->rc;
}

enum rc flush_now(struct flush *f, struct text host, struct why *why)
{
	struct request r = { .host = host, .why = why };

	return ask(f, &r);
}

enum rc flush_alone(struct flush *f, struct text host, flush_alone_fn *fn, void *argument, struct why *why)
{
	struct request r = { .host = host, .alone = fn, .argument = argument, .why = why };

	return ask(f, &r);
}

enum rc flush_alone_written(struct flush *f, struct text host, flush_alone_fn *fn, void *argument, struct why *why)
{
	struct request r = { .host = host, .alone = fn, .only_written = true, .argument = argument, .why = why };

	return ask(f, &r);
}

uint32_t flush_n_alone(const struct flush *f)
{
	return atomic_load(&f->n_alone);
}

void flush_stats(struct flush *f, struct flush_stats *out)
{
	*out = (struct flush_stats){ 0 };
	lock_take(&f->lock);
	out->n_syncs = f->n_syncs;
	out->sync_ns_sum = f->sync_ns_sum;
	out->failing = f->failing || f->sync_fails;
	if (f->sync_fails)
		out->why = f->sync_why;
	out->pass_done = f->pass_done;
	out->pass_of = f->pass_of;
	out->all_before = f->all_before;
	out->whole_pass = f->whole_pass;
	lock_give_back(&f->lock);
	lock_take(&f->writers.lock);
	out->n_series_written = f->writers.n_series_written;
	out->n_points_written = f->writers.n_points_written;
	out->n_failed = f->writers.n_failed;
	out->n_refused = f->writers.n_refused;
	if (out->failing && out->why.text[0] == '\0')
		out->why = f->writers.why;
	lock_give_back(&f->writers.lock);
}
