/*
 * The socket itself: made so that a dead daemon's is replaced and a live one's is not stolen; who is at the other end;
 * bytes in and out until a deadline. Private to control/.
 */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/instant.h"
#include "base/rc.h"
#include "base/text.h"

struct control_socket {
	int fd, lock_fd;
	char *path;
	dev_t device; /* of the socket's file: what stands there later may be another's */
	ino_t inode;
};

/* Errors, Owner: as control_start(); *out is ended by control_socket_close(). */
CHECKED enum rc control_socket_open(const char *path, struct control_socket *out, struct why *why);
/* Listen no more: who was not let in yet is sent away. The lock stays until control_socket_close(). */
void control_socket_deafen(struct control_socket *s);
void control_socket_close(struct control_socket *s);

/*
 * Who connected: root and our own user may.
 * Errors   RC_REFUSED  somebody else
 */
CHECKED enum rc control_socket_check_peer(int fd, uid_t own, uid_t *uid, pid_t *pid, struct why *why);

/*
 * Read one line; *line is what stands before the line break, or before the end of what was sent.
 * stop_fd: readable when this must end.
 * Errors   RC_END   nothing was sent, or the daemon stops  RC_REFUSED  over CONTROL_REQUEST_MAX_BYTES, or more behind it
 *          RC_PEER  the deadline has passed, or the connection broke
 */
CHECKED enum rc control_socket_read(int fd, int stop_fd, struct mono deadline, struct buf *in, struct text *line,
				    struct why *why);
/* Errors: RC_PEER the other end does not read, or is gone. Once stop_fd is readable only what fits at once is sent. */
CHECKED enum rc control_socket_write(int fd, int stop_fd, struct mono deadline, struct text bytes, struct why *why);

#endif
