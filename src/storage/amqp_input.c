#include "storage/amqp_input.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/reply.h"

enum {
	BATCH_MESSAGES = 1000,
	BATCH_BYTES = 16 * 1024 * 1024,
	IDLE_MS = 500,
	RECONNECT_FIRST_MS = 50,
	RECONNECT_MOST_MS = 700, /* bound again within a second of the broker's answer */
	RETRY_FIRST_MS = 500,
	RETRY_MOST_MS = 5000,
	ASK_UNBIND_MS = 30000,
	HELD_MAX_BYTES = 256 * 1024 * 1024, /* of all loads: then the broker keeps what is left */
};

/* A batch and the connection its tags belong to. In one place at a time: filling, in ingest, finished, or waiting. */
struct load {
	struct batch *batch;
	struct amqp_input *in;
	uint64_t epoch;
	uint64_t order; /* of its first message among all that came */
	struct load *next;
};

struct amqp_input {
	/* fixed after start */
	struct amqp_input_options options;
	pthread_t thread;
	int wake_fd; /* written by done() and stop() */
	/* any thread */
	atomic_bool stopping;
	/* under lock */
	struct lock lock;
	struct load *finished;
	/* thread amqp only */
	struct broker *broker;
	struct load *filling;
	struct load *waiting; /* with failed items, the oldest first */
	struct mono due;      /* when these are tried again at the latest */
	uint64_t next_order;
	size_t n_in_ingest, bytes_in_ingest;
	int64_t pause_ms, retry_ms;
	struct mono tended;
	bool said_away;    /* the broker's absence was logged */
	struct map listed; /* the keys of the host-list; the values mean nothing */
	char **unbind;     /* hosts known from before that are no longer listed */
	size_t n_unbind, unbind_capacity;
	bool knows_unbind;
	struct mono ask_unbind; /* not before */
};

