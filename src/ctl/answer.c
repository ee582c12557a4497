#include "ctl/answer.h"

#include "control/client.h"
#include "control/control.h"
#include "ctl/alone.h"
#include "wire/number.h"

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

int answer_ask(struct ctl *ctl, struct text request, unsigned timeout_ms, struct answer *out)
{
	const char *path;
	struct why why;
	enum rc rc;

	*out = (struct answer){ 0 };
	buf_init(&out->bytes, CONTROL_ANSWER_MAX_BYTES);
	arena_init(&out->arena);
	path = find_socket(ctl);
	if (path == NULL)
		return EXIT_UNUSABLE;
	rc = control_ask(path, request, timeout_ms, &out->bytes, &why);
	if (rc == RC_ABSENT && ctl->command->works_alone) {
		rc = alone_ask(ctl, request, &out->bytes, &why);
		if (rc == RC_END)
			return EXIT_UNUSABLE;
		if (rc != RC_OK) {
			ctl_fail("%s", why.text);
			return EXIT_NOT_FINE;
		}
	}
	if (rc == RC_ABSENT)
		return ctl_fail("numeter-storage is not running: no answer at %s: %s", path, why.text);
	if (rc == RC_OK)
		rc = json_check(buf_text(&out->bytes), false, &out->value, &why);
	if (rc != RC_OK)
		return ctl_fail("%s: %s", path, why.text);
	struct text error = answer_text(out, out->value, "error");

	if (error.s == NULL)
		return EXIT_FINE;
	ctl_fail("%.*s", TEXT_ARG(error));
	return EXIT_NOT_FINE;
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
