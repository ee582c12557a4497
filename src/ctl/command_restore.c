/*
 * numeterctl restore: what lies in the trash or is noted as gone, and bring it back.
 */
#include <stdio.h>

#include "ctl/answer.h"
#include "ctl/show.h"
#include "wire/reply.h"

static void print_name(struct answer *a, struct json_value item)
{
	static const char *const part[] = { "host", "plugin", "ds" };

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		struct text t = answer_text(a, item, part[i]);

		if (t.s != NULL)
			printf("%s%.*s", i == 0 ? "" : "/", TEXT_ARG(t));
	}
}

static void list(struct answer *a)
{
	struct json_value trash = answer_list(a, a->value, "trash"), noted = answer_list(a, a->value, "noted"), item;
	struct json_walk w = json_walk(trash);
	char time[SHOW_BYTES];

	printf("%-20s %-7s %20s  %s\n", "ENTRY", "KIND", "SINCE", "WHAT");
	while (trash.type == JSON_ARRAY && json_next_element(&w, &item)) {
		struct text state = answer_text(a, item, "state"), kind = answer_text(a, item, "kind");

		printf("%-20.*s %-7.*s %20s  ", TEXT_ARG(answer_text(a, item, "entry")), TEXT_ARG(kind),
		       show_time((int64_t)answer_number(a, item, "time"), time));
		print_name(a, item);
		printf(" (%.*s)%s%.*s\n", TEXT_ARG(answer_text(a, item, "why")), text_is(state, "whole") ? "" : ", ",
		       text_is(state, "whole") ? 0 : (int)state.n, state.s == NULL ? "" : state.s);
	}
	w = json_walk(noted);
	while (noted.type == JSON_ARRAY && json_next_element(&w, &item)) {
		printf("%-20s %-7s %20s  ", "noted", answer_text(a, item, "plugin").s == NULL ? "host" : "plugin", "");
		print_name(a, item);
		printf("\n");
	}
}

/* What could not be put back whole: said, as the rest goes with the trash one day. */
static bool print_kept(struct answer *a, struct json_value kept)
{
	struct json_walk w = json_walk(kept);
	struct json_value item;
	bool any = false;

	while (kept.type == JSON_ARRAY && json_next_element(&w, &item)) {
		double without_room = answer_number(a, item, "without_room"),
		       damaged = answer_number(a, item, "damaged");
		struct text entry = answer_text(a, item, "entry");

		any = true;
		if (without_room > 0)
			ctl_fail("%.*s stays in the trash: %.0f of its files know more than those that stand there "
				 "have room "
				 "for: numeterctl resize, then restore again",
				 TEXT_ARG(entry), without_room);
		if (damaged > 0)
			ctl_fail("%.*s stays in the trash: %.0f of its files are damaged", TEXT_ARG(entry), damaged);
	}
	return any;
}

static void print(struct answer *a)
{
	struct json_value restored = answer_list(a, a->value, "restored"), shown = answer_list(a, a->value, "shown"),
			  item;
	struct json_walk w = json_walk(restored);

	while (restored.type == JSON_ARRAY && json_next_element(&w, &item))
		printf("restored %.*s\n", TEXT_ARG(json_string(&a->arena, item.raw, item.escaped)));
	w = json_walk(shown);
	while (shown.type == JSON_ARRAY && json_next_element(&w, &item)) {
		printf("shown again: ");
		print_name(a, item);
		printf("\n");
	}
	printf("%.0f files put back, %.0f filled\n", answer_number(a, a->value, "files"),
	       answer_number(a, a->value, "filled"));
}

static int run(struct ctl *ctl)
{
	struct answer a;
	struct buf request;
	int status;

	buf_init(&request, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"restore\"");
	if (ctl->n_arguments > 0) {
		buf_add_str(&request, ", \"what\": ");
		reply_string(&request, text_of(ctl->argument[0]));
	}
	buf_add_str(&request, "}");
	status = answer_ask(ctl, buf_text(&request), 0, &a);
	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE && ctl->n_arguments == 0)
		list(&a);
	else if (status == EXIT_FINE)
		print(&a);
	if (status == EXIT_FINE && print_kept(&a, answer_list(&a, a.value, "kept")))
		status = EXIT_NOT_FINE;
	answer_close(&a);
	buf_fini(&request);
	return status;
}

const struct command command_restore = {
	.name = "restore",
	.arguments = "[ENTRY|HOST[/PLUGIN[/DS]]]",
	.summary = "list what is in the trash or noted as gone; bring it back",
	.help = "An entry by its name, or all of a host, plugin or data source. What came in again meanwhile is kept, "
		"and\n"
		"its files get the points that they lack; an entry of which they have no room for all stays in the "
		"trash.\n"
		"Exit status: 0 done, 1 there is nothing of it or it could not be, 2 the daemon cannot be asked.\n",
	.most_arguments = 1,
	.works_alone = true,
	.run = run,
};
