/*
 * Strict JSON (RFC 8259, UTF-8) read in place: a pull reader that walks bytes once and hands out slices. It builds no
 * tree and refuses what common C libraries let pass: invalid UTF-8, lone surrogates, control characters in strings,
 * trailing text, `01`, nesting over 64. What Python's json adds (NaN, Infinity, -Infinity) is read as numbers only
 * when asked for. Source: RFC 8259; docs/spec/system.md "Payload: JSON".
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <stdbool.h>

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

/* Walk the members of a checked object, or the elements of a checked array. */
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

#endif
