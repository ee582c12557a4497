#include "ctl/answer.h"

#include <stdlib.h>
#include <string.h>

#include "control/client.h"
#include "control/control.h"
#include "ctl/alone.h"
#include "wire/number.h"
#include "wire/reply.h"

static const char *find_socket(struct ctl *ctl)
{
	const struct config *c;

	if (ctl->socket_path != NULL)
		return ctl->socket_path;
	c = ctl_config(ctl);
	if (c == NULL)
		return NULL;
	if (c->control_socket == NULL)
		ctl_fail("%s: control_socket is empty: the daemon has no socket to be asked on", ctl->config_path);
	return c->control_socket;
}

/* The rc of an {"error": …}, by its word. */
static enum rc rc_of(struct text word)
{
	for (enum rc rc = RC_END; rc <= RC_DISK; rc++)
		if (text_is(word, rc_name(rc)))
			return rc;
	return RC_REFUSED;
}

/* Not for who only wants to know quickly, as the shell's completion: opening the store may take a while. */
static bool may_work_alone(const struct ctl *ctl)
{
	const char *word = getenv("NUMETERCTL_ALONE");

	return ctl->command->works_alone && (word == NULL || strcmp(word, "no") != 0);
}

/* In the store itself: RC_OK, or what answer_try() answers in *status. */
static enum rc ask_alone(struct ctl *ctl, struct text request, struct answer *out, int *status, struct why *why)
{
	enum rc rc = alone_ask(ctl, request, &out->bytes, why);

	*status = rc == RC_END ? EXIT_UNUSABLE : EXIT_NOT_FINE;
	return rc;
}

int answer_try(struct ctl *ctl, struct text request, unsigned timeout_ms, struct answer *out, enum rc *rc,
	       struct why *why)
{
	const char *path;
	struct text error;
	int status;

	*out = (struct answer){ 0 };
	buf_init(&out->bytes, CONTROL_ANSWER_MAX_BYTES);
	arena_init(&out->arena);
	path = find_socket(ctl);
	if (path == NULL)
		return EXIT_UNUSABLE;
	*rc = control_ask(path, request, timeout_ms, &out->bytes, why);
	if (*rc == RC_ABSENT && may_work_alone(ctl)) {
		*rc = ask_alone(ctl, request, out, &status, why);
		if (*rc != RC_OK)
			return status;
	}
	if (*rc == RC_ABSENT)
		return ctl_fail("numeter-storage is not running: no answer at %s: %s", path, why->text);
	if (*rc == RC_OK)
		*rc = json_check(buf_text(&out->bytes), false, &out->value, why);
	if (*rc != RC_OK)
		return ctl_fail("%s: %s", path, why->text);
	error = answer_text(out, out->value, "error");
	if (error.s == NULL)
		return EXIT_FINE;
	*rc = rc_of(answer_text(out, out->value, "rc"));
	(void)because(why, *rc, "%.*s", TEXT_ARG(error));
	return EXIT_NOT_FINE;
}

int answer_ask(struct ctl *ctl, struct text request, unsigned timeout_ms, struct answer *out)
{
	struct why why = { "" };
	enum rc rc;
	int status = answer_try(ctl, request, timeout_ms, out, &rc, &why);

	if (status == EXIT_NOT_FINE)
		ctl_fail("%s", why.text);
	return status;
}

void request_begin(struct buf *out, const char *verb)
{
	buf_init(out, SIZE_MAX);
	buf_add_str(out, "{\"verb\": ");
	reply_string(out, text_of(verb));
}

void request_add(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_add_str(out, ", ");
	reply_string(out, text_of(name));
	buf_add_str(out, ": ");
	reply_string(out, text_of(value));
}

void request_end(struct buf *out)
{
	buf_add_str(out, "}");
}

void answer_close(struct answer *a)
{
	buf_fini(&a->bytes);
	arena_fini(&a->arena);
}

static bool find(struct answer *a, struct json_value object, const char *name, enum json_type type,
		 struct json_value *out)
{
	return object.type == JSON_OBJECT && json_member(&a->arena, object, name, out) && out->type == type;
}

struct json_value answer_object(struct answer *a, struct json_value object, const char *name)
{
	struct json_value member;

	return find(a, object, name, JSON_OBJECT, &member) ? member : (struct json_value){ .type = JSON_NULL };
}

struct json_value answer_list(struct answer *a, struct json_value object, const char *name)
{
	struct json_value member;

	return find(a, object, name, JSON_ARRAY, &member) ? member : (struct json_value){ .type = JSON_NULL };
}

double answer_number(struct answer *a, struct json_value object, const char *name)
{
	struct json_value member;
	double value;

	if (!find(a, object, name, JSON_NUMBER, &member) || number_parse(member.raw, &value) != NUMBER_VALUE)
		return 0;
	return value;
}

struct text answer_text(struct answer *a, struct json_value object, const char *name)
{
	struct json_value member;

	return find(a, object, name, JSON_STRING, &member) ? json_string(&a->arena, member.raw, member.escaped)
							   : TEXT_NONE;
}

bool answer_true(struct answer *a, struct json_value object, const char *name)
{
	struct json_value member;

	return find(a, object, name, JSON_TRUE, &member);
}

void answer_members(struct answer *a, struct json_value object, struct map *out)
{
	struct json_value value, *kept;
	struct json_walk w;
	struct text key;
	bool escaped;

	map_init(out);
	if (object.type != JSON_OBJECT)
		return;
	w = json_walk(object);
	while (json_next_member(&w, &key, &escaped, &value)) {
		kept = arena_alloc(&a->arena, sizeof(*kept));
		*kept = value;
		map_put(out, json_string(&a->arena, key, escaped), kept);
	}
}

struct json_value answer_value_of(const struct map *members, struct text name)
{
	static const struct json_value nothing = { .type = JSON_NULL };
	const struct json_value *v = map_get(members, name);

	return *(v != NULL ? v : &nothing);
}

double answer_number_of(const struct map *members, struct text name)
{
	const struct json_value *v = map_get(members, name);
	double number;

	return v != NULL && v->type == JSON_NUMBER && number_parse(v->raw, &number) == NUMBER_VALUE ? number : 0;
}
