#include "wire/json.h"

#include "wire/json_text.h"

static bool fault(struct json_reader *r, const char *problem)
{
	if (r->problem == NULL)
		r->problem = problem;
	return false;
}

static void skip_blanks(struct json_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
}

static bool is_digit(const struct json_reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool digits(struct json_reader *r)
{
	if (!is_digit(r))
		return fault(r, "number without a digit where one must be");
	while (is_digit(r))
		r->at++;
	return true;
}

static bool word(struct json_reader *r, const char *letters, size_t n, enum json_type type, struct json_value *out)
{
	if ((size_t)(r->end - r->at) < n || memcmp(r->at, letters, n) != 0)
		return fault(r, "expected a value");
	*out = (struct json_value){ .type = type, .raw = { r->at, n } };
	r->at += n;
	return true;
}

static bool number(struct json_reader *r, struct json_value *out)
{
	const char *start = r->at;

	if (*r->at == '-')
		r->at++;
	if (r->at < r->end && *r->at == 'I' && r->nonfinite && *start == '-') {
		r->at = start;
		return word(r, "-Infinity", 9, JSON_NONFINITE, out);
	}
	if (r->at < r->end && *r->at == '0') {
		r->at++;
		if (is_digit(r))
			return fault(r, "number with a leading zero");
	} else if (!digits(r)) {
		return false;
	}
	if (r->at < r->end && *r->at == '.') {
		r->at++;
		if (!digits(r))
			return false;
	}
	if (r->at < r->end && (*r->at | 0x20) == 'e') {
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		if (!digits(r))
			return false;
	}
	*out = (struct json_value){ .type = JSON_NUMBER, .raw = { start, (size_t)(r->at - start) } };
	return true;
}

/* The string whose opening quote is at r->at. */
static bool string(struct json_reader *r, struct text *raw, bool *escaped)
{
	const char *start = r->at + 1;

	*escaped = false;
	r->at = json_text_check(start, r->end, false, escaped, &r->problem);
	if (r->problem != NULL)
		return false;
	*raw = (struct text){ start, (size_t)(r->at - start) };
	r->at++;
	return true;
}

static bool scalar(struct json_reader *r, struct json_value *out)
{
	if (r->at == r->end)
		return fault(r, "expected a value");
	switch (*r->at) {
	case '"':
		out->type = JSON_STRING;
		return string(r, &out->raw, &out->escaped);
	case 't':
		return word(r, "true", 4, JSON_TRUE, out);
	case 'f':
		return word(r, "false", 5, JSON_FALSE, out);
	case 'n':
		return word(r, "null", 4, JSON_NULL, out);
	case 'N':
		return r->nonfinite ? word(r, "NaN", 3, JSON_NONFINITE, out) : fault(r, "NaN is not JSON");
	case 'I':
		return r->nonfinite ? word(r, "Infinity", 8, JSON_NONFINITE, out) : fault(r, "Infinity is not JSON");
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return number(r, out);
	}
	return fault(r, "expected a value");
}

void json_open(struct json_reader *r, struct text document)
{
	const char *start = document.s == NULL ? "" : document.s;

	*r = (struct json_reader){ .start = start, .at = start, .end = start + document.n };
}

char json_peek(struct json_reader *r)
{
	if (r->problem != NULL)
		return '\0';
	skip_blanks(r);
	return r->at < r->end ? *r->at : '\0';
}

bool json_enter(struct json_reader *r)
{
	char c = json_peek(r);

	if (c != '{' && c != '[')
		return fault(r, "expected an object or an array");
	if (r->depth == JSON_MAX_DEPTH)
		return fault(r, "nested too deeply");
	r->objects = r->objects << 1 | (c == '{');
	r->depth++;
	r->fresh = true;
	r->at++;
	return true;
}

static void leave(struct json_reader *r)
{
	r->at++;
	r->objects >>= 1;
	r->depth--;
	r->fresh = false;
}

/* In an object, at the place of a key: it and the colon. */
static bool member_key(struct json_reader *r)
{
	if (r->at == r->end || *r->at != '"')
		return fault(r, "expected a key in quotes");
	if (!string(r, &r->key, &r->key_escaped))
		return false;
	if (json_peek(r) != ':')
		return fault(r, "expected a colon");
	r->at++;
	skip_blanks(r);
	return true;
}

bool json_next(struct json_reader *r)
{
	bool object = r->objects & 1;
	char c = json_peek(r);

	if (r->problem != NULL || r->depth == 0)
		return false;
	if (c == (object ? '}' : ']')) {
		leave(r);
		return false;
	}
	if (!r->fresh) {
		if (c != ',')
			return fault(r, object ? "expected , or }" : "expected , or ]");
		r->at++;
		skip_blanks(r);
	}
	r->fresh = false;
	return !object || member_key(r);
}

bool json_read(struct json_reader *r, struct json_value *out)
{
	char c = json_peek(r);
	const char *start = r->at;
	unsigned depth = r->depth;
	struct text key = r->key;
	bool key_escaped = r->key_escaped;
	struct json_value inner;

	if (r->problem != NULL)
		return false;
	if (c != '{' && c != '[')
		return scalar(r, out);
	if (!json_enter(r))
		return false;
	while (r->problem == NULL && r->depth > depth) {
		if (!json_next(r))
			continue;
		c = json_peek(r);
		if (c == '{' || c == '[')
			json_enter(r);
		else
			scalar(r, &inner);
	}
	if (r->problem != NULL)
		return false;
	r->key = key;
	r->key_escaped = key_escaped;
	*out = (struct json_value){ .type = *start == '{' ? JSON_OBJECT : JSON_ARRAY,
				    .raw = { start, (size_t)(r->at - start) } };
	return true;
}

bool json_read_text(struct json_reader *r, struct arena *a, struct text *out)
{
	bool escaped = false;
	const char *start, *stop;
	char *bytes, *o;
	size_t room;

	if (json_peek(r) != '"')
		return fault(r, "expected a text");
	start = r->at + 1;
	stop = json_text_check(start, r->end, true, &escaped, &r->problem);
	if (escaped) {
		room = (size_t)(r->end - start);
		o = bytes = arena_alloc(a, room);
		memcpy(o, start, (size_t)(stop - start));
		o += stop - start;
		stop = json_text_decode(stop, r->end, &o, &r->problem);
		if (stop == r->end)
			fault(r, "text without an end");
		arena_trim(a, bytes, room, (size_t)(o - bytes));
		*out = (struct text){ bytes, (size_t)(o - bytes) };
	} else {
		*out = (struct text){ start, (size_t)(stop - start) };
	}
	r->at = stop;
	if (r->problem != NULL)
		return false;
	r->at++;
	return true;
}

bool json_key_is(const struct json_reader *r, struct arena *a, const char *name)
{
	return text_is(r->key_escaped ? json_string(a, r->key, true) : r->key, name);
}

enum rc json_close(struct json_reader *r, struct why *why)
{
	json_peek(r);
	if (r->problem == NULL && r->depth > 0)
		fault(r, "document without an end");
	if (r->problem == NULL && r->at < r->end)
		fault(r, "text after the document");
	if (r->problem == NULL)
		return RC_OK;
	return because(why, RC_REFUSED, "%s at byte %zu", r->problem, (size_t)(r->at - r->start));
}

enum rc json_check(struct text document, bool nonfinite, struct json_value *out, struct why *why)
{
	struct json_reader r;
	struct json_value value;
	enum rc rc;

	json_open(&r, document);
	r.nonfinite = nonfinite;
	json_read(&r, &value);
	rc = json_close(&r, why);
	if (rc == RC_OK)
		*out = value;
	return rc;
}

/* A walk goes on from behind the last value: a reader inside a container that is not fresh, or fresh at its start. */
static bool walk_on(struct json_walk *w, bool object, struct json_reader *r, struct json_value *value)
{
	if (w->at == w->end)
		return false;
	json_open(r, (struct text){ w->at, (size_t)(w->end - w->at) });
	r->nonfinite = true;
	r->objects = object;
	r->depth = 1;
	if (*w->at == '{' || *w->at == '[') {
		r->at++;
		r->fresh = true;
	}
	if (json_next(r) && json_read(r, value)) {
		w->at = r->at;
		return true;
	}
	w->at = w->end;
	return false;
}

struct json_walk json_walk(struct json_value container)
{
	if (container.type != JSON_OBJECT && container.type != JSON_ARRAY)
		return (struct json_walk){ NULL, NULL };
	return (struct json_walk){ container.raw.s, container.raw.s + container.raw.n };
}

bool json_next_member(struct json_walk *w, struct text *key, bool *key_escaped, struct json_value *value)
{
	struct json_reader r;

	if (!walk_on(w, true, &r, value))
		return false;
	*key = r.key;
	*key_escaped = r.key_escaped;
	return true;
}

bool json_next_element(struct json_walk *w, struct json_value *value)
{
	struct json_reader r;

	return walk_on(w, false, &r, value);
}

struct text json_string(struct arena *a, struct text raw, bool escaped)
{
	const char *problem = NULL;
	char *bytes, *o;

	if (!escaped)
		return raw;
	o = bytes = arena_alloc(a, raw.n);
	json_text_decode(raw.s, raw.s + raw.n, &o, &problem);
	arena_trim(a, bytes, raw.n, (size_t)(o - bytes));
	return (struct text){ bytes, (size_t)(o - bytes) };
}

bool json_member(struct arena *a, struct json_value object, const char *name, struct json_value *out)
{
	struct json_walk w = json_walk(object);
	struct json_value value;
	struct text key;
	bool escaped, found = false;

	if (object.type != JSON_OBJECT)
		return false;
	while (json_next_member(&w, &key, &escaped, &value)) {
		if (text_is(json_string(a, key, escaped), name)) {
			*out = value;
			found = true;
		}
	}
	return found;
}
