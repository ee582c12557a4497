#include "broker/broker.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "broker/state.h"

enum { CONNECT_MS = 10000, CONNECT_ONE_MS = 5000, MAX_TRIES = 3 };

static const char *copy(const char *s)
{
	return s == NULL ? NULL : must_strdup(s);
}

static void discard(const char *s)
{
	union {
		const char *is;
		char *was;
	} p = { .is = s };

	if (s != NULL)
		explicit_bzero(p.was, strlen(s));
	free(p.was);
}

static void copy_options(struct broker_options *to, const struct broker_options *from)
{
	struct broker_server *server = must_alloc(from->n_servers * sizeof(*server));

	for (size_t i = 0; i < from->n_servers; i++) {
		server[i] = from->server[i];
		server[i].host = must_strdup(from->server[i].host);
	}
	*to = *from;
	to->server = server;
	to->user = copy(from->user);
	to->password = copy(from->password);
	to->vhost = copy(from->vhost);
	to->exchange = copy(from->exchange);
	to->queue = copy(from->queue);
	to->ssl_ca = copy(from->ssl_ca);
	to->ssl_cert = copy(from->ssl_cert);
	to->ssl_key = copy(from->ssl_key);
	to->product = copy(from->product);
}

static void discard_options(struct broker_options *o)
{
	union {
		const struct broker_server *is;
		struct broker_server *was;
	} servers = { .is = o->server };

	for (size_t i = 0; i < o->n_servers; i++)
		free(o->server[i].host);
	free(servers.was);
	discard(o->user);
	discard(o->password);
	discard(o->vhost);
	discard(o->exchange);
	discard(o->queue);
	discard(o->ssl_ca);
	discard(o->ssl_cert);
	discard(o->ssl_key);
	discard(o->product);
}

static void append(struct broker *b, struct content *m)
{
	m->next = NULL;
	if (b->last == NULL)
		b->first = m;
	else
		b->last->next = m;
	b->last = m;
	b->waiting_bytes += m->body.n;
	b->n_waiting++;
}

static struct content *take_first(struct broker *b)
{
	struct content *m = b->first;

	b->first = m->next;
	if (b->first == NULL)
		b->last = NULL;
	b->waiting_bytes -= m->body.n;
	b->n_waiting--;
	return m;
}

/* All that is not acknowledged will come again, with other tags. */
static void start_epoch(struct broker *b)
{
	while (b->first != NULL)
		content_give_back(&b->store, take_first(b));
	b->tag_base = b->acked_tag = b->last_tag;
	b->epoch++;
	b->consuming = false;
}

static enum rc send_ack(struct broker *b, uint64_t tag, bool multiple, struct why *why)
{
	amqp_basic_ack_t m = { .delivery_tag = tag - b->tag_base, .multiple = multiple };

	return session_send(&b->feed, FEED_CONSUME, AMQP_BASIC_ACK_METHOD, &m, why);
}

static void take_probe(struct broker *b, struct content *m)
{
	char ours[64];

	snprintf(ours, sizeof(ours), "%016llx-%llu", (unsigned long long)b->probe_id,
		 (unsigned long long)b->probe_sent);
	if (text_is(m->probe, ours))
		b->probe_seen = b->probe_sent;
	/* A failure closes the session: whoever reads next is told. */
	(void)send_ack(b, m->tag, false, NULL);
	content_give_back(&b->store, m);
}

