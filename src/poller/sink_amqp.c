/* The way out to RabbitMQ. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/publisher.h"
#include "poller/compose.h"
#include "poller/sink.h"

enum { CONFIRM_MS = 30000, HEARTBEAT_S = 30, BODY_MAX_BYTES = 64 << 20 };

struct sink_amqp {
	struct sink sink;
	struct text host; /* our own hostID */
	struct broker_server *server;
	struct publisher *publisher;
	struct buf body;
	bool connected;
};

static bool same_host(const struct parcel *a, const struct parcel *b)
{
	return text_equal(a->host, b->host);
}

static enum rc publish(struct sink_amqp *s, const struct parcel *parcel, size_t n, struct why *why)
{
	char key[BROKER_MAX_KEY_BYTES + 1];
	enum rc rc = publisher_begin(s->publisher, why);

	snprintf(key, sizeof(key), "%.*s", TEXT_ARG(parcel[0].host));
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		buf_clear(&s->body);
		compose_envelope(&s->body, &parcel[i]);
		rc = publisher_add(s->publisher, key, buf_text(&s->body), why);
	}
	return rc == RC_OK ? publisher_finish(s->publisher, CONFIRM_MS, why) : rc;
}

/* What stays when the host has got another hostID, and no queue takes the old one any more. */
static enum rc give_up(struct sink_amqp *s, const struct parcel *parcel, size_t n)
{
	static struct log_limit limit;

	atomic_fetch_add(&s->sink.n_refused, n);
	log_limited(&limit, LOG_LEVEL_WARNING, "sender.given_up",
		    "messages=%zu why=\"no queue takes the former host_id %.*s\"", n, TEXT_ARG(parcel->host));
	return RC_OK;
}

static enum rc send_amqp(struct sink *self, const struct parcel *parcel, size_t n, size_t *n_done, struct why *why)
{
	struct sink_amqp *s = (struct sink_amqp *)self;
	enum rc rc = publisher_connect(s->publisher, why);

	*n_done = 0;
	if (rc == RC_OK && !s->connected)
		log_line(LOG_LEVEL_INFO, "sender.connected", "server=%s", publisher_server_name(s->publisher));
	s->connected = rc == RC_OK;
	while (rc == RC_OK && *n_done < n) {
		const struct parcel *first = parcel + *n_done;
		size_t alike = 1;

		while (*n_done + alike < n && same_host(first, first + alike))
			alike++;
		rc = publish(s, first, alike, why);
		if (rc == RC_ABSENT && !text_equal(first->host, s->host))
			rc = give_up(s, first, alike);
		if (rc == RC_ABSENT)
			why_prepend(why, "host_id %.*s: no storage takes its messages yet", TEXT_ARG(first->host));
		if (rc == RC_OK)
			*n_done += alike;
	}
	if (rc == RC_PEER)
		s->connected = false;
	return rc;
}

static void tend_amqp(struct sink *self)
{
	publisher_tend(((struct sink_amqp *)self)->publisher);
}

static void free_amqp(struct sink *self)
{
	struct sink_amqp *s = (struct sink_amqp *)self;

	publisher_free(s->publisher);
	free(s->server);
	buf_fini(&s->body);
	free(s);
}

static const struct sink_class class_amqp = { "RabbitMQ", send_amqp, tend_amqp, free_amqp };

struct sink *sink_amqp_new(const struct poller_config *c, const atomic_bool *leaving)
{
	struct sink_amqp *s = must_alloc(sizeof(*s));

	s->sink.class = &class_amqp;
	s->host = text_of(c->host_id);
	buf_init(&s->body, BODY_MAX_BYTES);
	s->server = must_alloc((c->rpc_hosts.n + 1) * sizeof(*s->server));
	for (size_t i = 0; i < c->rpc_hosts.n; i++)
		s->server[i] = (struct broker_server){
			c->rpc_hosts.at[i].host,
			c->rpc_hosts.at[i].port != 0 ? c->rpc_hosts.at[i].port
			: c->rpc_ssl                 ? 5671
						     : 5672,
		};
	s->publisher = publisher_new(
		&(struct broker_options){
			.server = s->server,
			.n_servers = c->rpc_hosts.n,
			.user = c->rpc_user,
			.password = c->rpc_password,
			.vhost = c->rpc_vhost,
			.exchange = c->rpc_exchange,
			.queue = c->name,
			.durable = c->rpc_durable,
			.ssl = c->rpc_ssl,
			.ssl_verify = c->rpc_ssl_verify,
			.ssl_ca = c->rpc_ssl_ca,
			.ssl_cert = c->rpc_ssl_cert,
			.ssl_key = c->rpc_ssl_key,
			.heartbeat_s = HEARTBEAT_S,
			.product = "numeter-poller",
		},
		leaving);
	return &s->sink;
}
