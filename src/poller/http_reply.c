#include "poller/http_reply.h"

#include <strings.h>

enum { CHUNK_LINE_BYTES = 1024 };

void http_reply_init(struct http_reply *r)
{
	*r = (struct http_reply){ 0 };
	buf_init(&r->bytes, HTTP_REPLY_HEAD_BYTES + HTTP_REPLY_BODY_BYTES);
	buf_init(&r->body, HTTP_REPLY_BODY_BYTES);
}

void http_reply_fini(struct http_reply *r)
{
	buf_fini(&r->bytes);
	buf_fini(&r->body);
}

void http_reply_clear(struct http_reply *r)
{
	http_reply_fini(r);
	http_reply_init(r);
}

/* Take a line off *rest, without CR LF; false: it is not whole. */
static bool take_line(struct text *rest, struct text *line)
{
	const char *feed = rest->s == NULL || rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);

	if (feed == NULL)
		return false;
	*line = (struct text){ rest->s, (size_t)(feed - rest->s) };
	rest->n -= line->n + 1;
	rest->s = feed + 1;
	if (line->n > 0 && line->s[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool read_number(struct text t, int radix, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < t.n; i++) {
		char c = t.s[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : 99;

		if (digit >= radix || value > (UINT64_MAX >> 5))
			return false;
		value = value * (uint64_t)radix + (uint64_t)digit;
	}
	*out = value;
	return t.n > 0;
}

static bool take_status(struct text line, int *status)
{
	uint64_t number = 0;

	if (line.n < 12 || memcmp(line.s, "HTTP/1.", 7) != 0 || line.s[8] != ' ' ||
	    !read_number((struct text){ line.s + 9, 3 }, 10, &number))
		return false;
	*status = (int)number;
	return number >= 100 && (line.n == 12 || line.s[12] == ' ');
}

static bool header_is(struct text line, const char *name, struct text *value)
{
	size_t n = strlen(name);

	if (line.n <= n || line.s[n] != ':' || strncasecmp(line.s, name, n) != 0)
		return false;
	*value = text_trim((struct text){ line.s + n + 1, line.n - n - 1 });
	return true;
}

/* The head is whole: what follows it, and how long. */
static enum rc read_head(struct http_reply *r, struct text head, struct why *why)
{
	struct text line = TEXT_NONE, value;
	bool chunks = false, sized = false;

	if (!take_line(&head, &line) || !take_status(line, &r->status))
		return because(why, RC_REFUSED, "the answer is not HTTP");
	while (take_line(&head, &line)) {
		if (header_is(line, "Content-Length", &value)) {
			if (!read_number(value, 10, &r->left) || r->left > HTTP_REPLY_BODY_BYTES)
				return because(why, RC_REFUSED, "Content-Length: expected 0 to %d",
					       HTTP_REPLY_BODY_BYTES);
			sized = true;
		}
		if (header_is(line, "Transfer-Encoding", &value))
			chunks = value.n == 7 && strncasecmp(value.s, "chunked", 7) == 0;
	}
	if (r->status == 204 || r->status == 304 || (sized && !chunks && r->left == 0))
		r->part = HTTP_REPLY_DONE;
	else
		r->part = chunks ? HTTP_REPLY_CHUNKS : sized ? HTTP_REPLY_SIZED : HTTP_REPLY_OPEN;
	return RC_OK;
}

/* Where the empty line behind the head ends, 0 when it is not there yet. */
static size_t head_bytes(struct text t)
{
	struct text rest = t, line;

	while (take_line(&rest, &line))
		if (line.n == 0)
			return t.n - rest.n;
	return 0;
}

static void drop_front(struct buf *b, size_t n)
{
	memmove(b->at, b->at + n, b->n - n);
	b->n -= n;
}

static enum rc take_chunk_line(struct http_reply *r, struct text line, struct why *why)
{
	size_t n = 0;

	if (r->in_trailer) {
		if (line.n == 0)
			r->part = HTTP_REPLY_DONE;
		return RC_OK;
	}
	if (line.n == 0)
		return RC_OK; /* behind the chunk before */
	while (n < line.n && line.s[n] != ';' && line.s[n] != ' ')
		n++;
	if (!read_number((struct text){ line.s, n }, 16, &r->left) || r->left > HTTP_REPLY_BODY_BYTES)
		return because(why, RC_REFUSED, "the answer's chunks cannot be read");
	r->in_trailer = r->left == 0;
	r->in_chunk = r->left > 0;
	return RC_OK;
}

static enum rc take_chunks(struct http_reply *r, struct why *why)
{
	struct text rest = buf_text(&r->bytes), line;
	enum rc rc = RC_OK;

	while (rc == RC_OK && r->part == HTTP_REPLY_CHUNKS && rest.n > 0) {
		if (r->in_chunk) {
			size_t n = rest.n < r->left ? rest.n : (size_t)r->left;

			buf_add(&r->body, rest.s, n);
			rest = (struct text){ rest.s + n, rest.n - n };
			r->left -= n;
			r->in_chunk = r->left > 0;
		} else if (take_line(&rest, &line)) {
			rc = take_chunk_line(r, line, why);
		} else if (rest.n > CHUNK_LINE_BYTES) {
			rc = because(why, RC_REFUSED, "the answer's chunks cannot be read");
		} else {
			break;
		}
	}
	drop_front(&r->bytes, r->bytes.n - rest.n);
	return rc;
}

static enum rc take_body(struct http_reply *r, struct why *why)
{
	size_t n = r->bytes.n;
	enum rc rc = RC_OK;

	switch (r->part) {
	case HTTP_REPLY_SIZED:
		n = n < r->left ? n : (size_t)r->left;
		buf_add(&r->body, r->bytes.at, n);
		r->left -= n;
		if (r->left == 0)
			r->part = HTTP_REPLY_DONE;
		buf_clear(&r->bytes);
		break;
	case HTTP_REPLY_OPEN:
		buf_add(&r->body, r->bytes.at, n);
		buf_clear(&r->bytes);
		break;
	case HTTP_REPLY_CHUNKS:
		rc = take_chunks(r, why);
		break;
	case HTTP_REPLY_HEAD:
	case HTTP_REPLY_DONE:
		break;
	}
	if (rc == RC_OK && (r->body.full || r->bytes.full))
		rc = because(why, RC_REFUSED, "the answer is over %d bytes", HTTP_REPLY_BODY_BYTES);
	return rc;
}

enum rc http_reply_take(struct http_reply *r, struct text bytes, struct why *why)
{
	enum rc rc = RC_OK;

	if (r->part == HTTP_REPLY_DONE || bytes.n == 0)
		return RC_OK;
	buf_add_text(&r->bytes, bytes);
	while (rc == RC_OK && r->part == HTTP_REPLY_HEAD) {
		size_t n = head_bytes(buf_text(&r->bytes));

		if (n == 0 && r->bytes.n > HTTP_REPLY_HEAD_BYTES)
			return because(why, RC_REFUSED, "the answer's head is over %d bytes", HTTP_REPLY_HEAD_BYTES);
		if (n == 0)
			return RC_OK;
		rc = read_head(r, (struct text){ r->bytes.at, n }, why);
		drop_front(&r->bytes, n);
		if (rc == RC_OK && r->status < 200) /* 100 Continue: the real one follows */
			r->part = HTTP_REPLY_HEAD;
	}
	return rc == RC_OK ? take_body(r, why) : rc;
}

enum rc http_reply_end(struct http_reply *r, struct why *why)
{
	if (r->part == HTTP_REPLY_OPEN)
		r->part = HTTP_REPLY_DONE;
	return r->part == HTTP_REPLY_DONE ? RC_OK
					  : because(why, RC_REFUSED, "the connection ended before the answer did");
}
