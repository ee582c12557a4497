/*
 * Where a host's files are: asked of the metadata store, remembered for a second at most.
 * Source: docs/spec/system.md "Files", "Redis layout".
 */
#ifndef QUERY_FOLDER_H
#define QUERY_FOLDER_H

#include "query/query.h"

/* What was found lately; bounded. Threads: any, no lock over I/O. */
struct folders;

struct folders *folders_new(void);
void folders_free(struct folders *f);

/*
 * The folder of a host below the tree's root. A WSP_PATH outside our tree is never followed: the folder by the rule, as
 * ingest writes it (a suffixed folder that is there is this host's). md5 digits of an existing HOST_ID win over the
 * configured number.
 * Errors   RC_ABSENT no such host · RC_PEER, RC_DISK
 */
CHECKED enum rc folder_find(const struct query *q, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why);

#endif
