#include "ingest/quota.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum { MINUTE_MS = 60000, RECOUNT_HOST_MS = 60000, RECOUNT_MS = 600000, WAIT_MS = 2000 };
enum { PER_HOST, TOTAL, PER_MINUTE };

struct host_count {
	bool counted;
	uint64_t n;
	struct mono at;   /* when it was counted */
	uint32_t *source; /* all that the registry has of it, in whatever folders */
	size_t n_sources, capacity;
};

static void free_host_count(void *p)
{
	struct host_count *h = p;

	free(h->source);
	free(h);
}

void quota_init(struct quota *q, struct engine *engine, const struct quota_limits *limits)
{
	q->engine = engine;
	for (size_t i = 0; i < ARRAY_LEN(q->refused_s); i++)
		atomic_init(&q->refused_s[i], 0);
	atomic_init(&q->leaving, false);
	atomic_init(&q->changes, 0);
	atomic_init(&q->per_host, 0);
	atomic_init(&q->total, 0);
	atomic_init(&q->per_minute, 0);
	quota_set(q, limits);
	q->changes_seen = atomic_load(&q->changes);
	map_init(&q->hosts);
	q->n_sources_seen = 0;
	q->minute = mono_now();
	q->n_minute = 0;
	q->thread_begun = q->counting = q->counted = false;
	q->n_counted = q->n_admitted = 0;
	lock_init(&q->lock);
	signal_init(&q->signal);
}

/* The count, should there be one, is not waited for: it leaves where it is. */
static void end_count(struct quota *q)
{
	if (!q->thread_begun)
		return;
	atomic_store(&q->leaving, true);
	must(pthread_join(q->thread, NULL) == 0);
	atomic_store(&q->leaving, false);
	q->thread_begun = false;
}

void quota_fini(struct quota *q)
{
	end_count(q);
	map_fini(&q->hosts, free_host_count);
	signal_fini(&q->signal);
	lock_fini(&q->lock);
}

void quota_set(struct quota *q, const struct quota_limits *limits)
{
	bool other = atomic_exchange(&q->per_host, limits->per_host) != limits->per_host;

	other |= atomic_exchange(&q->total, limits->total) != limits->total;
	other |= atomic_exchange(&q->per_minute, limits->per_minute) != limits->per_minute;
	if (other)
		atomic_fetch_add(&q->changes, 1);
}

bool quota_is_on(const struct quota *q)
{
	return atomic_load(&q->per_host) != 0 || atomic_load(&q->total) != 0 || atomic_load(&q->per_minute) != 0;
}

void quota_look(struct quota *q, struct quota_state *out)
{
	*out = (struct quota_state){
		.limits = { atomic_load(&q->per_host), atomic_load(&q->total), atomic_load(&q->per_minute) },
	};
	for (size_t i = 0; i < ARRAY_LEN(q->refused_s); i++)
		out->refused_s[i] = atomic_load(&q->refused_s[i]);
	lock_take(&q->lock);
	out->n_series = q->counted && out->limits.total != 0 ? q->n_counted + q->n_admitted : 0;
	lock_give_back(&q->lock);
}

static bool is_stored(struct quota *q, const struct series *s)
{
	/* what cannot be looked at is not refused for that */
	return values_has(engine_values(q->engine), s, NULL) != RC_ABSENT;
}

/* A number that the registry has given out and that needs a file: a series whose file was removed has its number still. */
static bool waits_for_file(struct quota *q, uint32_t id)
{
	struct series s;

	if (!cache_dirty(engine_cache(q->engine), id))
		return false;
	registry_name(engine_registry(q->engine), id, &s);
	return !is_stored(q, &s);
}

/* Thread `count`: what is stored, and what the registry knows and is not. */
static void *count_all(void *argument)
{
	struct quota *q = argument;
	const struct registry *r = engine_registry(q->engine);
	uint32_t n_known = registry_n_series(r);
	uint64_t n = 0;
	struct why why;
	enum rc rc;

	thread_give_way();
	rc = values_count(engine_values(q->engine), TEXT_NONE, &q->leaving, &n, &why);

	for (uint32_t id = 0; rc == RC_OK && id < n_known && !atomic_load(&q->leaving); id++)
		n += waits_for_file(q, id);
	if (rc == RC_DISK)
		log_line(LOG_LEVEL_WARNING, "series.not_counted", "why=\"%s\": max_series counts from what is known",
			 why.text);
	lock_take(&q->lock);
	q->n_counted = rc == RC_OK ? n : n_known;
	q->counted = true;
	q->counting = false;
	q->counted_at = mono_now();
	signal_all(&q->signal);
	lock_give_back(&q->lock);
	return NULL;
}

static void start_count(struct quota *q)
{
	if (q->thread_begun)
		must(pthread_join(q->thread, NULL) == 0);
	lock_take(&q->lock);
	q->counting = true;
	q->count_began = mono_now();
	q->n_counted += q->n_admitted; /* what stands until there is a newer count */
	q->n_admitted = 0;
	lock_give_back(&q->lock);
	thread_start(&q->thread, "count", count_all, q);
	q->thread_begun = true;
}

void quota_begin(struct quota *q)
{
	if (atomic_load(&q->total) != 0)
		start_count(q);
}

