#include "broker/session.h"

#include <stdio.h>

#include "broker/dial.h"

void session_init(struct session *s, struct content_store *store, session_event_fn on_event, void *owner)
{
	*s = (struct session){ .store = store, .on_event = on_event, .owner = owner };
}

enum rc session_open(struct session *s, const struct broker_options *options, const struct broker_server *server,
		     int64_t timeout_ms, const char *purpose, struct why *why)
{
	must(s->amqp == NULL);
	return dial(options, server, timeout_ms, purpose, &s->amqp, why);
}

static void forget_content(struct session *s, amqp_channel_t channel)
{
	content_give_back(s->store, s->channel[channel].incoming);
	s->channel[channel].incoming = NULL;
}

void session_close(struct session *s)
{
	for (int i = 0; i < SESSION_CHANNELS; i++) {
		forget_content(s, (amqp_channel_t)i);
		s->channel[i].open = false;
	}
	if (s->amqp != NULL)
		amqp_destroy_connection(s->amqp);
	s->amqp = NULL;
}

void session_say_goodbye(struct session *s)
{
	struct timeval second = { .tv_sec = 1 };

	if (s->amqp == NULL)
		return;
	if (amqp_set_rpc_timeout(s->amqp, &second) == AMQP_STATUS_OK)
		(void)amqp_connection_close(s->amqp, AMQP_REPLY_SUCCESS);
	session_close(s);
}

static enum rc lost(struct session *s, int status, struct why *why)
{
	session_close(s);
	return because(why, RC_PEER, "%s", amqp_error_string2(status));
}

/* Remember what the broker says with a close, cancel or return: its frame's memory goes when the next is read. */
static struct text keep_text(struct session_channel *c, amqp_bytes_t text)
{
	size_t n = text.len < sizeof(c->text) ? text.len : sizeof(c->text);

	if (n > 0)
		memcpy(c->text, text.bytes, n);
	return (struct text){ c->text, n };
}

static void emit(struct session *s, struct session_event event)
{
	s->on_event(s->owner, &event);
}

static enum rc channel_closed(struct session *s, amqp_channel_t channel, const amqp_channel_close_t *m, struct why *why)
{
	struct text text = { m->reply_text.bytes, m->reply_text.len };
	amqp_channel_close_ok_t ok = { 0 };

	s->channel[channel].open = false;
	forget_content(s, channel);
	if (s->n_awaited > 0 && s->awaited_channel == channel) {
		s->refused = true;
		s->refused_code = m->reply_code;
		(void)because(&s->refused_why, RC_REFUSED, "%.*s", TEXT_ARG(text));
	} else {
		emit(s,
		     (struct session_event){
			     .kind = SESSION_CHANNEL_CLOSED, .channel = channel, .code = m->reply_code, .text = text });
	}
	return session_send(s, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, why);
}

static enum rc connection_closed(struct session *s, const amqp_connection_close_t *m, struct why *why)
{
	amqp_connection_close_ok_t ok = { 0 };

	(void)because(why, RC_PEER, "%.*s", (int)m->reply_text.len, (const char *)m->reply_text.bytes);
	(void)amqp_send_method(s->amqp, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
	session_close(s);
	return RC_PEER;
}

static struct content *begin_content(struct session *s, amqp_channel_t channel, struct session_event event)
{
	struct session_channel *c = &s->channel[channel];

	forget_content(s, channel);
	c->incoming = content_take(s->store);
	c->incoming_begun = false;
	c->event = event;
	c->event.channel = channel;
	return c->incoming;
}

static void delivered(struct session *s, amqp_channel_t channel, const amqp_basic_deliver_t *m)
{
	struct content *incoming = begin_content(s, channel, (struct session_event){ .kind = SESSION_DELIVERY });

	incoming->tag = m->delivery_tag;
	incoming->redelivered = m->redelivered;
}

static void returned(struct session *s, amqp_channel_t channel, const amqp_basic_return_t *m)
{
	struct text text = keep_text(&s->channel[channel], m->reply_text);

	begin_content(s, channel,
		      (struct session_event){ .kind = SESSION_RETURN, .code = m->reply_code, .text = text });
}

static enum rc cancelled(struct session *s, amqp_channel_t channel, const amqp_basic_cancel_t *m, struct why *why)
{
	amqp_basic_cancel_ok_t ok = { .consumer_tag = m->consumer_tag };
	enum rc rc = RC_OK;

