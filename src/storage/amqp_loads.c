#include "storage/amqp_loads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/histogram.h"
#include "base/mem.h"
#include "wire/reply.h"

enum {
	LOAD_MESSAGES = 1000,
	LOAD_BYTES = 16 * 1024 * 1024,
	HELD_MAX_BYTES = 256 * 1024 * 1024, /* of all loads: then the broker keeps what is left */
	MAX_SPARE = 16,
	MAX_SPARE_BYTES = 1024 * 1024,
	RETRY_FIRST_MS = 500,
	RETRY_MOST_MS = 5000,
};

/* A batch and the connection its tags belong to. In one place at a time: filling, in ingest, waiting, or spare. */
struct load {
	struct batch *batch;
	struct loads *owner;
	uint64_t epoch;
	size_t held_bytes;
	struct mono began; /* its first message was taken */
	struct load *next;
	atomic_bool done; /* written by ingest's thread */
};

static void on_done(struct batch *batch, void *argument)
{
	struct load *l = argument;
	struct loads *s = l->owner;
	uint64_t one = 1;

	(void)batch;
	atomic_fetch_add(&s->n_waking, 1);
	atomic_store(&l->done, true); /* from here on the load is not ours */
	if (write(s->wake_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it wakes anyway */
	}
	atomic_fetch_sub(&s->n_waking, 1);
}

static struct load *take_spare(struct loads *s)
{
	struct load *l = s->spare;

	if (l != NULL) {
		s->spare = l->next;
		s->n_spare--;
		l->next = NULL;
		return l;
	}
	l = must_alloc(sizeof(*l));
	l->owner = s;
	l->batch = batch_new(INPUT_AMQP);
	l->batch->done = on_done;
	l->batch->argument = l;
	return l;
}

static void load_free(struct load *l)
{
	batch_free(l->batch);
	free(l);
}

static size_t bytes_of(const struct load *l)
{
	return l->batch->arena.total_bytes + l->batch->n * sizeof(*l->batch->item);
}

static void give_back(struct loads *s, struct load *l)
{
	if (l == NULL)
		return;
	s->held_bytes -= l->held_bytes;
	l->held_bytes = 0;
	if (s->n_spare >= MAX_SPARE || bytes_of(l) > MAX_SPARE_BYTES) {
		load_free(l);
		return;
	}
	batch_reset(l->batch);
	l->next = s->spare;
	s->spare = l;
	s->n_spare++;
}

void loads_init(struct loads *s, struct ingest *ingest, struct broker *broker, int wake_fd)
{
	*s = (struct loads){ .ingest = ingest, .broker = broker, .wake_fd = wake_fd };
}

static void free_all(struct load *l)
{
	while (l != NULL) {
		struct load *next = l->next;

		load_free(l);
		l = next;
	}
}

void loads_fini(struct loads *s)
{
	must(s->first == NULL);
	while (atomic_load(&s->n_waking) > 0)
		sched_yield(); /* some write to wake_fd away from its end */
	free_all(s->filling);
	free_all(s->waiting);
	free_all(s->spare);
}

bool loads_have_room(const struct loads *s)
{
	if (s->held_bytes >= HELD_MAX_BYTES)
		return false;
	return s->filling == NULL || (s->filling->batch->n < LOAD_MESSAGES && bytes_of(s->filling) < LOAD_BYTES);
}

void loads_add(struct loads *s, const struct broker_delivery *d)
{
	size_t held;

	if (s->filling != NULL && s->filling->epoch != broker_epoch(s->broker)) {
		give_back(s, s->filling); /* its tags died with their channel; the broker sends them again */
		s->filling = NULL;
	}
	if (s->filling == NULL) {
		s->filling = take_spare(s);
		s->filling->epoch = broker_epoch(s->broker);
		s->filling->began = mono_now();
	}
	batch_add_amqp(s->filling->batch, d->body, d->content_type, d->compression, d->tag);
	if (s->open_epoch != s->filling->epoch)
		s->n_open = 0;
	s->open_epoch = s->filling->epoch;
	s->n_open++;
	held = bytes_of(s->filling);
	s->held_bytes += held - s->filling->held_bytes;
	s->filling->held_bytes = held;
}

static void submit(struct loads *s, struct load *l)
{
	l->next = NULL;
	if (s->first == NULL)
		s->first = l;
	else
		s->last->next = l;
	s->last = l;
	atomic_store(&l->done, false);
	ingest_submit(s->ingest, l->batch);
}

void loads_hand_over(struct loads *s, struct mono now)
{
	if (s->waiting != NULL && (s->first != NULL || (s->filling == NULL && mono_ms_between(now, s->due) > 0)))
		return;
	while (s->waiting != NULL) {
		struct load *l = s->waiting;

		s->waiting = l->next;
		submit(s, l);
	}
	if (s->filling != NULL) {
		s->filling->batch->accepted_s = wall_now().s;
		submit(s, s->filling);
		s->filling = NULL;
	}
}

/* 32 hex digits nobody has used. */
static void unique_id(char out[33])
{
	unsigned char random[16];

	must(getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(out + 2 * i, 3, "%02x", random[i]);
}

/* A call that was served is answered; a reply queue that is gone is nobody's loss. */
static enum rc answer_call(struct loads *s, const struct message *m, struct why *why)
{
	char id[33], *reply_q = must_strndup(m->reply_q.s, m->reply_q.n);
	struct buf body;
	enum rc rc;

	buf_init(&body, MESSAGE_MAX_BYTES);
	unique_id(id);
	reply_call_result(&body, m->kind == MESSAGE_PING ? TEXT("\"Pong\"") : TEXT("null"), m->msg_id, id);
	rc = broker_publish(s->broker, reply_q, buf_text(&body), why);
	if (rc == RC_OK) {
		buf_clear(&body);
		unique_id(id);
		reply_call_ending(&body, m->msg_id, id);
		rc = broker_publish(s->broker, reply_q, buf_text(&body), why);
	}
	buf_fini(&body);
	free(reply_q);
	return rc;
}

/* n messages of this load are acknowledged, at this moment or the next. */
static void count_acked(struct loads *s, const struct load *l, size_t n)
{
	if (n > 0)
		histogram_note(HISTOGRAM_ACCEPT_AMQP, mono_now().ns - l->began.ns, n);
	s->n_open -= n < s->n_open ? n : s->n_open;
}

static bool is_safe(const struct item *i)
{
	return i->fate == FATE_STORED || i->fate == FATE_REJECTED;
}

static enum rc send_ack(struct loads *s, struct why *why)
{
	enum rc rc = RC_OK;

	if (s->ack_tag != 0) {
		rc = broker_ack(s->broker, s->ack_tag, true, why);
		counter_add(COUNTER_BROKER_ACKED, s->n_ack);
	}
	s->ack_tag = 0;
	s->n_ack = 0;
	return rc;
}

/*
 * What is safe of a load whose connection still lives. All of it in one go when nothing older is open: the loads before
 * it have ended. An item whose tag is 0 was acknowledged before; the broker wants to know the last tag it is told.
 */
static enum rc acknowledge(struct loads *s, struct load *l, size_t *n_failed, struct why *why)
{
	struct batch *b = l->batch;
	size_t n_acked = 0;
	enum rc rc = RC_OK;

	*n_failed = 0;
	if (b->all_stored && s->waiting == NULL) {
		s->ack_tag = b->item[b->n - 1].tag;
		s->n_ack += b->n;
		count_acked(s, l, b->n);
		return RC_OK;
	}
	for (size_t i = 0; rc == RC_OK && i < b->n; i++) {
		struct item *item = &b->item[i];

		if (item->fate == FATE_FAILED)
			(*n_failed)++;
		else if (item->fate == FATE_STORED && item->decoded && item->message.reply_q.n > 0 && item->tag != 0)
			rc = answer_call(s, &item->message, why);
	}
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; rc == RC_OK && i < b->n; i++) {
		struct item *item = &b->item[i];

		if (!is_safe(item) || item->tag == 0)
			continue;
		if (*n_failed == 0 && s->waiting == NULL) {
			s->ack_tag = item->tag;
			s->n_ack++;
		} else {
			rc = broker_ack(s->broker, item->tag, false, why);
			counter_add(COUNTER_BROKER_ACKED, 1);
		}
		item->tag = 0; /* acknowledged */
		n_acked++;
	}
	count_acked(s, l, n_acked);
	return rc;
}

/* What a newer message said of the same thing stands; nothing of the older one is to be stored where both speak. */
static void yield_to(struct item *older, const struct message *newer)
{
	struct message *m = &older->message;

	if (newer->kind != m->kind || !text_equal(newer->host, m->host) || !text_equal(newer->plugin, m->plugin))
		return;
	if (m->kind == MESSAGE_INFO || m->kind == MESSAGE_MYINFO)
		older->fate = FATE_STORED;
	if (m->kind != MESSAGE_DATA || newer->t_s != m->t_s)
		return;
	for (size_t i = 0; i < m->n_samples; i++)
		for (size_t k = 0; m->sample[i].kind == SAMPLE_VALUE && k < newer->n_samples; k++)
			if (newer->sample[k].kind == SAMPLE_VALUE && text_equal(newer->sample[k].ds, m->sample[i].ds))
				m->sample[i].kind = SAMPLE_UNKNOWN;
}

/* Loads that were in ingest behind one that failed: what they stored is newer than what will be tried again. */
static void overtake_waiting(struct loads *s, const struct load *l)
{
	for (struct load *w = s->waiting; w != NULL; w = w->next)
		for (size_t i = 0; i < w->batch->n; i++)
			for (size_t k = 0; k < l->batch->n && w->batch->item[i].fate == FATE_FAILED; k++)
				if (l->batch->item[k].fate == FATE_STORED && l->batch->item[k].decoded &&
				    w->batch->item[i].decoded)
					yield_to(&w->batch->item[i], &l->batch->item[k].message);
}

static void keep_waiting(struct loads *s, struct load *l)
{
	struct load **at = &s->waiting;

	if (s->waiting == NULL) {
		s->retry_ms = s->retry_ms == 0 ? RETRY_FIRST_MS : s->retry_ms * 2;
		if (s->retry_ms > RETRY_MOST_MS)
			s->retry_ms = RETRY_MOST_MS;
		s->due = mono_after_ms(mono_now(), s->retry_ms);
	}
	while (*at != NULL)
		at = &(*at)->next;
	l->next = NULL;
	*at = l;
}

enum rc loads_settle(struct loads *s, struct why *why)
{
	enum rc rc = RC_OK;

	while (s->first != NULL && atomic_load(&s->first->done)) {
		struct load *l = s->first;
		size_t n_failed = 0;

		s->first = l->next;
		overtake_waiting(s, l);
		if (rc == RC_OK && broker_connected(s->broker) && l->epoch == broker_epoch(s->broker))
			rc = acknowledge(s, l, &n_failed, why);
		if (rc == RC_OK && n_failed > 0)
			keep_waiting(s, l);
		else
			give_back(s, l);
		if (n_failed == 0 && s->waiting == NULL)
			s->retry_ms = 0;
	}
	if (rc == RC_OK)
		rc = send_ack(s, why);
	s->ack_tag = 0;
	s->n_ack = 0;
	return rc;
}

void loads_drop_dead(struct loads *s)
{
	struct load **at = &s->waiting;
	bool connected = broker_connected(s->broker);

	if (s->filling != NULL && (!connected || s->filling->epoch != broker_epoch(s->broker))) {
		give_back(s, s->filling);
		s->filling = NULL;
	}
	while (*at != NULL) {
		struct load *l = *at;

		if (connected && l->epoch == broker_epoch(s->broker)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		give_back(s, l);
	}
}

bool loads_in_ingest(const struct loads *s)
{
	return s->first != NULL;
}
