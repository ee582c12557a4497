/*
 * The other end of the control socket: ask one thing, wait for the answer.
 */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

/*
 * Send a request, one line without its line break, and append the answer, without its line break, to answer.
 * timeout_ms: for the whole answer; 0: as long as it takes. It is JSON, checked; an {"error": …} comes back as it is.
 * Errors   RC_ABSENT  nobody listens at that path  RC_REFUSED  no permission, or no socket
 *          RC_PEER    the connection ended without a whole answer, or the time was over
 *          RC_DAMAGED the answer is not JSON  RC_FULL  it does not fit into answer
 */
CHECKED enum rc control_ask(const char *path, struct text request, unsigned timeout_ms, struct buf *answer,
			    struct why *why);

#endif
