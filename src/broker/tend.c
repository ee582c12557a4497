/* Staying bound: declare, bind, consume; the probe that tells when it has to be done again. */
#include <stdio.h>

#include "base/counter.h"
#include "broker/declare.h"
#include "broker/state.h"

enum { KEYS_A_PIECE = 250, PIECES_MS = 200, MAX_REFUSED = 5 };
enum { MAX_WAITING_BYTES = 64 << 20, HEARTBEAT_MS = 10000 };
enum { SILENCE_MS = 2500, SILENCE_PAUSE_MS = 60000 };

enum rc broker_declare(struct broker *b, const struct broker_keys *keys, struct why *why)
{
	struct why as_found;
	enum rc rc;

	b->binding = false;
	rc = declare_exchange(&b->feed, FEED_DECLARE, &b->options, why);
	if (rc == RC_OK)
		rc = declare_queue(&b->feed, FEED_DECLARE, &b->options, &as_found, why);
	if (rc != RC_OK)
		return rc;
	if (as_found.text[0] != '\0' && strcmp(as_found.text, b->as_found.text) != 0)
		broker_add_note(b, true, "queue '%s' is used as found: %s", b->options.queue, as_found.text);
	b->as_found = as_found;
	if (b->unbind_wanted) {
		b->unbinding = keys->n_unbind > 0;
		b->n_unbound = 0;
	}
	b->unbind_wanted = false;
	b->binding = true;
	b->n_bound = 0;
	return RC_OK;
}

enum rc broker_bind_some(struct broker *b, const struct broker_keys *keys, size_t n, struct why *why)
{
	size_t from = b->n_bound < keys->n_bind ? b->n_bound : keys->n_bind;
	size_t left = keys->n_bind - from;
	enum rc rc;

	if (n > left)
		n = left;
	rc = declare_bind(&b->feed, FEED_DECLARE, &b->options, n > 0 ? keys->bind + from : NULL, n, why);
	if (rc == RC_OK) {
		b->n_bound = from + n;
		b->binding = b->n_bound < keys->n_bind;
	}
	return rc;
}

enum rc broker_unbind_some(struct broker *b, const struct broker_keys *keys, struct mono start, struct why *why)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && b->unbinding && mono_ms_between(start, mono_now()) < PIECES_MS) {
		size_t from = b->n_unbound < keys->n_unbind ? b->n_unbound : keys->n_unbind;
		size_t left = keys->n_unbind - from;
		size_t n = left < KEYS_A_PIECE ? left : KEYS_A_PIECE;

		rc = n == 0 ? RC_OK : declare_unbind(&b->feed, FEED_DECLARE, &b->options, keys->unbind + from, n, why);
		if (rc == RC_OK) {
			b->n_unbound = from + n;
			b->unbinding = n < left;
		}
	}
	return rc;
}

enum rc broker_consume(struct broker *b, struct why *why)
{
	amqp_basic_qos_t qos = { .prefetch_count = (uint16_t)b->options.prefetch };
	amqp_basic_consume_t consume = { .queue = amqp_cstring_bytes(b->options.queue) };
	enum rc rc;

	if (b->consuming)
		return RC_OK;
	rc = session_channel_open(&b->feed, FEED_CONSUME, why);
	if (rc == RC_OK)
		rc = session_call(&b->feed, FEED_CONSUME, AMQP_BASIC_QOS_METHOD, &qos, AMQP_BASIC_QOS_OK_METHOD, why);
	if (rc == RC_OK)
		rc = session_call(&b->feed, FEED_CONSUME, AMQP_BASIC_CONSUME_METHOD, &consume,
				  AMQP_BASIC_CONSUME_OK_METHOD, why);
	if (rc == RC_OK)
		b->consuming = true;
	return rc;
}

void broker_rebind(struct broker *b)
{
	b->declare_wanted = b->unbind_wanted = b->tell_when_done = true;
}

