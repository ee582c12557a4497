/*
 * numeterctl delete: a host, one of its plugins or data sources goes into the trash.
 */
#include <stdio.h>

#include "ctl/answer.h"
#include "wire/reply.h"

static int run(struct ctl *ctl)
{
	struct answer a;
	struct buf request;
	int status;

	buf_init(&request, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"delete\", \"what\": ");
	reply_string(&request, text_of(ctl->argument[0]));
	buf_add_str(&request, "}");
	status = answer_ask(ctl, buf_text(&request), 0, &a);
	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		printf("%s is in the trash; back with: numeterctl restore %.*s\n", ctl->argument[0],
		       TEXT_ARG(answer_text(&a, a.value, "entry")));
	answer_close(&a);
	buf_fini(&request);
	return status;
}

const struct command command_delete = {
	.name = "delete",
	.arguments = "HOST[/PLUGIN[/DS]]",
	.summary = "move a host, plugin or data source into the trash",
	.help = "Its files and metadata can be brought back for trash_days. When it sends again it is a new one.\n"
		"Exit status: 0 done, 1 there is none or it could not be, 2 the daemon cannot be asked.\n",
	.least_arguments = 1,
	.most_arguments = 1,
	.works_alone = true,
	.run = run,
};
