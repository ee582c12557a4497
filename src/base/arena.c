#include "base/arena.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rc.h"

enum { CHUNK_BYTES = 64 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t used, size;
	_Alignas(ALIGN) char bytes[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

static void drop_from(struct arena_chunk *c)
{
	while (c != NULL) {
		struct arena_chunk *older = c->older;

		free(c);
		c = older;
	}
}

void arena_fini(struct arena *a)
{
	drop_from(a->chunk);
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	if (a->chunk != NULL) {
		drop_from(a->chunk->older);
		a->chunk->older = NULL;
		a->chunk->used = 0;
	}
	a->total_bytes = 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunk;
	void *p;

	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (c == NULL || c->size - c->used < n) {
		size_t size = c == NULL ? CHUNK_BYTES : c->size * 2;

		if (size < n)
			size = n;
		c = must_realloc(NULL, sizeof(*c) + size); /* not cleared */
		c->used = 0;
		c->size = size;
		c->older = a->chunk;
		a->chunk = c;
	}
	p = c->bytes + c->used;
	c->used += n;
	a->total_bytes += n;
	return p;
}

void arena_trim(struct arena *a, void *newest, size_t n_old, size_t n_used)
{
	size_t old = (n_old + ALIGN - 1) & ~(size_t)(ALIGN - 1), used = (n_used + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct arena_chunk *c = a->chunk;

	must(c != NULL && c->used >= old && (char *)newest == c->bytes + c->used - old && used <= old);
	c->used -= old - used;
	a->total_bytes -= old - used;
}

struct text arena_text(struct arena *a, struct text t)
{
	char *copy = arena_alloc(a, t.n + 1);

	if (t.n > 0)
		memcpy(copy, t.s, t.n);
	copy[t.n] = '\0';
	return (struct text){ copy, t.n };
}
