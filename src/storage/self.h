/*
 * The storage as a host of its own: thread `self` takes its numbers once a step of the finest archive and hands them to
 * ingest like any input does. What cannot be stored just then is left out; it never waits for it.
 * Source: docs/api.md "The storage about itself".
 */
#ifndef STORAGE_SELF_H
#define STORAGE_SELF_H

#include "base/rc.h"

struct daemon;
struct self;

/* Takes points from now on. Errors: RC_REFUSED the name of the host made of storage_name is none. */
CHECKED enum rc self_start(struct daemon *d, struct self **out, struct why *why);
/* Hands over no more. NULL is fine, here and below. */
void self_stop(struct self *s);
/* After ingest_release(), which may have a batch of ours until then. */
void self_free(struct self *s);

#endif
