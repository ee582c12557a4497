/*
 * From a server's name to an AMQP connection that is logged in: TCP or TLS, user and password, what we announce.
 */
#ifndef BROKER_DIAL_H
#define BROKER_DIAL_H

#include <amqp.h>

#include "broker/broker.h"

/*
 * purpose is shown in the broker's list of connections, behind the queue's name.
 * Errors   RC_PEER why names the cause, not the server: name lookup, connect, handshake, login or vhost refused
 * Owner    *out is ended by amqp_destroy_connection(). Its socket does not block.
 */
CHECKED enum rc dial(const struct broker_options *options, const struct broker_server *server, int64_t timeout_ms,
		     const char *purpose, amqp_connection_state_t *out, struct why *why);

/* A reply that is not AMQP_RESPONSE_NORMAL, in words. */
enum rc dial_failed(amqp_rpc_reply_t reply, struct why *why);

#endif
