#include "ingest/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/round.h"

enum rc store_init(struct store *s, const struct ingest_options *options, struct why *why)
{
	enum rc rc;

	*s = (struct store){ .options = *options };
	rc = rejected_open(options->rejected_path, options->rejected_max_bytes, &s->rejected, why);
	if (rc != RC_OK)
		return rc;
	atomic_store(&s->rejected_bytes, s->rejected.total_bytes);
	quota_init(&s->quota, options->engine, &options->quota);
	store_change(s, options);
	hosts_init(&s->hosts, options->meta, options->wsp_path, options->md5_digits);
	infos_init(&s->infos, options->meta);
	s->heard = heard_new();
	arena_init(&s->arena);
	return RC_OK;
}

void store_change(struct store *s, const struct ingest_options *options)
{
	atomic_store(&s->schema, options->schema);
	atomic_store(&s->longest_s, schema_longest_s(options->schema));
	atomic_store(&s->shortest_s, schema_shortest_s(options->schema));
	atomic_store(&s->max_future_s, options->max_future_s);
	atomic_store(&s->rejected_max_bytes, options->rejected_max_bytes);
	quota_set(&s->quota, &options->quota);
}

void store_fini(struct store *s)
{
	quota_fini(&s->quota);
	arena_fini(&s->arena);
	infos_fini(&s->infos);
	heard_free(s->heard);
	hosts_fini(&s->hosts);
	rejected_close(&s->rejected);
}

/* Its sources have the mark no more: what comes of them comes to us. */
static void take_marks(struct registry *r, struct text host)
{
	uint32_t n = registry_n_sources(r);

	for (uint32_t source = 0; source < n; source++) {
		struct series s;

		registry_source_name(r, source, &s);
		if (text_equal(s.host, host))
			registry_set_mark(r, source, 0);
	}
}

void store_forget(struct store *s, const struct ingest_forget *what)
{
	hosts_forget(&s->hosts, what->host, what->all);
	if (what->all)
		infos_forget_host(&s->infos, what->host);
	take_marks(engine_registry(s->options.engine), what->host);
	if (what->heir.s != NULL) {
		infos_forget_host(&s->infos, what->heir);
		take_marks(engine_registry(s->options.engine), what->heir);
		hosts_give_folder(&s->hosts, what->heir, what->folder);
	}
	atomic_fetch_add(&s->n_forgets, 1); /* whoever sees it sees the marks as they are now */
}

static char *refuse(struct item *i, enum reason reason)
{
	i->decoded = false;
	i->refusal = (struct refusal){ .reason = reason, .host = i->message.host, .plugin = i->message.plugin };
	return i->refusal.detail;
}

/*
 * Judge a data message's time: the whole message when no archive could take it, else each ds by its own retention.
 * A message already judged (a second try) comes out the same: accepted_s stays.
 */
static void judge_time(const struct store *s, struct item *i, int64_t accepted_s)
{
	struct message *m = &i->message;
	int64_t age_s = accepted_s - m->t_s, longest_s = atomic_load(&s->longest_s);
	const struct schema *schema = atomic_load(&s->schema);

	if (-age_s > atomic_load(&s->max_future_s)) {
		snprintf(refuse(i, REASON_FUTURE), REFUSAL_DETAIL_BYTES, "TimeStamp %lld is %lld s ahead of the clock",
			 (long long)m->t_s, (long long)-age_s);
		return;
	}
	if (age_s >= longest_s || m->t_s < 0 || m->t_s > UINT32_MAX) {
		snprintf(refuse(i, REASON_TOO_OLD), REFUSAL_DETAIL_BYTES,
			 "TimeStamp %lld is older than the longest archive, %lld s", (long long)m->t_s,
			 (long long)longest_s);
		return;
	}
	if (age_s < atomic_load(&s->shortest_s))
		return;
	for (size_t k = 0; k < m->n_samples; k++) {
		struct sample *sample = &m->sample[k];

		if (sample->kind != SAMPLE_REFUSED &&
		    age_s >= retention_longest_s(schema_pick(schema, m->host, m->plugin, sample->ds))) {
			sample->kind = SAMPLE_REFUSED;
			sample->reason = REASON_TOO_OLD;
			m->n_refused++;
		}
	}
}

