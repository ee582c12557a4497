/*
 * Exchange, queue and bindings in the order that cuts off nobody: what is there is used whatever its flags, only what
 * is missing is made. Idempotent. A refusal costs the channel, which is opened again here.
 * Source: docs/spec/wire.md B2 "Robust order".
 */
#ifndef BROKER_DECLARE_H
#define BROKER_DECLARE_H

#include "broker/session.h"

/*
 * Errors of all   RC_REFUSED the broker says no: why has its text ("NOT_FOUND - no exchange …", "ACCESS_REFUSED - …")
 *                 RC_PEER    the connection is gone
 */
CHECKED enum rc declare_exchange(struct session *s, amqp_channel_t channel, const struct broker_options *options,
				 struct why *why);
/* as_found: empty, or why the queue could not be declared our way and is used as it is. */
CHECKED enum rc declare_queue(struct session *s, amqp_channel_t channel, const struct broker_options *options,
			      struct why *as_found, struct why *why);
/* Bind or unbind n keys; keys over 255 bytes are passed over, and to unbind the queue's own name. One answer is awaited per 500. */
CHECKED enum rc declare_bind(struct session *s, amqp_channel_t channel, const struct broker_options *options,
			     const char *const *key, size_t n, struct why *why);
CHECKED enum rc declare_unbind(struct session *s, amqp_channel_t channel, const struct broker_options *options,
			       const char *const *key, size_t n, struct why *why);

#endif
