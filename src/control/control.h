/*
 * The control socket: a Unix stream socket on which an administrator's program asks the daemon one thing a connection. The
 * verbs come from a table of the caller's; this folder knows what none of them does.
 *
 * Threads  `control` accepts; each connection has a thread `control-N` of its own, so that a verb that takes long holds up
 *          no other. At most CONTROL_MAX_CONNECTIONS.
 * Source   docs/formats/control.md
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

enum {
	CONTROL_MAX_CONNECTIONS = 16,
	CONTROL_REQUEST_MAX_BYTES = 4 << 20, /* more than any stored info, with its escapes */
	CONTROL_ANSWER_MAX_BYTES = 64 << 20,
};

struct control_verb {
	const char *name;
	/* the members that a request may have beside "verb"; NULL ends the list, NULL alone: none */
	const char *const *argument;
	bool changes; /* something in the daemon: logged at info, the others at debug */
	/*
	 * Append one JSON document to answer, or say why not: then what was appended does not count.
	 * request: the whole object, checked; control_argument_text() reads it.
	 * Threads  several connections at once, the same verb too.
	 */
	enum rc (*run)(void *argument, struct text request, struct buf *answer, struct why *why);
};

struct control_options {
	const char *path;                       /* of the socket; its folder is made when only that is missing */
	const struct control_verb *const *verb; /* borrowed until control_stop() */
	size_t n_verbs;
	void *argument;      /* for every verb */
	uint32_t timeout_ms; /* for a request to come whole, and for an answer to be read; 0: 10 s */
};

/*
 * Read a request, one line, run its verb and append the answer: what control_start() does for each, for who has the verbs
 * in the same process. *found, unless NULL: the verb.
 * Errors   those of the verb · RC_REFUSED, RC_ABSENT a bad request · RC_FULL the answer does not fit
 */
CHECKED enum rc control_run(const struct control_verb *const *verb, size_t n_verbs, void *argument, struct text request,
			    const struct control_verb **found, struct buf *answer, struct why *why);

struct control;

/*
 * Listen and answer. The socket has mode 0600; only root and our own user are answered. Beside it lies "<path>.lock".
 * Errors   RC_REFUSED  another process answers at that path, or a file that is no socket is in the way
 *          RC_DISK     the kernel said no
 */
CHECKED enum rc control_start(const struct control_options *options, struct control **out, struct why *why);
/* Take no more requests, wait for the verbs that run, remove the socket. NULL is fine. */
void control_stop(struct control *c);

#endif
