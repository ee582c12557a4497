/*
 * What the files of this folder share. Private to upkeep/.
 */
#ifndef UPKEEP_STATE_H
#define UPKEEP_STATE_H

#include "base/lock.h"
#include "query/query.h"
#include "upkeep/trash.h"
#include "upkeep/upkeep.h"

struct upkeep {
	/* fixed */
	struct upkeep_options options;
	struct query query; /* for folder_find() */
	struct trash trash;
	int root_fd;
	struct mono started;
	int64_t started_wall_s;
	/* thread upkeep only */
	bool said_leapt;
	pthread_t thread;
	bool running;
	struct lock lock;
	struct signal signal;
	/* under lock */
	bool working, stopping, recovered; /* recovered: nothing that was begun is known to be left */
	struct upkeep_stats stats;
};

/* False: something was begun that the thread is to finish or undo, next time it looks. */
void upkeep_set_recovered(struct upkeep *u, bool recovered);

/* Asked between one host and the next. Errors: RC_PEER. */
CHECKED enum rc upkeep_goes_on(struct upkeep *u, struct why *why);

/*
 * Have the journal hold nothing old: after a crash it is replayed, and what lies in it of a host that was removed would be
 * written again. The first time all is written, the second time what came in while the first went on: then the segments
 * from before retire. What cannot be written is not for us to say.
 */
void upkeep_settle(struct upkeep *u);

#endif
