#include "http/answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/counter.h"
#include "http/gzip.h"
#include "http/headers.h"
#include "wire/reply.h"

/* ETAG_SEED is fixed, so that a validator outlives a restart. */
enum { PACK_FROM_BYTES = 1024, ETAG_BYTES = 32, ETAG_SEED = 1 };

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
static void print_etag(struct text body, char out[ETAG_BYTES])
{
	snprintf(out, ETAG_BYTES, "W/\"%016" PRIx64 "\"", text_hash(body, ETAG_SEED));
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

enum MHD_Result answer_send(struct answer *a, const struct answer_form *form, struct MHD_Connection *connection)
{
	char etag[ETAG_BYTES] = "", retry[16];
	bool may_pack = a->body.n > PACK_FROM_BYTES, packed = false;
	struct MHD_Response *r;
	enum MHD_Result queued;
	size_t plain_bytes = a->body.n, n;
	char *bytes;

	if (a->validated && a->status == MHD_HTTP_OK) {
		print_etag(buf_text(&a->body), etag);
		/* The body stays: MHD sends none with 304, but the length that 200 would have had. */
		if (form->if_none_match.s != NULL && headers_names_etag(form->if_none_match, text_of(etag)))
			a->status = MHD_HTTP_NOT_MODIFIED;
	}
	if (a->body.n > PACK_FROM_BYTES && headers_want_gzip(form->accept_encoding)) {
		pack_body(a);
		packed = a->body.n < plain_bytes;
	}
	bytes = buf_hand_over(&a->body, &n);
	r = MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);
	must(r != NULL);
	if (n > 0)
		add(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->content_type);
	if (packed)
		add(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (may_pack)
		add(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	add(r, MHD_HTTP_HEADER_VARY, a->vary);
	if (etag[0] != '\0')
		add(r, MHD_HTTP_HEADER_ETAG, etag);
	add(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	add(r, MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff");
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
	counter_add(COUNTER_HTTP_REQUESTS, 1);
	if (a->status >= 500)
		counter_add(COUNTER_HTTP_ERRORS, 1);
	queued = MHD_queue_response(connection, a->status, r);
	MHD_destroy_response(r);
	return queued;
}
