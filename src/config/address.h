/*
 * Where something listens or is reached: a name or address and a port, as text.
 */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "base/buf.h"

struct address {
	struct text host; /* borrowed from what was read; v6 without brackets */
	int port;         /* 0: none given, or 0 */
	bool has_port;
};

/* HOST, HOST:PORT, V6, [V6] or [V6]:PORT; false for anything else. Ports 0 to 65535. */
bool address_read(struct text t, struct address *out);
/* As address_read() takes it. */
void address_print(const char *host, int port, bool with_port, struct buf *out);

/* Letters, digits, `.`, `-` and `_`, 253 bytes at most: a host name or a v4 address. */
bool address_is_name(struct text t);
/* A v6 address without brackets, with or without a zone as in fe80::1%eth0. */
bool address_is_v6(struct text t);
/* An absolute path that fits a Unix socket's address. */
bool address_is_unix_path(struct text t);

#endif
