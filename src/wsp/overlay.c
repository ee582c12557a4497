#include "wsp/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct patch {
	struct patch *next;
	uint64_t offset;
	size_t n;
	unsigned char bytes[];
};

void overlay_init(struct overlay *o)
{
	*o = (struct overlay){ NULL, NULL };
}

void overlay_fini(struct overlay *o)
{
	for (struct patch *p = o->first, *next; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	overlay_init(o);
}

void overlay_put(struct overlay *o, const void *bytes, size_t n, uint64_t offset)
{
	struct patch *p = must_alloc(sizeof(*p) + n);

	p->next = NULL;
	p->offset = offset;
	p->n = n;
	memcpy(p->bytes, bytes, n);
	if (o->last == NULL)
		o->first = p;
	else
		o->last->next = p;
	o->last = p;
}

void overlay_cover(const struct overlay *o, void *out, size_t n, uint64_t offset)
{
	for (const struct patch *p = o->first; p != NULL; p = p->next) {
		uint64_t from = p->offset > offset ? p->offset : offset;
		uint64_t until = p->offset + p->n < offset + n ? p->offset + p->n : offset + n;

		if (from < until)
			memcpy((unsigned char *)out + (from - offset), p->bytes + (from - p->offset),
			       (size_t)(until - from));
	}
}