static void wake(struct amqp_input *in)
{
	uint64_t one = 1;

	if (write(in->wake_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it wakes anyway */
	}
}

static void on_done(struct batch *batch, void *argument)
{
	struct load *l = argument;
	struct amqp_input *in = l->in;

	(void)batch;
	lock_take(&in->lock);
	l->next = in->finished;
	in->finished = l;
	lock_give_back(&in->lock);
	wake(in);
}

static struct load *load_new(struct amqp_input *in)
{
	struct load *l = must_alloc(sizeof(*l));

	l->in = in;
	l->batch = batch_new(INPUT_AMQP);
	l->batch->done = on_done;
	l->batch->argument = l;
	return l;
}

static void load_free(struct load *l)
{
	if (l == NULL)
		return;
	batch_free(l->batch);
	free(l);
}

static void hand_over(struct amqp_input *in, struct load *l)
{
	in->n_in_ingest++;
	in->bytes_in_ingest += l->batch->arena.total_bytes;
	ingest_submit(in->options.ingest, l->batch);
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
static enum rc answer_call(struct amqp_input *in, const struct message *m, struct why *why)
{
	char id[33], *reply_q = must_strndup(m->reply_q.s, m->reply_q.n);
	struct buf body;
	enum rc rc;

	buf_init(&body, MESSAGE_MAX_BYTES);
	unique_id(id);
	reply_call_result(&body, m->kind == MESSAGE_PING ? TEXT("\"Pong\"") : TEXT("null"), m->msg_id, id);
	rc = broker_publish(in->broker, reply_q, buf_text(&body), why);
	if (rc == RC_OK) {
		buf_clear(&body);
		unique_id(id);
		reply_call_ending(&body, m->msg_id, id);
		rc = broker_publish(in->broker, reply_q, buf_text(&body), why);
	}
	buf_fini(&body);
	free(reply_q);
	return rc;
}

static bool is_safe(const struct item *i)
{
	return i->fate == FATE_STORED || i->fate == FATE_REJECTED;
}

/* Acknowledge what is safe of a load whose connection still lives. All of it in one go when nothing older is open. */
static enum rc acknowledge(struct amqp_input *in, struct load *l, size_t *n_failed, struct why *why)
{
	struct batch *b = l->batch;
	enum rc rc = RC_OK;

	*n_failed = 0;
	for (size_t i = 0; rc == RC_OK && i < b->n; i++) {
		struct item *item = &b->item[i];

		if (item->fate == FATE_FAILED)
			(*n_failed)++;
		else if (item->fate == FATE_STORED && item->decoded && item->message.reply_q.n > 0 && item->tag != 0)
			rc = answer_call(in, &item->message, why);
	}
	if (rc != RC_OK)
		return rc;
	if (*n_failed == 0 && in->waiting == NULL && in->n_in_ingest == 0 && b->item[b->n - 1].tag != 0) {
		counter_add(COUNTER_BROKER_ACKED, b->n);
		return broker_ack(in->broker, b->item[b->n - 1].tag, true, why);
	}
	for (size_t i = 0; rc == RC_OK && i < b->n; i++) {
		struct item *item = &b->item[i];

		if (!is_safe(item) || item->tag == 0)
			continue;
		rc = broker_ack(in->broker, item->tag, false, why);
		item->tag = 0; /* acknowledged */
		counter_add(COUNTER_BROKER_ACKED, 1);
	}
	return rc;
}

/* Keep a load with failed items for another try, in the order in which its messages came. */
static void keep_waiting(struct amqp_input *in, struct load *l)
{
	struct load **at = &in->waiting;

	while (*at != NULL && (*at)->order < l->order)
		at = &(*at)->next;
	l->next = *at;
	*at = l;
}

static enum rc take_finished(struct amqp_input *in, struct why *why)
{
	enum rc rc = RC_OK;
	struct load *l;

	lock_take(&in->lock);
	l = in->finished;
	in->finished = NULL;
	lock_give_back(&in->lock);
	while (l != NULL) {
		struct load *next = l->next;
		size_t n_failed = 0;

		in->n_in_ingest--;
		in->bytes_in_ingest -= l->batch->arena.total_bytes;
		if (rc == RC_OK && broker_connected(in->broker) && l->epoch == broker_epoch(in->broker))
			rc = acknowledge(in, l, &n_failed, why);
		if (rc == RC_OK && n_failed > 0) {
			in->retry_ms = in->retry_ms == 0 ? RETRY_FIRST_MS : in->retry_ms * 2;
			if (in->retry_ms > RETRY_MOST_MS)
				in->retry_ms = RETRY_MOST_MS;
			in->due = mono_after_ms(mono_now(), in->retry_ms);
			keep_waiting(in, l);
		} else {
			load_free(l);
		}
		l = next;
	}
	if (in->waiting == NULL && in->n_in_ingest == 0)
		in->retry_ms = 0;
	return rc;
}

/* Loads of a dead connection are dropped: the broker sends their messages again. */
static void drop_dead(struct amqp_input *in)
{
	struct load **at = &in->waiting;

	while (*at != NULL) {
		struct load *l = *at;

		if (broker_connected(in->broker) && l->epoch == broker_epoch(in->broker)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		load_free(l);
	}
}

/*
 * Start a round when none is running: what failed before goes first, so that an old info never replaces a newer one;
 * then what has come since. Without news the failed ones wait until they are due.
 */
static void start_round(struct amqp_input *in, struct mono now)
{
	if (in->n_in_ingest > 0 || (in->filling == NULL && mono_ms_between(now, in->due) > 0))
		return;
	while (in->waiting != NULL) {
		struct load *l = in->waiting;

		in->waiting = l->next;
		hand_over(in, l);
	}
	if (in->filling != NULL) {
		in->filling->batch->accepted_s = wall_now().s;
		hand_over(in, in->filling);
		in->filling = NULL;
	}
}

/* Whether one more message may be taken: the load being filled and all of them together have their limits. */
static bool may_receive(const struct amqp_input *in)
{
	size_t held = in->bytes_in_ingest;

	for (const struct load *l = in->waiting; l != NULL; l = l->next)
		held += l->batch->arena.total_bytes;
	if (in->filling == NULL)
		return held < HELD_MAX_BYTES;
	return in->filling->batch->n < BATCH_MESSAGES && in->filling->batch->arena.total_bytes < BATCH_BYTES &&
	       held + in->filling->batch->arena.total_bytes < HELD_MAX_BYTES;
}

static enum rc receive(struct amqp_input *in, struct why *why)
{
	for (;;) {
		struct broker_delivery d;
		enum rc rc = broker_receive(in->broker, &d, why);

		if (rc != RC_OK)
			return rc == RC_END ? RC_OK : rc;
		if (in->filling != NULL && in->filling->epoch != broker_epoch(in->broker)) {
			load_free(in->filling); /* its tags died with their channel; the broker sends them again */
			in->filling = NULL;
		}
		if (in->filling == NULL) {
			in->filling = load_new(in);
			in->filling->epoch = broker_epoch(in->broker);
			in->filling->order = in->next_order++;
		}
		batch_add_amqp(in->filling->batch, d.body, d.content_type, d.compression, d.tag);
		if (!may_receive(in))
			return RC_OK;
	}
}

/* Hosts that were stored once and are not listed now. AMQP cannot list bindings, so all of them are unbound. */
static enum rc note_unlisted(void *argument, struct text name, struct text hash)
{
	struct amqp_input *in = argument;

	(void)hash;
	if (map_get(&in->listed, name) != NULL || text_is(name, in->options.broker.queue) || name.n > 255 ||
	    memchr(name.s, '\0', name.n) != NULL)
		return RC_OK;
	array_grow(&in->unbind, &in->unbind_capacity, in->n_unbind, sizeof(*in->unbind));
	in->unbind[in->n_unbind++] = must_strndup(name.s, name.n);
	return RC_OK;
}

/* Asked of the metadata store until it answers once, every 10 s at most. True: there is something new to unbind. */
static bool find_unlisted(struct amqp_input *in, struct mono now)
{
	if (in->knows_unbind || mono_ms_between(now, in->ask_unbind) > 0)
		return false;
	in->ask_unbind = mono_after_ms(now, ASK_UNBIND_MS);
	for (size_t i = 0; i < in->n_unbind; i++)
		free(in->unbind[i]);
	in->n_unbind = 0;
	array_grow(&in->unbind, &in->unbind_capacity, 0, sizeof(*in->unbind));
	in->unbind[in->n_unbind++] = must_strdup("#"); /* from a time when the list held `*` */
	in->knows_unbind = meta_each(in->options.meta, META_HOST_ID, TEXT_NONE, note_unlisted, in, NULL) == RC_OK;
	return in->knows_unbind && in->n_unbind > 0;
}

static struct broker_keys keys_of(const struct amqp_input *in)
{
	return (struct broker_keys){
		.bind = (const char *const *)in->options.hosts->key,
		.n_bind = in->options.hosts->n,
		.unbind = (const char *const *)in->unbind,
		.n_unbind = in->n_unbind,
	};
}

static void say_away(struct amqp_input *in, const struct why *why)
{
	if (!in->said_away)
		log_line(LOG_LEVEL_ERROR, "broker.away", "why=\"%s\": trying again until it answers", why->text);
	in->said_away = true;
}

/* What the broker's client noticed and no return code says. When the connection is lost that is said instead. */
static void log_notes(struct amqp_input *in, enum rc rc)
{
	struct broker_note note;

	while (broker_take_note(in->broker, &note))
		log_line(rc != RC_OK    ? LOG_LEVEL_DEBUG
			 : note.warning ? LOG_LEVEL_WARNING
					: LOG_LEVEL_INFO,
			 "broker.note", "\"%s\"", note.what.text);
}

/* Sleep until the deadline, a finished batch, a stop, or something to read. */
static void wait_for_work(struct amqp_input *in, int64_t ms)
{
	struct pollfd fds[2] = {
		{ .fd = in->wake_fd, .events = POLLIN },
		{ .fd = broker_connected(in->broker) ? broker_fd(in->broker) : -1, .events = POLLIN },
	};
	bool reads = may_receive(in) && !atomic_load(&in->stopping);
	uint64_t count;

	poll(fds, reads ? 2 : 1, (int)ms);
	if ((fds[0].revents & POLLIN) != 0 && read(in->wake_fd, &count, sizeof(count)) < 0) {
		/* woken by nothing */
	}
}

static void connect_once(struct amqp_input *in)
{
	struct broker_keys keys;
	struct why why = { "" };
	enum rc rc;

	find_unlisted(in, mono_now());
	keys = keys_of(in);
	rc = broker_connect(in->broker, &keys, &why);
	log_notes(in, rc);
	if (rc != RC_OK) {
		say_away(in, &why);
		in->pause_ms = in->pause_ms == 0 ? RECONNECT_FIRST_MS : in->pause_ms * 2;
		if (in->pause_ms > RECONNECT_MOST_MS)
			in->pause_ms = RECONNECT_MOST_MS;
		wait_for_work(in, in->pause_ms);
		return;
	}
	counter_add(COUNTER_BROKER_CONNECTS, 1);
	log_line(LOG_LEVEL_INFO, "broker.bound", "server=%s exchange=%s queue=%s keys=%zu",
		 broker_server_name(in->broker), in->options.broker.exchange, in->options.broker.queue, keys.n_bind);
	if (in->said_away)
		log_line(LOG_LEVEL_WARNING, "broker.back", "server=%s", broker_server_name(in->broker));
	in->said_away = false;
	in->pause_ms = 0;
	in->tended = mono_now();
}

/* One turn with a live connection. */
static enum rc turn(struct amqp_input *in, struct why *why)
{
	struct mono now = mono_now();
	enum rc rc = RC_OK;

	if (may_receive(in))
		rc = receive(in, why);
	if (rc == RC_OK)
		rc = take_finished(in, why);
	if (rc == RC_OK && mono_ms_between(in->tended, now) >= IDLE_MS) {
		struct broker_keys keys;

		if (find_unlisted(in, now))
			broker_rebind(in->broker);
		keys = keys_of(in);
		in->tended = now;
		rc = broker_tend(in->broker, &keys, now, why);
	}
	if (rc != RC_OK)
		return rc;
	drop_dead(in);
	start_round(in, now);
	return RC_OK;
}

static void *run(void *argument)
{
	struct amqp_input *in = argument;
	struct why why = { "" };
	enum rc rc;

	while (!atomic_load(&in->stopping)) {
		if (!broker_connected(in->broker)) {
			load_free(in->filling);
			in->filling = NULL;
			drop_dead(in);
			(void)!take_finished(in, &why);
			connect_once(in);
			continue;
		}
		rc = turn(in, &why);
		log_notes(in, rc);
		if (rc != RC_OK)
			say_away(in, &why);
		else
			wait_for_work(in, IDLE_MS);
	}
	while (in->n_in_ingest > 0) {
		wait_for_work(in, IDLE_MS);
		if (take_finished(in, &why) != RC_OK)
			log_line(LOG_LEVEL_WARNING, "broker.unacknowledged", "why=\"%s\": the broker sends them again",
				 why.text);
	}
	load_free(in->filling);
	while (in->waiting != NULL) {
		struct load *l = in->waiting;

		in->waiting = l->next;
		load_free(l);
	}
	return NULL;
}

struct amqp_input *amqp_input_start(const struct amqp_input_options *options)
{
	struct amqp_input *in = must_alloc(sizeof(*in));

	in->options = *options;
	in->broker = broker_new(&options->broker);
	in->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(in->wake_fd >= 0);
	map_init(&in->listed);
	for (size_t i = 0; i < options->hosts->n; i++) {
		map_put(&in->listed, text_of(options->hosts->key[i]), in);
		if (strcmp(options->hosts->key[i], "#") == 0)
			in->knows_unbind = true; /* every host is taken: nothing to unbind */
	}
	lock_init(&in->lock);
	thread_start(&in->thread, "amqp", run, in);
	return in;
}

void amqp_input_stop(struct amqp_input *in)
{
	if (in == NULL)
		return;
	atomic_store(&in->stopping, true);
	wake(in);
	must(pthread_join(in->thread, NULL) == 0);
	broker_free(in->broker);
	for (size_t i = 0; i < in->n_unbind; i++)
		free(in->unbind[i]);
	free(in->unbind);
	map_fini(&in->listed, NULL);
	close(in->wake_fd);
	lock_fini(&in->lock);
	free(in);
}
