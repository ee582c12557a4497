/*
 * One connection to RabbitMQ: declare and bind in the robust order, consume, acknowledge, publish answers, notice lost
 * bindings. Bytes and delivery tags only: what a message says is not known here. Driven by one thread.
 * Source: docs/spec/system.md "RabbitMQ"; docs/spec/wire.md A2, B2.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/instant.h"
#include "base/rc.h"
#include "base/text.h"

struct broker_server {
	char *host;
	int port;
};

struct broker_options {
	const struct broker_server *server; /* tried in turn */
	size_t n_servers;
	const char *user, *password, *vhost, *exchange, *queue;
	int prefetch;
	bool durable; /* flags for an exchange that does not exist yet */
	bool quorum;  /* type for a queue that does not exist yet */
	bool ssl, ssl_verify;
	const char *ssl_ca, *ssl_cert, *ssl_key; /* NULL: none */
	int heartbeat_s;                         /* 30 */
};

/* Binding keys to hold, as the broker wants them (`#` for every host), borrowed for the call. */
struct broker_keys {
	const char *const *bind;
	size_t n_bind;
	const char *const *unbind; /* hosts no longer listed; unknown ones are harmless */
	size_t n_unbind;
};

struct broker;

/* Owner: options are copied. Does not connect. */
struct broker *broker_new(const struct broker_options *options);
void broker_free(struct broker *b);

/*
 * Connect to the next server of the list, declare, bind, consume. Blocks at most about 10 s (plus binding: some
 * 3,600 keys a second).
 * Errors   RC_PEER  why names server and cause ("127.0.0.1:5672: connection refused", "Login was refused").
 *          The caller pauses before it calls again.
 */
CHECKED enum rc broker_connect(struct broker *b, const struct broker_keys *keys, struct why *why);
bool broker_connected(const struct broker *b);
/* "host:port" of the current or last tried server. */
const char *broker_server_name(const struct broker *b);

/*
 * The socket to poll(2) for reading; before that broker_receive() until RC_END, since frames may be read already.
 */
int broker_fd(const struct broker *b);

struct broker_delivery {
	uint64_t tag;
	bool redelivered;
	struct text body, content_type, compression, reply_to, correlation_id; /* TEXT_NONE when absent */
};

/*
 * The next delivery that is already here; also keeps heartbeats going and handles what the broker says meanwhile
 * (cancelled consumer, returned probe: declares and binds again by itself). Our own probes are acknowledged here.
 * Errors   RC_END nothing here now · RC_PEER the connection is gone: call broker_connect() after a pause
 * Owner    *out is borrowed until the next call on b. Bodies over max_body_bytes are handed out cut to that length.
 */
CHECKED enum rc broker_receive(struct broker *b, struct broker_delivery *out, struct why *why);

/* Acknowledge this tag, or with `multiple` all up to it. Errors: RC_PEER. */
CHECKED enum rc broker_ack(struct broker *b, uint64_t tag, bool multiple, struct why *why);

/* Publish application/json to the default exchange with this routing key (an answer to a call). Errors: RC_PEER. */
CHECKED enum rc broker_publish(struct broker *b, const char *routing_key, struct text body, struct why *why);

/*
 * To be called at least once a second: sends the probe every 5 s, declares and binds again when one came back or 5
 * minutes have passed. keys as for connect. Errors: RC_PEER.
 */
CHECKED enum rc broker_tend(struct broker *b, const struct broker_keys *keys, struct mono now, struct why *why);

#endif
