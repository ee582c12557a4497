/*
 * What the backends of meta.h share: collecting the answers of one meta_read() in a buffer that may move as it grows.
 */
#ifndef META_BACKEND_H
#define META_BACKEND_H

#include "meta/meta.h"

/*
 * Append one found value; read->value has its length only, until backend_settle().
 * Errors   RC_FULL  past the buffer's ceiling
 */
CHECKED enum rc backend_answer(struct meta_read *read, struct text value, struct buf *answers, struct why *why);

/* All are answered, in order: point the values into answers, where the first begins at offset `from`. */
void backend_settle(struct meta_read *read, size_t n, const struct buf *answers, size_t from);

/* For meta_get_string(). Errors RC_FULL past out's ceiling; out is as before then. */
CHECKED enum rc backend_hand_out(struct text value, struct buf *out, struct why *why);

/* A name buffer for meta_hash_name(): it can only grow by what the caller already holds, so there is no ceiling. */
void backend_name_init(struct buf *name);

#endif
