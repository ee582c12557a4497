/*
 * The thread that empties the spool: reads the oldest messages, hands them to the sink, moves the cursor when they are
 * taken. When the way out is closed it waits, longer each time, and the spool grows.
 */
#ifndef POLLER_SENDER_H
#define POLLER_SENDER_H

#include "poller/sink.h"
#include "poller/spool.h"

struct sender;

/*
 * wake_fd becomes readable when leaving becomes true. host_id spreads the pollers' pauses.
 * Owner    spool, sink and leaving are borrowed until sender_stop()
 */
struct sender *sender_new(struct spool *spool, struct sink *sink, struct text host_id, const atomic_bool *leaving,
			  int wake_fd);
/*
 * Send what is there, without pause, until nothing is left or something fails.
 * Errors   of the sink; RC_DISK the spool cannot be read
 */
CHECKED enum rc sender_drain(struct sender *s, struct why *why);
/* From now on a thread of its own does it. */
void sender_start(struct sender *s);
/*
 * leaving is true and the spool woken: wait for the thread to end, so long at most. False: it hangs in something that
 * cannot be interrupted, and nothing that it uses may be freed. s is gone otherwise. NULL is fine.
 */
bool sender_stop(struct sender *s, int64_t timeout_ms);

uint64_t sender_n_sent(const struct sender *s);

#endif
