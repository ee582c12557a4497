/*
 * Messages in, "may be acknowledged" out: one thread (`store`) that hands points to the engine, infos to the metadata
 * store and what cannot be used to the rejected files, many messages in one round. Inputs decode in their own thread, hand
 * over a batch and are told when each message is safe: its points journalled and synced, its info accepted by the metadata
 * store, or its bytes kept aside.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "base/arena.h"
#include "base/lock.h"
#include "engine/engine.h"
#include "ingest/heard.h"
#include "ingest/quota.h"
#include "meta/gone.h"
#include "meta/meta.h"
#include "model/schema.h"
#include "wire/message.h"

enum input {
	INPUT_AMQP,
	INPUT_HTTP,
	INPUT_CARBON,
	INPUT_SELF,    /* the storage about itself */
	INPUT_JOURNAL, /* points accepted before, which no file can take: only to be kept aside */
	INPUT_COUNT,
};

/* What became of a message. */
enum fate {
	FATE_WAITING,  /* not tried yet */
	FATE_STORED,   /* all of it, or what could be used of it: may be acknowledged */
	FATE_REJECTED, /* kept aside whole: may be acknowledged */
	FATE_FAILED,   /* disk or metadata store away: hand the same item over again */
};

struct item {
	bool decoded; /* else refusal says why not */
	bool waits;   /* ingest's: stored when the journal has synced it */
	enum fate fate;
	uint64_t tag; /* the input's own */
	struct message message;
	struct text original; /* the bytes as they came, for the rejected file */
	struct refusal refusal;
};

/* Owned by the input between rounds, by ingest between ingest_submit() and done. */
struct batch {
	enum input input;
	struct arena arena; /* holds every text of the items */
	struct item *item;
	size_t n, capacity;
	int64_t accepted_s; /* wall clock when taken */
	struct why why;     /* of the first FATE_FAILED */
	uint64_t position;  /* ingest's: the journal's, of the items that wait */
	bool all_wait;      /* ingest's: every item does, and none says so itself */
	bool all_stored;    /* at the first try, and none is a call: nobody need look at each */
	/* called on the store or journal thread when every item has a fate other than FATE_WAITING; must not block */
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
/* An item for the caller to fill: decoded and message, or refusal; original. */
struct item *batch_add_none(struct batch *b);

struct ingest_options {
	struct meta *meta;
	struct gone *gone; /* who sends again is taken out of it; NULL: nothing is ever gone */
	struct engine *engine;
	const struct schema *schema;
	const char *wsp_path;
	unsigned md5_digits;
	int64_t max_future_s;
	const char *rejected_path;
	uint64_t rejected_max_bytes;
	struct quota_limits quota;
};

struct ingest;

/* Owner: options' pointers are borrowed until ingest_close(). Errors: RC_DISK rejected_path cannot be made. */
/* Before engine_start(): it listens to the journal. What is submitted waits for ingest_start(). */
CHECKED enum rc ingest_open(const struct ingest_options *options, struct ingest **out, struct why *why);
/* The engine takes points now: start the thread. */
void ingest_start(struct ingest *in);
/*
 * Go on by other options: schema (borrowed until ingest_close(), as is every one before it), max_future_s, rejected_max_bytes
 * and quota; the others are not looked at. Threads: any, one at a time.
 */
void ingest_change(struct ingest *in, const struct ingest_options *options);
/* The limits for series, and whether they were met. Threads: any, until ingest_close(). */
void ingest_quota(struct ingest *in, struct quota_state *out);
/* Stop the thread after the batches handed over so far have been tried once and the journal has spoken about them. */
void ingest_close(struct ingest *in);
/* After engine_close(), whose journal may speak until then. */
void ingest_release(struct ingest *in);

/*
 * Keep points aside that were accepted and turned out to be impossible to store, with the batch's reason and why. Returns
 * when they are kept durably. Errors: RC_DISK; RC_PEER before ingest_start(): try again. Threads: any but store and
 * journal.
 */
CHECKED enum rc ingest_keep_points(struct ingest *in, const struct values_batch *points, struct why *why);

/*
 * Hand over a batch: every item that is FATE_WAITING or FATE_FAILED is tried. done is never called by this
 * function itself. Threads: any.
 */
void ingest_submit(struct ingest *in, struct batch *b);

struct ingest_stats {
	size_t n_hosts;          /* known: all of the metadata store once a message went to the store thread */
	uint64_t rejected_bytes; /* of what is kept aside */
};
void ingest_stats(struct ingest *in, struct ingest_stats *out); /* Threads: any. */

/*
 * The mark (registry_mark()) of a source whose host and info the metadata store has been told of: points of others must come
 * by ingest_submit(). Threads: any.
 */
uint32_t ingest_mark(struct ingest *in);
/* Grows with each ingest_forget(): then a source's mark is to be asked for again by who keeps it. Threads: any. */
uint32_t ingest_n_forgets(struct ingest *in);

/*
 * Somebody else has changed what the metadata store has of a host: its next message goes the long way, and what is not
 * there is written again.
 */
struct ingest_forget {
	struct text host;
	bool all;           /* its folder and its infos, too: it comes back as a new one */
	struct text heir;   /* s not NULL: the host that has that folder now, */
	struct text folder; /* which is called this now, relative to wsp_path */
};

/*
 * Returns when it is done, between two rounds of the store thread.
 * Errors   RC_PEER not before ingest_start(), nor behind ingest_close()
 * Threads  any but store and journal.
 */
CHECKED enum rc ingest_forget(struct ingest *in, const struct ingest_forget *what, struct why *why);

/* When infos last came. */
struct heard *ingest_heard(struct ingest *in);

#endif
