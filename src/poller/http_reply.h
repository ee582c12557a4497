/*
 * What a server answers over HTTP/1.1, byte by byte as it comes: status, then the body by Content-Length, in chunks or
 * up to the end of the connection. Bounded. No I/O.
 * Source: RFC 9112.
 */
#ifndef POLLER_HTTP_REPLY_H
#define POLLER_HTTP_REPLY_H

#include "base/buf.h"

enum { HTTP_REPLY_HEAD_BYTES = 16 * 1024, HTTP_REPLY_BODY_BYTES = 4 << 20 };

enum http_reply_part { HTTP_REPLY_HEAD, HTTP_REPLY_SIZED, HTTP_REPLY_CHUNKS, HTTP_REPLY_OPEN, HTTP_REPLY_DONE };

struct http_reply {
	enum http_reply_part part;
	struct buf bytes; /* the head; then of the body in chunks what is not taken apart yet */
	struct buf body;
	int status;
	uint64_t left; /* of the body, or of the chunk */
	bool in_chunk, in_trailer;
};

void http_reply_init(struct http_reply *r);
void http_reply_fini(struct http_reply *r);
/* Begin another one. */
void http_reply_clear(struct http_reply *r);
/*
 * Take more bytes; r->part says HTTP_REPLY_DONE when status and body are there.
 * Errors   RC_REFUSED no HTTP, or over a limit
 */
CHECKED enum rc http_reply_take(struct http_reply *r, struct text bytes, struct why *why);
/* The connection has ended: RC_OK when the reply is whole. */
CHECKED enum rc http_reply_end(struct http_reply *r, struct why *why);

#endif
