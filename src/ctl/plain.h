/*
 * Stored text on a terminal: nothing in it may move the cursor, change colours or the direction of reading, and columns
 * are counted as a terminal shows them. Pure functions; the widths are those of the locale's character set, which main
 * makes UTF-8 whatever the environment says.
 */
#ifndef CTL_PLAIN_H
#define CTL_PLAIN_H

#include "base/buf.h"

/* Append t with control characters, bytes that are not UTF-8 and what cannot be shown written as \n, \x1b, \u202e. */
void plain_add(struct buf *out, struct text t);
/* Columns that text of plain_add() takes. */
size_t plain_width(struct text t);
/* The longest beginning that takes at most so many columns. */
struct text plain_begin(struct text t, size_t columns);
/* plain_add(), cut to so many columns, the last one then an ellipsis. */
void plain_add_cut(struct buf *out, struct text t, size_t columns);
void plain_pad(struct buf *out, size_t columns);

#endif
