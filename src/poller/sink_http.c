/* The way out to a storage's HTTP ingest: one POST of lines a batch, each on a connection of its own. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/address.h"
#include "poller/compose.h"
#include "poller/http_reply.h"
#include "poller/sink.h"
#include "wire/json.h"

enum { TIMEOUT_MS = 30000, READ_BYTES = 16384 };

struct sink_http {
	struct sink sink;
	const struct config_url *url;
	const char *token;
	struct reach_wake wake;
	struct buf lines, request;
	struct http_reply reply;
};

static bool is_leaving(void *argument)
{
	return atomic_load((const atomic_bool *)argument);
}

static void make_request(struct sink_http *s)
{
	struct buf *b = &s->request;

	buf_clear(b);
	buf_addf(b, "POST %s HTTP/1.1\r\nHost: ", s->url->path);
	if (s->url->host == NULL)
		buf_add_str(b, "localhost");
	else
		address_print(s->url->host, s->url->port, true, b);
	buf_addf(b, "\r\nUser-Agent: numeter-poller/%s\r\n", NUMETER_VERSION);
	buf_addf(b, "Content-Type: application/x-ndjson\r\nContent-Length: %zu\r\nConnection: close\r\n", s->lines.n);
	if (s->token != NULL)
		buf_addf(b, "Authorization: Bearer %s\r\n", s->token);
	buf_add_str(b, "\r\n");
}

static enum rc read_reply(struct sink_http *s, int fd, struct mono deadline, struct why *why)
{
	char bytes[READ_BYTES];
	enum rc rc = RC_OK;

	http_reply_clear(&s->reply);
	while (rc == RC_OK && s->reply.part != HTTP_REPLY_DONE) {
		size_t got = 0;

		rc = reach_read(fd, bytes, sizeof(bytes), deadline, &s->wake, &got, why);
		if (rc == RC_OK && got == 0)
			rc = http_reply_end(&s->reply, why);
		else if (rc == RC_OK)
			rc = http_reply_take(&s->reply, (struct text){ bytes, got }, why);
		/* somebody who talks without end is not heard without end */
		if (rc == RC_OK && s->reply.part != HTTP_REPLY_DONE && mono_ms_between(mono_now(), deadline) <= 0)
			rc = because(why, RC_PEER, "no end of the answer in time");
	}
	return rc == RC_REFUSED ? RC_PEER : rc;
}

