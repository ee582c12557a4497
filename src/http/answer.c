#include "http/answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/counter.h"
#include "base/mem.h"
#include "http/gzip.h"
#include "http/headers.h"
#include "wire/reply.h"

/* ETAG_SEED is fixed, so that a validator outlives a restart. */
enum { PACK_FROM_BYTES = 1024, ETAG_SEED = 1 };

void answer_init(struct answer *a)
{
	*a = (struct answer){ .status = MHD_HTTP_OK,
			      .content_type = "application/json; charset=utf-8",
			      .validated = true };
	buf_init(&a->body, ANSWER_MAX_BYTES);
}

void answer_fini(struct answer *a)
{
	buf_fini(&a->body);
	kept_let_go(a->kept);
	a->kept = NULL;
}

void answer_error(struct answer *a, unsigned status, const char *error, const char *detail)
{
	a->status = status;
	a->content_type = "application/json; charset=utf-8";
	a->validated = false;
	buf_fini(&a->body);
	buf_add_str(&a->body, "{\"error\": ");
	reply_string(&a->body, text_of(error));
	buf_add_str(&a->body, ", \"detail\": ");
	reply_string(&a->body, text_of(detail));
	buf_add_str(&a->body, "}");
}

void answer_rc(struct answer *a, enum rc rc, const struct why *why)
{
	switch (rc) {
	case RC_REFUSED:
		answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", why->text);
		return;
	case RC_ABSENT:
		answer_error(a, MHD_HTTP_NOT_FOUND, "Not found", why->text);
		return;
	case RC_PEER:
	case RC_DISK:
		answer_error(a, MHD_HTTP_SERVICE_UNAVAILABLE, "Not available", why->text);
		a->retry_after_s = ANSWER_RETRY_S;
		return;
	case RC_FULL:
		answer_error(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "Too large", why->text);
		return;
	case RC_OK:
	case RC_END:
	case RC_DAMAGED:
		break;
	}
	answer_error(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "Server error", why->text);
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
	if (value != NULL)
		must(MHD_add_response_header(r, name, value) == MHD_YES);
}

/* Whether this request may be read from the page it comes from; says what caches must know. */
static void add_cors(struct MHD_Response *r, const struct answer_form *form)
{
	if (form->cors_origin == NULL)
		return;
	add(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN);
	if (form->origin.s == NULL ||
	    !(text_is(form->origin, form->cors_origin) || strcmp(form->cors_origin, "*") == 0))
		return;
	add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, form->cors_origin);
	add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Retry-After");
	if (!form->preflight)
		return;
	add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
	add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, "If-None-Match");
	add(r, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
}

/* Weak: packed and plain bytes of one answer share it. */
static void print_etag(struct text body, char out[KEPT_ETAG_BYTES])
{
	snprintf(out, KEPT_ETAG_BYTES, "W/\"%016" PRIx64 "\"", text_hash(body, ETAG_SEED));
}

static void pack_body(struct answer *a)
{
	struct buf packed;

	buf_init(&packed, ANSWER_MAX_BYTES);
	if (gzip_pack(buf_text(&a->body), &packed)) {
		buf_fini(&a->body);
		a->body = packed;
	} else {
		buf_fini(&packed);
	}
}

/* A body on its way out. */
struct form_of_body {
	const char *etag; /* "": none */
	bool may_pack, packed;
};

