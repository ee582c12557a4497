/* Messages of HTTP ingest: no envelope and no call, but context and payload in one document, or many in one body. */
#include "wire/json.h"
#include "wire/message.h"
#include "wire/payload.h"

/* A text member, or TEXT_NONE for anything else. */
static struct text read_text(struct arena *a, struct json_reader *r)
{
	struct json_value v;

	if (!json_read(r, &v) || v.type != JSON_STRING)
		return TEXT_NONE;
	return json_string(a, v.raw, v.escaped);
}

/* The payload as text or as an object; NaN in it is judged with the rest of the payload. */
static void read_payload(struct arena *a, struct json_reader *r, struct parcel *parcel)
{
	char c = json_peek(r);
	struct json_value v;

	parcel->content = PARCEL_NOTHING;
	if (c == '"') {
		if (json_read_text(r, a, &parcel->payload))
			parcel->content = PARCEL_PAYLOAD;
		return;
	}
	r->nonfinite = c == '{';
	if (json_read(r, &v) && v.type == JSON_NULL) {
		parcel->content = PARCEL_NULL;
	} else if (v.type == JSON_OBJECT) {
		parcel->content = PARCEL_PAYLOAD;
		parcel->payload = v.raw;
	}
	r->nonfinite = false;
}

static bool read_context_member(struct arena *a, struct json_reader *r, struct parcel *parcel)
{
	if (json_key_is(r, a, "hostid"))
		parcel->host = read_text(a, r);
	else if (json_key_is(r, a, "plugin"))
		parcel->plugin = read_text(a, r);
	else if (json_key_is(r, a, "type"))
		parcel->type = read_text(a, r);
	else
		return false;
	return true;
}

/* `context` or `args` of the recorded form. */
static void read_recorded_part(struct arena *a, struct json_reader *r, bool context, struct parcel *parcel)
{
	struct json_value v;

	if (json_peek(r) != '{') {
		json_read(r, &v);
		return;
	}
	json_enter(r);
	while (json_next(r)) {
		if (context && read_context_member(a, r, parcel))
			continue;
		if (!context && json_key_is(r, a, "message"))
			read_payload(a, r, parcel);
		else
			json_read(r, &v);
	}
}

/* Both forms at once; `context` or `args` make it the recorded one, and then the flat members do not count. */
static void read_members(struct arena *a, struct json_reader *r, struct parcel *out)
{
	struct parcel flat = { 0 }, recorded = { 0 };
	bool is_recorded = false;
	struct json_value v;

	json_enter(r);
	while (json_next(r)) {
		if (json_key_is(r, a, "context")) {
			recorded.host = recorded.plugin = recorded.type = TEXT_NONE;
			read_recorded_part(a, r, true, &recorded);
			is_recorded = true;
		} else if (json_key_is(r, a, "args")) {
			recorded.content = PARCEL_NOTHING;
			read_recorded_part(a, r, false, &recorded);
			is_recorded = true;
		} else if (json_key_is(r, a, "message")) {
			read_payload(a, r, &flat);
		} else if (!read_context_member(a, r, &flat)) {
			json_read(r, &v);
		}
	}
	*out = is_recorded ? recorded : flat;
}

bool message_read_http(struct arena *a, struct text document, struct message *out, struct refusal *refusal)
{
	struct message message = { 0 };
	struct parcel parcel = { 0 };
	struct json_reader r;
	struct json_value v;
	struct why why;
	bool is_object;

	*refusal = (struct refusal){ 0 };
	if (document.n > MESSAGE_MAX_BYTES)
		return refuse(refusal, REASON_TOO_LARGE, "%zu bytes: at most 1 MiB", document.n);
	json_open(&r, document);
	is_object = json_peek(&r) == '{';
	if (is_object)
		read_members(a, &r, &parcel);
	else
		json_read(&r, &v);
	if (json_close(&r, &why) != RC_OK)
		return refuse(refusal, REASON_NOT_JSON, "%s", why.text);
	if (!is_object)
		return refuse(refusal, REASON_ENVELOPE, "the message is not an object");
	if (!payload_read(a, &parcel, &message, refusal))
		return false;
	*out = message;
	return true;
}

struct documents {
	struct text *at; /* in the arena */
	size_t n, capacity, max;
};

static enum rc add_document(struct documents *d, struct arena *a, struct text document, struct why *why)
{
	if (d->n == d->max)
		return because(why, RC_FULL, "more than %zu messages", d->max);
	if (d->n == d->capacity) {
		struct text *more;

		d->capacity = d->capacity == 0 ? 16 : d->capacity * 2;
		more = arena_alloc(a, d->capacity * sizeof(*more));
		if (d->n > 0)
			memcpy(more, d->at, d->n * sizeof(*more));
		d->at = more;
	}
	d->at[d->n++] = document;
	return RC_OK;
}

static enum rc split_lines(struct documents *d, struct arena *a, struct text body, struct why *why)
{
	const char *at = body.s, *end = body.s + body.n;
	enum rc rc = RC_OK;

	while (rc == RC_OK && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct text line = { at, (size_t)((stop == NULL ? end : stop) - at) };

		line = text_trim(line);
		if (line.n > 0)
			rc = add_document(d, a, line, why);
		at = stop == NULL ? end : stop + 1;
	}
	return rc;
}

/* The elements of an array; the array is read once, so that a body of many messages is not walked twice. */
static enum rc split_array(struct documents *d, struct arena *a, struct json_reader *r, struct why *why)
{
	enum rc rc = RC_OK;
	const char *start;
	struct json_value v;

	json_enter(r);
	while (rc == RC_OK && json_next(r)) {
		json_peek(r);
		start = r->at;
		if (json_read(r, &v))
			rc = add_document(d, a, (struct text){ start, (size_t)(r->at - start) }, why);
	}
	return rc != RC_OK ? rc : json_close(r, why);
}

enum rc message_split(struct arena *a, struct text body, bool ndjson, size_t max, struct text **out, size_t *n,
		      struct why *why)
{
	struct documents d = { .max = max };
	struct json_reader r;
	struct json_value v;
	enum rc rc;
	char c;

	json_open(&r, body);
	r.nonfinite = true; /* in `Values`; elsewhere it is that message's own matter */
	c = json_peek(&r);
	if (ndjson && body.n == 0) {
		rc = RC_OK;
	} else if (ndjson) {
		rc = split_lines(&d, a, body, why);
	} else if (c == '[') {
		rc = split_array(&d, a, &r, why);
	} else {
		json_read(&r, &v);
		rc = json_close(&r, why);
		if (rc == RC_OK && c != '{')
			rc = because(why, RC_REFUSED, "neither an object nor an array");
		if (rc == RC_OK)
			rc = add_document(&d, a, v.raw, why);
	}
	if (rc != RC_OK)
		return rc;
	*out = d.at;
	*n = d.n;
	return RC_OK;
}