/* The lines there, the reply back. */
static enum rc ask(struct sink_http *s, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), TIMEOUT_MS);
	const char *host = s->url->host == NULL ? s->url->unix_path : s->url->host;
	int fd = -1;
	enum rc rc = reach_connect(host, s->url->port, deadline, &s->wake, &fd, why);

	make_request(s);
	if (rc == RC_OK)
		rc = reach_write(fd, s->request.at, s->request.n, deadline, &s->wake, why);
	if (rc == RC_OK)
		rc = reach_write(fd, s->lines.at, s->lines.n, deadline, &s->wake, why);
	/* A server that refuses does not read to the end: its answer counts, not our failing to say more. */
	if (rc == RC_OK || (rc == RC_PEER && fd >= 0)) {
		struct why cause;
		enum rc said = read_reply(s, fd, deadline, &cause);

		if (said == RC_OK)
			rc = RC_OK;
		else if (rc == RC_OK)
			rc = because(why, said, "%s", cause.text);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* What of a message the storage did not take: not sent again, and told now and then. */
static void note_refused(struct sink_http *s, struct arena *a, const struct parcel *parcel, size_t n,
			 struct json_value entry)
{
	static struct log_limit limit;
	struct json_value index, reason, ds;
	size_t at = 0;

	if (entry.type != JSON_OBJECT || !json_member(a, entry, "index", &index) || index.type != JSON_NUMBER)
		return;
	for (size_t i = 0; i < index.raw.n && i < 6; i++)
		at = at * 10 + (size_t)(index.raw.s[i] - '0');
	if (at >= n || !json_member(a, entry, "reason", &reason))
		return;
	if (!json_member(a, entry, "ds", &ds)) {
		ds.raw = TEXT_NONE;
		atomic_fetch_add(&s->sink.n_refused, 1);
	}
	log_limited(&limit, LOG_LEVEL_WARNING, "sender.rejected", "plugin=%.*s reason=%.*s ds=%.*s",
		    TEXT_ARG(parcel[at].plugin), TEXT_ARG(reason.raw), TEXT_ARG(ds.raw));
}

/* Any server says 200; a storage says how many messages it has taken. */
static enum rc read_taken(struct sink_http *s, const struct parcel *parcel, size_t n, struct why *why)
{
	struct json_value all, accepted, rejected, entry;
	struct json_walk walk;
	enum rc rc = RC_OK;
	struct arena a;

	arena_init(&a);
	if (json_check(buf_text(&s->reply.body), false, &all, NULL) != RC_OK || all.type != JSON_OBJECT ||
	    !json_member(&a, all, "accepted", &accepted) || accepted.type != JSON_NUMBER) {
		rc = because(why, RC_PEER,
			     "status 200, but the answer is not a storage's: expected the number \"accepted\"");
	} else if (json_member(&a, all, "rejected", &rejected) && rejected.type == JSON_ARRAY) {
		walk = json_walk(rejected);
		while (json_next_element(&walk, &entry))
			note_refused(s, &a, parcel, n, entry);
	}
	arena_fini(&a);
	return rc;
}

/* A message that the server takes in no company: it would stand before all others for ever. */
static enum rc give_up(struct sink_http *s, const struct parcel *p, size_t *n_done)
{
	atomic_fetch_add(&s->sink.n_refused, 1);
	log_line(LOG_LEVEL_WARNING, "sender.given_up", "plugin=%.*s bytes=%zu status=%d", TEXT_ARG(p->plugin),
		 p->text.n, s->reply.status);
	*n_done = 1;
	return RC_OK;
}

static enum rc send_some(struct sink_http *s, const struct parcel *parcel, size_t n, size_t *n_done, struct why *why)
{
	enum rc rc;

	*n_done = 0;
	buf_clear(&s->lines);
	for (size_t i = 0; i < n; i++)
		compose_line(&s->lines, &parcel[i]);
	rc = ask(s, why);
	if (rc != RC_OK)
		return rc;
	switch (s->reply.status) {
	case 200:
		rc = read_taken(s, parcel, n, why);
		if (rc == RC_OK)
			*n_done = n;
		return rc;
	case 413:
		if (n > 1)
			return send_some(s, parcel, n / 2, n_done, why);
		return give_up(s, parcel, n_done);
	default:
		return because(why, RC_PEER, "status %d: %.200s", s->reply.status,
			       s->reply.body.n == 0 ? "" : (buf_add(&s->reply.body, "", 1), s->reply.body.at));
	}
}

static enum rc send_http(struct sink *self, const struct parcel *parcel, size_t n, size_t *n_done, struct why *why)
{
	struct sink_http *s = (struct sink_http *)self;
	enum rc rc = send_some(s, parcel, n, n_done, why);

	if (rc == RC_PEER && s->url->host != NULL)
		why_prepend(why, "%s:%d", s->url->host, s->url->port);
	else if (rc == RC_PEER)
		why_prepend(why, "%s", s->url->unix_path);
	return rc;
}

static void free_http(struct sink *self)
{
	struct sink_http *s = (struct sink_http *)self;

	buf_fini(&s->lines);
	buf_fini(&s->request);
	http_reply_fini(&s->reply);
	free(s);
}

static const struct sink_class class_http = { "HTTP", send_http, NULL, free_http };

struct sink *sink_http_new(const struct poller_config *c, const atomic_bool *leaving, int wake_fd)
{
	struct sink_http *s = must_alloc(sizeof(*s));
	union {
		const atomic_bool *from;
		void *to;
	} flag = { .from = leaving };

	s->sink.class = &class_http;
	s->url = &c->storage_url;
	s->token = c->storage_token;
	s->wake = (struct reach_wake){ wake_fd, is_leaving, flag.to };
	buf_init(&s->lines, SIZE_MAX);
	buf_init(&s->request, SIZE_MAX);
	http_reply_init(&s->reply);
	return &s->sink;
}
