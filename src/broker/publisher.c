#include "broker/publisher.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/declare.h"
#include "broker/session.h"

enum { CONNECT_ONE_MS = 5000, HEARTBEAT_MS = 10000, SLICE_MS = 200, PUBLISH = 1, DECLARE = 2 /* channels */ };

struct publisher {
	struct broker_options options; /* borrowed */
	const atomic_bool *leaving;
	struct content_store store;
	struct session session;
	size_t server; /* index of the current or last tried */
	char server_name[300];
	struct mono heartbeat_at;
	bool blocked;
	struct why blocked_why;
	/* of the batch: message i has the tag first_tag + i */
	uint64_t next_tag, first_tag;
	size_t n, n_open;
	bool confirmed[PUBLISHER_MAX_BATCH];
	bool returned, refused, channel_gone;
	struct why trouble;
};

static void confirm(struct publisher *p, uint64_t tag)
{
	size_t at = (size_t)(tag - p->first_tag);

	if (tag < p->first_tag || at >= p->n || p->confirmed[at])
		return;
	p->confirmed[at] = true;
	p->n_open--;
}

static void on_event(void *owner, const struct session_event *e)
{
	struct publisher *p = owner;

	switch (e->kind) {
	case SESSION_CONFIRM:
		if (e->refused && !p->refused)
			(void)because(&p->trouble, RC_REFUSED, "the broker could not take the message");
		p->refused = p->refused || e->refused;
		for (size_t i = 0; e->multiple && i < p->n && p->first_tag + i < e->tag; i++)
			confirm(p, p->first_tag + i);
		confirm(p, e->tag);
		return;
	case SESSION_RETURN:
		content_give_back(&p->store, e->taken_content);
		p->returned = true;
		return;
	case SESSION_CHANNEL_CLOSED:
		if (e->channel != PUBLISH)
			return;
		p->channel_gone = true;
		(void)because(&p->trouble, RC_REFUSED, "%.*s", TEXT_ARG(e->text));
		return;
	case SESSION_BLOCKED:
		p->blocked = true;
		(void)because(&p->blocked_why, RC_PEER, "the broker takes no messages at the moment: %.*s",
			      TEXT_ARG(e->text));
		return;
	case SESSION_UNBLOCKED:
		p->blocked = false;
		return;
	case SESSION_DELIVERY:
		content_give_back(&p->store, e->taken_content);
		return;
	case SESSION_CANCEL:
	case SESSION_COUNT:
		return;
	}
}

struct publisher *publisher_new(const struct broker_options *options, const atomic_bool *leaving)
{
	struct publisher *p = must_alloc(sizeof(*p));

	must(options->n_servers > 0);
	*p = (struct publisher){ .options = *options, .leaving = leaving };
	session_init(&p->session, &p->store, on_event, p);
	return p;
}

void publisher_free(struct publisher *p)
{
	if (p == NULL)
		return;
	session_say_goodbye(&p->session);
	content_store_fini(&p->store);
	free(p);
}

const char *publisher_server_name(const struct publisher *p)
{
	return p->server_name;
}

/* The channel on which is published, with confirms; the exchange is there. */
static enum rc ready_channel(struct publisher *p, struct why *why)
{
	amqp_confirm_select_t select = { .nowait = false };
	enum rc rc;

	if (p->session.channel[PUBLISH].open)
		return RC_OK;
	rc = declare_exchange(&p->session, DECLARE, &p->options, why);
	if (rc == RC_OK)
		rc = session_channel_open(&p->session, PUBLISH, why);
	if (rc == RC_OK)
		rc = session_call(&p->session, PUBLISH, AMQP_CONFIRM_SELECT_METHOD, &select,
				  AMQP_CONFIRM_SELECT_OK_METHOD, why);
	p->next_tag = 1;
	return rc;
}

static enum rc connect_server(struct publisher *p, struct why *why)
{
	const struct broker_server *server = &p->options.server[p->server];
	enum rc rc;

	snprintf(p->server_name, sizeof(p->server_name), "%s:%d", server->host, server->port);
	p->blocked = false;
	rc = session_open(&p->session, &p->options, server, CONNECT_ONE_MS, "publisher", why);
	if (rc == RC_OK)
		rc = ready_channel(p, why);
	if (rc == RC_OK) {
		p->heartbeat_at = mono_now();
		return RC_OK;
	}
	session_close(&p->session);
	why_prepend(why, "%s", p->server_name);
	return RC_PEER;
}

