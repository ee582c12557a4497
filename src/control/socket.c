#include "control/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "control/control.h"

enum { BACKLOG = 16, SOCKET_MODE = 0600, FOLDER_MODE = 0755 };

/* Wait for what poll() calls `events`, for the deadline or for stop_fd. */
enum waited { WAITED_READY, WAITED_STOP, WAITED_LATE };

static enum waited wait_for(int fd, int stop_fd, short events, struct mono deadline)
{
	for (;;) {
		struct pollfd p[] = { { fd, events, 0 }, { stop_fd, POLLIN, 0 } };
		int64_t left_ms = mono_ms_between(mono_now(), deadline);
		int n = poll(p, 2, left_ms < 0 ? 0 : (int)left_ms);

		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0 && p[0].revents != 0)
			return WAITED_READY;
		return n > 0 ? WAITED_STOP : WAITED_LATE;
	}
}

/* The folder of the socket, when its own folder exists: /run/numeter is gone after each start of the machine. */
static enum rc make_folder(const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	enum rc rc = RC_OK;
	char *folder;

	if (slash == NULL || slash == path)
		return RC_OK;
	folder = must_strndup(path, (size_t)(slash - path));
	if (mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST)
		rc = because(why, RC_DISK, "make %s: %s", folder, strerror(errno));
	free(folder);
	return rc;
}

/* With the lock held, no daemon of ours is there: what is left of one goes. A socket that another program serves stays. */
static enum rc clear_path(const struct sockaddr_un *address, struct why *why)
{
	struct stat st;
	int fd, error;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? RC_OK : because(why, RC_DISK, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return because(why, RC_REFUSED, "there is a file of that name that is no socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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

static enum rc bind_path(const struct sockaddr_un *address, struct control_socket *s, struct why *why)
{
	struct stat st;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* fchmod() before bind() limits the file from its first moment; chmod() after it undoes the umask. */
	if (s->fd < 0 || fchmod(s->fd, SOCKET_MODE) < 0 ||
	    bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	if (chmod(address->sun_path, SOCKET_MODE) < 0 || lstat(address->sun_path, &st) < 0 ||
	    listen(s->fd, BACKLOG) < 0) {
		(void)because(why, RC_DISK, "%s", strerror(errno));
		unlink(address->sun_path);
		return RC_DISK;
	}
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return RC_OK;
}

enum rc control_socket_open(const char *path, struct control_socket *out, struct why *why)
{
	struct control_socket s = { .fd = -1, .lock_fd = -1 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *lock_path = must_format("%s.lock", path);
	enum rc rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		rc = because(why, RC_REFUSED, "the path is over %zu bytes", sizeof(address.sun_path) - 1);
		goto out;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	rc = make_folder(path, why);
	if (rc != RC_OK)
		goto out;
	rc = fileio_lock(lock_path, &s.lock_fd, why);
	if (rc != RC_OK)
		goto out;
	rc = clear_path(&address, why);
	if (rc != RC_OK)
		goto out;
	rc = bind_path(&address, &s, why);
	if (rc != RC_OK)
		goto out;
	s.path = must_strdup(path);
	*out = s;
	s = (struct control_socket){ .fd = -1, .lock_fd = -1 }; /* handed over */
out:
	control_socket_close(&s);
	free(lock_path);
	if (rc != RC_OK)
		why_prepend(why, "listen on %s", path);
	return rc;
}

void control_socket_deafen(struct control_socket *s)
{
	struct stat st;

	if (s->path != NULL && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
	free(s->path);
	s->path = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void control_socket_close(struct control_socket *s)
{
	control_socket_deafen(s);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	*s = (struct control_socket){ .fd = -1, .lock_fd = -1 };
}

enum rc control_socket_check_peer(int fd, uid_t own, uid_t *uid, pid_t *pid, struct why *why)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	*uid = peer.uid;
	*pid = peer.pid;
	if (peer.uid == 0 || peer.uid == own)
		return RC_OK;
	return because(why, RC_REFUSED, "user %ld may not: only root and the daemon's own user, %ld", (long)peer.uid,
		       (long)own);
}

/* The line break's place in what was read, looked for from byte `from` on; NULL when there is none. */
static const char *find_break(const struct buf *in, size_t from)
{
	return in->n == from ? NULL : memchr(in->at + from, '\n', in->n - from);
}

enum rc control_socket_read(int fd, int stop_fd, struct mono deadline, struct buf *in, struct text *line,
			    struct why *why)
{
	char bytes[4096];

	for (;;) {
		enum waited waited = wait_for(fd, stop_fd, POLLIN, deadline);
		size_t before = in->n;
		const char *end;
		ssize_t n;

		if (waited == WAITED_STOP)
			return RC_END;
		if (waited == WAITED_LATE)
			return because(why, RC_PEER, "the request did not come in time");
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return because(why, RC_PEER, "%s", strerror(errno));
		/* what is too long is read to its end all the same: closed early, the sender would not see the answer */
		buf_add(in, bytes, (size_t)n);
		if (n > 0 && memchr(bytes, '\n', (size_t)n) == NULL)
			continue;
		if (in->full)
			return because(why, RC_REFUSED, "the request is over %zu bytes", in->max);
		if (n == 0 && in->n == 0)
			return RC_END;
		end = find_break(in, before);
		*line = buf_text(in);
		if (end == NULL)
			return RC_OK;
		line->n = (size_t)(end - in->at);
		if (line->n + 1 < in->n)
			return because(why, RC_REFUSED, "expected one line");
		return RC_OK;
	}
}

enum rc control_socket_write(int fd, int stop_fd, struct mono deadline, struct text bytes, struct why *why)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.s, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			bytes.s += n;
			bytes.n -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return because(why, RC_PEER, "%s", strerror(errno));
		if (wait_for(fd, stop_fd, POLLOUT, deadline) != WAITED_READY)
			return because(why, RC_PEER, "the answer is not read");
	}
	return RC_OK;
}
