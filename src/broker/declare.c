#include "broker/declare.h"

enum { KEYS_A_ROUND = 500 };
enum { NOT_FOUND = 404, ACCESS_REFUSED = 403, RESOURCE_LOCKED = 405, PRECONDITION_FAILED = 406 };

static enum rc try_exchange(struct session *s, amqp_channel_t channel, const struct broker_options *o, bool passive,
			    struct why *why)
{
	amqp_exchange_declare_t m = { .exchange = amqp_cstring_bytes(o->exchange),
				      .type = amqp_cstring_bytes("topic"),
				      .passive = passive,
				      .durable = o->durable };
	enum rc rc = session_channel_open(s, channel, why);

	if (rc == RC_OK)
		rc = session_call(s, channel, AMQP_EXCHANGE_DECLARE_METHOD, &m, AMQP_EXCHANGE_DECLARE_OK_METHOD, why);
	return rc;
}

enum rc declare_exchange(struct session *s, amqp_channel_t channel, const struct broker_options *options,
			 struct why *why)
{
	enum rc rc = try_exchange(s, channel, options, true, why);

	if (rc == RC_REFUSED && s->refused_code == NOT_FOUND)
		rc = try_exchange(s, channel, options, false, why);
	/* Somebody else was quicker, with other flags. */
	if (rc == RC_REFUSED && s->refused_code == PRECONDITION_FAILED)
		rc = try_exchange(s, channel, options, true, why);
	return rc;
}

static enum rc try_queue(struct session *s, amqp_channel_t channel, const struct broker_options *o, bool passive,
			 struct why *why)
{
	amqp_table_entry_t type = { .key = amqp_cstring_bytes("x-queue-type"),
				    .value = { .kind = AMQP_FIELD_KIND_UTF8,
					       .value.bytes = amqp_cstring_bytes("quorum") } };
	amqp_queue_declare_t m = { .queue = amqp_cstring_bytes(o->queue),
				   .passive = passive,
				   .durable = true,
				   .arguments = { .num_entries = o->quorum ? 1 : 0, .entries = &type } };
	enum rc rc = session_channel_open(s, channel, why);

	if (rc == RC_OK)
		rc = session_call(s, channel, AMQP_QUEUE_DECLARE_METHOD, &m, AMQP_QUEUE_DECLARE_OK_METHOD, why);
	return rc;
}

enum rc declare_queue(struct session *s, amqp_channel_t channel, const struct broker_options *options,
		      struct why *as_found, struct why *why)
{
	enum rc rc = try_queue(s, channel, options, false, why);

	as_found->text[0] = '\0';
	if (rc != RC_REFUSED)
		return rc;
	switch (s->refused_code) {
	case ACCESS_REFUSED:
	case RESOURCE_LOCKED:
	case PRECONDITION_FAILED:
		*as_found = s->refused_why;
		rc = try_queue(s, channel, options, true, why);
		/* What hindered us says more than "not found". */
		if (rc == RC_REFUSED && s->refused_code == NOT_FOUND && why != NULL)
			*why = *as_found;
		return rc;
	default:
		return rc;
	}
}

static bool fits(const char *key)
{
	return strlen(key) <= BROKER_MAX_KEY_BYTES;
}

/* queue.bind may go unanswered: of each round only the last asks for an answer. */
static enum rc bind_round(struct session *s, amqp_channel_t channel, amqp_queue_bind_t *m, const char *const *key,
			  size_t n, struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		if (!fits(key[i]))
			continue;
		m->routing_key = amqp_cstring_bytes(key[i]);
		m->nowait = true;
		rc = session_send(s, channel, AMQP_QUEUE_BIND_METHOD, m, why);
	}
	if (rc != RC_OK)
		return rc;
	m->routing_key = m->queue; /* our own key, bound always: a question that changes nothing */
	m->nowait = false;
	return session_call(s, channel, AMQP_QUEUE_BIND_METHOD, m, AMQP_QUEUE_BIND_OK_METHOD, why);
}

enum rc declare_bind(struct session *s, amqp_channel_t channel, const struct broker_options *options,
		     const char *const *key, size_t n, struct why *why)
{
	amqp_queue_bind_t m = { .queue = amqp_cstring_bytes(options->queue),
				.exchange = amqp_cstring_bytes(options->exchange) };
	enum rc rc = session_channel_open(s, channel, why);

	if (rc == RC_OK && n == 0)
		rc = bind_round(s, channel, &m, NULL, 0, why);
	for (size_t i = 0; rc == RC_OK && i < n; i += KEYS_A_ROUND)
		rc = bind_round(s, channel, &m, key + i, n - i < KEYS_A_ROUND ? n - i : KEYS_A_ROUND, why);
	return rc;
}

static enum rc unbind_round(struct session *s, amqp_channel_t channel, amqp_queue_unbind_t *m, const char *own_key,
			    const char *const *key, size_t n, struct why *why)
{
	size_t n_sent = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		if (!fits(key[i]) || strcmp(key[i], own_key) == 0)
			continue;
		m->routing_key = amqp_cstring_bytes(key[i]);
		rc = session_send(s, channel, AMQP_QUEUE_UNBIND_METHOD, m, why);
		n_sent++;
	}
	if (rc == RC_OK && n_sent > 0)
		rc = session_await(s, channel, AMQP_QUEUE_UNBIND_OK_METHOD, n_sent, why);
	return rc;
}

enum rc declare_unbind(struct session *s, amqp_channel_t channel, const struct broker_options *options,
		       const char *const *key, size_t n, struct why *why)
{
	amqp_queue_unbind_t m = { .queue = amqp_cstring_bytes(options->queue),
				  .exchange = amqp_cstring_bytes(options->exchange) };
	enum rc rc = session_channel_open(s, channel, why);

	for (size_t i = 0; rc == RC_OK && i < n; i += KEYS_A_ROUND)
		rc = unbind_round(s, channel, &m, options->queue, key + i, n - i < KEYS_A_ROUND ? n - i : KEYS_A_ROUND,
				  why);
	return rc;
}
