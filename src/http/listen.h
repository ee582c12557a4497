/*
 * Sockets to listen on: TCP over IPv4 and IPv6, and Unix sockets with a mode.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <sys/types.h>

#include "config/config.h"

struct listener {
	int fd;          /* -1: none */
	char *unix_path; /* NULL for TCP */
	dev_t device;    /* of the socket file, to remove only our own */
	ino_t inode;
};

/*
 * Open one, not blocking, listening. A socket file that nobody answers at is replaced; a live one, or a file of
 * another kind, is refused.
 * Errors   RC_REFUSED the address is in use, not ours, or cannot be read; why names it · RC_DISK
 * Owner    *out is ended by listener_close(), which also removes our socket file.
 */
CHECKED enum rc listener_open(const struct config_listen *where, unsigned socket_mode, struct listener *out,
			      struct why *why);
void listener_close(struct listener *l);

#endif
