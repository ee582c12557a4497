/*
 * The contract of a way out: RabbitMQ, a storage's HTTP ingest, a file. One thread drives one sink.
 */
#ifndef POLLER_SINK_H
#define POLLER_SINK_H

#include <stdatomic.h>

#include "base/reach.h"
#include "config/poller_config.h"
#include "poller/parcel.h"

enum { SINK_MAX_BATCH = 200 };

struct sink;
struct sink_class {
	const char *name;
	/*
	 * Send messages in this order. *n_done of them, from the front, are done with when it returns, whatever it
	 * returns: taken, or given up with a line in the log.
	 * Errors   RC_PEER, RC_ABSENT, RC_REFUSED, RC_DISK not now: try the rest again after a pause · RC_END leaving
	 */
	enum rc (*send)(struct sink *self, const struct parcel *parcel, size_t n, size_t *n_done, struct why *why);
	/* Nothing is to be sent; called every few seconds. NULL: nothing to do. */
	void (*tend)(struct sink *self);
	void (*free)(struct sink *self);
};

struct sink {
	const struct sink_class *class;
	_Atomic uint64_t n_refused; /* messages that were not taken and are not sent again */
};

/* Owner: c and leaving are borrowed until sink_free(). wake_fd becomes readable when leaving becomes true. */
struct sink *sink_amqp_new(const struct poller_config *c, const atomic_bool *leaving);
struct sink *sink_http_new(const struct poller_config *c, const atomic_bool *leaving, int wake_fd);
struct sink *sink_file_new(const struct poller_config *c);

static inline void sink_free(struct sink *s)
{
	if (s != NULL)
		s->class->free(s);
}

#endif
