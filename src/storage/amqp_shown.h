/*
 * What the RabbitMQ input shows of itself, for /metrics, readiness and the storage's own graphs: written by its thread,
 * read by any. It outlives the input.
 */
#ifndef STORAGE_AMQP_SHOWN_H
#define STORAGE_AMQP_SHOWN_H

#include <stdint.h>

#include "base/lock.h"
#include "base/rc.h"

struct amqp_shown {
	/* any thread */
	atomic_bool connected;
	_Atomic(int64_t) queue_depth; /* messages ready in our queue, as of some seconds ago; -1: not known */
	_Atomic(uint64_t) n_unacked;  /* delivered and not yet acknowledged */
	struct lock lock;
	struct why away; /* under lock: of the last try to connect, "" before the first */
};

void amqp_shown_init(struct amqp_shown *s);
void amqp_shown_fini(struct amqp_shown *s);
void amqp_shown_away(struct amqp_shown *s, const struct why *why); /* and not connected */
/* Why there is no connection. */
void amqp_shown_why(struct amqp_shown *s, struct why *out);

#endif
