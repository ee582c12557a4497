/*
 * POST ingest: body in, batch out, and the account of what became of each message. A batch is owned by two: the request
 * that asks and ingest that stores; the one who lets go last frees it, so a client that leaves and a server that stops
 * need not wait for each other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/gzip.h"
#include "http/headers.h"
#include "http/request.h"
#include "wire/reply.h"

enum { MAX_MESSAGES = 100000, HELD_MIN_BYTES = 64 * 1024 * 1024, HELD_BODIES = 4 };

enum call_state { CALL_READING, CALL_WAITING, CALL_STORED, CALL_ABANDONED };

struct ingest_call {
	struct http_server *server;        /* request's side only */
	struct MHD_Connection *connection; /* suspended while CALL_WAITING */
	struct buf body;
	size_t held_bytes; /* counted in the server's */
	bool ndjson, gzip;
	bool busy, too_large; /* the body is no longer kept */
	struct mono handed_over;
	struct batch *batch; /* ingest's while CALL_WAITING */
	atomic_int state;    /* leaves CALL_WAITING once; who does it resumes the connection */
	atomic_int owners;
	struct ingest_call *next, **link; /* in the server's list of waiting ones; link NULL: not in it */
	struct ingest_call *next_abandoned;
};

static void let_go(struct ingest_call *c)
{
	if (atomic_fetch_sub(&c->owners, 1) > 1)
		return;
	batch_free(c->batch);
	buf_fini(&c->body);
	free(c);
}

static void refuse(struct request *r, unsigned status, const char *error, const char *detail)
{
	answer_error(&r->answer, status, error, detail);
	r->decided = true;
}

static void refuse_large(struct request *r)
{
	char detail[96];

	snprintf(detail, sizeof(detail), "the body is over %zu bytes (http_ingest_max_bytes)",
		 r->server->options.ingest_max_bytes);
	refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "Too large", detail);
}

static void refuse_busy(struct request *r, const char *detail)
{
	refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Not available", detail);
	r->answer.retry_after_s = ANSWER_RETRY_S;
}

static void refuse_body(struct request *r, struct why *why)
{
	why_prepend(why, "the body");
	refuse(r, MHD_HTTP_BAD_REQUEST, "Args error", why->text);
}

/* Digits only, as MHD has already checked; anything absurd is just large. */
static bool announces_too_much(const struct request *r)
{
	struct text t = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return t.s != NULL && strtoull(t.s, NULL, 10) > r->server->options.ingest_max_bytes;
}

void ingest_begin(struct request *r)
{
	enum coding coding = headers_coding(request_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING));
	enum media media = headers_media(request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE));
	struct ingest_call *c;

	if (r->words->token.s != NULL &&
	    !headers_bear(request_header(r, MHD_HTTP_HEADER_AUTHORIZATION), r->words->token)) {
		refuse(r, MHD_HTTP_UNAUTHORIZED, "Unauthorized",
		       "send Authorization: Bearer and the token of http_ingest_token");
		r->answer.challenge = "Bearer realm=\"numeter-storage ingest\"";
		return;
	}
	if (announces_too_much(r)) {
		refuse_large(r);
		return;
	}
	if (media == MEDIA_NONE || media == MEDIA_OTHER || coding == CODING_OTHER) {
		refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
		       "send Content-Type: application/json or application/x-ndjson, in UTF-8, plain or with "
		       "Content-Encoding: gzip");
		return;
	}
	c = must_alloc(sizeof(*c));
	c->server = r->server;
	c->connection = r->connection;
	c->ndjson = media == MEDIA_NDJSON;
	c->gzip = coding == CODING_GZIP;
	atomic_init(&c->state, CALL_READING);
	atomic_init(&c->owners, 1);
	buf_init(&c->body, r->server->options.ingest_max_bytes);
	r->call = c;
}

/* Count n more bytes as held; false when all requests together hold too many. */
static bool hold(struct ingest_call *c, size_t n)
{
	size_t limit = HELD_BODIES * c->server->options.ingest_max_bytes;

	if (limit < HELD_MIN_BYTES)
		limit = HELD_MIN_BYTES;
	if (atomic_fetch_add(&c->server->held_bytes, n) + n > limit) {
		atomic_fetch_sub(&c->server->held_bytes, n);
		return false;
	}
	c->held_bytes += n;
	return true;
}

