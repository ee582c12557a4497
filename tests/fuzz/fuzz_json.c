/*
 * Any bytes as a JSON document. What is accepted must be UTF-8, keep its slices inside, walk to its end, be accepted
 * again in every part, and decode to strings that print to JSON that decodes to the same.
 */
#include <stdio.h>

#include "wire/json.h"
#include "wire/number.h"
#include "wire/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_inside(struct text part, struct text whole)
{
	must(part.s >= whole.s && part.s + part.n <= whole.s + whole.n);
}

static void must_come_back(struct arena *a, struct text decoded)
{
	struct json_value v;
	struct buf b;

	must(text_is_utf8(decoded));
	buf_init(&b, 16 << 20);
	reply_string(&b, decoded);
	must(json_check(buf_text(&b), false, &v, NULL) == RC_OK && v.type == JSON_STRING);
	must(text_equal(json_string(a, v.raw, v.escaped), decoded));
	buf_fini(&b);
}

static void walk(struct arena *a, struct json_value v, struct text document)
{
	struct json_walk w = json_walk(v);
	struct json_value inner, again;
	struct text key;
	double number;
	bool escaped;

	must_be_inside(v.raw, document);
	switch (v.type) {
	case JSON_OBJECT:
		while (json_next_member(&w, &key, &escaped, &inner)) {
			must_be_inside(key, v.raw);
			must_come_back(a, json_string(a, key, escaped));
			walk(a, inner, v.raw);
		}
		must(w.at == w.end);
		break;
	case JSON_ARRAY:
		while (json_next_element(&w, &inner))
			walk(a, inner, v.raw);
		must(w.at == w.end);
		break;
	case JSON_STRING:
		must_come_back(a, json_string(a, v.raw, v.escaped));
		return;
	case JSON_NUMBER:
		if (number_parse(v.raw, &number) == NUMBER_VALUE) {
			char digits[NUMBER_MAX_BYTES];
			double back;
			size_t n = number_print(number, digits);

			must(number_parse((struct text){ digits, n }, &back) == NUMBER_VALUE && back == number);
		}
		break;
	case JSON_NONFINITE:
		must(number_parse(v.raw, &number) == NUMBER_UNKNOWN);
		break;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	}
	must(json_check(v.raw, true, &again, NULL) == RC_OK && again.type == v.type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text document = { (const char *)data, size };
	struct json_value v, strict;
	struct arena a;
	struct why why;

	/* the walk reads each level again: what is nested deeply stays short */
	if (size > 4096)
		return 0;
	arena_init(&a);
	if (json_check(document, true, &v, &why) == RC_OK) {
		must(text_is_utf8(document));
		walk(&a, v, document);
		if (json_check(document, false, &strict, NULL) == RC_OK)
			must(strict.type == v.type && text_equal(strict.raw, v.raw));
	} else {
		must(json_check(document, false, &strict, NULL) == RC_REFUSED);
	}
	arena_fini(&a);
	return 0;
}
