/*
 * Strict JSON (RFC 8259, UTF-8) read in place: a pull reader that walks bytes once and hands out slices. It builds no
 * tree and refuses what common C libraries let pass: invalid UTF-8, lone surrogates, control characters in strings,
 * trailing text, `01`, nesting over 64. What Python's json adds (NaN, Infinity, -Infinity) is read as numbers only
 * when asked for. Source: RFC 8259; docs/spec/system.md "Payload: JSON"; docs/decisions/0002-own-json-reader.md.
 *
 * Two ways in. When the whole document is wanted: json_check(), then walk it. When a few members of it are: a
 * struct json_reader, which checks and hands out in one pass.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/text.h"

enum { JSON_MAX_DEPTH = 64 };

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,    /* raw: the digits */
	JSON_NONFINITE, /* raw: NaN, Infinity or -Infinity; only with nonfinite allowed */
	JSON_STRING,    /* raw: between the quotes, escapes as they came */
	JSON_ARRAY,     /* raw: from [ to ] */
	JSON_OBJECT,    /* raw: from { to } */
};

struct json_value {
	enum json_type type;
	bool escaped;    /* a string with a backslash in it */
	struct text raw; /* a slice of the document */
};

/*
 * Check a whole document and hand out its one value. After this its slices can be walked without errors.
 * Errors   RC_REFUSED  why says what and at which byte
 * Owner    everything is a slice of `document`.
 */
CHECKED enum rc json_check(struct text document, bool nonfinite, struct json_value *out, struct why *why);

/* Walk the members of a checked object, or the elements of a checked array. Bytes that were not checked end the walk. */
struct json_walk {
	const char *at, *end;
};
struct json_walk json_walk(struct json_value container);
/* The next member; false at the end. key is raw (escapes as they came), key_escaped says whether it holds any. */
bool json_next_member(struct json_walk *w, struct text *key, bool *key_escaped, struct json_value *value);
bool json_next_element(struct json_walk *w, struct json_value *value);

/* The text of a checked string: the slice itself when nothing is escaped, else decoded into a. May hold NUL bytes. */
struct text json_string(struct arena *a, struct text raw, bool escaped);

/* The last member with that name in a checked object; false when there is none. */
bool json_member(struct arena *a, struct json_value object, const char *name, struct json_value *out);

/*
 * One pass over a document:
 *
 *	json_open(&r, document);
 *	if (json_peek(&r) == '{' && json_enter(&r))
 *		while (json_next(&r))              // r.key is set; then one of these for its value:
 *			json_read(&r, &value);     // json_read_text(), json_enter()
 *	rc = json_close(&r, why);                  // what was wrong first, or RC_OK
 *
 * After the first fault every call answers false, so that only json_close() needs asking. After json_next() said true
 * the value must be read before json_next() is called again.
 */
struct json_reader {
	const char *start, *at, *end;
	const char *problem; /* the first fault, NULL while there is none; it lies at `at` */
	uint64_t objects;    /* one bit a level, the innermost lowest: 1 object, 0 array */
	unsigned depth;      /* levels entered */
	bool nonfinite;      /* take NaN, Infinity and -Infinity; may be changed between values */
	bool fresh;          /* nothing of the innermost container was read yet */
	bool key_escaped;
	struct text key; /* of the member that json_next() came to: raw */
};
void json_open(struct json_reader *r, struct text document);
/* The first byte of the value to come; 0 when there is none. */
char json_peek(struct json_reader *r);
/* Go into the object or array to come. */
bool json_enter(struct json_reader *r);
/* Come to the next member or element of the container entered last; false at its end, which leaves it. */
bool json_next(struct json_reader *r);
/* Read and check a whole value. */
bool json_read(struct json_reader *r, struct json_value *out);
/* Read a string and decode it as json_string() does, in the same pass. False for any other value. */
bool json_read_text(struct json_reader *r, struct arena *a, struct text *out);
/* Whether r->key, decoded, is `name`. */
bool json_key_is(const struct json_reader *r, struct arena *a, const char *name);
/* Nothing but blanks may follow. Errors: RC_REFUSED  why says what and at which byte */
CHECKED enum rc json_close(struct json_reader *r, struct why *why);

#endif