void broker_unbind_again(struct broker *b)
{
	b->unbinding = true;
	b->n_unbound = 0;
}

/* Read what is there, so that heartbeats of the broker are seen and its words heard while the caller is busy. */
static enum rc read_ahead(struct broker *b, struct mono now, struct why *why)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && b->waiting_bytes < MAX_WAITING_BYTES)
		rc = session_read(&b->feed, why);
	if (rc == RC_PEER)
		return broker_lost(b, why);
	if (rc == RC_OK && mono_ms_between(b->heartbeat_at, now) >= HEARTBEAT_MS) {
		b->heartbeat_at = now;
		if (session_heartbeat(&b->feed, why) != RC_OK)
			return broker_lost(b, why);
	}
	return RC_OK;
}

void broker_post_lost(struct broker *b, struct mono now, const struct why *why)
{
	b->post_retry_at = mono_after_ms(now, POST_PAUSE_MS);
	b->probe_seen = b->probe_sent;
	if (!b->post_noted)
		broker_add_note(b, true, "cannot publish: %s", why->text);
	b->post_noted = true;
}

static void read_post(struct broker *b, struct mono now)
{
	struct why why;
	enum rc rc = b->post.amqp == NULL ? RC_END : RC_OK;

	while (rc == RC_OK)
		rc = session_read(&b->post, &why);
	if (rc == RC_PEER)
		broker_post_lost(b, now, &why);
}

static enum rc declare_again(struct broker *b, const struct broker_keys *keys, struct mono now, struct why *why)
{
	struct mono start;
	enum rc rc = RC_OK;

	if (b->declare_wanted) {
		rc = broker_declare(b, keys, why);
		if (rc == RC_OK)
			rc = broker_consume(b, why);
		if (rc == RC_OK)
			b->declare_wanted = false;
		b->declared_again = true;
	}
	start = mono_now();
	while (rc == RC_OK && b->binding && mono_ms_between(start, mono_now()) < PIECES_MS)
		rc = broker_bind_some(b, keys, KEYS_A_PIECE, why);
	if (rc == RC_OK && !b->binding)
		rc = broker_unbind_some(b, keys, start, why);
	if (rc != RC_OK || b->binding || b->unbinding || !b->declared_again)
		return rc;
	b->declared_again = false;
	b->n_refused = 0;
	b->declared_at = now;
	b->probe_seen = b->probe_sent;
	counter_add(COUNTER_BROKER_REBINDS, 1);
	if (b->tell_when_done)
		broker_add_note(b, false, "declared and bound again: %zu keys", keys->n_bind);
	b->tell_when_done = false;
	return RC_OK;
}

/* A queue or exchange that vanishes while we declare is a race, to be tried again; any other refusal is for a person. */
static enum rc stay_declared(struct broker *b, const struct broker_keys *keys, struct mono now, struct why *why)
{
	enum rc rc;

	if (mono_ms_between(b->declared_at, now) >= BROKER_REBIND_EVERY_MS && !b->binding)
		b->declare_wanted = true;
	if (!b->declare_wanted && !b->binding && !b->unbinding)
		return RC_OK;
	rc = declare_again(b, keys, now, why);
	if (rc == RC_REFUSED && b->feed.refused_code == AMQP_NOT_FOUND && ++b->n_refused < MAX_REFUSED) {
		b->declare_wanted = true;
		return RC_OK;
	}
	return rc == RC_OK ? RC_OK : broker_lost(b, why);
}

/*
 * The probe is returned when no queue takes it. When the queue of another storage takes it (bound to `#`), losing our
 * binding shows only by silence: for a while neither the probe nor anything else comes although there is room. Whoever shares our
 * queue may take the probes, so silence is believed once a minute only.
 */
