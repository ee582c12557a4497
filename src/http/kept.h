/*
 * Replies that are sent many times: kept under their question, the least lately used go when the memory allowed is used up.
 * Whether one still holds is for the asker to judge by what it hangs on.
 */
#ifndef HTTP_KEPT_H
#define HTTP_KEPT_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/instant.h"
#include "base/text.h"
#include "query/query.h"

enum { KEPT_ETAG_BYTES = 32 };

/* Several threads may hold and send one at once. Made by answer_keep(). */
struct kept {
	atomic_size_t n_holders;
	/* fixed after made */
	struct text body; /* in plain's memory */
	char etag[KEPT_ETAG_BYTES];
	struct MHD_Response *plain;
	union {
		struct query_basis data;
		struct {
			struct mono asked; /* when the metadata store began to be asked */
			unsigned changes;  /* meta_changes() before that */
		} meta;
	} basis;
	/* any thread */
	_Atomic(struct MHD_Response *) packed; /* NULL: not asked for yet */
	atomic_bool unpackable;                /* does not become smaller */
	atomic_size_t extra_bytes;             /* of packed, when it is ours to count */
	atomic_size_t packed_bytes;            /* of packed; there before it is */
};

struct kept_replies;

struct kept_replies *kept_replies_new(size_t max_bytes);
void kept_replies_free(struct kept_replies *r);

/* What is kept under this question, held for you: kept_let_go() it. NULL: nothing. Threads: any. */
struct kept *kept_find(struct kept_replies *r, struct text question);
/*
 * Was this question asked before? Many never are asked again: their replies must not drive out the others. By a table of
 * hashes, so that it may be wrong either way, seldom. Threads: any; no lock.
 */
bool kept_asked_before(struct kept_replies *r, struct text question);
/* Keep it, in the place of what was kept before; you hold it as before. One that is too large is not kept. */
void kept_put(struct kept_replies *r, struct text question, struct kept *k);
void kept_let_go(struct kept *k);
/* Keep nothing of what was kept so far. Threads: any. */
void kept_replies_forget(struct kept_replies *r);

#endif
