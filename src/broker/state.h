/*
 * What broker.c and tend.c share: the state of one struct broker. Nobody else includes this.
 */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/session.h"

enum { FEED_CONSUME = 1, FEED_DECLARE = 2, FEED_COUNT = 3, POST_PROBE = 1, POST_ANSWER = 2 }; /* channels */
enum { MAX_NOTES = 16, POST_TIMEOUT_MS = 3000, POST_PAUSE_MS = 5000 };

struct broker {
	struct broker_options options; /* owned */
	size_t server;                 /* index of the current or last tried */
	char server_name[300];
	struct content_store store;

	struct session feed; /* consumes and binds */
	struct session post; /* publishes */
	bool post_blocked, post_noted, drop_noted;
	struct mono post_retry_at;

	/* Read but not handed out, oldest first; then the one handed out. */
	struct content *first, *last;
	size_t waiting_bytes, n_waiting;
	struct content *handed_out;
	bool has_read; /* since broker_receive() last said RC_END */

	/* A tag of the caller is tag_base + the broker's. What is not above tag_base belongs to a channel that is gone. */
	uint64_t tag_base, last_tag, acked_tag, epoch;

	bool consuming;
	bool declare_wanted; /* by an event, broker_rebind() or time */
	bool unbind_wanted;  /* the keys are new */
	bool binding;        /* n_bound of keys->n_bind are done */
	bool unbinding;      /* n_unbound of keys->n_unbind are done */
	bool declared_again; /* and not all of it bound yet */
	bool tell_when_done;
	unsigned n_refused; /* in a row */
	size_t n_bound, n_unbound;
	struct mono declared_at;
	struct why as_found; /* of the queue, when noted last */

	uint64_t probe_id, probe_sent, probe_seen; /* numbers; of this struct broker */
	bool heard_since_probe;                    /* any delivery */
	struct mono probe_at, probed_at, heartbeat_at, silence_ends;
	bool silence_noted;

	int64_t queue_depth; /* -1: not known */
	struct mono count_at;

	struct broker_note note[MAX_NOTES];
	size_t n_notes;
};

void broker_add_note(struct broker *b, bool warning, const char *format, ...) PRINTF_LIKE(3, 4);
/* The feed is gone or to be ended: forget what hung on it. why gets the server's name in front. Returns RC_PEER. */
enum rc broker_lost(struct broker *b, struct why *why);
/*
 * Open the post unless it is, and hear what it says. Errors: RC_PEER; RC_END a message sent now might wait for the broker
 * as long as its alarm lasts.
 */
CHECKED enum rc broker_ready_post(struct broker *b, struct mono now, struct why *why);
/* Publishing failed: pause before the next try, a note the first time. */
void broker_post_lost(struct broker *b, struct mono now, const struct why *why);

/* Declare exchange and queue; binding starts at its first key, and unbinding if wanted. Errors: RC_REFUSED, RC_PEER. */
CHECKED enum rc broker_declare(struct broker *b, const struct broker_keys *keys, struct why *why);
/* At most n further keys; b->binding is false when all are done. */
CHECKED enum rc broker_bind_some(struct broker *b, const struct broker_keys *keys, size_t n, struct why *why);
/* The same for keys to unbind and b->unbinding, piece by piece until some 0.2 s after start. */
CHECKED enum rc broker_unbind_some(struct broker *b, const struct broker_keys *keys, struct mono start,
				   struct why *why);
/* Unless we do. */
CHECKED enum rc broker_consume(struct broker *b, struct why *why);

#endif
