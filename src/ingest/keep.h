/*
 * Points that no file can take, as a batch that is only to be kept aside, and the wait for it. Private to ingest/.
 */
#ifndef INGEST_KEEP_H
#define INGEST_KEEP_H

#include "ingest/ingest.h"

struct keep {
	struct batch *batch;
	struct lock lock;
	struct signal signal;
	bool done; /* under lock */
};

/* points are borrowed until keep_fini(). */
void keep_init(struct keep *k, const struct values_batch *points);
/* Errors: RC_DISK: not kept. */
CHECKED enum rc keep_wait(struct keep *k, struct why *why);
void keep_fini(struct keep *k);

#endif
