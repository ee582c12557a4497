/* What must hold of every message and refusal, whatever the bytes were. */
#ifndef TESTS_FUZZ_MESSAGE_H
#define TESTS_FUZZ_MESSAGE_H

#include <math.h>

#include "model/name.h"
#include "wire/json.h"
#include "wire/reply.h"

static void must_be_sound(struct arena *a, const struct message *m)
{
	size_t n_refused = 0;
	struct json_value v;

	must((m->msg_id.s == NULL) == (m->reply_q.s == NULL));
	if (m->kind == MESSAGE_PING || m->kind == MESSAGE_EMPTY)
		return;
	must(name_check_host(m->host, NULL) == RC_OK);
	if (m->kind == MESSAGE_MYINFO || m->kind == MESSAGE_INFO) {
		must((m->kind == MESSAGE_MYINFO) == (m->plugin.s == NULL));
		must(json_check(m->payload, false, &v, NULL) == RC_OK && v.type == JSON_OBJECT);
		must(json_member(a, v, m->kind == MESSAGE_INFO ? "Infos" : "ID", &v));
	}
	if (m->kind != MESSAGE_MYINFO)
		must(name_check_plugin_or_ds(m->plugin, NULL) == RC_OK);
	must(m->kind == MESSAGE_DATA || m->n_samples == 0);
	for (size_t i = 0; i < m->n_samples; i++) {
		const struct sample *s = &m->sample[i];
		bool good_name = name_check_plugin_or_ds(s->ds, NULL) == RC_OK;

		n_refused += s->kind == SAMPLE_REFUSED;
		must(good_name || (s->kind == SAMPLE_REFUSED && s->reason == REASON_DS_NAME));
		must((s->kind == SAMPLE_REFUSED) == (s->reason != REASON_NONE));
		must(s->kind != SAMPLE_VALUE || isfinite(s->value));
		for (size_t j = 0; j < i && m->n_samples < 100; j++)
			must(!text_equal(s->ds, m->sample[j].ds));
	}
	must(n_refused == m->n_refused);
}

/* The line that is written for it is one line of strict JSON. */
static void must_be_printable(const struct refusal *refusal, struct text body)
{
	struct json_value v;
	struct buf b;

	must(refusal->reason > REASON_NONE && refusal->reason < REASON_COUNT);
	must(refusal->detail[0] != '\0' && text_is_utf8(text_of(refusal->detail)));
	buf_init(&b, 64 << 20);
	reply_rejected(&b, 7, "amqp", refusal, NULL, 0, body);
	must(json_check(buf_text(&b), false, &v, NULL) == RC_OK && v.type == JSON_OBJECT);
	must(memchr(b.at, '\n', b.n) == b.at + b.n - 1);
	buf_fini(&b);
}

#endif