static void feed_event(void *owner, const struct session_event *e)
{
	struct broker *b = owner;

	switch (e->kind) {
	case SESSION_DELIVERY:
		b->last_tag = b->tag_base + e->taken_content->tag;
		e->taken_content->tag = b->last_tag;
		b->heard_since_probe = true;
		if (e->taken_content->probe.s != NULL)
			take_probe(b, e->taken_content);
		else
			append(b, e->taken_content);
		return;
	case SESSION_CANCEL:
		b->consuming = false;
		b->declare_wanted = b->tell_when_done = true;
		broker_add_note(b, true, "the broker ended our consumer: queue '%s' is gone or moved",
				b->options.queue);
		return;
	case SESSION_COUNT:
		b->queue_depth = (int64_t)e->n;
		return;
	case SESSION_CHANNEL_CLOSED:
		if (e->channel == FEED_COUNT) {
			b->queue_depth = -1;
			return;
		}
		if (e->channel == FEED_CONSUME)
			start_epoch(b);
		b->declare_wanted = b->tell_when_done = true;
		broker_add_note(b, true, "the broker closed a channel: %.*s", TEXT_ARG(e->text));
		return;
	case SESSION_RETURN:
		content_give_back(&b->store, e->taken_content);
		return;
	case SESSION_BLOCKED:
	case SESSION_UNBLOCKED:
	case SESSION_CONFIRM:
		return;
	}
}

static void post_event(void *owner, const struct session_event *e)
{
	struct broker *b = owner;

	switch (e->kind) {
	case SESSION_RETURN:
	case SESSION_CHANNEL_CLOSED:
		content_give_back(&b->store, e->taken_content);
		if (e->channel != POST_PROBE)
			return;
		b->probe_seen = b->probe_sent;
		if (!b->declare_wanted && !b->binding)
			broker_add_note(b, true, "our bindings are lost: the probe came back: %.*s", TEXT_ARG(e->text));
		b->declare_wanted = b->tell_when_done = true;
		return;
	case SESSION_BLOCKED:
		b->post_blocked = true;
		broker_add_note(b, true, "the broker takes no messages at the moment: %.*s", TEXT_ARG(e->text));
		return;
	case SESSION_UNBLOCKED:
		b->post_blocked = b->drop_noted = false;
		broker_add_note(b, false, "the broker takes messages again");
		return;
	case SESSION_DELIVERY:
		content_give_back(&b->store, e->taken_content);
		return;
	case SESSION_CANCEL:
	case SESSION_COUNT:
	case SESSION_CONFIRM:
		return;
	}
}

struct broker *broker_new(const struct broker_options *options)
{
	struct broker *b = must_alloc(sizeof(*b));

	must(options->n_servers > 0);
	copy_options(&b->options, options);
	b->queue_depth = -1;
	session_init(&b->feed, &b->store, feed_event, b);
	session_init(&b->post, &b->store, post_event, b);
	if (getrandom(&b->probe_id, sizeof(b->probe_id), 0) != (ssize_t)sizeof(b->probe_id))
		b->probe_id = (uint64_t)mono_now().ns;
	return b;
}

void broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	session_say_goodbye(&b->post);
	session_say_goodbye(&b->feed);
	start_epoch(b);
	content_give_back(&b->store, b->handed_out);
	content_store_fini(&b->store);
	discard_options(&b->options);
	free(b);
}

enum rc broker_lost(struct broker *b, struct why *why)
{
	session_close(&b->feed);
	session_close(&b->post);
	b->post_blocked = false;
	b->queue_depth = -1;
	start_epoch(b);
	why_prepend(why, "%s", b->server_name);
	return RC_PEER;
}

static void name_server(struct broker *b)
{
	const struct broker_server *s = &b->options.server[b->server];
	bool v6 = strchr(s->host, ':') != NULL;

	snprintf(b->server_name, sizeof(b->server_name), "%s%s%s:%d", v6 ? "[" : "", s->host, v6 ? "]" : "", s->port);
}

/* A 404 on the way is a race with whoever deletes or re-creates things: once more. */
static enum rc set_up(struct broker *b, const struct broker_keys *keys, struct why *why)
{
	enum rc rc = RC_REFUSED;

	for (int i = 0; i < MAX_TRIES && rc == RC_REFUSED; i++) {
		b->unbind_wanted = true;
		rc = broker_declare(b, keys, why);
		while (rc == RC_OK && b->binding)
			rc = broker_bind_some(b, keys, SIZE_MAX, why);
		if (rc == RC_OK)
			rc = broker_unbind_some(b, keys, mono_now(), why);
		if (rc == RC_OK)
			rc = broker_consume(b, why);
		if (rc == RC_REFUSED && b->feed.refused_code != AMQP_NOT_FOUND)
			break;
	}
	return rc;
}

