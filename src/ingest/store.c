#include "ingest/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/reply.h"

enum { REJECTED_ROUND_MAX_BYTES = 256 * 1024 * 1024, META_CHECK_MS = 1000 };

/* One item of this round and what it still needs. */
struct task {
	struct batch *batch;
	struct item *item;
	size_t want; /* index of its host, SIZE_MAX when it needs none */
	bool failed;
};

/* One point of this round, before points of one series are brought together. */
struct entry {
	struct series series;
	struct point point;
	size_t task;
	size_t order; /* as it came: of two points with one time the later wins */
};

/* Everything one round works on; lives in the store's arena. */
struct round {
	struct task *task;
	size_t n_tasks;
	struct host_want *want;
	size_t n_wants;
	struct entry *entry;
	size_t n_entries;
	struct values_batch *batch;
	size_t *batch_entry; /* the first entry of each batch, and one behind the last */
	size_t n_batches;
	struct why why;
};

enum rc store_init(struct store *s, const struct ingest_options *options, struct why *why)
{
	enum rc rc;

	*s = (struct store){ .options = *options };
	rc = rejected_open(options->rejected_path, options->rejected_max_bytes, &s->rejected, why);
	if (rc != RC_OK)
		return rc;
	s->longest_s = schema_longest_s(options->schema);
	hosts_init(&s->hosts, options->meta, options->wsp_path, options->md5_digits);
	infos_init(&s->infos, options->meta);
	arena_init(&s->arena);
	return RC_OK;
}

void store_fini(struct store *s)
{
	arena_fini(&s->arena);
	infos_fini(&s->infos);
	hosts_fini(&s->hosts);
	rejected_close(&s->rejected);
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
	int64_t age_s = accepted_s - m->t_s;

	if (-age_s > s->options.max_future_s) {
		snprintf(refuse(i, REASON_FUTURE), REFUSAL_DETAIL_BYTES, "TimeStamp %lld is %lld s ahead of the clock",
			 (long long)m->t_s, (long long)-age_s);
		return;
	}
	if (age_s >= s->longest_s) {
		snprintf(refuse(i, REASON_TOO_OLD), REFUSAL_DETAIL_BYTES,
			 "TimeStamp %lld is older than the longest archive, %lld s", (long long)m->t_s,
			 (long long)s->longest_s);
		return;
	}
	for (size_t k = 0; k < m->n_samples; k++) {
		struct sample *sample = &m->sample[k];

		if (sample->kind != SAMPLE_REFUSED &&
		    age_s >= retention_longest_s(schema_pick(s->options.schema, m->host, m->plugin, sample->ds))) {
			sample->kind = SAMPLE_REFUSED;
			sample->reason = REASON_TOO_OLD;
			m->n_refused++;
		}
	}
}

static size_t want_host(struct store *s, struct round *r, struct map *index, const struct message *m)
{
	size_t *at = map_get(index, m->host);

	if (at == NULL) {
		at = arena_alloc(&s->arena, sizeof(*at));
		*at = r->n_wants++;
		r->want[*at] = (struct host_want){ .name = m->host };
		map_put(index, m->host, at);
	}
	if (m->kind == MESSAGE_DATA)
		r->want[*at].data = true;
	if (m->kind == MESSAGE_MYINFO)
		r->want[*at].myinfo = true;
	return *at;
}

/* Which items this round is about, what hosts they need, how many points at most. */
static size_t collect(struct store *s, struct round *r, struct batch *first)
{
	size_t n = 0, n_points = 0;
	struct map index;

	for (struct batch *b = first; b != NULL; b = b->next)
		n += b->n;
	r->task = arena_alloc(&s->arena, (n + 1) * sizeof(*r->task));
	r->want = arena_alloc(&s->arena, (n + 1) * sizeof(*r->want));
	map_init(&index);
	for (struct batch *b = first; b != NULL; b = b->next)
		for (size_t k = 0; k < b->n; k++) {
			struct item *i = &b->item[k];
			struct task *t;

			if (i->fate != FATE_WAITING && i->fate != FATE_FAILED)
				continue;
			i->fate = FATE_WAITING;
			t = &r->task[r->n_tasks++];
			*t = (struct task){ .batch = b, .item = i, .want = SIZE_MAX };
			if (i->decoded && i->message.kind == MESSAGE_DATA)
				judge_time(s, i, b->accepted_s);
			if (!i->decoded)
				continue;
			if (i->message.kind == MESSAGE_DATA || i->message.kind == MESSAGE_MYINFO)
				t->want = want_host(s, r, &index, &i->message);
			n_points += i->message.n_samples;
		}
	map_fini(&index, NULL);
	return n_points;
}

