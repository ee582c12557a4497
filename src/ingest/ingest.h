/*
 * Messages in, "may be acknowledged" out: one thread (`store`) that writes points to the values engine, infos to the
 * metadata store and what cannot be used to the rejected files, many messages in one round. Inputs decode in their own
 * thread, hand over a batch and are told when each message is safe.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "base/arena.h"
#include "base/lock.h"
#include "meta/meta.h"
#include "model/schema.h"
#include "values/values.h"
#include "wire/message.h"

enum input { INPUT_AMQP, INPUT_HTTP, INPUT_CARBON };

/* What became of a message. */
enum fate {
	FATE_WAITING,  /* not tried yet */
	FATE_STORED,   /* all of it, or what could be used of it: may be acknowledged */
	FATE_REJECTED, /* kept aside whole: may be acknowledged */
	FATE_FAILED,   /* disk or metadata store away: hand the same item over again */
};

struct item {
	bool decoded; /* else refusal says why not */
	enum fate fate;
	struct message message;
	struct refusal refusal;
	struct text original; /* the bytes as they came, for the rejected file */
	uint64_t tag;         /* the input's own */
};

/* Owned by the input between rounds, by ingest between ingest_submit() and done. */
struct batch {
	enum input input;
	struct arena arena; /* holds every text of the items */
	struct item *item;
	size_t n, capacity;
	int64_t accepted_s; /* wall clock when taken */
	struct why why;     /* of the first FATE_FAILED */
	/* called on the store thread when every item has a fate other than FATE_WAITING; must not block */
	void (*done)(struct batch *b, void *argument);
	void *argument;
	struct batch *next; /* in ingest's queue */
};

struct batch *batch_new(enum input input);
void batch_free(struct batch *b);
/* Forget the items, keep the memory. */
void batch_reset(struct batch *b);
/* Copy the body into the batch, decode it and add it; returns the item (borrowed until the next add). */
struct item *batch_add_amqp(struct batch *b, struct text body, struct text content_type, struct text compression,
			    uint64_t tag);
struct item *batch_add_http(struct batch *b, struct text document);

struct ingest_options {
	struct meta *meta;
	struct values *values;
	const struct schema *schema;
	const char *wsp_path;
	unsigned md5_digits;
	int64_t max_future_s;
	const char *rejected_path;
	uint64_t rejected_max_bytes;
};

struct ingest;

/* Owner: options' pointers are borrowed until ingest_close(). Errors: RC_DISK rejected_path cannot be made. */
CHECKED enum rc ingest_open(const struct ingest_options *options, struct ingest **out, struct why *why);
/* Stop the thread after the batches handed over so far have been tried once. */
void ingest_close(struct ingest *in);

/* Hand over a batch: every item that is FATE_WAITING or FATE_FAILED is tried. Threads: any. */
void ingest_submit(struct ingest *in, struct batch *b);

#endif