static enum rc connect_one(struct broker *b, const struct broker_keys *keys, int64_t timeout_ms, struct why *why)
{
	enum rc rc;

	name_server(b);
	rc = session_open(&b->feed, &b->options, &b->options.server[b->server], timeout_ms, "consumer", why);
	if (rc == RC_OK)
		rc = set_up(b, keys, why);
	if (rc != RC_OK)
		return broker_lost(b, why);
	b->declare_wanted = b->declared_again = b->tell_when_done = b->silence_noted = false;
	b->n_refused = 0;
	b->declared_at = mono_now();
	b->probe_at = b->count_at = b->heartbeat_at = b->declared_at;
	b->probe_seen = b->probe_sent;
	b->silence_ends = b->post_retry_at = b->declared_at;
	return RC_OK;
}

enum rc broker_connect(struct broker *b, const struct broker_keys *keys, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), CONNECT_MS);
	struct buf all; /* "a: cause; b: cause" */
	enum rc rc = RC_PEER;
	struct why one;

	buf_init(&all, 8 * sizeof(one.text));
	session_close(&b->feed);
	session_close(&b->post);
	b->queue_depth = -1;
	start_epoch(b);
	for (size_t i = 0; i < b->options.n_servers && rc != RC_OK; i++) {
		int64_t left = mono_ms_between(mono_now(), deadline);

		if (i > 0 && left <= 0)
			break;
		rc = connect_one(b, keys, left < CONNECT_ONE_MS ? left : CONNECT_ONE_MS, &one);
		if (rc != RC_OK) {
			buf_addf(&all, "%s%s", i > 0 ? "; " : "", one.text);
			b->server = (b->server + 1) % b->options.n_servers;
		}
	}
	if (rc != RC_OK)
		(void)because(why, rc, "%.*s", TEXT_ARG(buf_text(&all)));
	buf_fini(&all);
	return rc;
}

bool broker_connected(const struct broker *b)
{
	return b->feed.amqp != NULL;
}

const char *broker_server_name(const struct broker *b)
{
	return b->server_name;
}

int broker_fd(const struct broker *b)
{
	return b->feed.amqp == NULL ? -1 : amqp_get_sockfd(b->feed.amqp);
}

uint64_t broker_epoch(const struct broker *b)
{
	return b->epoch;
}

enum rc broker_receive(struct broker *b, struct broker_delivery *out, struct why *why)
{
	struct content *m;
	enum rc rc = RC_OK;

	content_give_back(&b->store, b->handed_out);
	b->handed_out = NULL;
	/* TLS keeps pieces of its own that no poll() sees: there until nothing comes */
	while (b->first == NULL && rc == RC_OK) {
		if (!b->options.ssl && b->has_read && !session_has_read(&b->feed))
			break;
		rc = session_read(&b->feed, why);
		b->has_read = true;
	}
	if (rc == RC_PEER)
		return broker_lost(b, why);
	if (b->first == NULL) {
		b->has_read = false;
		return RC_END;
	}
	m = b->handed_out = take_first(b);
	*out = (struct broker_delivery){
		.tag = m->tag,
		.redelivered = m->redelivered,
		.body = buf_text(&m->body),
		.content_type = m->content_type,
		.compression = m->compression,
		.reply_to = m->reply_to,
		.correlation_id = m->correlation_id,
		.full_bytes = m->full_bytes,
	};
	return RC_OK;
}

enum rc broker_ack(struct broker *b, uint64_t tag, bool multiple, struct why *why)
{
	must(tag <= b->last_tag);
	if (tag <= b->tag_base)
		return RC_OK;
	if (tag > b->acked_tag)
		b->acked_tag = tag;
	return send_ack(b, tag, multiple, why) == RC_OK ? RC_OK : broker_lost(b, why);
}

