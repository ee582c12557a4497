#include "carbon/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/address.h"

enum { BACKLOG = 511, UDP_KERNEL_BYTES = 8 * 1024 * 1024, TRIES = 16 };

static enum rc open_one(const struct addrinfo *where, int type, int *out, struct why *why)
{
	const int on = 1, receive_bytes = UDP_KERNEL_BYTES;
	int fd = socket(where->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum rc rc = RC_OK;

	if (fd < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	/* Without V6ONLY `[::]` would also take the IPv4 port that another entry of the list may want. */
	if ((where->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    bind(fd, where->ai_addr, where->ai_addrlen) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		rc = because(why, RC_REFUSED, "%s", strerror(errno));
		goto out;
	}
	if (type == SOCK_DGRAM) {
		/* the kernel's limit may be lower; a kernel that cannot count its drops has none counted */
		(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
		(void)!setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	}
	*out = fd;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

static void close_both(struct carbon_socket *s)
{
	if (s->tcp_fd >= 0)
		close(s->tcp_fd);
	if (s->udp_fd >= 0)
		close(s->udp_fd);
	s->tcp_fd = s->udp_fd = -1;
}

/* The port that the kernel chose. */
static int bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);

	must(getsockname(fd, (struct sockaddr *)&address, &n) == 0);
	return ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
						   : ((const struct sockaddr_in *)&address)->sin_port);
}

static void set_port(struct addrinfo *where, int port)
{
	if (where->ai_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)where->ai_addr)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)(void *)where->ai_addr)->sin_port = htons((uint16_t)port);
}

static enum rc open_pair(struct addrinfo *where, int port, struct carbon_socket *out, struct why *why)
{
	enum rc rc = RC_REFUSED;

	/* a port that is free for TCP may be taken for UDP: when any will do, another is tried */
	for (int i = 0; rc == RC_REFUSED && i < (port == 0 ? TRIES : 1); i++) {
		struct carbon_socket s = { -1, -1, port };

		set_port(where, port);
		rc = open_one(where, SOCK_STREAM, &s.tcp_fd, why);
		if (rc == RC_OK) {
			s.port = bound_port(s.tcp_fd);
			set_port(where, s.port);
			rc = open_one(where, SOCK_DGRAM, &s.udp_fd, why);
		}
		if (rc == RC_OK)
			*out = s;
		else
			close_both(&s);
	}
	return rc;
}

static enum rc open_address(struct text t, struct carbon_socket *out, struct why *why)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct address a;
	char *host, port[16];
	enum rc rc;
	int error;

	if (!address_read(t, &a) || !a.has_port)
		return because(why, RC_REFUSED, "listen on \"%.*s\": no address with a port", TEXT_ARG(t));
	host = must_strndup(a.host.s, a.host.n);
	snprintf(port, sizeof(port), "%d", a.port);
	error = getaddrinfo(host, port, &hints, &found);
	if (error != 0)
		rc = because(why, RC_REFUSED, "%s", gai_strerror(error));
	else
		rc = open_pair(found, a.port, out, why);
	if (rc != RC_OK)
		why_prepend(why, "listen on %.*s", TEXT_ARG(t));
	if (found != NULL)
		freeaddrinfo(found);
	free(host);
	return rc;
}

enum rc carbon_sockets_open(const char *addresses, struct carbon_socket **out, size_t *n, struct why *why)
{
	struct carbon_socket *at = NULL;
	size_t n_at = 0, capacity = 0;
	enum rc rc = RC_OK;

	for (const char *p = addresses; rc == RC_OK && p != NULL;) {
		const char *comma = strchr(p, ',');
		struct text one = text_trim((struct text){ p, comma == NULL ? strlen(p) : (size_t)(comma - p) });

		p = comma == NULL ? NULL : comma + 1;
		if (one.n == 0)
			continue;
		array_grow(&at, &capacity, n_at, sizeof(*at));
		rc = open_address(one, &at[n_at], why);
		if (rc == RC_OK)
			n_at++;
	}
	if (rc != RC_OK) {
		carbon_sockets_close(at, n_at);
		return rc;
	}
	*out = at;
	*n = n_at;
	return RC_OK;
}

void carbon_sockets_close(struct carbon_socket *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close_both(&at[i]);
	free(at);
}
