#include "ctl/asker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/client.h"
#include "control/request.h"
#include "storage/daemon.h"

enum { READ_BYTES = 64 << 10 };

void asker_init(struct asker *s, struct ctl *ctl, enum asker_kind kind)
{
	*s = (struct asker){ .ctl = ctl, .kind = kind, .fd = -1 };
	buf_init(&s->rest, SIZE_MAX);
}

/* Read on until rest holds a line; *line is without its break. False: the other end is gone. */
static bool read_line(int fd, struct buf *rest, struct text *line)
{
	size_t looked = 0;

	for (;;) {
		const char *end = rest->n == looked ? NULL : memchr(rest->at + looked, '\n', rest->n - looked);
		ssize_t n;
		char *room;

		if (end != NULL) {
			*line = (struct text){ rest->at, (size_t)(end - rest->at) };
			return true;
		}
		looked = rest->n;
		room = buf_room(rest, READ_BYTES);
		must(room != NULL);
		n = read(fd, room, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		rest->n += (size_t)n;
	}
}

static bool send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool send_line(int fd, struct text t)
{
	return send_all(fd, t.s, t.n) && send_all(fd, "\n", 1);
}

/* ---- the child */

static void answer_requests(int fd, struct control_view *view)
{
	struct buf rest, answer;
	struct text line;
	struct why why;

	buf_init(&rest, SIZE_MAX);
	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	while (read_line(fd, &rest, &line)) {
		enum rc rc;

		buf_clear(&answer);
		answer.full = false;
		rc = control_run(control_verbs, control_n_verbs, view, line, NULL, &answer, &why);
		if (rc != RC_OK) {
			buf_clear(&answer);
			answer.full = false;
			control_add_error(&answer, rc, &why);
		}
		buf_clear(&rest); /* one question at a time */
		if (!send_line(fd, buf_text(&answer)))
			break;
	}
	buf_fini(&rest);
	buf_fini(&answer);
}

static void serve(const struct asker *s, int fd) __attribute__((noreturn));
static void serve(const struct asker *s, int fd)
{
	struct daemon *d = must_alloc(sizeof(*d));
	struct why why;
	enum rc rc;

	d->config_path = s->ctl->config_path;
	d->signal_fd = -1;
	if (config_read(d->config_path, &d->config, NULL, NULL, &why) != RC_OK) {
		ctl_fail("%s", why.text);
		_exit(EXIT_UNUSABLE);
	}
	rc = s->kind == ASKER_WHOLE ? daemon_open_alone(d) : daemon_open_files(d);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* only now: becoming another user takes it away */
	if (rc == RC_OK && send_line(fd, TEXT("ready")))
		answer_requests(fd, &d->control_view);
	daemon_close_alone(d);
	config_fini(&d->config);
	free(d);
	_exit(rc == RC_OK ? EXIT_FINE : EXIT_UNUSABLE);
}

/* ---- we */

static int start_child(struct asker *s, struct why *why)
{
	int pair[2];
	struct text line;

	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		because(why, RC_DISK, "%s", strerror(errno));
		return EXIT_UNUSABLE;
	}
	s->child = fork();
	if (s->child == 0) {
		close(pair[0]);
		serve(s, pair[1]);
	}
	close(pair[1]);
	s->fd = pair[0];
	if (s->child < 0)
		s->child = 0;
	if (s->child != 0 && read_line(s->fd, &s->rest, &line)) {
		buf_clear(&s->rest);
		return EXIT_FINE;
	}
	asker_close(s);
	because(why, RC_DISK, "the store cannot be opened without the daemon");
	return EXIT_UNUSABLE;
}

static int ask_child(struct asker *s, struct text request, struct answer *out, struct why *why)
{
	struct text line;

	if (!send_line(s->fd, request) || !read_line(s->fd, &s->rest, &line)) {
		because(why, RC_PEER, "the process that has the store open has ended");
		return EXIT_UNUSABLE;
	}
	buf_add_text(&out->bytes, line);
	buf_clear(&s->rest);
	return EXIT_FINE;
}

/* A daemon without a socket cannot be asked; when it runs it has the lock of the tree, which the child is told. */
static const char *find_socket(struct ctl *ctl, struct why *why)
{
	const struct config *c;

	if (ctl->socket_path != NULL)
		return ctl->socket_path;
	c = ctl_config(ctl);
	if (c == NULL)
		because(why, RC_REFUSED, "no configuration");
	return c == NULL ? NULL : c->control_socket == NULL ? "/nonexistent" : c->control_socket;
}

static int ask_somebody(struct asker *s, struct text request, struct answer *out, struct why *why)
{
	const char *path;
	struct why refused;
	enum rc rc;

	if (s->child != 0)
		return ask_child(s, request, out, why);
	path = find_socket(s->ctl, why);
	if (path == NULL)
		return EXIT_UNUSABLE;
	rc = control_ask(path, request, 0, &out->bytes, &refused);
	if (rc == RC_OK)
		s->daemon_answers = true;
	if (rc == RC_OK)
		return EXIT_FINE;
	if (rc == RC_ABSENT && !s->daemon_answers) {
		int status = start_child(s, why);

		return status == EXIT_FINE ? ask_child(s, request, out, why) : status;
	}
	because(why, rc, "%s: %s", path, refused.text);
	return EXIT_UNUSABLE;
}

int asker_ask_quietly(struct asker *s, struct text request, struct answer *out, struct why *why)
{
	struct text error;
	int status;

	*out = (struct answer){ 0 };
	buf_init(&out->bytes, CONTROL_ANSWER_MAX_BYTES + 1);
	arena_init(&out->arena);
	status = ask_somebody(s, request, out, why);
	if (status == EXIT_FINE && json_check(buf_text(&out->bytes), false, &out->value, why) != RC_OK)
		status = EXIT_UNUSABLE;
	if (status != EXIT_FINE)
		return status;
	error = answer_text(out, out->value, "error");
	if (error.s == NULL)
		return EXIT_FINE;
	because(why, RC_REFUSED, "%.*s", TEXT_ARG(error));
	return EXIT_NOT_FINE;
}

int asker_ask(struct asker *s, struct text request, struct answer *out)
{
	struct why why = { "" };
	int status = asker_ask_quietly(s, request, out, &why);

	if (status != EXIT_FINE)
		ctl_fail("%s", why.text);
	return status;
}

void asker_close(struct asker *s)
{
	if (s->fd >= 0)
		close(s->fd); /* the child reads its end, and closes what it opened */
	s->fd = -1;
	if (s->child > 0)
		while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
			;
	s->child = 0;
	buf_fini(&s->rest);
	buf_init(&s->rest, SIZE_MAX);
}