	if (!m->nowait)
		rc = session_send(s, channel, AMQP_BASIC_CANCEL_OK_METHOD, &ok, why);
	if (rc == RC_OK)
		emit(s, (struct session_event){ .kind = SESSION_CANCEL, .channel = channel });
	return rc;
}

static void counted(struct session *s, amqp_channel_t channel, const amqp_queue_declare_ok_t *m)
{
	emit(s, (struct session_event){ .kind = SESSION_COUNT, .channel = channel, .n = m->message_count });
}

static enum rc take_method(struct session *s, amqp_channel_t channel, const amqp_method_t *m, struct why *why)
{
	const amqp_connection_blocked_t *blocked;
	const amqp_basic_ack_t *ack;
	const amqp_basic_nack_t *nack;

	switch (m->id) {
	case AMQP_BASIC_DELIVER_METHOD:
		delivered(s, channel, m->decoded);
		return RC_OK;
	case AMQP_BASIC_RETURN_METHOD:
		returned(s, channel, m->decoded);
		return RC_OK;
	case AMQP_BASIC_CANCEL_METHOD:
		return cancelled(s, channel, m->decoded, why);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return channel_closed(s, channel, m->decoded, why);
	case AMQP_CONNECTION_CLOSE_METHOD:
		return connection_closed(s, m->decoded, why);
	case AMQP_CONNECTION_BLOCKED_METHOD:
		blocked = m->decoded;
		emit(s, (struct session_event){ .kind = SESSION_BLOCKED,
						.text = { blocked->reason.bytes, blocked->reason.len } });
		return RC_OK;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		emit(s, (struct session_event){ .kind = SESSION_UNBLOCKED });
		return RC_OK;
	case AMQP_BASIC_ACK_METHOD:
		ack = m->decoded;
		emit(s, (struct session_event){ .kind = SESSION_CONFIRM,
						.channel = channel,
						.tag = ack->delivery_tag,
						.multiple = ack->multiple });
		return RC_OK;
	case AMQP_BASIC_NACK_METHOD:
		nack = m->decoded;
		emit(s, (struct session_event){ .kind = SESSION_CONFIRM,
						.channel = channel,
						.tag = nack->delivery_tag,
						.multiple = nack->multiple,
						.refused = true });
		return RC_OK;
	default:
		if (s->n_awaited > 0 && s->awaited_channel == channel && s->awaited_method == m->id)
			s->n_awaited--;
		else if (m->id == AMQP_QUEUE_DECLARE_OK_METHOD)
			counted(s, channel, m->decoded);
		return RC_OK;
	}
}

static void end_content(struct session *s, struct session_channel *c)
{
	c->event.taken_content = c->incoming;
	c->incoming = NULL;
	emit(s, c->event);
}

static enum rc take_frame(struct session *s, const amqp_frame_t *frame, struct why *why)
{
	struct session_channel *c;

	if (frame->channel >= SESSION_CHANNELS)
		return lost(s, AMQP_STATUS_BAD_AMQP_DATA, why);
	c = &s->channel[frame->channel];
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(s, frame->channel, &frame->payload.method, why);
	case AMQP_FRAME_HEADER:
		if (c->incoming == NULL || c->incoming_begun || frame->payload.properties.class_id != AMQP_BASIC_CLASS)
			return lost(s, AMQP_STATUS_BAD_AMQP_DATA, why);
		content_begin(c->incoming, frame->payload.properties.decoded, frame->payload.properties.body_size);
		c->incoming_begun = true;
		if (c->incoming->full_bytes == 0)
			end_content(s, c);
		return RC_OK;
	case AMQP_FRAME_BODY:
		if (c->incoming == NULL || !c->incoming_begun)
			return lost(s, AMQP_STATUS_BAD_AMQP_DATA, why);
		if (content_add(c->incoming, frame->payload.body_fragment))
			end_content(s, c);
		return RC_OK;
	default:
		return RC_OK;
	}
}

