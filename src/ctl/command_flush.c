/*
 * numeterctl flush: have the daemon write what waits to the files, and wait for it.
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
	buf_add_str(&request, "{\"verb\": \"flush\"");
	if (ctl->n_arguments > 0) {
		buf_add_str(&request, ", \"host\": ");
		reply_string(&request, text_of(ctl->argument[0]));
	}
	buf_add_str(&request, "}");
	status = answer_ask(ctl, buf_text(&request), 0, &a);
	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		printf("%.0f points of %.0f series written in %.3f s\n", answer_number(&a, a.value, "points_written"),
		       answer_number(&a, a.value, "series_written"), answer_number(&a, a.value, "took_ms") / 1000);
	answer_close(&a);
	buf_fini(&request);
	return status;
}

const struct command command_flush = {
	.name = "flush",
	.arguments = "[HOST]",
	.summary = "write the points that wait to their files, all or one host's",
	.help = "Waits until they are written and synced. It is never needed for safety, as the journal has them, nor "
		"for\n"
		"the REST API; other programs that read the .wsp files then see every point.\n"
		"Exit status: 0 written, 1 some could not be written, 2 the daemon cannot be asked.\n",
	.most_arguments = 1,
	.run = run,
};
