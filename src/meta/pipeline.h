/*
 * One connection to a Redis server: commands go out together, answers are taken one by one, and no silence lasts longer
 * than the time-out. It sends and receives at the same time, so that a long pipeline cannot get stuck with both sides
 * full. Not a pool and not a retry: that is pool.h. Answers are parsed by hiredis; sending is ours, because hiredis
 * 0.14 writes without MSG_NOSIGNAL and cannot read while it writes.
 *
 * Threads  one at a time per pipeline.
 */
#ifndef META_PIPELINE_H
#define META_PIPELINE_H

#include <hiredis/hiredis.h>

#include "base/rc.h"
#include "base/text.h"
#include "meta/meta.h"

struct pipeline;

/*
 * Connect, AUTH when there is a password, SELECT the database. `server` (e.g. "redis 127.0.0.1:6379") stands at the head
 * of every why; options and server are borrowed until pipeline_close(). No why ever holds the password.
 * Errors   RC_PEER
 */
CHECKED enum rc pipeline_open(const struct meta_redis_options *options, const char *server, struct pipeline **out,
			      struct why *why);
void pipeline_close(struct pipeline *l);

/* Add one command to those to be sent; its words may hold any byte. It goes out with the next pipeline_take(). */
void pipeline_add(struct pipeline *l, const struct text *word, size_t n_words);
/* Enough is waiting to be sent for one go: take the answers before adding more. */
bool pipeline_is_filled(const struct pipeline *l);
/* Answers that are due. */
size_t pipeline_n_due(const struct pipeline *l);

/*
 * The next answer, which the caller ends with freeReplyObject(). What the server refuses is an answer too
 * (REDIS_REPLY_ERROR): pipeline_refusal() makes an error of it.
 * Errors   RC_PEER  connection lost, or silent for too long: the pipeline is lost and can only be closed
 */
CHECKED enum rc pipeline_take(struct pipeline *l, redisReply **out, struct why *why);
/* Take and forget every answer that is due; errors leave a lost pipeline. */
void pipeline_skip(struct pipeline *l);

/*
 * The error for an answer that is not what is due: RC_PEER and a why that names server and text. READONLY and NOAUTH lose
 * the pipeline: the name may stand for another server by now.
 */
enum rc pipeline_refusal(struct pipeline *l, const redisReply *reply, struct why *why);

/* No longer usable. */
bool pipeline_is_lost(const struct pipeline *l);
/* Lost because the other side hung up, as a server does that was restarted while the pipeline was idle. */
bool pipeline_was_hung_up(const struct pipeline *l);
/* Look at an idle pipeline, without waiting: still there? Otherwise it is lost from now on. */
bool pipeline_is_alive(struct pipeline *l);

#endif