static void judge_silence(struct broker *b, struct mono now)
{
	if (b->probe_seen == b->probe_sent) {
		b->silence_ends = now;
		b->silence_noted = false;
		return;
	}
	if (mono_ms_between(b->probed_at, now) < SILENCE_MS || mono_ms_between(now, b->silence_ends) > 0)
		return;
	if (b->heard_since_probe || b->first != NULL || b->post_blocked || !b->consuming ||
	    b->last_tag - b->acked_tag >= (uint64_t)b->options.prefetch)
		return;
	b->declare_wanted = true;
	b->silence_ends = mono_after_ms(now, SILENCE_PAUSE_MS);
	if (!b->silence_noted) {
		broker_add_note(b, false, "the probe did not arrive: declaring and binding again");
		b->tell_when_done = true;
	}
	b->silence_noted = true;
}

static enum rc publish_probe(struct broker *b, struct why *why)
{
	amqp_table_entry_t header = { .key = amqp_cstring_bytes(CONTENT_PROBE_HEADER),
				      .value.kind = AMQP_FIELD_KIND_UTF8 };
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_EXPIRATION_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
		.expiration = amqp_cstring_bytes("5000"),
		.delivery_mode = AMQP_DELIVERY_NONPERSISTENT,
		.headers = { .num_entries = 1, .entries = &header },
	};
	amqp_basic_publish_t m = { .exchange = amqp_cstring_bytes(b->options.exchange),
				   .routing_key = amqp_cstring_bytes(b->options.queue),
				   .mandatory = true };
	char number[64];
	enum rc rc = session_channel_open(&b->post, POST_PROBE, why);

	if (rc != RC_OK)
		return rc;
	snprintf(number, sizeof(number), "%016llx-%llu", (unsigned long long)b->probe_id,
		 (unsigned long long)b->probe_sent + 1);
	header.value.value.bytes = amqp_cstring_bytes(number);
	rc = session_publish(&b->post, POST_PROBE, &m, &properties, TEXT_NONE, why);
	if (rc == RC_OK) {
		b->post_noted = b->drop_noted = false;
		b->probe_sent++;
		b->heard_since_probe = false;
	}
	return rc;
}

static void probe(struct broker *b, struct mono now)
{
	bool open = b->post.amqp != NULL;
	struct why why;
	enum rc rc;

	if (mono_ms_between(now, b->probe_at) > 0 || (!open && mono_ms_between(now, b->post_retry_at) > 0))
		return;
	b->probe_at = mono_after_ms(now, BROKER_PROBE_EVERY_MS);
	rc = broker_ready_post(b, now, &why);
	if (rc == RC_END)
		return;
	b->probed_at = now;
	if (rc != RC_OK || publish_probe(b, &why) != RC_OK)
		broker_post_lost(b, now, &why);
}

/* A refusal closes the channel alone; it is opened again for the next question. */
static enum rc ask_count(struct broker *b, struct mono now, struct why *why)
{
	amqp_queue_declare_t m = { .queue = amqp_cstring_bytes(b->options.queue), .passive = true };
	enum rc rc;

	if (mono_ms_between(now, b->count_at) > 0)
		return RC_OK;
	b->count_at = mono_after_ms(now, BROKER_PROBE_EVERY_MS);
	rc = session_channel_open(&b->feed, FEED_COUNT, why);
	if (rc == RC_OK)
		rc = session_send(&b->feed, FEED_COUNT, AMQP_QUEUE_DECLARE_METHOD, &m, why);
	return rc == RC_PEER ? broker_lost(b, why) : RC_OK;
}

enum rc broker_tend(struct broker *b, const struct broker_keys *keys, struct mono now, struct why *why)
{
	enum rc rc;

	if (!broker_connected(b))
		return because(why, RC_PEER, "not connected");
	rc = read_ahead(b, now, why);
	if (rc != RC_OK)
		return rc;
	read_post(b, now);
	judge_silence(b, now);
	rc = stay_declared(b, keys, now, why);
	if (rc != RC_OK)
		return rc;
	probe(b, now);
	return ask_count(b, now, why);
}