/* Headers of a's answer; those that only this request sees are in form. */
static void add_headers(struct MHD_Response *r, const struct answer *a, const struct form_of_body *body,
			const struct answer_form *form)
{
	char retry[16];

	add(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->content_type);
	if (body->packed)
		add(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (body->may_pack)
		add(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	add(r, MHD_HTTP_HEADER_VARY, a->vary);
	if (body->etag[0] != '\0')
		add(r, MHD_HTTP_HEADER_ETAG, body->etag);
	add(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	add(r, MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff");
	add(r, MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY, a->policy);
	if (a->policy != NULL)
		add(r, "Referrer-Policy", "no-referrer");
	add(r, MHD_HTTP_HEADER_ALLOW, a->allow);
	add(r, MHD_HTTP_HEADER_LOCATION, a->location);
	add(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, a->challenge);
	if (a->retry_after_s > 0) {
		snprintf(retry, sizeof(retry), "%u", a->retry_after_s);
		add(r, MHD_HTTP_HEADER_RETRY_AFTER, retry);
	}
	if (form->closing)
		add(r, MHD_HTTP_HEADER_CONNECTION, "close");
	add_cors(r, form);
}

/* A response that ends the buffer's memory. */
static struct MHD_Response *response_of(struct buf *body)
{
	size_t n;
	char *bytes = buf_hand_over(body, &n);
	struct MHD_Response *r = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);

	must(r != NULL);
	return r;
}

static enum MHD_Result queue(struct answer *a, uint64_t n_bytes, struct MHD_Connection *connection,
			     struct MHD_Response *r)
{
	unsigned status = a->status;

	a->sent_bytes = status == MHD_HTTP_NOT_MODIFIED || status == MHD_HTTP_NO_CONTENT ? 0 : n_bytes;
	counter_add(COUNTER_HTTP_REQUESTS, 1);
	if (status >= 500)
		counter_add(COUNTER_HTTP_ERRORS, 1);
	return MHD_queue_response(connection, status, r);
}

void answer_keep(struct answer *a, const char *cors_origin)
{
	const struct answer_form plain_form = { .cors_origin = cors_origin };
	struct form_of_body form = { .may_pack = a->body.n > PACK_FROM_BYTES && !a->dense };
	struct kept *k = must_alloc(sizeof(*k));
	char *bytes;
	size_t n;

	atomic_init(&k->n_holders, 1);
	print_etag(buf_text(&a->body), k->etag);
	form.etag = k->etag;
	bytes = buf_hand_over(&a->body, &n);
	bytes = must_realloc(bytes, n + 1); /* no more than what counts */
	k->body = (struct text){ bytes, n };
	k->plain = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);
	must(k->plain != NULL);
	add_headers(k->plain, a, &form, &plain_form);
	a->kept = k;
}

static struct MHD_Response *response_of_file(struct text t)
{
	/* MHD has no const; it only reads */
	struct MHD_Response *r = MHD_create_response_from_buffer(t.n, (void *)(uintptr_t)t.s, MHD_RESPMEM_PERSISTENT);

	must(r != NULL);
	return r;
}

struct kept *answer_keep_file(const struct answer *a, struct text plain, struct text packed)
{
	const struct answer_form no_form = { .cors_origin = NULL };
	struct form_of_body form = { .may_pack = plain.n > PACK_FROM_BYTES };
	struct kept *k = must_alloc(sizeof(*k));
	struct MHD_Response *r;

	atomic_init(&k->n_holders, 1);
	print_etag(plain, k->etag);
	form.etag = k->etag;
	k->body = plain;
	k->plain = response_of_file(plain);
	add_headers(k->plain, a, &form, &no_form);
	atomic_init(&k->unpackable, packed.n == 0);
	if (packed.n > 0) {
		form.packed = true;
		r = response_of_file(packed);
		add_headers(r, a, &form, &no_form);
		atomic_init(&k->packed_bytes, packed.n);
		atomic_init(&k->packed, r);
	}
	return k;
}

/* Packed once, when first asked for. NULL: it does not become smaller. */
static struct MHD_Response *packed_of(const struct answer *a, struct kept *k, const char *cors_origin)
{
	const struct answer_form plain_form = { .cors_origin = cors_origin };
	const struct form_of_body form = { .etag = k->etag, .may_pack = true, .packed = true };
	struct MHD_Response *packed = atomic_load(&k->packed), *first = NULL;
	struct buf body;
	size_t n;

	if (packed != NULL || atomic_load(&k->unpackable))
		return packed;
	buf_init(&body, ANSWER_MAX_BYTES);
	if (!gzip_pack(k->body, &body)) {
		atomic_store(&k->unpackable, true);
		buf_fini(&body);
		return NULL;
	}
	n = body.n;
	packed = response_of(&body);
	add_headers(packed, a, &form, &plain_form);
	atomic_store(&k->packed_bytes, n);
	if (!atomic_compare_exchange_strong(&k->packed, &first, packed)) {
		MHD_destroy_response(packed);
		return first;
	}
	atomic_store(&k->extra_bytes, n);
	return packed;
}

/* The kept bytes under headers of this request's own. */
static enum MHD_Result send_copy(struct answer *a, const struct answer_form *form, struct MHD_Connection *connection)
{
	struct form_of_body body = { .etag = a->kept->etag,
				     .may_pack = a->kept->body.n > PACK_FROM_BYTES && !a->dense };
	struct buf copy;
	struct MHD_Response *r;
	enum MHD_Result queued;
	size_t n;

	buf_init(&copy, ANSWER_MAX_BYTES);
	body.packed = body.may_pack && headers_want_gzip(form->accept_encoding) && gzip_pack(a->kept->body, &copy);
	if (!body.packed)
		buf_add_text(&copy, a->kept->body);
	n = copy.n;
	r = response_of(&copy);
	add_headers(r, a, &body, form);
	queued = queue(a, n, connection, r);
	MHD_destroy_response(r);
	return queued;
}

static enum MHD_Result send_kept(struct answer *a, const struct answer_form *form, struct MHD_Connection *connection)
{
	struct MHD_Response *packed = NULL;

	if (form->if_none_match.s != NULL && headers_names_etag(form->if_none_match, text_of(a->kept->etag)))
		a->status = MHD_HTTP_NOT_MODIFIED;
	if (form->closing || (form->cors_origin != NULL && form->origin.s != NULL))
		return send_copy(a, form, connection);
	if (form->accept_encoding.s != NULL && a->kept->body.n > PACK_FROM_BYTES && !a->dense &&
	    headers_want_gzip(form->accept_encoding))
		packed = packed_of(a, a->kept, form->cors_origin);
	if (packed != NULL)
		return queue(a, atomic_load(&a->kept->packed_bytes), connection, packed);
	return queue(a, a->kept->body.n, connection, a->kept->plain);
}

enum MHD_Result answer_send(struct answer *a, const struct answer_form *form, struct MHD_Connection *connection)
{
	char etag[KEPT_ETAG_BYTES] = "";
	struct form_of_body body = { .etag = etag, .may_pack = a->body.n > PACK_FROM_BYTES && !a->dense };
	size_t plain_bytes = a->body.n, n;
	struct MHD_Response *r;
	enum MHD_Result queued;

	if (a->kept != NULL)
		return send_kept(a, form, connection);
	if (a->validated && a->status == MHD_HTTP_OK) {
		print_etag(buf_text(&a->body), etag);
		/* The body stays: MHD sends none with 304, but the length that 200 would have had. */
		if (form->if_none_match.s != NULL && headers_names_etag(form->if_none_match, text_of(etag)))
			a->status = MHD_HTTP_NOT_MODIFIED;
	}
	if (body.may_pack && headers_want_gzip(form->accept_encoding)) {
		pack_body(a);
		body.packed = a->body.n < plain_bytes;
	}
	if (a->body.n == 0)
		a->content_type = NULL;
	n = a->body.n;
	r = response_of(&a->body);
	add_headers(r, a, &body, form);
	queued = queue(a, n, connection, r);
	MHD_destroy_response(r);
	return queued;
}