/* The server of last time, then each other one. */
static enum rc connect_any(struct publisher *p, struct buf *causes)
{
	struct why cause;

	must(p->options.n_servers > 0);
	for (size_t i = 0; i < p->options.n_servers; i++) {
		if (atomic_load(p->leaving))
			return RC_END;
		if (i > 0)
			p->server = (p->server + 1) % p->options.n_servers;
		if (connect_server(p, &cause) == RC_OK)
			return RC_OK;
		buf_addf(causes, "%s%s", i == 0 ? "" : "; ", cause.text);
	}
	p->server = (p->server + 1) % p->options.n_servers;
	return RC_PEER;
}

enum rc publisher_connect(struct publisher *p, struct why *why)
{
	struct buf causes;
	enum rc rc;

	if (p->session.amqp != NULL)
		return RC_OK;
	buf_init(&causes, sizeof(((struct why *)NULL)->text) * PUBLISHER_MAX_BATCH);
	rc = connect_any(p, &causes);
	if (rc != RC_OK)
		(void)because(why, rc, "%.*s", TEXT_ARG(buf_text(&causes)));
	buf_fini(&causes);
	return rc;
}

/* Whatever the broker has said. */
static enum rc hear(struct publisher *p, struct why *why)
{
	enum rc rc = p->session.amqp == NULL ? because(why, RC_PEER, "not connected") : RC_OK;

	while (rc == RC_OK)
		rc = session_read(&p->session, why);
	return rc == RC_END ? RC_OK : rc;
}

enum rc publisher_begin(struct publisher *p, struct why *why)
{
	enum rc rc = hear(p, why);

	if (rc == RC_OK)
		rc = ready_channel(p, why);
	if (rc == RC_REFUSED)
		session_close(&p->session);
	if (rc != RC_OK)
		return RC_PEER;
	if (p->blocked)
		return because(why, RC_PEER, "%s", p->blocked_why.text);
	p->first_tag = p->next_tag;
	p->n = p->n_open = 0;
	p->returned = p->refused = p->channel_gone = false;
	return RC_OK;
}

enum rc publisher_add(struct publisher *p, const char *routing_key, struct text body, struct why *why)
{
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
			  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.content_encoding = amqp_cstring_bytes("utf-8"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	amqp_basic_publish_t m = { .exchange = amqp_cstring_bytes(p->options.exchange),
				   .routing_key = amqp_cstring_bytes(routing_key),
				   .mandatory = true };
	enum rc rc;

	must(p->n < PUBLISHER_MAX_BATCH);
	if (p->channel_gone)
		return RC_OK; /* publisher_finish() says why */
	rc = session_publish(&p->session, PUBLISH, &m, &properties, body, why);
	if (rc != RC_OK)
		return rc;
	p->confirmed[p->n++] = false;
	p->n_open++;
	p->next_tag++;
	return RC_OK;
}

enum rc publisher_finish(struct publisher *p, int64_t timeout_ms, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), timeout_ms);
	enum rc rc = RC_OK;

	while (p->n_open > 0 && !p->channel_gone) {
		rc = session_read_within(&p->session, SLICE_MS, why);
		if (rc == RC_PEER)
			return rc;
		if (atomic_load(p->leaving))
			return because(why, RC_END, "leaving");
		if (rc == RC_END && mono_ms_between(mono_now(), deadline) <= 0) {
			session_close(&p->session);
			return because(why, RC_PEER, "%s",
				       p->blocked ? p->blocked_why.text : "the broker does not confirm what it got");
		}
	}
	p->heartbeat_at = mono_now();
	if (p->channel_gone || p->refused)
		return because(why, RC_REFUSED, "%s", p->trouble.text);
	return p->returned ? because(why, RC_ABSENT, "no queue is bound") : RC_OK;
}

void publisher_tend(struct publisher *p)
{
	struct mono now = mono_now();

	if (p->session.amqp == NULL || hear(p, NULL) != RC_OK)
		return;
	if (mono_ms_between(p->heartbeat_at, now) < HEARTBEAT_MS)
		return;
	p->heartbeat_at = now;
	(void)!session_heartbeat(&p->session, NULL);
}
