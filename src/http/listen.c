#include "http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"

enum { BACKLOG = 511 };

static int new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static enum rc open_tcp(const struct config_listen *where, struct listener *out, struct why *why)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char port[16];
	const int on = 1;
	int fd = -1, error;
	enum rc rc = RC_OK;

	snprintf(port, sizeof(port), "%d", where->port);
	error = getaddrinfo(where->address, port, &hints, &found);
	if (error != 0)
		return because(why, RC_REFUSED, "listen on %s:%d: %s", where->address, where->port,
			       gai_strerror(error));
	fd = new_socket(found->ai_family);
	if (fd < 0) {
		rc = because(why, RC_DISK, "listen on %s:%d: %s", where->address, where->port, strerror(errno));
		goto out;
	}
	/* Without V6ONLY `[::]` would also take the IPv4 port that another entry of the list may want. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (found->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		rc = because(why, RC_REFUSED, "listen on %s:%d: %s", where->address, where->port, strerror(errno));
		goto out;
	}
	*out = (struct listener){ .fd = fd };
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	freeaddrinfo(found);
	return rc;
}

/* What lies at the path goes when it is a socket that nobody answers at. */
static enum rc clear_path(const struct sockaddr_un *address, struct why *why)
{
	struct stat st;
	int fd, error;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? RC_OK : because(why, RC_DISK, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return because(why, RC_REFUSED, "there is a file of that name that is no socket");
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	if (error != ECONNREFUSED)
		return because(why, RC_REFUSED, "another program listens there");
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return because(why, RC_DISK, "remove the old socket: %s", strerror(errno));
	return RC_OK;
}

static enum rc open_unix(const char *path, unsigned mode, struct listener *out, struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd = -1;
	enum rc rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return because(why, RC_REFUSED, "listen on unix:%s: the path is over %zu bytes", path,
			       sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	rc = clear_path(&address, why);
	if (rc != RC_OK)
		goto out;
	fd = new_socket(AF_UNIX);
	/* fchmod() before bind() limits the file from its first moment; chmod() after it undoes the umask. */
	if (fd < 0 || fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = because(why, RC_REFUSED, "%s", strerror(errno));
		goto out;
	}
	if (chmod(path, mode) < 0 || lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
		rc = because(why, RC_DISK, "%s", strerror(errno));
		unlink(path);
		goto out;
	}
	*out = (struct listener){ fd, must_strdup(path), st.st_dev, st.st_ino };
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	if (rc != RC_OK)
		why_prepend(why, "listen on unix:%s", path);
	return rc;
}

enum rc listener_open(const struct config_listen *where, unsigned socket_mode, struct listener *out, struct why *why)
{
	if (where->unix_path != NULL)
		return open_unix(where->unix_path, socket_mode, out, why);
	return open_tcp(where, out, why);
}

void listener_close(struct listener *l)
{
	struct stat st;

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->unix_path == NULL)
		return;
	if (lstat(l->unix_path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->unix_path);
	free(l->unix_path);
	l->unix_path = NULL;
}
