#include "base/reach.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Wait for these events of fd. */
static enum rc await(int fd, short events, struct mono deadline, const struct reach_wake *wake, struct why *why)
{
	for (;;) {
		struct pollfd p[2] = { { fd, events, 0 }, { wake->fd, POLLIN, 0 } };
		int64_t ms = mono_ms_between(mono_now(), deadline);
		int ready = poll(p, 2, ms > 0 ? (int)(ms < 60000 ? ms : 60000) : 0);

		if (ready < 0 && errno != EINTR)
			return because(why, RC_PEER, "poll: %s", strerror(errno));
		if (ready > 0 && p[1].revents != 0 && wake->is_to_end(wake->argument))
			return because(why, RC_END, "asked to end");
		if (ready > 0 && p[0].revents != 0)
			return RC_OK;
		if (mono_ms_between(mono_now(), deadline) <= 0)
			return because(why, RC_PEER, "no answer in time");
	}
}

static enum rc finish(int fd, const struct sockaddr *address, socklen_t n, struct mono deadline,
		      const struct reach_wake *wake, struct why *why)
{
	socklen_t size = sizeof(int);
	int error = 0;
	enum rc rc;

	if (connect(fd, address, n) == 0)
		return RC_OK;
	if (errno != EINPROGRESS)
		return because(why, RC_PEER, "%s", strerror(errno));
	rc = await(fd, POLLOUT, deadline, wake, why);
	if (rc != RC_OK)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	return error == 0 ? RC_OK : because(why, RC_PEER, "%s", strerror(error));
}

static enum rc connect_one(int family, const struct sockaddr *address, socklen_t n, struct mono deadline,
			   const struct reach_wake *wake, int *out, struct why *why)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	enum rc rc;

	if (fd < 0)
		return because(why, RC_PEER, "socket: %s", strerror(errno));
	if (family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	rc = finish(fd, address, n, deadline, wake, why);
	if (rc == RC_OK)
		*out = fd;
	else
		close(fd);
	return rc;
}

static enum rc connect_unix(const char *path, struct mono deadline, const struct reach_wake *wake, int *fd,
			    struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return because(why, RC_PEER, "the path is too long for a Unix socket");
	memcpy(address.sun_path, path, strlen(path));
	return connect_one(AF_UNIX, (const struct sockaddr *)&address, sizeof(address), deadline, wake, fd, why);
}

enum rc reach_connect(const char *host, int port, struct mono deadline, const struct reach_wake *wake, int *fd,
		      struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	enum rc rc = RC_PEER;
	char service[16];
	int error;

	if (host[0] == '/')
		return connect_unix(host, deadline, wake, fd, why);
	snprintf(service, sizeof(service), "%d", port);
	error = getaddrinfo(host, service, &hints, &list);
	if (error != 0)
		return because(why, RC_PEER, "%s", error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
	for (const struct addrinfo *a = list; a != NULL && rc == RC_PEER; a = a->ai_next)
		rc = connect_one(a->ai_family, a->ai_addr, a->ai_addrlen, deadline, wake, fd, why);
	freeaddrinfo(list);
	return rc;
}

enum rc reach_read(int fd, void *out, size_t n, struct mono deadline, const struct reach_wake *wake, size_t *got,
		   struct why *why)
{
	for (;;) {
		enum rc rc = await(fd, POLLIN, deadline, wake, why);
		ssize_t some;

		if (rc != RC_OK)
			return rc;
		some = recv(fd, out, n, 0);
		if (some >= 0) {
			*got = (size_t)some;
			return RC_OK;
		}
		if (errno != EINTR && errno != EAGAIN)
			return because(why, RC_PEER, "%s", strerror(errno));
	}
}

enum rc reach_write(int fd, const void *bytes, size_t n, struct mono deadline, const struct reach_wake *wake,
		    struct why *why)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put > 0) {
			p += put;
			n -= (size_t)put;
			continue;
		}
		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return because(why, RC_PEER, "%s", strerror(errno));
		enum rc rc = await(fd, POLLOUT, deadline, wake, why);

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}
