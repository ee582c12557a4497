/* The short way of reading data messages beside the general one: what it takes it reads alike, to the bit. */
#ifndef TESTS_SAME_MESSAGE_H
#define TESTS_SAME_MESSAGE_H

#include "wire/data_fast.h"

static void must_be_same_text(struct text a, struct text b)
{
	must(text_equal(a, b) && (a.s == NULL) == (b.s == NULL));
}

static void must_be_same(const struct message *a, const struct message *b)
{
	must(a->kind == b->kind && a->t_s == b->t_s);
	must(a->n_samples == b->n_samples && a->n_refused == b->n_refused);
	must_be_same_text(a->host, b->host);
	must_be_same_text(a->plugin, b->plugin);
	must_be_same_text(a->payload, b->payload);
	must_be_same_text(a->msg_id, b->msg_id);
	must_be_same_text(a->reply_q, b->reply_q);
	for (size_t i = 0; i < a->n_samples; i++) {
		const struct sample *x = &a->sample[i], *y = &b->sample[i];

		must_be_same_text(x->ds, y->ds);
		must(x->kind == y->kind && x->reason == y->reason);
		must(memcmp(&x->value, &y->value, sizeof(x->value)) == 0);
	}
}

/* In every variant this processor has. The answer: whether the short way takes it. */
static bool must_agree(struct arena *a, struct text body)
{
	struct message short_way, general;
	struct refusal refusal;
	quotes_fn fn[QUOTES_VARIANTS];
	const char *name[QUOTES_VARIANTS];
	size_t n = quotes_variants(name, fn), n_taken = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = a->total_bytes;

		if (!data_fast_read(a, body, fn[i], &short_way)) {
			must(a->total_bytes == before);
			continue;
		}
		if (n_taken++ == 0)
			must(message_read_amqp_general(a, body, TEXT("application/json"), TEXT_NONE, &general,
						       &refusal));
		must_be_same(&short_way, &general);
	}
	must(n_taken == 0 || n_taken == n);
	return n_taken > 0;
}

#endif