static int by_series_then_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const struct text *const p[] = { &x->series.folder, &x->series.plugin, &x->series.ds };
	const struct text *const q[] = { &y->series.folder, &y->series.plugin, &y->series.ds };

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		size_t n = p[i]->n < q[i]->n ? p[i]->n : q[i]->n;
		int c = p[i]->s == q[i]->s ? 0 : memcmp(p[i]->s, q[i]->s, n);

		if (c != 0)
			return c;
		if (p[i]->n != q[i]->n)
			return p[i]->n < q[i]->n ? -1 : 1;
	}
	return (x->order > y->order) - (x->order < y->order);
}

/* The points of tasks[from..to) whose host is known, by series. */
static void gather(struct store *s, struct round *r, size_t from, size_t to)
{
	struct point *point;

	r->n_entries = r->n_batches = 0;
	for (size_t t = from; t < to; t++) {
		const struct item *i = r->task[t].item;
		const struct host *host;

		if (r->task[t].failed || !i->decoded || i->message.kind != MESSAGE_DATA)
			continue;
		host = r->want[r->task[t].want].host;
		for (size_t k = 0; k < i->message.n_samples; k++) {
			const struct sample *sample = &i->message.sample[k];

			if (sample->kind != SAMPLE_VALUE)
				continue;
			r->entry[r->n_entries] = (struct entry){
				{ i->message.host, text_of(host->folder), i->message.plugin, sample->ds },
				{ i->message.t_s, sample->value },
				t,
				r->n_entries,
			};
			r->n_entries++;
		}
	}
	qsort(r->entry, r->n_entries, sizeof(*r->entry), by_series_then_order);
	point = arena_alloc(&s->arena, (r->n_entries + 1) * sizeof(*point));
	for (size_t e = 0; e < r->n_entries; e++) {
		struct values_batch *b = r->n_batches == 0 ? NULL : &r->batch[r->n_batches - 1];
		const struct series *series = &r->entry[e].series;

		point[e] = r->entry[e].point;
		if (b == NULL || !text_equal(b->series.ds, series->ds) ||
		    !text_equal(b->series.plugin, series->plugin) || !text_equal(b->series.folder, series->folder)) {
			r->batch_entry[r->n_batches] = e;
			r->batch[r->n_batches++] = (struct values_batch){ .series = *series, .point = &point[e] };
			b = &r->batch[r->n_batches - 1];
		}
		b->n_points++;
	}
	r->batch_entry[r->n_batches] = r->n_entries;
}

static void fail(struct round *r, struct task *t, const struct why *why)
{
	t->failed = true;
	if (r->why.text[0] == '\0')
		r->why = *why;
	if (t->batch->why.text[0] == '\0')
		t->batch->why = *why;
}

/* Mark the tasks behind one batch of values by what became of it. */
static void settle_values(struct round *r, const struct values_batch *b, size_t first, size_t end)
{
	for (size_t e = first; e < end; e++) {
		struct task *t = &r->task[r->entry[e].task];

		if (b->rc == RC_OK)
			continue;
		if (b->rc != RC_REFUSED) {
			fail(r, t, &b->why);
			continue;
		}
		for (size_t k = 0; k < t->item->message.n_samples; k++) {
			struct sample *sample = &t->item->message.sample[k];

			if (sample->kind == SAMPLE_VALUE && text_equal(sample->ds, b->series.ds)) {
				sample->kind = SAMPLE_REFUSED;
				sample->reason = REASON_VALUE;
				t->item->message.n_refused++;
			}
		}
	}
}

