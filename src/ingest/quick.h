/*
 * The short way: a batch of nothing but data of series that are known, whose hosts the metadata store has been told of, is
 * accepted on the thread that brings it; the store thread need not see it. Private to ingest/.
 */
#ifndef INGEST_QUICK_H
#define INGEST_QUICK_H

#include "ingest/store.h"

/*
 * True: every item waits for the journal at b->position, as after a round. False: nothing was done, the batch goes the long
 * way: something in it is new, refused, old or no data; the engine takes nothing at the moment; or the metadata store has
 * not been asked anything for a second, so that its restart would go unnoticed.
 * Threads  any; borrows s, of which only what is fixed or atomic is used.
 */
bool quick_accept(const struct store *s, struct batch *b, struct mono now);

#endif
