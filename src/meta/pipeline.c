#include "meta/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/instant.h"
#include "base/mem.h"

/* One go of a pipeline. More gains nothing, and what is unsent stays in memory on both sides. */
enum {
	FILLED_BYTES = 256 * 1024,
	FILLED_COMMANDS = 2000,
	RECEIVE_BYTES = 32 * 1024,
	LEAVING_MS = 500,
	LOOK_MS = 100,
};
/* One command: far above any message, below Redis' own limit of 512 MiB a word. */
static const size_t out_max_bytes = (size_t)1 << 30;

struct pipeline {
	redisContext *context;
	const struct meta_redis_options *options;
	const char *server;
	struct buf out; /* from `sent` on still to be sent */
	size_t sent, n_due;
	bool lost, hung_up;
};

static enum rc lose(struct pipeline *l, struct why *why, const char *what, const char *cause)
{
	l->lost = true;
	return because(why, RC_PEER, "%s: %s%s", l->server, what, cause);
}

static enum rc lose_by_errno(struct pipeline *l, struct why *why, const char *what)
{
	l->hung_up = errno == EPIPE || errno == ECONNRESET;
	return lose(l, why, what, strerror(errno));
}

static enum rc send_some(struct pipeline *l, struct why *why)
{
	while (l->sent < l->out.n) {
		ssize_t n = send(l->context->fd, l->out.at + l->sent, l->out.n - l->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return RC_OK;
		if (n < 0)
			return lose_by_errno(l, why, "send: ");
		l->sent += (size_t)n;
	}
	buf_clear(&l->out);
	l->sent = 0;
	return RC_OK;
}

static enum rc receive_some(struct pipeline *l, struct why *why)
{
	char bytes[RECEIVE_BYTES];
	ssize_t n = recv(l->context->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return RC_OK;
	if (n < 0)
		return lose_by_errno(l, why, "receive: ");
	if (n == 0) {
		l->hung_up = true;
		return lose(l, why, "the server closed the connection", "");
	}
	if (redisReaderFeed(l->context->reader, bytes, (size_t)n) != REDIS_OK)
		return lose(l, why, "receive: ", l->context->reader->errstr);
	return RC_OK;
}

/* How long a silence of the server may last; it can become less while one waits. */
static int64_t patience_ms(const struct meta_redis_options *options)
{
	int64_t ms = (int64_t)options->timeout_s * 1000;

	return options->leaving != NULL && atomic_load(options->leaving) && ms > LEAVING_MS ? LEAVING_MS : ms;
}

/* Wait until bytes can move one way or the other, and move them. */
static enum rc pump(struct pipeline *l, struct why *why)
{
	struct mono began = mono_now();
	struct pollfd p = { .fd = l->context->fd, .events = POLLIN };
	enum rc rc = RC_OK;
	int n;

	if (l->sent < l->out.n)
		p.events |= POLLOUT;
	for (;;) {
		int64_t left_ms = patience_ms(l->options) - mono_ms_between(began, mono_now());

		n = poll(&p, 1, left_ms > LOOK_MS ? LOOK_MS : left_ms > 0 ? (int)left_ms : 0);
		if (n > 0 || (n == 0 && left_ms <= LOOK_MS) || (n < 0 && errno != EINTR))
			break;
	}
	if (n < 0)
		return lose_by_errno(l, why, "poll: ");
	if (n == 0) {
		lose(l, NULL, "", "");
		return because(why, RC_PEER, "%s: no answer for %lld s", l->server,
			       (long long)(mono_ms_between(began, mono_now()) + 500) / 1000);
	}
	/* Read first: when the server says why it hangs up, sending would throw that away. */
	if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		rc = receive_some(l, why);
	else if ((p.revents & POLLOUT) != 0)
		rc = send_some(l, why);
	return rc;
}

void pipeline_add(struct pipeline *l, const struct text *word, size_t n_words)
{
	buf_addf(&l->out, "*%zu\r\n", n_words);
	for (size_t i = 0; i < n_words; i++) {
		buf_addf(&l->out, "$%zu\r\n", word[i].n);
		buf_add_text(&l->out, word[i]);
		buf_add(&l->out, "\r\n", 2);
	}
	l->n_due++;
}

bool pipeline_is_filled(const struct pipeline *l)
{
	return l->out.n >= FILLED_BYTES || l->n_due >= FILLED_COMMANDS;
}

size_t pipeline_n_due(const struct pipeline *l)
{
	return l->n_due;
}

enum rc pipeline_take(struct pipeline *l, redisReply **out, struct why *why)
{
	void *reply = NULL;
	enum rc rc = RC_OK;

