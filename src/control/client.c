#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/instant.h"
#include "wire/json.h"

static enum rc dial(const char *path, int *out, struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return because(why, RC_REFUSED, "the path is over %zu bytes", sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		*out = fd;
		return RC_OK;
	}
	error = errno;
	close(fd);
	return because(why, error == ENOENT || error == ECONNREFUSED || error == ENOTDIR ? RC_ABSENT : RC_REFUSED, "%s",
		       strerror(error));
}

/* One that is sent away at once may have closed before all is sent: then its answer says why. */
static void send_line(int fd, struct text request)
{
	struct iovec part[] = { { (void *)(uintptr_t)request.s, request.n }, { (void *)(uintptr_t) "\n", 1 } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	while (part[1].iov_len > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
		size_t first;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		first = (size_t)n < part[0].iov_len ? (size_t)n : part[0].iov_len;
		part[0].iov_base = (char *)part[0].iov_base + first;
		part[0].iov_len -= first;
		part[1].iov_len -= (size_t)n - first;
	}
}

static int left_ms(struct mono deadline)
{
	int64_t ms = mono_ms_between(mono_now(), deadline);

	return ms < 0 ? 0 : (int)ms;
}

static enum rc receive(int fd, unsigned timeout_ms, struct buf *answer, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), timeout_ms);
	size_t before = answer->n;
	char bytes[16384];

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		int ready = poll(&p, 1, timeout_ms == 0 ? -1 : left_ms(deadline));
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return because(why, RC_PEER, "no answer in %u ms", timeout_ms);
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* the end, or a reset behind what was said: see send_line() */
		buf_add(answer, bytes, (size_t)n);
		if (answer->full)
			return because(why, RC_FULL, "the answer is over %zu bytes", answer->max);
	}
	if (answer->n == before || answer->at[answer->n - 1] != '\n')
		return because(why, RC_PEER, "the connection ended without a whole answer");
	answer->n--;
	return RC_OK;
}

enum rc control_ask(const char *path, struct text request, unsigned timeout_ms, struct buf *answer, struct why *why)
{
	size_t before = answer->n;
	struct json_value value;
	int fd = -1;
	enum rc rc = dial(path, &fd, why);

	if (rc != RC_OK)
		goto out;
	send_line(fd, request);
	rc = receive(fd, timeout_ms, answer, why);
	if (rc != RC_OK)
		goto out;
	if (json_check((struct text){ answer->at + before, answer->n - before }, false, &value, why) != RC_OK)
		rc = because(why, RC_DAMAGED, "the answer is not JSON");
out:
	if (fd >= 0)
		close(fd);
	return rc;
}
