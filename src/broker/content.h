/*
 * One received message while its frames come in: the properties we use and a body with a ceiling. And a store of spare
 * ones, so that a steady stream allocates nothing.
 */
#ifndef BROKER_CONTENT_H
#define BROKER_CONTENT_H

#include <amqp.h>

#include "base/buf.h"
#include "base/text.h"

#define CONTENT_PROBE_HEADER "x-numeter-probe"

struct content {
	struct content *next; /* of whoever holds it */
	uint64_t tag;
	bool redelivered;
	struct text content_type, compression, reply_to, correlation_id, probe; /* in kept[]; TEXT_NONE when absent */
	struct buf body;                                                        /* the first BROKER_MAX_BODY_BYTES */
	uint64_t full_bytes;                                                    /* announced length of the body */
	uint64_t seen_bytes;                                                    /* of it, so far */
	size_t n_kept;
	char kept[5 * 256]; /* each text cut to 255 bytes, the longest AMQP has for a property */
};

struct content_store {
	struct content *spare;
	size_t n_spare;
};

void content_store_fini(struct content_store *s);
/* Empty, next NULL; ended by content_give_back(). */
struct content *content_take(struct content_store *s);
/* NULL is fine. Not the messages behind it. */
void content_give_back(struct content_store *s, struct content *m);

/* The content header: what is needed of it is copied. A body of body_bytes follows. */
void content_begin(struct content *m, const amqp_basic_properties_t *properties, uint64_t body_bytes);
/* A piece of the body; true when it is complete. A body longer than announced is true too: the rest is dropped. */
bool content_add(struct content *m, amqp_bytes_t piece);

#endif
