/*
 * numeterctl rename: a host's new name.
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
	buf_add_str(&request, "{\"verb\": \"rename\", \"host\": ");
	reply_string(&request, text_of(ctl->argument[0]));
	buf_add_str(&request, ", \"new\": ");
	reply_string(&request, text_of(ctl->argument[1]));
	buf_add_str(&request, "}");
	status = answer_ask(ctl, buf_text(&request), 0, &a);
	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		printf("%s is %s now, in %.*s\n", ctl->argument[0], ctl->argument[1],
		       TEXT_ARG(answer_text(&a, a.value, "folder")));
	answer_close(&a);
	buf_fini(&request);
	return status;
}

const struct command command_rename = {
	.name = "rename",
	.arguments = "HOST NEW",
	.summary = "give a host another name, with all that is stored of it",
	.help = "NEW must have nothing yet. The host-list and the poller's configuration are yours to change.\n"
		"Exit status: 0 done, 1 it could not be, 2 the daemon cannot be asked.\n",
	.least_arguments = 2,
	.most_arguments = 2,
	.works_alone = true,
	.run = run,
};