enum rc session_read_within(struct session *s, int64_t timeout_ms, struct why *why)
{
	struct timeval timeout = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	amqp_frame_t frame;
	enum rc rc;
	int status;

	if (s->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_simple_wait_frame_noblock(s->amqp, &frame, &timeout);
	if (status == AMQP_STATUS_TIMEOUT)
		return RC_END;
	if (status != AMQP_STATUS_OK)
		return lost(s, status, why);
	rc = take_frame(s, &frame, why);
	if (s->amqp != NULL)
		amqp_maybe_release_buffers_on_channel(s->amqp, frame.channel);
	return rc;
}

enum rc session_read(struct session *s, struct why *why)
{
	return session_read_within(s, 0, why);
}

bool session_has_read(const struct session *s)
{
	return s->amqp != NULL && (amqp_data_in_buffer(s->amqp) || amqp_frames_enqueued(s->amqp));
}

enum rc session_send(struct session *s, amqp_channel_t channel, amqp_method_number_t method, void *fields,
		     struct why *why)
{
	int status;

	if (s->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_send_method(s->amqp, channel, method, fields);
	return status == AMQP_STATUS_OK ? RC_OK : lost(s, status, why);
}

enum rc session_heartbeat(struct session *s, struct why *why)
{
	amqp_frame_t frame = { .frame_type = AMQP_FRAME_HEARTBEAT };
	int status;

	if (s->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_send_frame(s->amqp, &frame);
	return status == AMQP_STATUS_OK ? RC_OK : lost(s, status, why);
}

enum rc session_publish(struct session *s, amqp_channel_t channel, const amqp_basic_publish_t *fields,
			const amqp_basic_properties_t *properties, struct text body, struct why *why)
{
	int status;

	if (s->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_basic_publish(s->amqp, channel, fields->exchange, fields->routing_key, fields->mandatory,
				    fields->immediate, properties, bytes_of_text(body));
	return status == AMQP_STATUS_OK ? RC_OK : lost(s, status, why);
}

enum rc session_await(struct session *s, amqp_channel_t channel, amqp_method_number_t reply, size_t n, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), SESSION_CALL_TIMEOUT_MS);
	enum rc rc = RC_OK;

	must(s->n_awaited == 0);
	s->awaited_channel = channel;
	s->awaited_method = reply;
	s->n_awaited = n;
	s->refused = false;
	while (rc == RC_OK && s->n_awaited > 0 && !s->refused) {
		int64_t ms = mono_ms_between(mono_now(), deadline);

		rc = ms > 0 ? session_read_within(s, ms, why) : RC_END;
	}
	s->n_awaited = 0;
	if (rc == RC_END) {
		session_close(s);
		return because(why, RC_PEER, "no answer within %d s", SESSION_CALL_TIMEOUT_MS / 1000);
	}
	if (rc == RC_OK && s->refused) {
		rc = RC_REFUSED;
		if (why != NULL)
			*why = s->refused_why;
	}
	return rc;
}

enum rc session_call(struct session *s, amqp_channel_t channel, amqp_method_number_t method, void *fields,
		     amqp_method_number_t reply, struct why *why)
{
	enum rc rc = session_send(s, channel, method, fields, why);

	return rc == RC_OK ? session_await(s, channel, reply, 1, why) : rc;
}

enum rc session_channel_open(struct session *s, amqp_channel_t channel, struct why *why)
{
	amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
	enum rc rc;

	if (s->channel[channel].open)
		return RC_OK;
	rc = session_call(s, channel, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD, why);
	if (rc == RC_OK)
		s->channel[channel].open = true;
	return rc;
}
