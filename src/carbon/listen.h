/*
 * The sockets of `carbon_listen`: for each address one for TCP and one for UDP. Private to carbon/.
 */
#ifndef CARBON_LISTEN_H
#define CARBON_LISTEN_H

#include <stddef.h>

#include "base/rc.h"

struct carbon_socket {
	int tcp_fd, udp_fd; /* not blocking */
	int port;
};

/*
 * Open all of "ADDRESS:PORT, [V6]:PORT" (as the configuration has checked it; port 0: any free one).
 * Errors   RC_REFUSED an address is in use or not ours: why names it · RC_DISK no more sockets
 * Owner    *out (heap) is ended by carbon_sockets_close().
 */
CHECKED enum rc carbon_sockets_open(const char *addresses, struct carbon_socket **out, size_t *n, struct why *why);
void carbon_sockets_close(struct carbon_socket *at, size_t n);

#endif
