/*
 * One AMQP connection and the frames on it: methods out, replies awaited, contents put together, everything else handed
 * to its owner as an event. A channel may die without hurting the others.
 *
 * All frames pass through here: librabbitmq's own waiting queues frames of other channels and its queue loses some
 * (amqp_simple_wait_frame_on_channel() drops what lies before the one it takes out).
 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include <amqp.h>
#include <amqp_framing.h>

#include "broker/broker.h"
#include "broker/content.h"

enum { SESSION_CHANNELS = 4, SESSION_CALL_TIMEOUT_MS = 10000 }; /* channels 1 to SESSION_CHANNELS - 1 */

enum session_event_kind {
	SESSION_DELIVERY,       /* content */
	SESSION_RETURN,         /* content is what came back; code, text */
	SESSION_CANCEL,         /* the broker ended the consumer of this channel */
	SESSION_CHANNEL_CLOSED, /* by the broker; code, text */
	SESSION_BLOCKED,        /* the broker is short of something and reads no more from us; text */
	SESSION_UNBLOCKED,
	SESSION_COUNT,   /* queue.declare-ok nobody waits for: n messages that are ready */
	SESSION_CONFIRM, /* of what we published: tag, multiple; refused when the broker could not take it */
};

struct session_event {
	enum session_event_kind kind;
	amqp_channel_t channel;
	struct content *taken_content; /* the handler gives it back some time, or is NULL */
	uint16_t code;
	struct text text; /* borrowed for the call */
	uint64_t tag, n;
	bool multiple, refused;
};

/* May send on the session, but not read from it. */
typedef void (*session_event_fn)(void *owner, const struct session_event *event);

struct session_channel {
	bool open;
	struct content *incoming;   /* content being read, or NULL */
	bool incoming_begun;        /* its header was there */
	struct session_event event; /* what becomes of it then */
	char text[256];             /* event's */
};

struct session {
	amqp_connection_state_t amqp; /* NULL: closed */
	struct content_store *store;  /* borrowed */
	session_event_fn on_event;
	void *owner;
	struct session_channel channel[SESSION_CHANNELS];
	/* what session_await() waits for */
	amqp_channel_t awaited_channel;
	amqp_method_number_t awaited_method;
	size_t n_awaited;
	bool refused;          /* the awaited channel was closed instead */
	uint16_t refused_code; /* 404, 406, …: of the last RC_REFUSED */
	struct why refused_why;
};

void session_init(struct session *s, struct content_store *store, session_event_fn on_event, void *owner);
/* Errors: RC_PEER, as dial(). */
CHECKED enum rc session_open(struct session *s, const struct broker_options *options,
			     const struct broker_server *server, int64_t timeout_ms, const char *purpose,
			     struct why *why);
/* At once. Closed already is fine. */
void session_close(struct session *s);
/* With a word to the broker, waiting for its answer a second at most. */
void session_say_goodbye(struct session *s);

/*
 * Errors of all below: RC_PEER the connection is gone and closed here.
 *
 * Open a channel unless it is.
 */
CHECKED enum rc session_channel_open(struct session *s, amqp_channel_t channel, struct why *why);
CHECKED enum rc session_send(struct session *s, amqp_channel_t channel, amqp_method_number_t method, void *fields,
			     struct why *why);
CHECKED enum rc session_publish(struct session *s, amqp_channel_t channel, const amqp_basic_publish_t *fields,
				const amqp_basic_properties_t *properties, struct text body, struct why *why);
/*
 * Wait for n replies of this kind on this channel; what else comes meanwhile goes to the owner.
 * Errors   RC_REFUSED the broker closed the channel instead: why has its text, s->refused_code its number
 */
CHECKED enum rc session_await(struct session *s, amqp_channel_t channel, amqp_method_number_t reply, size_t n,
			      struct why *why);
/* session_send() and session_await() of one reply. */
CHECKED enum rc session_call(struct session *s, amqp_channel_t channel, amqp_method_number_t method, void *fields,
			     amqp_method_number_t reply, struct why *why);
/* Take one frame that is here within this time. Errors: RC_END there is none. */
CHECKED enum rc session_read_within(struct session *s, int64_t timeout_ms, struct why *why);
/* Take one frame that is already here. Errors: RC_END there is none. Sends a heartbeat when one is due. */
CHECKED enum rc session_read(struct session *s, struct why *why);
/* Whether session_read() has something to work on without reading from the network. */
bool session_has_read(const struct session *s);
/* For when nothing can be read for long: a heartbeat now. */
CHECKED enum rc session_heartbeat(struct session *s, struct why *why);

static inline amqp_bytes_t bytes_of_text(struct text t)
{
	union {
		const void *from;
		void *to;
	} p = { .from = t.s }; /* librabbitmq reads only */

	return (amqp_bytes_t){ .len = t.n, .bytes = p.to };
}

#endif
