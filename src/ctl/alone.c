#include "ctl/alone.h"

#include <stdlib.h>

#include "base/mem.h"
#include "storage/daemon.h"

static enum rc open_store(struct ctl *ctl)
{
	struct daemon *d = must_alloc(sizeof(*d));
	struct why why;

	d->config_path = ctl->config_path;
	d->signal_fd = -1;
	if (config_read(ctl->config_path, &d->config, NULL, NULL, &why) != RC_OK) {
		ctl_fail("%s", why.text);
		free(d);
		return RC_END;
	}
	ctl->alone = d;
	if (daemon_open_alone(d) == RC_OK)
		return RC_OK;
	if (ctl->command->is_probe) /* its reader looks at stdout alone */
		ctl_fail("the store cannot be opened, stderr says why");
	return RC_END;
}

enum rc alone_ask(struct ctl *ctl, struct text request, struct buf *answer, struct why *why)
{
	if (ctl->alone == NULL && open_store(ctl) != RC_OK)
		return RC_END;
	return control_run(control_verbs, control_n_verbs, &ctl->alone->control_view, request, NULL, answer, why);
}

void alone_close(struct ctl *ctl)
{
	if (ctl->alone == NULL)
		return;
	daemon_close_alone(ctl->alone);
	config_fini(&ctl->alone->config);
	free(ctl->alone);
	ctl->alone = NULL;
}