	must(l->n_due > 0);
	if (l->lost)
		return because(why, RC_PEER, "%s: connection lost", l->server);
	if (l->out.full)
		return lose(l, why, "a command too large to send", "");
	if (l->sent == 0 && l->out.n > 0)
		rc = send_some(l, why);
	while (rc == RC_OK) {
		if (redisReaderGetReply(l->context->reader, &reply) != REDIS_OK)
			return lose(l, why, "not an answer of Redis: ", l->context->reader->errstr);
		if (reply != NULL)
			break;
		rc = pump(l, why);
	}
	if (rc == RC_OK) {
		l->n_due--;
		*out = reply;
	}
	return rc;
}

void pipeline_skip(struct pipeline *l)
{
	redisReply *reply = NULL;

	while (l->n_due > 0 && !l->lost && pipeline_take(l, &reply, NULL) == RC_OK)
		freeReplyObject(reply);
}

enum rc pipeline_refusal(struct pipeline *l, const redisReply *reply, struct why *why)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return because(why, RC_PEER, "%s: an answer of the wrong type (%d)", l->server, reply->type);
	if (strncmp(reply->str, "READONLY", 8) == 0 || strncmp(reply->str, "NOAUTH", 6) == 0)
		l->lost = true;
	return because(why, RC_PEER, "%s: %s", l->server, reply->str);
}

bool pipeline_is_lost(const struct pipeline *l)
{
	return l->lost;
}

bool pipeline_was_hung_up(const struct pipeline *l)
{
	return l->lost && l->hung_up;
}

bool pipeline_is_alive(struct pipeline *l)
{
	char byte;

	/* Nothing is due, so nothing but silence is right. */
	if (!l->lost && recv(l->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return true;
	l->lost = l->hung_up = true;
	return false;
}

/*
 * The answer to AUTH. Servers quote the arguments of a command that they do not know (one where AUTH was renamed, a
 * proxy), cut short: when the text seems to hold the beginning of the password, only its first word is shown.
 */
static enum rc auth_refusal(struct pipeline *l, const redisReply *reply, struct why *why)
{
	char head[5];

	snprintf(head, sizeof(head), "%s", l->options->password);
	if (strstr(reply->str, head) != NULL)
		return because(why, RC_PEER, "%s: AUTH was refused: %.*s", l->server, (int)strcspn(reply->str, " "),
			       reply->str);
	return because(why, RC_PEER, "%s: AUTH was refused: %s", l->server, reply->str);
}

static enum rc greet(struct pipeline *l, struct why *why)
{
	const char *password = l->options->password;
	bool with_password = password != NULL && *password != '\0';
	redisReply *reply = NULL;
	enum rc rc = RC_OK;
	char db[16];

	if (with_password) {
		pipeline_add(l, (struct text[]){ TEXT("AUTH"), text_of(password) }, 2);
		rc = pipeline_take(l, &reply, why);
		if (rc == RC_OK && reply != NULL && reply->type == REDIS_REPLY_ERROR)
			rc = auth_refusal(l, reply, why);
		freeReplyObject(reply);
	}
	if (rc != RC_OK)
		return rc;
	reply = NULL;
	snprintf(db, sizeof(db), "%d", l->options->db);
	pipeline_add(l, (struct text[]){ TEXT("SELECT"), text_of(db) }, 2);
	rc = pipeline_take(l, &reply, why);
	if (rc == RC_OK && reply != NULL && reply->type == REDIS_REPLY_ERROR)
		rc = pipeline_refusal(l, reply, why);
	freeReplyObject(reply);
	return rc;
}

enum rc pipeline_open(const struct meta_redis_options *options, const char *server, struct pipeline **out,
		      struct why *why)
{
	int64_t ms = patience_ms(options);
	struct timeval timeout = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct pipeline *l = must_alloc(sizeof(*l));
	enum rc rc = RC_OK;

	l->options = options;
	l->server = server;
	buf_init(&l->out, out_max_bytes);
	if (options->host[0] == '/')
		l->context = redisConnectUnixWithTimeout(options->host, timeout);
	else
		l->context = redisConnectWithTimeout(options->host, options->port, timeout);
	must(l->context != NULL); /* out of memory only */
	if (l->context->err != 0) {
		rc = lose(l, why, "connect: ", l->context->errstr);
		goto out;
	}
	fcntl(l->context->fd, F_SETFD, FD_CLOEXEC);
	if (options->host[0] != '/')
		redisEnableKeepAlive(l->context);
	rc = greet(l, why);
	if (rc == RC_OK) {
		*out = l;
		l = NULL;
	}
out:
	pipeline_close(l);
	return rc;
}

void pipeline_close(struct pipeline *l)
{
	if (l == NULL)
		return;
	redisFree(l->context);
	buf_fini(&l->out);
	free(l);
}