static enum rc open_post(struct broker *b, struct mono now, struct why *why)
{
	enum rc rc;

	if (b->post.amqp != NULL)
		return RC_OK;
	if (b->feed.amqp == NULL || mono_ms_between(now, b->post_retry_at) > 0)
		return because(why, RC_PEER, "not connected");
	b->post_blocked = false;
	rc = session_open(&b->post, &b->options, &b->options.server[b->server], POST_TIMEOUT_MS, "publisher", why);
	/* Both channels now: once a message was published, a broker in alarm answers nothing here. */
	if (rc == RC_OK)
		rc = session_channel_open(&b->post, POST_PROBE, why);
	if (rc == RC_OK)
		rc = session_channel_open(&b->post, POST_ANSWER, why);
	if (rc != RC_OK)
		b->post_retry_at = mono_after_ms(now, POST_PAUSE_MS);
	return rc;
}

/* While a third of the socket's buffer is free it polls as writable: room for what is sent here, and for heartbeats. */
enum rc broker_ready_post(struct broker *b, struct mono now, struct why *why)
{
	enum rc rc = open_post(b, now, why);
	struct pollfd p = { .events = POLLOUT };

	while (rc == RC_OK)
		rc = session_read(&b->post, why);
	if (rc != RC_END)
		return rc;
	p.fd = amqp_get_sockfd(b->post.amqp);
	if (b->post_blocked || poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
		return because(why, RC_END, "the broker takes no messages at the moment");
	return RC_OK;
}

static enum rc publish_answer(struct broker *b, const char *routing_key, struct text body, struct why *why)
{
	amqp_basic_properties_t properties = {
		._flags =
			AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.content_encoding = amqp_cstring_bytes("utf-8"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	amqp_basic_publish_t m = { .exchange = amqp_empty_bytes, .routing_key = amqp_cstring_bytes(routing_key) };
	enum rc rc = broker_ready_post(b, mono_now(), why);

	if (rc == RC_OK)
		rc = session_channel_open(&b->post, POST_ANSWER, why);
	if (rc == RC_OK)
		rc = session_publish(&b->post, POST_ANSWER, &m, &properties, body, why);
	return rc;
}

enum rc broker_publish(struct broker *b, const char *routing_key, struct text body, struct why *why)
{
	bool was_open = b->post.amqp != NULL;
	struct why cause;
	enum rc rc;

	if (b->feed.amqp == NULL)
		return because(why, RC_PEER, "not connected");
	if (strlen(routing_key) > BROKER_MAX_KEY_BYTES)
		return RC_OK; /* no queue has such a name */
	rc = publish_answer(b, routing_key, body, &cause);
	if (rc == RC_PEER && was_open)
		rc = publish_answer(b, routing_key, body, &cause); /* it had died unnoticed */
	if (rc == RC_END) {
		if (!b->drop_noted)
			broker_add_note(b, true, "answers are dropped: %s", cause.text);
		b->drop_noted = true;
	} else if (rc != RC_OK) {
		broker_post_lost(b, mono_now(), &cause);
	}
	return RC_OK;
}

int64_t broker_queue_depth(const struct broker *b)
{
	return b->queue_depth;
}

size_t broker_n_read_ahead(const struct broker *b)
{
	return b->n_waiting;
}

bool broker_take_note(struct broker *b, struct broker_note *out)
{
	if (b->n_notes == 0)
		return false;
	*out = b->note[0];
	b->n_notes--;
	memmove(b->note, b->note + 1, b->n_notes * sizeof(b->note[0]));
	return true;
}

void broker_add_note(struct broker *b, bool warning, const char *format, ...)
{
	struct broker_note dropped, *note;
	va_list args;

	if (b->n_notes == MAX_NOTES)
		(void)broker_take_note(b, &dropped);
	note = &b->note[b->n_notes++];
	note->warning = warning;
	va_start(args, format);
	vsnprintf(note->what.text, sizeof(note->what.text), format, args);
	va_end(args);
}
