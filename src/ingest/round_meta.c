#include "base/counter.h"
#include "ingest/round.h"
#include "model/name.h"
#include "wire/reply.h"

/* The HOSTS value of a MyInfo, in the arena. */
static struct text myinfo_text(struct store *s, const struct message *m, const struct host *host)
{
	char filtered[NAME_MAX_BYTES + 1];
	struct text result;
	struct buf text;

	name_filtered(m->host, filtered);
	buf_init(&text, 2 * MESSAGE_MAX_BYTES);
	reply_myinfo(&s->arena, &text, m->payload, text_of(host->hash), text_of(filtered));
	result = arena_text(&s->arena, buf_text(&text));
	buf_fini(&text);
	return result;
}

/* The info that is made up for a plugin that came by HTTP or carbon, when one is needed. */
static enum rc default_info(struct store *s, const struct message *m, struct meta_write *write, struct why *why)
{
	struct text *ds = arena_alloc(&s->arena, (m->n_samples + 1) * sizeof(*ds));
	size_t n = 0;

	for (size_t k = 0; k < m->n_samples; k++)
		if (m->sample[k].kind != SAMPLE_REFUSED)
			ds[n++] = m->sample[k].ds;
	return n == 0 ? RC_END : infos_saw_ds(&s->infos, m->host, m->plugin, ds, n, &s->arena, write, why);
}

/* Data of a plugin that may never send an info of its own. */
static bool makes_up(const struct task *t)
{
	return (t->batch->input == INPUT_HTTP || t->batch->input == INPUT_CARBON) && t->item->decoded &&
	       t->item->message.kind == MESSAGE_DATA;
}

static bool has_value(const struct message *m)
{
	for (size_t k = 0; k < m->n_samples; k++)
		if (m->sample[k].kind == SAMPLE_VALUE)
			return true;
	return false;
}

/* What leaves no point: infos, and data that knows no value. */
static void note_heard(struct round *r, enum rc rc)
{
	for (size_t t = 0; rc == RC_OK && t < r->n_tasks; t++) {
		const struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded || task->batch->input == INPUT_JOURNAL)
			continue;
		if (m->kind == MESSAGE_MYINFO)
			heard_note(r->store->heard, m->host, TEXT_NONE, task->batch->accepted_s);
		else if (m->kind == MESSAGE_INFO || (m->kind == MESSAGE_DATA && !has_value(m)))
			heard_note(r->store->heard, m->host, m->plugin, task->batch->accepted_s);
	}
}

/* Tell the metadata store everything of this round in one go. */
void round_write_meta(struct round *r, uint64_t generation)
{
	struct store *s = r->store;
	struct meta_write *write = arena_alloc(&s->arena, (r->n_wants * 3 + r->n_tasks * 3 + 1) * sizeof(*write));
	struct gone_view *view = NULL;
	struct why why = { "" };
	bool made_up = false; /* some plugin's info may have to be */
	size_t n = 0, n_returned;
	enum rc rc = RC_OK, known;

	known = gone_take(s->options.gone, mono_now(), &view, NULL);
	n = n_returned = round_gone_writes(r, view, write);
	gone_give_back(view);
	infos_begin_round(&s->infos);
	for (size_t t = 0; t < r->n_tasks; t++)
		made_up = made_up || makes_up(&r->task[t]);
	for (size_t w = 0; w < r->n_wants; w++)
		if (r->want[w].answered && r->want[w].used && !r->want[w].settled)
			n += hosts_writes(&s->hosts, &r->want[w], &s->arena, &write[n]);
	for (size_t t = 0; t < r->n_tasks; t++) {
		struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded)
			continue;
		if (m->kind == MESSAGE_INFO) {
			write[n++] = (struct meta_write){ META_SET, { META_INFOS, m->host, m->plugin }, m->payload };
			infos_saw_real(&s->infos, m->host, m->plugin, made_up);
		} else if (m->kind == MESSAGE_MYINFO) {
			write[n++] = (struct meta_write){ META_SET,
							  { META_HOSTS, TEXT_NONE, m->host },
							  myinfo_text(s, m, r->want[task->want].host) };
		} else if (makes_up(task)) {
			enum rc made = default_info(s, m, &write[n], &why);

			if (made == RC_OK)
				n++;
			else if (made != RC_END)
				round_fail(r, task, &why);
		}
	}
	if (n > 0)
		rc = meta_apply(s->options.meta, write, n, &why);
	if (rc != RC_OK)
		counter_add(COUNTER_META_ERRORS, 1);
	else
		round_say_returned(write, n_returned);
	note_heard(r, rc);
	for (size_t w = 0; w < r->n_wants; w++)
		if (rc == RC_OK && r->want[w].answered && r->want[w].used)
			hosts_settled(&r->want[w], generation);
	/*
	 * Its points may come past us from now on: the metadata store has been told in this generation, and that it is not
	 * gone.
	 */
	for (size_t t = 0; rc == RC_OK && known == RC_OK && t < r->n_tasks; t++)
		if (!r->task[t].failed && r->task[t].item->waits)
			registry_set_mark(engine_registry(s->options.engine), r->task[t].source,
					  store_mark(s, generation));
	for (size_t t = 0; rc != RC_OK && t < r->n_tasks; t++) {
		struct task *task = &r->task[t];
		const struct message *m = &task->item->message;

		if (task->failed || !task->item->decoded)
			continue;
		if (m->kind == MESSAGE_INFO || m->kind == MESSAGE_MYINFO ||
		    (task->want != SIZE_MAX && !r->want[task->want].settled) || makes_up(task)) {
			round_fail(r, task, &why);
			infos_forget(&s->infos, m->host, m->plugin);
		}
	}
}
