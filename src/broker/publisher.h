/*
 * Publishing so that nothing is lost in silence: every message is confirmed by the broker, and one that no queue takes
 * is known as such. Bytes and routing keys only. Driven by one thread.
 *
 * A batch is messages with one routing key: begin, add each, finish. The exchange is used as found, and made when it is
 * not there.
 * Source: docs/spec/wire.md A1, B2; RabbitMQ "Consumer Acknowledgements and Publisher Confirms".
 */
#ifndef BROKER_PUBLISHER_H
#define BROKER_PUBLISHER_H

#include <stdatomic.h>

#include "broker/broker.h"

enum { PUBLISHER_MAX_BATCH = 256 };

struct publisher;

/*
 * Of the options `queue` only names the connection, prefetch and quorum are not used. Does not connect.
 * leaving: when it becomes true whoever waits for the broker returns RC_END within some 0.2 s, but from connecting.
 * Owner    options, and all they point to, and leaving are borrowed until publisher_free()
 */
struct publisher *publisher_new(const struct broker_options *options, const atomic_bool *leaving);
/* Says goodbye when connected, in a second at most. NULL is fine. */
void publisher_free(struct publisher *p);

/*
 * Connect unless connected: log in, ask for confirms, declare the exchange; on the server of last time, when that fails
 * on each other one.
 * Errors   RC_PEER  why names servers and causes · RC_END leaving
 */
CHECKED enum rc publisher_connect(struct publisher *p, struct why *why);
/* "host:port" of the current or last tried server; borrowed until the next connect. */
const char *publisher_server_name(const struct publisher *p);

/* Errors: RC_PEER not connected, or the broker takes nothing at the moment: why says its reason. */
CHECKED enum rc publisher_begin(struct publisher *p, struct why *why);
/* Publish one; PUBLISHER_MAX_BATCH a batch at most. Errors: RC_PEER the connection is gone. */
CHECKED enum rc publisher_add(struct publisher *p, const char *routing_key, struct text body, struct why *why);
/*
 * Wait until all of the batch is confirmed, so long at most.
 * Errors   RC_ABSENT   no queue is bound for the routing key: some of the batch went nowhere
 *          RC_REFUSED  the broker did not take some of it, or closed the channel: why has its text
 *          RC_PEER     the connection is gone, or no confirm came in time: closed · RC_END leaving
 *          After all of them some of the batch may have been taken.
 */
CHECKED enum rc publisher_finish(struct publisher *p, int64_t timeout_ms, struct why *why);

/* To be called every few seconds while nothing is sent: heartbeats. A connection that is gone is noticed and closed. */
void publisher_tend(struct publisher *p);

#endif
