#include "control/request.h"

#include "wire/json.h"
#include "wire/reply.h"

/* So much of a word from outside is shown in an error. */
enum { SHOWN_BYTES = 64 };

static int shown(struct text t)
{
	return (int)(t.n < SHOWN_BYTES ? t.n : SHOWN_BYTES);
}

static bool has_argument(const struct control_verb *verb, struct text name)
{
	for (size_t i = 0; verb->argument != NULL && verb->argument[i] != NULL; i++)
		if (text_is(name, verb->argument[i]))
			return true;
	return false;
}

static enum rc check_members(struct arena *a, struct json_value request, const struct control_verb *verb,
			     struct why *why)
{
	struct json_walk w = json_walk(request);
	struct json_value value;
	struct text key;
	bool escaped;

	while (json_next_member(&w, &key, &escaped, &value)) {
		key = json_string(a, key, escaped);
		if (!text_is(key, "verb") && !has_argument(verb, key))
			return because(why, RC_REFUSED, "%s: no argument \"%.*s\"", verb->name, shown(key), key.s);
	}
	return RC_OK;
}

enum rc control_request_read(struct arena *a, struct text request, const struct control_verb *const *verb,
			     size_t n_verbs, const struct control_verb **out, struct why *why)
{
	struct json_value object, member;
	struct text name;
	enum rc rc = json_check(request, false, &object, why);

	if (rc != RC_OK)
		return rc;
	if (object.type != JSON_OBJECT)
		return because(why, RC_REFUSED, "expected a JSON object");
	if (!json_member(a, object, "verb", &member) || member.type != JSON_STRING)
		return because(why, RC_REFUSED, "expected a text \"verb\"");
	name = json_string(a, member.raw, member.escaped);
	for (size_t i = 0; i < n_verbs; i++)
		if (text_is(name, verb[i]->name)) {
			rc = check_members(a, object, verb[i], why);
			if (rc == RC_OK)
				*out = verb[i];
			return rc;
		}
	return because(why, RC_ABSENT, "no verb \"%.*s\"", shown(name), name.s);
}

enum rc control_run(const struct control_verb *const *verb, size_t n_verbs, void *argument, struct text request,
		    const struct control_verb **found, struct buf *answer, struct why *why)
{
	const struct control_verb *v = NULL;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = control_request_read(&a, request, verb, n_verbs, &v, why);
	arena_fini(&a);
	if (rc != RC_OK)
		return rc;
	must(v != NULL);
	if (found != NULL)
		*found = v;
	rc = v->run(argument, request, answer, why);
	if (rc == RC_OK && answer->full)
		rc = because(why, RC_FULL, "the answer is over %zu bytes", answer->max);
	return rc;
}

enum rc control_argument_text(struct arena *a, struct text request, const char *name, struct text *out, struct why *why)
{
	struct json_value object, member;
	enum rc rc = json_check(request, false, &object, why);

	if (rc != RC_OK)
		return rc;
	*out = TEXT_NONE;
	if (object.type != JSON_OBJECT || !json_member(a, object, name, &member) || member.type == JSON_NULL)
		return RC_OK;
	if (member.type != JSON_STRING)
		return because(why, RC_REFUSED, "%s: expected a text", name);
	*out = json_string(a, member.raw, member.escaped);
	return RC_OK;
}

enum rc control_argument_bool(struct arena *a, struct text request, const char *name, bool *out, struct why *why)
{
	struct json_value object, member;
	enum rc rc = json_check(request, false, &object, why);

	if (rc != RC_OK)
		return rc;
	*out = false;
	if (object.type != JSON_OBJECT || !json_member(a, object, name, &member) || member.type == JSON_NULL)
		return RC_OK;
	if (member.type != JSON_TRUE && member.type != JSON_FALSE)
		return because(why, RC_REFUSED, "%s: expected true or false", name);
	*out = member.type == JSON_TRUE;
	return RC_OK;
}

enum rc control_argument_list(struct arena *a, struct text request, const char *name, struct json_value *out,
			      struct why *why)
{
	struct json_value object, member;
	enum rc rc = json_check(request, false, &object, why);

	if (rc != RC_OK)
		return rc;
	if (object.type != JSON_OBJECT || !json_member(a, object, name, &member) || member.type != JSON_ARRAY)
		return because(why, RC_REFUSED, "%s: expected a list", name);
	*out = member;
	return RC_OK;
}

enum rc control_member_text(struct arena *a, struct json_value element, const char *name, struct text *out,
			    struct why *why)
{
	struct json_value member;

	if (element.type != JSON_OBJECT || !json_member(a, element, name, &member) || member.type != JSON_STRING)
		return because(why, RC_REFUSED, "expected objects, each with a text \"%s\"", name);
	*out = json_string(a, member.raw, member.escaped);
	return RC_OK;
}

void control_add_error(struct buf *answer, enum rc rc, const struct why *why)
{
	buf_add_str(answer, "{\"error\": ");
	reply_string(answer, text_of(why->text));
	buf_addf(answer, ", \"rc\": \"%s\"}", rc_name(rc));
}
