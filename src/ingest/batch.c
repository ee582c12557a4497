#include "ingest/ingest.h"

#include <stdlib.h>

#include "base/mem.h"

struct batch *batch_new(enum input input)
{
	struct batch *b = must_alloc(sizeof(*b));

	b->input = input;
	arena_init(&b->arena);
	return b;
}

void batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	arena_fini(&b->arena);
	free(b->item);
	free(b);
}

void batch_reset(struct batch *b)
{
	arena_reset(&b->arena);
	b->n = 0;
	b->accepted_s = 0;
	b->why = (struct why){ "" };
}

static struct item *add(struct batch *b, struct text original)
{
	struct item *i;

	array_grow(&b->item, &b->capacity, b->n, sizeof(*b->item));
	i = &b->item[b->n++];
	*i = (struct item){ .original = arena_text(&b->arena, original) };
	return i;
}

struct item *batch_add_amqp(struct batch *b, struct text body, struct text content_type, struct text compression,
			    uint64_t tag)
{
	struct item *i = add(b, body);

	i->tag = tag;
	i->decoded = message_read_amqp(&b->arena, i->original, content_type, compression, &i->message, &i->refusal);
	return i;
}

struct item *batch_add_http(struct batch *b, struct text document)
{
	struct item *i = add(b, document);

	i->decoded = message_read_http(&b->arena, i->original, &i->message, &i->refusal);
	return i;
}

struct item *batch_add_none(struct batch *b)
{
	return add(b, TEXT_NONE);
}
