/*
 * numeterctl reload: have the daemon read its configuration and its host-list again.
 */
#include <stdio.h>

#include "ctl/answer.h"

/* A member that is an array; what is not there has no elements. */
static struct json_walk elements(struct answer *a, const char *member)
{
	struct json_value list;

	if (!json_member(&a->arena, a->value, member, &list) || list.type != JSON_ARRAY)
		return (struct json_walk){ NULL, NULL };
	return json_walk(list);
}

static void print_differences(struct answer *a, const char *member, const char *what)
{
	struct json_walk w = elements(a, member);
	struct json_value d;

	while (w.at != NULL && json_next_element(&w, &d)) {
		struct text key = answer_text(a, d, "key"), was = answer_text(a, d, "was"),
			    is = answer_text(a, d, "is");

		printf("%s %.*s", what, TEXT_ARG(key));
		if (was.n > 0 || is.n > 0)
			printf(": was \"%.*s\", is now \"%.*s\"", TEXT_ARG(was), TEXT_ARG(is));
		printf("\n");
	}
}

static void print_warnings(struct answer *a)
{
	struct json_walk w = elements(a, "warnings");
	struct json_value v;

	while (w.at != NULL && json_next_element(&w, &v))
		if (v.type == JSON_STRING)
			printf("warning: %.*s\n", TEXT_ARG(json_string(&a->arena, v.raw, v.escaped)));
}

static int run(struct ctl *ctl)
{
	struct answer a;
	int status = answer_ask(ctl, TEXT("{\"verb\": \"reload\"}"), 0, &a);

	if (status == EXIT_FINE && ctl->json) {
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	} else if (status == EXIT_FINE) {
		print_warnings(&a);
		print_differences(&a, "changed", "changed:");
		print_differences(&a, "needs_restart", "needs a restart:");
		printf("%.0f hosts, %.0f added, %.0f removed\n", answer_number(&a, a.value, "hosts"),
		       answer_number(&a, a.value, "hosts_added"), answer_number(&a, a.value, "hosts_removed"));
	}
	answer_close(&a);
	return status;
}

const struct command command_reload = {
	.name = "reload",
	.arguments = "",
	.summary = "have configuration and host-list read again, and the log file opened anew",
	.help = "Says what changed, and what differs but needs a restart. When something is wrong with a file nothing "
		"is "
		"taken\n"
		"over. SIGHUP does the same.\n"
		"Exit status: 0 done, 1 a file is bad and all stays as it is, 2 the daemon cannot be asked.\n",
	.run = run,
};
