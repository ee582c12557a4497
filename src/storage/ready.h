/*
 * Could the daemon do its work now: broker, metadata store, disk and journal, each with a reason when not. Source:
 * docs/api.md "Health".
 */
#ifndef STORAGE_READY_H
#define STORAGE_READY_H

#include "base/buf.h"
#include "base/lock.h"
#include "base/rc.h"

/* Less free space than this is a full disk: a segment of the journal, ten files. */
enum { READY_MIN_FREE_BYTES = 2 * 1024 * 1024 };

/* What the metadata store answered last. It is asked by one at a time; who comes meanwhile gets the answer before. */
struct readiness {
	struct lock lock;
	/* under lock */
	bool asking, answered;
	struct mono asked;
	enum rc rc;
	struct why why;
};

void readiness_init(struct readiness *r);
void readiness_fini(struct readiness *r);

/* The JSON of /readyz. argument: the daemon, its engine open. False: not ready. Threads: any. */
bool ready_tell(void *argument, struct buf *out);

#endif