void ingest_body(struct request *r, struct text piece)
{
	struct ingest_call *c = r->call;

	if (c->busy || c->too_large)
		return;
	c->busy = !hold(c, piece.n);
	if (!c->busy)
		buf_add_text(&c->body, piece);
	c->too_large = c->body.full;
	if (c->busy || c->too_large)
		buf_fini(&c->body);
}

/* True: the body is plain bytes now. */
static bool unpack(struct request *r)
{
	struct ingest_call *c = r->call;
	struct why why = { "" };
	struct buf plain;
	enum rc rc;

	if (!c->gzip)
		return true;
	buf_init(&plain, r->server->options.ingest_max_bytes);
	rc = gzip_unpack(buf_text(&c->body), &plain, &why);
	if (rc == RC_OK && hold(c, plain.n)) {
		buf_fini(&c->body);
		c->body = plain;
		return true;
	}
	buf_fini(&plain);
	if (rc == RC_OK)
		refuse_busy(r, "too many ingest requests at once");
	else if (rc == RC_FULL)
		refuse_large(r);
	else
		refuse_body(r, &why);
	return false;
}

/* True: c->batch holds the messages of the body. */
static bool make_batch(struct request *r)
{
	struct ingest_call *c = r->call;
	struct why why = { "" };
	struct text *document;
	struct arena a;
	enum rc rc;
	size_t n;

	arena_init(&a);
	rc = message_split(&a, buf_text(&c->body), c->ndjson, MAX_MESSAGES, &document, &n, &why);
	if (rc == RC_OK) {
		c->batch = batch_new(INPUT_HTTP);
		for (size_t i = 0; i < n; i++)
			batch_add_http(c->batch, document[i]);
		c->batch->accepted_s = wall_now().s;
	} else if (rc == RC_FULL) {
		refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "Too large", why.text);
	} else {
		refuse_body(r, &why);
	}
	arena_fini(&a);
	return rc == RC_OK;
}

/* Thread store. */
static void stored(struct batch *b, void *argument)
{
	struct ingest_call *c = argument;
	int waiting = CALL_WAITING;

	(void)b;
	if (atomic_compare_exchange_strong(&c->state, &waiting, CALL_STORED))
		MHD_resume_connection(c->connection);
	let_go(c);
}

/* True: the caller has to resume the connection, which stays suspended and c alive until then. */
static bool abandon(struct ingest_call *c)
{
	int waiting = CALL_WAITING;

	return atomic_compare_exchange_strong(&c->state, &waiting, CALL_ABANDONED);
}

/* False: the server stops. */
static bool start_waiting(struct ingest_call *c)
{
	struct http_server *s = c->server;
	bool may;

	lock_take(&s->lock);
	may = !s->abandoning;
	if (may) {
		c->next = s->waiting;
		c->link = &s->waiting;
		if (c->next != NULL)
			c->next->link = &c->next;
		s->waiting = c;
	}
	lock_give_back(&s->lock);
	return may;
}

static void stop_waiting(struct ingest_call *c)
{
	lock_take(&c->server->lock);
	if (c->link != NULL) {
		*c->link = c->next;
		if (c->next != NULL)
			c->next->link = c->link;
		c->link = NULL;
	}
	lock_give_back(&c->server->lock);
}

bool ingest_end(struct request *r)
{
	struct ingest_call *c = r->call;

	if (c->busy)
		refuse_busy(r, "too many ingest requests at once");
	else if (c->too_large)
		refuse_large(r);
	if (r->decided || !unpack(r) || !make_batch(r))
		return false;
	buf_fini(&c->body);
	if (c->batch->n == 0) {
		atomic_store(&c->state, CALL_STORED);
		ingest_answer(r);
		return false;
	}
	/* Suspended first: who wakes us may be quicker than this thread. */
	atomic_store(&c->state, CALL_WAITING);
	MHD_suspend_connection(r->connection);
	if (!start_waiting(c)) {
		must(abandon(c));
		MHD_resume_connection(r->connection);
		return true;
	}
	c->handed_over = mono_now();
	c->batch->done = stored;
	c->batch->argument = c;
	atomic_fetch_add(&c->owners, 1);
	ingest_submit(r->server->options.ingest, c->batch);
	return true;
}

