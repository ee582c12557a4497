/*
 * A growing run of bytes with a ceiling. Past the ceiling nothing more is taken and `full` stays set, so a writer may
 * add without looking and ask once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/rc.h"
#include "base/text.h"

struct buf {
	char *at; /* NULL while empty */
	size_t n; /* bytes used */
	size_t capacity, max;
	bool full; /* something did not fit under max */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);
/* Room for n more bytes: where to write them (then b->n += what was written), or NULL when over the ceiling. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void buf_add_text(struct buf *b, struct text t)
{
	buf_add(b, t.s, t.n);
}

static inline void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

/* What is in it; borrowed until the next change. */
static inline struct text buf_text(const struct buf *b)
{
	return (struct text){ b->at == NULL ? "" : b->at, b->n };
}

/* The content as a heap block that the caller frees (NUL behind it); b is empty afterwards. */
char *buf_hand_over(struct buf *b, size_t *n);

#endif
