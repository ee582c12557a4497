#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes };
}

void buf_fini(struct buf *b)
{
	free(b->at);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->full = false;
}

char *buf_room(struct buf *b, size_t n)
{
	if (n > b->max || b->n > b->max - n) {
		b->full = true;
		return NULL;
	}
	if (b->n + n + 1 > b->capacity) {
		size_t capacity = b->capacity < 128 ? 256 : b->capacity * 2;

		if (capacity < b->n + n + 1)
			capacity = b->n + n + 1;
		b->at = must_realloc(b->at, capacity);
		b->capacity = capacity;
	}
	return b->at + b->n;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *room;

	if (n == 0)
		return;
	room = buf_room(b, n);
	if (room == NULL)
		return;
	memcpy(room, bytes, n);
	b->n += n;
}

void buf_addf(struct buf *b, const char *format, ...)
{
	char small[256], *room;
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
	} else if (n >= 0) {
		room = buf_room(b, (size_t)n);
		if (room != NULL) {
			vsnprintf(room, (size_t)n + 1, format, again);
			b->n += (size_t)n;
		}
	}
	va_end(again);
}

char *buf_hand_over(struct buf *b, size_t *n)
{
	/* what little is left over is not worth moving the rest */
	char *bytes = b->n + 1 > b->capacity || b->n + 1 < b->capacity / 2 ? must_realloc(b->at, b->n + 1) : b->at;

	bytes[b->n] = '\0';
	if (n != NULL)
		*n = b->n;
	b->at = NULL;
	b->n = b->capacity = 0;
	return bytes;
}