static void write_values(struct store *s, struct round *r, size_t n_points)
{
	r->entry = arena_alloc(&s->arena, (n_points + 1) * sizeof(*r->entry));
	r->batch = arena_alloc(&s->arena, (n_points + 1) * sizeof(*r->batch));
	r->batch_entry = arena_alloc(&s->arena, (n_points + 2) * sizeof(*r->batch_entry));
	for (size_t from = 0, to = 0; from < r->n_tasks; from = to) {
		int64_t accepted_s = r->task[from].batch->accepted_s;
		enum rc rc = RC_OK;

		while (to < r->n_tasks && r->task[to].batch->accepted_s == accepted_s)
			to++;
		gather(s, r, from, to);
		if (r->n_batches > 0)
			rc = values_write(s->options.values, r->batch, r->n_batches, accepted_s);
		for (size_t b = 0; b < r->n_batches; b++)
			if (rc != RC_OK || r->batch[b].rc != RC_OK)
				settle_values(r, &r->batch[b], r->batch_entry[b], r->batch_entry[b + 1]);
	}
}

/* The HOSTS value of a MyInfo, in the arena. */
static struct text myinfo_text(struct store *s, const struct message *m, const struct host *host)
{
	char filtered[NAME_MAX_BYTES + 1];
	struct text result;
	struct buf text;

	name_filtered(m->host, filtered);
	buf_init(&text, 2 * MESSAGE_MAX_BYTES);
	reply_myinfo(&s->arena, &text, m->payload, text_of(host->hash), text_of(filtered));
	result = arena_text(&s->arena, buf_text(&text));
	buf_fini(&text);
	return result;
}

/* The info that is made up for a plugin that came by HTTP or carbon, when one is needed. */
static enum rc default_info(struct store *s, const struct message *m, struct meta_write *write, struct why *why)
{
	struct text *ds = arena_alloc(&s->arena, (m->n_samples + 1) * sizeof(*ds));
	size_t n = 0;

	for (size_t k = 0; k < m->n_samples; k++)
		if (m->sample[k].kind != SAMPLE_REFUSED)
			ds[n++] = m->sample[k].ds;
	return n == 0 ? RC_END : infos_saw_ds(&s->infos, m->host, m->plugin, ds, n, &s->arena, write, why);
}

/* Tell the metadata store everything of this round in one go. */
static void write_meta(struct store *s, struct round *r, uint64_t generation)
{
	struct meta_write *write = arena_alloc(&s->arena, (r->n_wants * 3 + r->n_tasks + 1) * sizeof(*write));
	struct why why = { "" };
	size_t n = 0;
	enum rc rc;

	for (size_t w = 0; w < r->n_wants; w++)
		if (r->want[w].host != NULL && !r->want[w].settled)
			n += hosts_writes(&s->hosts, &r->want[w], &s->arena, &write[n]);
	for (size_t t = 0; t < r->n_tasks; t++) {
		struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded)
			continue;
		if (m->kind == MESSAGE_INFO) {
			write[n++] = (struct meta_write){ META_SET, { META_INFOS, m->host, m->plugin }, m->payload };
			infos_saw_real(&s->infos, m->host, m->plugin);
		} else if (m->kind == MESSAGE_MYINFO) {
			write[n++] = (struct meta_write){ META_SET,
							  { META_HOSTS, TEXT_NONE, m->host },
							  myinfo_text(s, m, r->want[task->want].host) };
		} else if (m->kind == MESSAGE_DATA && task->batch->input != INPUT_AMQP) {
			rc = default_info(s, m, &write[n], &why);
			if (rc == RC_OK)
				n++;
			else if (rc != RC_END)
				fail(r, task, &why);
		}
	}
	if (n == 0)
		return;
	rc = meta_apply(s->options.meta, write, n, &why);
	if (rc != RC_OK)
		counter_add(COUNTER_META_ERRORS, 1);
	for (size_t w = 0; w < r->n_wants; w++)
		if (rc == RC_OK && r->want[w].host != NULL)
			hosts_settled(&r->want[w], generation);
	for (size_t t = 0; rc != RC_OK && t < r->n_tasks; t++) {
		struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded)
			continue;
		if (m->kind == MESSAGE_INFO || m->kind == MESSAGE_MYINFO ||
		    (task->want != SIZE_MAX && !r->want[task->want].settled) ||
		    (m->kind == MESSAGE_DATA && task->batch->input != INPUT_AMQP)) {
			fail(r, task, &why);
			infos_forget(&s->infos, m->host, m->plugin);
		}
	}
}

