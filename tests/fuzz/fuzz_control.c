/*
 * Any bytes as a request on the control socket. What is taken names a verb of the table and has no other members than its
 * arguments; an error is strict JSON whatever it quotes.
 */
#include <string.h>

#include "control/request.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const arguments[] = { "host", "\xC3\xA9", NULL };
static const struct control_verb status = { .name = "status" };
static const struct control_verb flush = { .name = "flush", .argument = arguments };
static const struct control_verb *const verbs[] = { &status, &flush };

static void check_refusal(enum rc rc, const struct why *why)
{
	struct json_value v;
	struct buf b;

	must(rc == RC_REFUSED || rc == RC_ABSENT);
	must(why->text[0] != '\0');
	buf_init(&b, 1 << 16);
	control_add_error(&b, rc, why);
	must(!b.full && json_check(buf_text(&b), false, &v, NULL) == RC_OK && v.type == JSON_OBJECT);
	buf_fini(&b);
}

static void check_taken(struct arena *a, struct text request, const struct control_verb *verb)
{
	struct json_value object, member;
	struct text host;
	enum rc rc;

	must(verb == verbs[0] || verb == verbs[1]);
	must(json_check(request, false, &object, NULL) == RC_OK && object.type == JSON_OBJECT);
	must(json_member(a, object, "verb", &member) && member.type == JSON_STRING);
	must(text_is(json_string(a, member.raw, member.escaped), verb->name));
	must(verb == verbs[1] || !json_member(a, object, "host", &member));
	rc = control_argument_text(a, request, "host", &host, NULL);
	if (!json_member(a, object, "host", &member) || member.type == JSON_NULL)
		must(rc == RC_OK && host.s == NULL);
	else if (member.type == JSON_STRING)
		must(rc == RC_OK && host.s != NULL && text_is_utf8(host));
	else
		must(rc == RC_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text request = { size == 0 ? "" : (const char *)data, size };
	const struct control_verb *verb = NULL;
	struct why why = { "" };
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = control_request_read(&a, request, verbs, ARRAY_LEN(verbs), &verb, &why);
	if (rc == RC_OK)
		check_taken(&a, request, verb);
	else
		check_refusal(rc, &why);
	arena_fini(&a);
	return 0;
}
