#include <stdio.h>

#include "ingest/round.h"
#include "wire/reply.h"

enum { REJECTED_ROUND_MAX_BYTES = 256 * 1024 * 1024 };

/* The line of an item that was refused whole, or one line for each reason why some of its values were. */
static void add_rejected_lines(struct store *s, struct buf *lines, const struct task *t, int64_t now_s)
{
	static const char *const input_names[] = { "amqp", "http", "carbon", "self", "journal" };
	const char *input = input_names[t->batch->input];
	const struct message *m = &t->item->message;
	struct text *ds;

	if (!t->item->decoded) {
		reply_rejected(lines, now_s, input, &t->item->refusal, NULL, 0, t->item->original);
		return;
	}
	ds = arena_alloc(&s->arena, m->n_samples * sizeof(*ds));
	for (enum reason reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
		struct refusal part = { .reason = reason, .host = m->host, .plugin = m->plugin };
		size_t n = 0;

		for (size_t k = 0; k < m->n_samples; k++)
			if (m->sample[k].kind == SAMPLE_REFUSED && m->sample[k].reason == reason)
				ds[n++] = m->sample[k].ds;
		if (n == 0)
			continue;
		snprintf(part.detail, sizeof(part.detail), "%zu of %zu values: %s", n, m->n_samples,
			 reason_help(reason));
		reply_rejected(lines, now_s, input, &part, ds, n, t->item->original);
	}
}

static bool has_refusal(const struct task *t)
{
	return !t->failed && (!t->item->decoded || t->item->message.n_refused > 0);
}

void round_keep_aside(struct round *r, int64_t now_s)
{
	struct store *s = r->store;
	struct why why = { "" };
	struct buf lines;
	enum rc rc = RC_OK;

	buf_init(&lines, REJECTED_ROUND_MAX_BYTES);
	for (size_t t = 0; t < r->n_tasks; t++)
		if (has_refusal(&r->task[t])) {
			size_t before = lines.n;

			add_rejected_lines(s, &lines, &r->task[t], now_s);
			if (lines.full) { /* more than fits one round: these are tried again in the next */
				lines.n = before;
				lines.full = false;
				because(&why, RC_FULL, "more refused messages than one round keeps aside");
				round_fail(r, &r->task[t], &why);
			}
		}
	if (lines.n > 0)
		rc = rejected_append(&s->rejected, buf_text(&lines), now_s, &why);
	for (size_t t = 0; rc != RC_OK && t < r->n_tasks; t++)
		if (has_refusal(&r->task[t]))
			round_fail(r, &r->task[t], &why);
	buf_fini(&lines);
}