/* Messages of one host tend to come together: *last is the one before. */
static size_t want_host(struct store *s, struct round *r, struct host **last, const struct message *m)
{
	struct host_want *w;

	if (*last == NULL || !text_equal(r->want[(*last)->want].name, m->host))
		*last = hosts_entry(&s->hosts, m->host);
	if ((*last)->round != s->round) {
		(*last)->round = s->round;
		(*last)->want = r->n_wants;
		r->want[r->n_wants++] = (struct host_want){ .name = m->host, .entry = *last };
	}
	w = &r->want[(*last)->want];
	w->data = w->data || m->kind == MESSAGE_DATA;
	w->myinfo = w->myinfo || m->kind == MESSAGE_MYINFO;
	return (*last)->want;
}

/* Which items this round is about, what hosts they need, how many points at most. */
static size_t collect(struct store *s, struct round *r, struct batch *first)
{
	size_t n = 0, n_points = 0;
	struct host *last = NULL;

	s->round++;
	for (struct batch *b = first; b != NULL; b = b->next)
		n += b->n;
	r->task = arena_alloc(&s->arena, (n + 1) * sizeof(*r->task));
	r->want = arena_alloc(&s->arena, (n + 1) * sizeof(*r->want));
	for (struct batch *b = first; b != NULL; b = b->next)
		for (size_t k = 0; k < b->n; k++) {
			struct item *i = &b->item[k];
			struct task *t;

			if (i->fate != FATE_WAITING && i->fate != FATE_FAILED)
				continue;
			i->fate = FATE_WAITING;
			t = &r->task[r->n_tasks++];
			*t = (struct task){ .batch = b, .item = i, .want = SIZE_MAX };
			if (i->decoded && i->message.kind == MESSAGE_DATA && b->input != INPUT_JOURNAL)
				judge_time(s, i, b->accepted_s);
			if (!i->decoded || b->input == INPUT_JOURNAL)
				continue;
			if (i->message.kind == MESSAGE_DATA || i->message.kind == MESSAGE_MYINFO ||
			    (i->message.kind == MESSAGE_INFO && hosts_knows(&s->hosts, i->message.host)))
				t->want = want_host(s, r, &last, &i->message);
			n_points += i->message.n_samples;
		}
	return n_points;
}

uint32_t store_mark(const struct store *s, uint64_t generation)
{
	return (uint32_t)(generation + 1) + (atomic_load_explicit(&s->moves, memory_order_relaxed) << 16);
}

void store_count_messages(enum input input, uint64_t n)
{
	/* carbon's lines are counted where they come in, the journal's points when they came first */
	if (input == INPUT_AMQP)
		counter_add(COUNTER_MESSAGES_AMQP, n);
	if (input == INPUT_HTTP)
		counter_add(COUNTER_MESSAGES_HTTP, n);
	if (input == INPUT_SELF)
		counter_add(COUNTER_MESSAGES_SELF, n);
}

void store_count_points(enum input input, uint64_t n)
{
	static const enum counter counters[INPUT_COUNT] = {
		[INPUT_AMQP] = COUNTER_POINTS_AMQP,     [INPUT_HTTP] = COUNTER_POINTS_HTTP,
		[INPUT_CARBON] = COUNTER_POINTS_CARBON, [INPUT_SELF] = COUNTER_POINTS_SELF,
		[INPUT_JOURNAL] = COUNTER_COUNT, /* counted when they came first */
	};

	if (n > 0 && input != INPUT_JOURNAL)
		counter_add(counters[input], n);
}

