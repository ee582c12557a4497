/*
 * Connecting to a server, and reading and writing what it says, never longer than until a deadline and never deaf to
 * what the process is told meanwhile.
 */
#ifndef BASE_REACH_H
#define BASE_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/instant.h"
#include "base/rc.h"

/* What may end a wait early: when fd is readable, is_to_end() is asked. fd -1: nothing. */
struct reach_wake {
	int fd;
	bool (*is_to_end)(void *argument);
	void *argument;
};

/*
 * A non-blocking, close-on-exec socket that is connected. host: a name, an address or the absolute path of a Unix socket.
 * Errors of all below   RC_PEER refused, unreachable, gone, or not by the deadline: why says which
 *                       RC_END  is_to_end() said so
 * Looking up a name may take longer than the deadline; an address takes none of it.
 */
CHECKED enum rc reach_connect(const char *host, int port, struct mono deadline, const struct reach_wake *wake, int *fd,
			      struct why *why);
/* At least one byte, *got says how many; 0 when the peer has closed. */
CHECKED enum rc reach_read(int fd, void *out, size_t n, struct mono deadline, const struct reach_wake *wake,
			   size_t *got, struct why *why);
/* All of it. */
CHECKED enum rc reach_write(int fd, const void *bytes, size_t n, struct mono deadline, const struct reach_wake *wake,
			    struct why *why);

#endif
