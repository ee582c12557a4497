#include "munin/lines.h"

#include <stdint.h>

void lines_init(struct lines *l)
{
	*l = (struct lines){ 0 };
	buf_init(&l->bytes, SIZE_MAX); /* bounded by taking what is too long out at once */
}

void lines_fini(struct lines *l)
{
	buf_fini(&l->bytes);
}

void lines_clear(struct lines *l)
{
	buf_clear(&l->bytes);
	l->taken = 0;
	l->skipping = false;
}

/* What is left moves to the front. */
static void drop_taken(struct lines *l)
{
	size_t left = l->bytes.n - l->taken;

	if (l->taken == 0)
		return;
	memmove(l->bytes.at, l->bytes.at + l->taken, left);
	l->bytes.n = left;
	l->taken = 0;
}

void lines_add(struct lines *l, const void *bytes, size_t n)
{
	drop_taken(l);
	buf_add(&l->bytes, bytes, n);
}

bool lines_next(struct lines *l, struct text *line)
{
	while (l->taken < l->bytes.n) {
		const char *start = l->bytes.at + l->taken;
		size_t left = l->bytes.n - l->taken, n;
		const char *feed = memchr(start, '\n', left);
		bool skipped = l->skipping;

		n = feed == NULL ? left : (size_t)(feed - start);
		if (n > LINES_MAX_BYTES && !skipped) {
			l->n_skipped++;
			skipped = true;
		}
		if (feed == NULL) {
			l->skipping = skipped;
			if (skipped)
				l->taken = l->bytes.n;
			return false;
		}
		l->taken += n + 1;
		l->skipping = false;
		if (skipped)
			continue;
		if (n > 0 && start[n - 1] == '\r')
			n--;
		*line = (struct text){ start, n };
		return true;
	}
	return false;
}