void store_count(enum input input, const struct item *i)
{
	store_count_messages(input, 1);
	if (!i->decoded) {
		counter_add(COUNTER_MESSAGES_REJECTED, 1);
		reason_count(i->refusal.reason);
		return;
	}
	switch (i->message.kind) {
	case MESSAGE_DATA:
		break;
	case MESSAGE_INFO:
	case MESSAGE_MYINFO:
		counter_add(COUNTER_INFOS_STORED, 1);
		break;
	case MESSAGE_PING:
		counter_add(COUNTER_PINGS, 1);
		break;
	case MESSAGE_EMPTY:
		counter_add(COUNTER_MESSAGES_EMPTY, 1);
		break;
	}
	if (i->message.n_refused > 0)
		counter_add(COUNTER_MESSAGES_REJECTED, 1);
	for (size_t k = 0; k < i->message.n_samples; k++) {
		const struct sample *sample = &i->message.sample[k];

		if (sample->kind == SAMPLE_UNKNOWN)
			counter_add(COUNTER_POINTS_UNKNOWN, 1);
		if (sample->kind == SAMPLE_REFUSED) {
			counter_add(COUNTER_POINTS_REFUSED, 1);
			reason_count(sample->reason);
		}
	}
}

/* A metadata store that was restarted is noticed within a second even when only data comes. */
static void check_meta(struct store *s, struct mono now)
{
	struct meta_read read = { .key = { META_HOST_ID, TEXT_NONE, TEXT("") } };
	struct buf answer;

	if (mono_ms_between(s->checked, now) < STORE_CHECK_MS)
		return;
	s->checked = now;
	atomic_store_explicit(&s->asked_ns, now.ns, memory_order_relaxed);
	buf_init(&answer, 4096);
	if (meta_read(s->options.meta, &read, 1, &answer, NULL) != RC_OK)
		counter_add(COUNTER_META_ERRORS, 1);
	buf_fini(&answer);
}

/* An outage is said once when it begins, now and then while it lasts, and once when it is over. */
static void say(struct store *s, const struct round *r, size_t n_failed)
{
	static struct log_limit failed, recovered;

	if (n_failed > 0) {
		counter_add(COUNTER_STORE_RETRIES, n_failed);
		log_limited(&failed, LOG_LEVEL_ERROR, "store.failed", "messages=%zu why=\"%s\": kept, tried again",
			    n_failed, r->why.text);
		s->failing = true;
	} else if (s->failing && r->n_tasks > 0) {
		log_limited(&recovered, LOG_LEVEL_WARNING, "store.recovered", "messages=%zu", r->n_tasks);
		s->failing = false;
	}
}

void store_round(struct store *s, struct batch *first, int64_t now_s, struct mono now)
{
	struct round r = { .store = s };
	struct why why = { "" };
	uint64_t generation;
	size_t n_points, n_failed = 0;

	arena_reset(&s->arena);
	s->rejected.max_bytes = atomic_load(&s->rejected_max_bytes);
	check_meta(s, now);
	n_points = collect(s, &r, first);
	generation = meta_generation(s->options.meta);
	if (r.n_wants > 0 && hosts_resolve(&s->hosts, r.want, r.n_wants, &why) != RC_OK)
		counter_add(COUNTER_META_ERRORS, 1);
	atomic_store_explicit(&s->moves, s->hosts.n_moves, memory_order_relaxed);
	for (size_t t = 0; t < r.n_tasks; t++)
		if (r.task[t].want != SIZE_MAX && !r.want[r.task[t].want].settled &&
		    (r.want[r.task[t].want].host == NULL || why.text[0] != '\0'))
			round_fail(&r, &r.task[t], &why);
	round_accept_points(&r, n_points, now_s, now);
	round_write_meta(&r, generation);
	round_keep_aside(&r, now_s);
	for (size_t t = 0; t < r.n_tasks; t++) {
		struct item *i = r.task[t].item;

		i->fate = r.task[t].failed ? FATE_FAILED : i->decoded ? FATE_STORED : FATE_REJECTED;
		if (r.task[t].failed)
			n_failed++;
		else
			store_count(r.task[t].batch->input, i);
	}
	atomic_store_explicit(&s->n_hosts, s->hosts.by_name.n, memory_order_relaxed);
	atomic_store_explicit(&s->rejected_bytes, s->rejected.total_bytes, memory_order_relaxed);
	say(s, &r, n_failed);
}
