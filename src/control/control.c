#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/request.h"
#include "control/socket.h"

enum { DEFAULT_TIMEOUT_MS = 10000, REST_MS = 100 };

/* One that is being answered. */
struct connection {
	/* fixed while it is used */
	struct control *control;
	pthread_t thread;
	int fd;
	uid_t uid;
	pid_t pid;
	/* thread `control` only */
	bool used;

	atomic_bool done;
};

struct control {
	struct control_socket socket; /* thread `control` only, once it runs */
	/* fixed after start */
	const struct control_verb *const *verb;
	size_t n_verbs;
	void *argument;
	uint32_t timeout_ms;
	uid_t own;
	pthread_t thread;
	int stop_fd; /* readable from control_stop() on */
	int done_fd; /* readable when a connection is done */

	struct connection connection[CONTROL_MAX_CONNECTIONS];
};

/* One answer, on a thread `control-N`. */

static enum rc run_verb(const struct connection *c, struct text line, struct buf *answer, struct why *why)
{
	const struct control *s = c->control;
	const struct control_verb *verb = NULL;
	struct mono begin = mono_now();
	enum rc rc = control_run(s->verb, s->n_verbs, s->argument, line, &verb, answer, why);

	if (verb == NULL)
		return rc;
	log_line(verb->changes ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "control.verb",
		 "verb=%s rc=%s uid=%ld pid=%ld took_ms=%lld", verb->name, rc_name(rc), (long)c->uid, (long)c->pid,
		 (long long)mono_ms_between(begin, mono_now()));
	return rc;
}

static void answer_request(const struct connection *c)
{
	const struct control *s = c->control;
	struct why why = { "" };
	struct buf in, answer;
	struct text line;
	enum rc rc;

	buf_init(&in, CONTROL_REQUEST_MAX_BYTES);
	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	rc = control_socket_read(c->fd, s->stop_fd, mono_after_ms(mono_now(), s->timeout_ms), &in, &line, &why);
	if (rc == RC_END)
		goto out;
	if (rc == RC_OK)
		rc = run_verb(c, line, &answer, &why);
	if (rc != RC_OK) {
		buf_clear(&answer);
		control_add_error(&answer, rc, &why);
	}
	buf_add_str(&answer, "\n");
	rc = control_socket_write(c->fd, s->stop_fd, mono_after_ms(mono_now(), s->timeout_ms), buf_text(&answer), &why);
	if (rc != RC_OK)
		log_line(LOG_LEVEL_DEBUG, "control.unread", "uid=%ld pid=%ld why=\"%s\"", (long)c->uid, (long)c->pid,
			 why.text);
out:
	buf_fini(&in);
	buf_fini(&answer);
}

static void say(int event_fd)
{
	uint64_t one = 1;

	must(write(event_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

static void *run_connection(void *argument)
{
	struct connection *c = argument;

	answer_request(c);
	shutdown(c->fd, SHUT_RDWR); /* the other end need not wait until we are joined */
	atomic_store(&c->done, true);
	say(c->control->done_fd);
	return NULL;
}

/* Accepting, on thread `control`. */

static void end_connection(struct connection *c)
{
	pthread_join(c->thread, NULL);
	close(c->fd);
	c->used = false;
}

static void end_done(struct control *s)
{
	uint64_t n;

	if (read(s->done_fd, &n, sizeof(n)) < 0)
		return; /* nothing said since */
	for (size_t i = 0; i < ARRAY_LEN(s->connection); i++)
		if (s->connection[i].used && atomic_load(&s->connection[i].done))
			end_connection(&s->connection[i]);
}

static struct connection *find_free(struct control *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->connection); i++)
		if (!s->connection[i].used)
			return &s->connection[i];
	return NULL;
}

/* Short enough to fit into the socket's memory: does not wait. */
static void send_away(const struct control *s, int fd, enum rc rc, const struct why *why)
{
	struct why unread;
	struct buf answer;

	buf_init(&answer, CONTROL_REQUEST_MAX_BYTES);
	control_add_error(&answer, rc, why);
	buf_add_str(&answer, "\n");
	if (control_socket_write(fd, s->stop_fd, mono_now(), buf_text(&answer), &unread) != RC_OK)
		log_line(LOG_LEVEL_DEBUG, "control.unread", "why=\"%s\"", unread.text);
	buf_fini(&answer);
	close(fd);
}

static void start_connection(struct control *s, int fd)
{
	static struct log_limit refused;
	struct connection *c = find_free(s);
	struct why why = { "" };
	uid_t uid = 0;
	pid_t pid = 0;
	enum rc rc = control_socket_check_peer(fd, s->own, &uid, &pid, &why);
	char name[16];

	if (rc == RC_OK && c == NULL)
		rc = because(&why, RC_FULL, "%d requests are being answered already", CONTROL_MAX_CONNECTIONS);
	if (rc != RC_OK) {
		log_limited(&refused, LOG_LEVEL_WARNING, "control.refused", "uid=%ld pid=%ld why=\"%s\"", (long)uid,
			    (long)pid, why.text);
		send_away(s, fd, rc, &why);
		return;
	}
	must(c != NULL);
	c->control = s;
	c->fd = fd;
	c->uid = uid;
	c->pid = pid;
	c->used = true;
	atomic_store(&c->done, false);
	snprintf(name, sizeof(name), "control-%d", (int)(c - s->connection));
	thread_start(&c->thread, name, run_connection, c);
}

static void accept_one(struct control *s)
{
	static struct log_limit failed;
	struct pollfd stop = { s->stop_fd, POLLIN, 0 };
	int fd = accept4(s->socket.fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		start_connection(s, fd);
		return;
	}
	if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED)
		return;
	/* out of descriptors or memory: the one that waits stays there, so wait before looking again */
	log_limited(&failed, LOG_LEVEL_WARNING, "control.accept_failed", "why=\"%s\"", strerror(errno));
	(void)poll(&stop, 1, REST_MS);
}

static void *run(void *argument)
{
	struct control *s = argument;

	for (;;) {
		struct pollfd p[] = { { s->stop_fd, POLLIN, 0 },
				      { s->done_fd, POLLIN, 0 },
				      { s->socket.fd, POLLIN, 0 } };

		if (poll(p, ARRAY_LEN(p), -1) < 0)
			continue;
		if (p[0].revents != 0)
			break;
		end_done(s);
		if (p[2].revents != 0)
			accept_one(s);
	}
	control_socket_deafen(&s->socket); /* before what runs is waited for: that may take long */
	for (size_t i = 0; i < ARRAY_LEN(s->connection); i++)
		if (s->connection[i].used)
			end_connection(&s->connection[i]);
	return NULL;
}

enum rc control_start(const struct control_options *options, struct control **out, struct why *why)
{
	struct control *s = must_alloc(sizeof(*s));
	enum rc rc;

	s->verb = options->verb;
	s->n_verbs = options->n_verbs;
	s->argument = options->argument;
	s->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	s->own = geteuid();
	rc = control_socket_open(options->path, &s->socket, why);
	if (rc != RC_OK) {
		free(s);
		return rc;
	}
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(s->stop_fd >= 0 && s->done_fd >= 0);
	thread_start(&s->thread, "control", run, s);
	*out = s;
	return RC_OK;
}

void control_stop(struct control *s)
{
	if (s == NULL)
		return;
	say(s->stop_fd);
	pthread_join(s->thread, NULL);
	control_socket_close(&s->socket);
	close(s->stop_fd);
	close(s->done_fd);
	free(s);
}
