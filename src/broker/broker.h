/*
 * Our place at RabbitMQ: declare and bind in the robust order, consume, acknowledge, publish answers, notice lost
 * bindings. Bytes and delivery tags only: what a message says is not known here. Driven by one thread.
 *
 * Two connections: one consumes and binds, the other, opened when first needed, publishes probes and answers. A broker
 * short of memory or disk stops reading from connections that publish, and our acknowledgements must get through then.
 *
 * Counts broker_rebinds; connections and acknowledged messages are the caller's to count.
 * Source: docs/spec/system.md "RabbitMQ"; docs/spec/wire.md A2, B2.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/instant.h"
#include "base/rc.h"
#include "base/text.h"

enum {
	BROKER_MAX_BODY_BYTES = (1 << 20) + 4096, /* more than any message we take: what is longer arrives cut */
	BROKER_MAX_KEY_BYTES = 255,               /* of AMQP, for keys and names */
	BROKER_PROBE_EVERY_MS = 5000,
	BROKER_REBIND_EVERY_MS = 300000,
};

struct broker_server {
	char *host;
	int port;
};

struct broker_options {
	const struct broker_server *server; /* tried in turn */
	size_t n_servers;
	const char *user, *password, *vhost, *exchange, *queue;
	int prefetch; /* 1 to 65535 */
	bool durable; /* flags for an exchange that does not exist yet */
	bool quorum;  /* type for a queue that does not exist yet */
	bool ssl, ssl_verify;
	const char *ssl_ca, *ssl_cert, *ssl_key; /* NULL: none; without a CA the system's are trusted */
	int heartbeat_s;                         /* 30 */
	const char *product;                     /* of the connection; NULL: numeter-storage */
};

/* Binding keys to hold, as the broker wants them (`#` for every host), borrowed for the call. */
struct broker_keys {
	const char *const *bind;
	size_t n_bind;
	const char *const *unbind; /* hosts no longer listed, none of bind; unknown ones are harmless */
	size_t n_unbind;
};

struct broker;

/* Owner: options are copied. Does not connect. */
struct broker *broker_new(const struct broker_options *options);
/* Says goodbye to the broker when connected (at most 1 s each connection). NULL is fine. */
void broker_free(struct broker *b);

/*
 * Connect, declare, bind, consume: on the server of last time, when that fails on each other one. Blocks at most about
 * 10 s, and beyond that while binding (some 2,000 new keys a second, more of those that are there).
 * Unbinding takes 0.2 s of it at most: broker_tend() does the rest.
 * Errors   RC_PEER  why names servers and causes ("127.0.0.1:5672: Connection refused", "… Login was refused …").
 *          The caller pauses before it calls again.
 */
CHECKED enum rc broker_connect(struct broker *b, const struct broker_keys *keys, struct why *why);
bool broker_connected(const struct broker *b);
/* "host:port" of the current or last tried server; borrowed until the next connect. */
const char *broker_server_name(const struct broker *b);

/*
 * The socket to poll(2) for reading, -1 when not connected; before that broker_receive() until RC_END, since messages
 * may be read already.
 */
int broker_fd(const struct broker *b);

struct broker_delivery {
	uint64_t tag; /* grows by one or more from delivery to delivery, over the life of b */
	bool redelivered;
	struct text body, content_type, compression, reply_to, correlation_id; /* TEXT_NONE when absent */
	uint64_t full_bytes; /* of the body as sent; body.n is less when it was cut to BROKER_MAX_BODY_BYTES */
};

/*
 * The next delivery that is already here; never waits, and reads from the network once (with TLS: as often as there is
 * something) before it says RC_END: what comes meanwhile is for the next turn, and broker_fd() polls as readable. What the broker says in between (cancelled consumer, returned
 * probe) is noted and answered by the next broker_tend(). Our own probes are acknowledged here and not handed out.
 * Errors   RC_END nothing here now, or not read yet · RC_PEER the connection is gone: call broker_connect() after a pause
 * Owner    *out is borrowed until the next broker_receive(), broker_connect() or broker_free().
 */
CHECKED enum rc broker_receive(struct broker *b, struct broker_delivery *out, struct why *why);

/*
 * Acknowledge this tag, or with `multiple` all up to it. A tag belongs to the epoch in which it was delivered: of an
 * older one nothing is sent and the answer is RC_OK, the broker has already put those messages back and sends them again.
 * Errors   RC_PEER
 */
CHECKED enum rc broker_ack(struct broker *b, uint64_t tag, bool multiple, struct why *why);

/* Grows whenever all that is not acknowledged will be delivered again: connection or consuming channel gone. */
uint64_t broker_epoch(const struct broker *b);

/*
 * Publish application/json to the default exchange with this routing key (an answer to a call). As good as can be: an
 * answer whose queue is gone vanishes, and so does one that cannot be sent while messages flow (a note tells).
 * Errors   RC_PEER not connected
 */
CHECKED enum rc broker_publish(struct broker *b, const char *routing_key, struct text body, struct why *why);

/*
 * To be called at least once a second, also while nothing is received: keeps heartbeats going, reads ahead (up to the
 * prefetch), sends the probe every 5 s, and declares and binds again when the probe came back unroutable, when neither
 * it nor anything else came for 2.5 s, when the consumer was cancelled, after broker_rebind(), and every 5 minutes. A long
 * list is bound and unbound in pieces, some a call (also what connecting left to unbind), so that a call takes some 0.2 s at most.
 * keys     as for connect, the same list until broker_rebind() was called
 * Errors   RC_PEER the connection is gone, or the broker refuses what it allowed before
 */
CHECKED enum rc broker_tend(struct broker *b, const struct broker_keys *keys, struct mono now, struct why *why);

/*
 * Messages that were ready in our queue when the broker was asked last, by broker_tend() every 5 s on a channel of its own
 * and without waiting for the answer; -1 when it is not known, so always while not connected.
 */
int64_t broker_queue_depth(const struct broker *b);
/* Deliveries that are here and were not handed out yet. */
size_t broker_n_read_ahead(const struct broker *b);

/* The keys changed: the next broker_tend() calls unbind, declare and bind with the new ones. */
void broker_rebind(struct broker *b);

/* The keys to unbind are others: they are gone through from the first, by this broker_tend() and the next; nothing is bound again. */
void broker_unbind_again(struct broker *b);

/*
 * What a person should know and no return code says: a queue used as found, bindings lost and made again. Oldest first;
 * at most 16 are kept.
 */
struct broker_note {
	bool warning; /* else information */
	struct why what;
};

/* False when there is no further note. */
bool broker_take_note(struct broker *b, struct broker_note *out);

#endif
