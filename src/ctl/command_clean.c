/*
 * numeterctl clean: look for hosts, plugins and files that are stale, now.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/answer.h"
#include "ctl/show.h"

enum { OPTION_DRY_RUN };

static const struct command_option options[] = {
	[OPTION_DRY_RUN] = { "dry-run", NULL, "tell what would be done, and do nothing" },
};

static size_t count(struct answer *a, const char *name)
{
	struct json_value list = answer_list(a, a->value, name), item;
	struct json_walk w = json_walk(list);
	size_t n = 0;

	while (list.type == JSON_ARRAY && json_next_element(&w, &item))
		n++;
	return n;
}

static void print_list(struct answer *a, const char *name)
{
	struct json_value list = answer_list(a, a->value, name), item;
	struct json_walk w = json_walk(list);
	char last[SHOW_BYTES];

	while (list.type == JSON_ARRAY && json_next_element(&w, &item)) {
		struct text plugin = answer_text(a, item, "plugin");

		if (item.type == JSON_STRING) {
			printf("  %.*s\n", TEXT_ARG(json_string(&a->arena, item.raw, item.escaped)));
			continue;
		}
		printf("  %.*s%s%.*s", TEXT_ARG(answer_text(a, item, "host")), plugin.s == NULL ? "" : "/",
		       TEXT_ARG(plugin));
		if (answer_number(a, item, "last") > 0)
			printf("  last %s", show_time((int64_t)answer_number(a, item, "last"), last));
		printf("  %.*s\n", TEXT_ARG(answer_text(a, item, "why")));
	}
}

static void print(struct answer *a, bool dry_run)
{
	static const struct {
		const char *name, *what;
	} part[] = {
		{ "hosts", "hosts that are gone" },
		{ "plugins", "plugins that their host no longer has" },
		{ "files", "files without points" },
		{ "returned", "hosts shown again" },
		{ "removed", "entries of the trash removed for good" },
		{ "failed", "hosts left alone" },
	};

	printf("%s; what is stale %s\n", dry_run ? "nothing was changed" : "cleaned",
	       answer_true(a, a->value, "deletes") ? "is noted, and goes into the trash when it still is at the "
						     "next cleaning"
						   : "is noted and its files stay");
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		printf("%zu %s\n", count(a, part[i].name), part[i].what);
		print_list(a, part[i].name);
	}
	if (answer_true(a, a->value, "clock_leapt"))
		printf("nothing was judged and the trash not emptied: the clock has gone ahead by over an hour since "
		       "the "
		       "daemon\n"
		       "began; when it is right, restart numeter-storage\n");
	else if (!answer_true(a, a->value, "judged"))
		printf("nothing was judged: the daemon has not run for an hour (or wsp_clean_time) yet, so that not "
		       "all\n"
		       "could be heard of; nor was the trash emptied\n");
}

static int run(struct ctl *ctl)
{
	bool dry_run = ctl->option[OPTION_DRY_RUN] != NULL;
	struct answer a;
	int status;

	status = answer_ask(
		ctl, dry_run ? TEXT("{\"verb\": \"clean\", \"dry_run\": true}") : TEXT("{\"verb\": \"clean\"}"), 0, &a);
	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		print(&a, dry_run);
	if (status == EXIT_FINE && count(&a, "failed") > 0)
		status = EXIT_NOT_FINE;
	answer_close(&a);
	return status;
}

const struct command command_clean = {
	.name = "clean",
	.arguments = "",
	.summary = "note or remove hosts, plugins and files that are stale, now",
	.help = "What the daemon does every wsp_clean_time by itself; see numeter-storage(8). Before it has run for an "
		"hour\n"
		"(or wsp_clean_time), and while none runs, nothing is judged: only hosts that are on the list again "
		"are\n"
		"shown, and the trash is not emptied; the same when the clock has gone ahead by over an hour "
		"meanwhile.\n"
		"Exit status: 0 done, 1 some hosts could not be, 2 the daemon cannot be asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.works_alone = true,
	.run = run,
};
