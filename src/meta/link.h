/*
 * One connection to a Redis server: commands go out together, answers are taken one by one, and no silence lasts longer
 * than the time-out. It sends and receives at the same time, so that a long pipeline cannot get stuck with both sides
 * full. Not a pool and not a retry: that is meta_redis. Answers are parsed by hiredis; sending is ours, because hiredis
 * 0.14 writes without MSG_NOSIGNAL and cannot read while it writes.
 *
 * Threads  one at a time per link.
 */
#ifndef META_LINK_H
#define META_LINK_H

#include <hiredis/hiredis.h>

#include "base/rc.h"
#include "base/text.h"
#include "meta/meta.h"

struct link;

/*
 * Connect, AUTH when there is a password, SELECT the database. `server` (e.g. "redis 127.0.0.1:6379") stands at the head
 * of every why; options and server are borrowed until link_close(). No why ever holds the password.
 * Errors   RC_PEER
 */
CHECKED enum rc link_open(const struct meta_redis_options *options, const char *server, struct link **out,
			  struct why *why);
void link_close(struct link *l);

/* Add one command to those to be sent; its words may hold any byte. It goes out with the next link_take(). */
void link_add(struct link *l, const struct text *word, size_t n_words);
/* Enough is waiting to be sent for one go: take the answers before adding more. */
bool link_is_filled(const struct link *l);
/* Answers that are due. */
size_t link_n_due(const struct link *l);

/*
 * The next answer, which the caller ends with freeReplyObject(). What the server refuses is an answer too
 * (REDIS_REPLY_ERROR): link_refusal() makes an error of it.
 * Errors   RC_PEER  connection lost, or silent for too long: the link is lost and can only be closed
 */
CHECKED enum rc link_take(struct link *l, redisReply **out, struct why *why);
/* Take and forget every answer that is due; errors leave a lost link. */
void link_skip(struct link *l);

/*
 * The error for an answer that is not what is due: RC_PEER and a why that names server and text. READONLY and NOAUTH lose
 * the link: the name may stand for another server by now.
 */
enum rc link_refusal(struct link *l, const redisReply *reply, struct why *why);

/* No longer usable. */
bool link_is_lost(const struct link *l);
/* Lost because the other side hung up, as a server does that was restarted while the link was idle. */
bool link_was_hung_up(const struct link *l);
/* Look at an idle link, without waiting: still there? Otherwise it is lost from now on. */
bool link_is_alive(struct link *l);

#endif
