/*
 * One reply: status, body and what its headers must say; sending it packed, validated and with the headers that every
 * reply has.
 * Source: docs/spec/system.md "REST"; docs/api.md.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <microhttpd.h>

#include "base/buf.h"
#include "http/kept.h"

enum { ANSWER_MAX_BYTES = 256 * 1024 * 1024, ANSWER_RETRY_S = 5 };

struct answer {
	unsigned status;
	const char *content_type; /* static texts, NULL: no such header */
	const char *allow, *location, *challenge, *vary;
	const char *policy;     /* Content-Security-Policy; with it goes Referrer-Policy */
	unsigned retry_after_s; /* 0: no such header */
	bool dense;             /* does not become smaller: never packed */
	bool validated;         /* gets an ETag and may be answered with 304 */
	struct buf body;
	uint64_t sent_bytes; /* of the body on its way, once it was sent */
	struct kept *kept;   /* held; NULL: body is the answer, else this, and all above but status is not looked at */
};

/* 200, JSON, validated, empty body. */
void answer_init(struct answer *a);
void answer_fini(struct answer *a);

/* Make it an error: status and {"error", "detail"}; what was in the body is gone. */
void answer_error(struct answer *a, unsigned status, const char *error, const char *detail);
/* The same from a code that is not RC_OK: 400, 404, 500 or 503 with Retry-After. */
void answer_rc(struct answer *a, enum rc rc, const struct why *why);

/*
 * Make its body, 200 and JSON as answer_init() set it out, a reply that may be sent again: a->kept. Its basis is yours to
 * fill in before others see it. cors_origin: as in answer_form.
 */
void answer_keep(struct answer *a, const char *cors_origin);

/*
 * A reply like answer_keep()'s from bytes that stay, with their packed form (packed.n 0: none), under a's headers.
 * Owner    kept_let_go()
 */
struct kept *answer_keep_file(const struct answer *a, struct text plain, struct text packed);

/* What of the request the reply's form depends on. */
struct answer_form {
	struct text accept_encoding, if_none_match, origin; /* TEXT_NONE: none */
	const char *cors_origin;                            /* for this route; NULL: none may read it from elsewhere */
	bool preflight;                                     /* OPTIONS with an Origin */
	bool closing;                                       /* the server stops: Connection: close */
};

/* Queue it on the connection; a's body is taken. The answer stays yours to fini. */
enum MHD_Result answer_send(struct answer *a, const struct answer_form *form, struct MHD_Connection *connection);

#endif
