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
	b->why.text[0] = '\0';
	b->all_wait = b->all_stored = false;
}

static struct item *add(struct batch *b, struct text original)
{
	struct item *i;

	array_grow(&b->item, &b->capacity, b->n, sizeof(*b->item));
	i = &b->item[b->n++];
	/* not all of it: a refusal's detail is long and seldom used */
	i->decoded = i->waits = false;
	i->fate = FATE_WAITING;
	i->tag = 0;
	i->message = (struct message){ 0 };
	i->original = arena_text(&b->arena, original);
	i->refusal.reason = REASON_NONE;
	i->refusal.host = i->refusal.plugin = TEXT_NONE;
	i->refusal.detail[0] = '\0';
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
