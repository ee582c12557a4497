/*
 * Messages between their delivery and their acknowledgement: gathered into loads, handed to ingest, acknowledged when
 * safe, tried again when not. Several loads are in ingest at once, since a journal makes them safe by the group; all of
 * them end in the order in which their messages came. Private to the RabbitMQ input; its thread alone calls this.
 *
 * An older message never takes a newer one's place: while some wait for another try, nothing new overtakes them, and what
 * had overtaken them when they failed counts (an info of the same plugin, a value of the same second).
 */
#ifndef STORAGE_AMQP_LOADS_H
#define STORAGE_AMQP_LOADS_H

#include <stdatomic.h>

#include "broker/broker.h"
#include "ingest/ingest.h"

struct load;

struct loads {
	struct ingest *ingest; /* borrowed */
	struct broker *broker; /* borrowed */
	int wake_fd;           /* an eventfd, borrowed: written when a load is done */
	atomic_uint n_waking;  /* calls of done on their way */
	struct load *filling;
	struct load *first, *last; /* in ingest */
	struct load *waiting;      /* with failed items, the oldest first */
	struct load *spare;
	size_t n_spare, held_bytes; /* held: of all but spare */
	struct mono due;            /* when the waiting ones are tried again at the latest */
	int64_t retry_ms;
	uint64_t ack_tag; /* to be acknowledged with all before it, and how many these are; 0: none */
	size_t n_ack;
	uint64_t open_epoch; /* of n_open: */
	size_t n_open;       /* taken in this epoch and not acknowledged yet */
};

void loads_init(struct loads *s, struct ingest *ingest, struct broker *broker, int wake_fd);
/* Nothing may be in ingest any more. */
void loads_fini(struct loads *s);

/* Whether one more message may be taken: the load being filled and all of them together have their limits. */
bool loads_have_room(const struct loads *s);
/* Take a delivery: its bytes are copied. */
void loads_add(struct loads *s, const struct broker_delivery *d);
/* Hand over what was added, with or behind what failed before. Without news the failed ones wait until they are due. */
void loads_hand_over(struct loads *s, struct mono now);
/* Acknowledge and answer what is done by now. Errors: RC_PEER, as broker_ack() */
CHECKED enum rc loads_settle(struct loads *s, struct why *why);
/* Forget loads of a dead connection: the broker sends their messages again. What is in ingest stays until it is done. */
void loads_drop_dead(struct loads *s);
bool loads_in_ingest(const struct loads *s);

#endif