/* Is there room for one more? There is while nobody knows, soon after the start it is waited for. */
static bool total_has_room(struct quota *q, uint64_t limit, struct mono now)
{
	bool room, again;

	if (!q->thread_begun)
		start_count(q);
	lock_take(&q->lock);
	while (!q->counted && signal_wait_until(&q->signal, &q->lock, mono_after_ms(q->count_began, WAIT_MS)))
		;
	room = !q->counted || q->n_counted + q->n_admitted < limit;
	again = !room && q->counted && !q->counting && mono_ms_between(q->counted_at, now) >= RECOUNT_MS;
	lock_give_back(&q->lock);
	if (again)
		start_count(q);
	return room;
}

static struct host_count *entry_of(struct quota *q, struct text host)
{
	struct host_count *h = map_get(&q->hosts, host);

	if (h == NULL) {
		h = must_alloc(sizeof(*h));
		map_put(&q->hosts, host, h);
	}
	return h;
}

/* Whose the sources are that came since the last time: sources are never taken out. */
static void see_sources(struct quota *q)
{
	const struct registry *r = engine_registry(q->engine);
	uint32_t n = registry_n_sources(r);

	for (; q->n_sources_seen < n; q->n_sources_seen++) {
		struct host_count *h;
		struct series s;

		registry_source_name(r, q->n_sources_seen, &s);
		h = entry_of(q, s.host);
		array_grow(&h->source, &h->capacity, h->n_sources, sizeof(*h->source));
		h->source[h->n_sources++] = q->n_sources_seen;
	}
}

/* What the registry knows of this host and waits for its file. */
static uint64_t count_not_stored(struct quota *q, const struct host_count *h)
{
	struct registry *r = engine_registry(q->engine);
	uint32_t *id = NULL;
	size_t n = 0, capacity = 0;
	uint64_t found = 0;

	for (size_t i = 0; i < h->n_sources; i++) {
		struct series s;

		registry_source_name(r, h->source[i], &s);
		/* of several folders that the host had, one stands for all */
		if (registry_source(r, s.host, TEXT_NONE, s.plugin, false) == h->source[i])
			registry_series_of(r, s.host, s.plugin, &id, &n, &capacity);
	}
	for (size_t i = 0; i < n; i++)
		found += waits_for_file(q, id[i]);
	free(id);
	return found;
}

static struct host_count *count_of(struct quota *q, const struct series *s, uint64_t limit, struct mono now)
{
	struct host_count *h = entry_of(q, s->host);
	uint64_t n = 0;

	if (h->counted && (h->n < limit || mono_ms_between(h->at, now) < RECOUNT_HOST_MS))
		return h;
	see_sources(q);
	if (values_count(engine_values(q->engine), s->folder, NULL, &n, NULL) != RC_OK)
		n = 0; /* refused for what is known alone */
	h->counted = true;
	h->n = n + count_not_stored(q, h);
	h->at = now;
	return h;
}

static bool minute_has_room(struct quota *q, uint64_t limit, struct mono now)
{
	if (mono_ms_between(q->minute, now) >= MINUTE_MS) {
		q->minute = now;
		q->n_minute = 0;
	}
	return q->n_minute < limit;
}

static enum reason refuse(struct quota *q, size_t which, enum reason reason, const struct series *s, int64_t now_s)
{
	static struct log_limit limit;

	atomic_store(&q->refused_s[which], now_s);
	log_limited(&limit, LOG_LEVEL_WARNING, "series.refused", "host=\"%.*s\" plugin=\"%.*s\" ds=\"%.*s\" why=\"%s\"",
		    TEXT_ARG(s->host), TEXT_ARG(s->plugin), TEXT_ARG(s->ds), reason_help(reason));
	return reason;
}

/* While a limit was none what came was not counted. */
static void forget_if_changed(struct quota *q)
{
	unsigned changes = atomic_load(&q->changes);

	if (q->changes_seen == changes)
		return;
	q->changes_seen = changes;
	map_fini(&q->hosts, free_host_count);
	map_init(&q->hosts);
	q->n_sources_seen = 0;
	end_count(q);
	lock_take(&q->lock);
	q->counted = false;
	q->n_counted = q->n_admitted = 0;
	lock_give_back(&q->lock);
}

enum reason quota_admit(struct quota *q, const struct series *s, int64_t now_s, struct mono now)
{
	uint64_t per_host = atomic_load(&q->per_host), total = atomic_load(&q->total);
	uint64_t per_minute = atomic_load(&q->per_minute);
	struct host_count *h = NULL;

	if (is_stored(q, s))
		return REASON_NONE;
	forget_if_changed(q);
	if (per_host != 0) {
		h = count_of(q, s, per_host, now);
		if (h->n >= per_host)
			return refuse(q, PER_HOST, REASON_SERIES_PER_HOST, s, now_s);
	}
	if (total != 0 && !total_has_room(q, total, now))
		return refuse(q, TOTAL, REASON_SERIES_TOTAL, s, now_s);
	if (per_minute != 0 && !minute_has_room(q, per_minute, now))
		return refuse(q, PER_MINUTE, REASON_SERIES_RATE, s, now_s);
	if (h != NULL)
		h->n++;
	q->n_minute++;
	lock_take(&q->lock);
	q->n_admitted++;
	lock_give_back(&q->lock);
	return REASON_NONE;
}
