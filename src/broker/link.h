/*
 * One AMQP connection and the frames on it: methods out, replies awaited, contents put together, everything else handed
 * to its owner as an event. A channel may die without hurting the others.
 *
 * All frames pass through here: librabbitmq's own waiting queues frames of other channels and its queue loses some
 * (amqp_simple_wait_frame_on_channel() drops what lies before the one it takes out).
 */
#ifndef BROKER_LINK_H
#define BROKER_LINK_H

#include <amqp.h>
#include <amqp_framing.h>

#include "broker/broker.h"
#include "broker/message.h"

enum { LINK_CHANNELS = 4, LINK_CALL_TIMEOUT_MS = 10000 }; /* channels 1 to LINK_CHANNELS - 1 */

enum link_event_kind {
	LINK_DELIVERY,       /* message */
	LINK_RETURN,         /* message is what came back; code, text */
	LINK_CANCEL,         /* the broker ended the consumer of this channel */
	LINK_CHANNEL_CLOSED, /* by the broker; code, text */
	LINK_BLOCKED,        /* the broker is short of something and reads no more from us; text */
	LINK_UNBLOCKED,
};

struct link_event {
	enum link_event_kind kind;
	amqp_channel_t channel;
	struct message *taken_message; /* the handler gives it back some time, or is NULL */
	uint16_t code;
	struct text text; /* borrowed for the call */
};

/* May send on the link, but not read from it. */
typedef void (*link_event_fn)(void *owner, const struct link_event *event);

struct link_channel {
	bool open;
	struct message *incoming; /* content being read, or NULL */
	bool incoming_begun;      /* its header was there */
	struct link_event event;  /* what becomes of it then */
	char text[256];           /* event's */
};

struct link {
	amqp_connection_state_t amqp; /* NULL: closed */
	struct message_store *store;  /* borrowed */
	link_event_fn on_event;
	void *owner;
	struct link_channel channel[LINK_CHANNELS];
	/* what link_await() waits for */
	amqp_channel_t awaited_channel;
	amqp_method_number_t awaited_method;
	size_t n_awaited;
	bool refused;          /* the awaited channel was closed instead */
	uint16_t refused_code; /* 404, 406, …: of the last RC_REFUSED */
	struct why refused_why;
};

void link_init(struct link *l, struct message_store *store, link_event_fn on_event, void *owner);
/* Errors: RC_PEER, as dial(). */
CHECKED enum rc link_open(struct link *l, const struct broker_options *options, const struct broker_server *server,
			  int64_t timeout_ms, const char *purpose, struct why *why);
/* At once. Closed already is fine. */
void link_close(struct link *l);
/* With a word to the broker, waiting for its answer a second at most. */
void link_say_goodbye(struct link *l);

/*
 * Errors of all below: RC_PEER the connection is gone and closed here.
 *
 * Open a channel unless it is.
 */
CHECKED enum rc link_channel_open(struct link *l, amqp_channel_t channel, struct why *why);
CHECKED enum rc link_send(struct link *l, amqp_channel_t channel, amqp_method_number_t method, void *fields,
			  struct why *why);
CHECKED enum rc link_publish(struct link *l, amqp_channel_t channel, const amqp_basic_publish_t *fields,
			     const amqp_basic_properties_t *properties, struct text body, struct why *why);
/*
 * Wait for n replies of this kind on this channel; what else comes meanwhile goes to the owner.
 * Errors   RC_REFUSED the broker closed the channel instead: why has its text, l->refused_code its number
 */
CHECKED enum rc link_await(struct link *l, amqp_channel_t channel, amqp_method_number_t reply, size_t n,
			   struct why *why);
/* link_send() and link_await() of one reply. */
CHECKED enum rc link_call(struct link *l, amqp_channel_t channel, amqp_method_number_t method, void *fields,
			  amqp_method_number_t reply, struct why *why);
/* Take one frame that is already here. Errors: RC_END there is none. Sends a heartbeat when one is due. */
CHECKED enum rc link_read(struct link *l, struct why *why);
/* For when nothing can be read for long: a heartbeat now. */
CHECKED enum rc link_heartbeat(struct link *l, struct why *why);

static inline amqp_bytes_t bytes_of_text(struct text t)
{
	union {
		const void *from;
		void *to;
	} p = { .from = t.s }; /* librabbitmq reads only */

	return (amqp_bytes_t){ .len = t.n, .bytes = p.to };
}

#endif