/* The line of an item that was refused whole, or one line for each reason why some of its values were. */
static void add_rejected_lines(struct store *s, struct buf *lines, const struct task *t, int64_t now_s)
{
	static const char *const input_names[] = { "amqp", "http", "carbon" };
	const char *input = input_names[t->batch->input];
	const struct message *m = &t->item->message;
	struct text *ds;

	if (!t->item->decoded) {
		reply_rejected(lines, now_s, input, &t->item->refusal, NULL, 0, t->item->original);
		return;
	}
	ds = arena_alloc(&s->arena, m->n_samples * sizeof(*ds));
	for (enum reason reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
		struct refusal part = { .reason = reason, .host = m->host, .plugin = m->plugin };
		size_t n = 0;

		for (size_t k = 0; k < m->n_samples; k++)
			if (m->sample[k].kind == SAMPLE_REFUSED && m->sample[k].reason == reason)
				ds[n++] = m->sample[k].ds;
		if (n == 0)
			continue;
		snprintf(part.detail, sizeof(part.detail), "%zu of %zu values: %s", n, m->n_samples,
			 reason_help(reason));
		reply_rejected(lines, now_s, input, &part, ds, n, t->item->original);
	}
}

static bool has_refusal(const struct task *t)
{
	return !t->failed && (!t->item->decoded || t->item->message.n_refused > 0);
}

static void keep_aside(struct store *s, struct round *r, int64_t now_s)
{
	struct why why = { "" };
	struct buf lines;
	enum rc rc = RC_OK;

	buf_init(&lines, REJECTED_ROUND_MAX_BYTES);
	for (size_t t = 0; t < r->n_tasks; t++)
		if (has_refusal(&r->task[t])) {
			size_t before = lines.n;

			add_rejected_lines(s, &lines, &r->task[t], now_s);
			if (lines.full) { /* more than fits one round: these are tried again in the next */
				lines.n = before;
				lines.full = false;
				because(&why, RC_FULL, "more refused messages than one round keeps aside");
				fail(r, &r->task[t], &why);
			}
		}
	if (lines.n > 0)
		rc = rejected_append(&s->rejected, buf_text(&lines), now_s, &why);
	for (size_t t = 0; rc != RC_OK && t < r->n_tasks; t++)
		if (has_refusal(&r->task[t]))
			fail(r, &r->task[t], &why);
	buf_fini(&lines);
}

static void count(const struct task *t)
{
	const struct item *i = t->item;

	counter_add(t->batch->input == INPUT_AMQP ? COUNTER_MESSAGES_AMQP : COUNTER_MESSAGES_HTTP, 1);
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

	if (mono_ms_between(s->checked, now) < META_CHECK_MS)
		return;
	s->checked = now;
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
	struct round r = { 0 };
	struct why why = { "" };
	uint64_t generation;
	size_t n_points, n_failed = 0;

	arena_reset(&s->arena);
	check_meta(s, now);
	n_points = collect(s, &r, first);
	generation = meta_generation(s->options.meta);
	if (r.n_wants > 0 && hosts_resolve(&s->hosts, r.want, r.n_wants, &why) != RC_OK)
		counter_add(COUNTER_META_ERRORS, 1);
	for (size_t t = 0; t < r.n_tasks; t++)
		if (r.task[t].want != SIZE_MAX && !r.want[r.task[t].want].settled &&
		    (r.want[r.task[t].want].host == NULL || why.text[0] != '\0'))
			fail(&r, &r.task[t], &why);
	write_values(s, &r, n_points);
	write_meta(s, &r, generation);
	keep_aside(s, &r, now_s);
	for (size_t t = 0; t < r.n_tasks; t++) {
		struct item *i = r.task[t].item;

		i->fate = r.task[t].failed ? FATE_FAILED : i->decoded ? FATE_STORED : FATE_REJECTED;
		if (r.task[t].failed)
			n_failed++;
		else
			count(&r.task[t]);
	}
	say(s, &r, n_failed);
}
