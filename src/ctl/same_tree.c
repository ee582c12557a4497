#include "ctl/same_tree.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "control/client.h"
#include "control/request.h"
#include "ctl/answer.h"

/* Two ways to write one folder. */
static bool are_one(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int same_tree(struct ctl *ctl)
{
	const struct config *c = ctl_config(ctl);
	const char *socket_path = ctl->socket_path;
	struct answer a = { .value = { .type = JSON_NULL } };
	int status = EXIT_FINE;
	struct why why;
	struct text told = TEXT_NONE;

	if (c == NULL)
		return EXIT_UNUSABLE;
	if (socket_path == NULL)
		socket_path = c->control_socket;
	if (socket_path == NULL)
		return EXIT_FINE;
	buf_init(&a.bytes, CONTROL_ANSWER_MAX_BYTES + 1);
	arena_init(&a.arena);
	if (control_ask(socket_path, TEXT("{\"verb\": \"status\"}"), 0, &a.bytes, &why) == RC_OK &&
	    json_check(buf_text(&a.bytes), false, &a.value, &why) == RC_OK)
		told = answer_text(&a, a.value, "wsp_path");
	if (told.s != NULL && !text_is(told, c->wsp_path)) {
		char *path = must_strndup(told.s, told.n);

		if (!are_one(path, c->wsp_path))
			status = ctl_fail("wsp_path is %s in %s, but the daemon at %s was started with %s: restart it, "
					  "or name its configuration with -c",
					  c->wsp_path, ctl->config_path, socket_path, path);
		free(path);
	}
	answer_close(&a);
	return status;
}
