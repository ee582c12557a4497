/*
 * The pipelines to one Redis server: as many as there are callers at once, kept for the next call.
 *
 * One that is lost takes the idle ones of its time with it (the server went away for all of them) and the generation
 * grows. A request over a kept one that the server had hung up on is done once more over a fresh one.
 *
 * Threads  any. No I/O is done with the lock held.
 */
#ifndef META_POOL_H
#define META_POOL_H

#include "meta/pipeline.h"

struct pool;

/* Options are copied; nothing is connected yet. */
struct pool *pool_new(const struct meta_redis_options *options);
void pool_free(struct pool *p);

/* Asks over the pipeline and takes every answer, or loses it. It may be called a second time: it must not add up. */
typedef enum rc pool_request_fn(struct pipeline *l, void *request, struct why *why);

/*
 * Do one request.
 * Errors   what fn answers · RC_PEER no connection. While the server lets connects time out, one caller at a time waits
 *          for it, with a second between; the others fail at once.
 */
CHECKED enum rc pool_run(struct pool *p, pool_request_fn *fn, void *request, struct why *why);

/* As meta_generation(): looks at one idle pipeline on the way. */
uint64_t pool_generation(struct pool *p);

#endif
