/*
 * The store opened by numeterctl itself, when no daemon runs: as the daemon's user, with the same verbs.
 */
#ifndef CTL_ALONE_H
#define CTL_ALONE_H

#include "base/buf.h"
#include "ctl/command.h"

/*
 * Run a request, as it would go over the control socket, in a store that is opened at the first call and stays open until
 * alone_close().
 * Errors   RC_END the store cannot be opened: said already · those of the verb
 */
CHECKED enum rc alone_ask(struct ctl *ctl, struct text request, struct buf *answer, struct why *why);
void alone_close(struct ctl *ctl);

#endif