static void add_refused(struct buf *out, bool *any, size_t index, struct text ds, enum reason reason,
			const char *detail)
{
	buf_addf(out, "%s{\"index\": %zu", *any ? ", " : "", index);
	*any = true;
	if (ds.s != NULL) {
		buf_add_str(out, ", \"ds\": ");
		reply_string(out, ds);
	}
	buf_addf(out, ", \"reason\": \"%s\"", reason_code(reason));
	if (detail != NULL && detail[0] != '\0') {
		buf_add_str(out, ", \"detail\": ");
		reply_string(out, text_of(detail));
	}
	buf_add_str(out, "}");
}

/* "rejected": [...] of the items whose fate is known. */
static void add_account(struct buf *out, const struct batch *b)
{
	bool any = false;

	buf_add_str(out, "\"rejected\": [");
	for (size_t i = 0; i < b->n; i++) {
		const struct item *item = &b->item[i];
		const struct message *m = &item->message;

		if (item->fate == FATE_REJECTED) {
			add_refused(out, &any, i, TEXT_NONE, item->refusal.reason, item->refusal.detail);
			continue;
		}
		if (item->fate != FATE_STORED || !item->decoded)
			continue;
		for (size_t k = 0; k < m->n_samples; k++)
			if (m->sample[k].kind == SAMPLE_REFUSED)
				add_refused(out, &any, i, m->sample[k].ds, m->sample[k].reason, NULL);
	}
	buf_add_str(out, "]");
}

/* Each of its values was refused: not accepted, though it was a message. */
static bool is_wholly_refused(const struct item *i)
{
	return i->fate == FATE_STORED && i->decoded && i->message.n_samples > 0 &&
	       i->message.n_refused == i->message.n_samples;
}

void ingest_answer(struct request *r)
{
	const struct ingest_call *c = r->call;
	size_t n[FATE_FAILED + 1] = { 0 };
	struct answer *a = &r->answer;

	r->decided = true;
	a->validated = false;
	if (atomic_load(&r->call->state) != CALL_STORED) {
		refuse_busy(r, "the daemon is stopping; what became of these messages is not known, send them again");
		return;
	}
	for (size_t i = 0; i < c->batch->n; i++)
		n[is_wholly_refused(&c->batch->item[i]) ? FATE_REJECTED : c->batch->item[i].fate]++;
	if (c->batch->n > n[FATE_FAILED])
		histogram_note(HISTOGRAM_ACCEPT_HTTP, mono_now().ns - c->handed_over.ns, c->batch->n - n[FATE_FAILED]);
	if (n[FATE_FAILED] == 0) {
		buf_addf(&a->body, "{\"accepted\": %zu, ", n[FATE_STORED]);
	} else {
		a->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		a->retry_after_s = ANSWER_RETRY_S;
		buf_add_str(&a->body, "{\"error\": \"Not stored\", \"detail\": ");
		reply_string(&a->body, text_of(c->batch->why.text));
		buf_addf(&a->body, ", \"accepted\": %zu, \"failed\": %zu, ", n[FATE_STORED], n[FATE_FAILED]);
	}
	add_account(&a->body, c->batch);
	buf_add_str(&a->body, "}");
}

void ingest_free(struct request *r)
{
	struct ingest_call *c = r->call;

	if (c == NULL)
		return;
	stop_waiting(c);
	atomic_fetch_sub(&r->server->held_bytes, c->held_bytes);
	r->call = NULL;
	let_go(c);
}

void ingest_abandon(struct http_server *s)
{
	struct ingest_call *first = NULL;

	lock_take(&s->lock);
	s->abandoning = true;
	for (struct ingest_call *c = s->waiting; c != NULL; c = c->next) {
		if (!abandon(c))
			continue;
		c->next_abandoned = first;
		first = c;
	}
	lock_give_back(&s->lock);
	while (first != NULL) {
		struct ingest_call *c = first;

		first = c->next_abandoned;
		MHD_resume_connection(c->connection);
	}
}
