#include "broker/link.h"

#include <stdio.h>

#include "broker/dial.h"

void link_init(struct link *l, struct message_store *store, link_event_fn on_event, void *owner)
{
	*l = (struct link){ .store = store, .on_event = on_event, .owner = owner };
}

enum rc link_open(struct link *l, const struct broker_options *options, const struct broker_server *server,
		  int64_t timeout_ms, const char *purpose, struct why *why)
{
	must(l->amqp == NULL);
	return dial(options, server, timeout_ms, purpose, &l->amqp, why);
}

static void forget_content(struct link *l, amqp_channel_t channel)
{
	message_give_back(l->store, l->channel[channel].incoming);
	l->channel[channel].incoming = NULL;
}

void link_close(struct link *l)
{
	for (amqp_channel_t i = 0; i < LINK_CHANNELS; i++) {
		forget_content(l, i);
		l->channel[i].open = false;
	}
	if (l->amqp != NULL)
		amqp_destroy_connection(l->amqp);
	l->amqp = NULL;
}

void link_say_goodbye(struct link *l)
{
	struct timeval second = { .tv_sec = 1 };

	if (l->amqp == NULL)
		return;
	if (amqp_set_rpc_timeout(l->amqp, &second) == AMQP_STATUS_OK)
		(void)amqp_connection_close(l->amqp, AMQP_REPLY_SUCCESS);
	link_close(l);
}

static enum rc lost(struct link *l, int status, struct why *why)
{
	link_close(l);
	return because(why, RC_PEER, "%s", amqp_error_string2(status));
}

/* Remember what the broker says with a close, cancel or return: its frame's memory goes when the next is read. */
static struct text keep_text(struct link_channel *c, amqp_bytes_t text)
{
	size_t n = text.len < sizeof(c->text) ? text.len : sizeof(c->text);

	if (n > 0)
		memcpy(c->text, text.bytes, n);
	return (struct text){ c->text, n };
}

static void emit(struct link *l, struct link_event event)
{
	l->on_event(l->owner, &event);
}

static enum rc channel_closed(struct link *l, amqp_channel_t channel, const amqp_channel_close_t *m, struct why *why)
{
	struct text text = { m->reply_text.bytes, m->reply_text.len };
	amqp_channel_close_ok_t ok = { 0 };

	l->channel[channel].open = false;
	forget_content(l, channel);
	if (l->n_awaited > 0 && l->awaited_channel == channel) {
		l->refused = true;
		l->refused_code = m->reply_code;
		(void)because(&l->refused_why, RC_REFUSED, "%.*s", TEXT_ARG(text));
	} else {
		emit(l, (struct link_event){
				.kind = LINK_CHANNEL_CLOSED, .channel = channel, .code = m->reply_code, .text = text });
	}
	return link_send(l, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok, why);
}

static enum rc connection_closed(struct link *l, const amqp_connection_close_t *m, struct why *why)
{
	amqp_connection_close_ok_t ok = { 0 };

	(void)because(why, RC_PEER, "%.*s", (int)m->reply_text.len, (const char *)m->reply_text.bytes);
	(void)amqp_send_method(l->amqp, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
	link_close(l);
	return RC_PEER;
}

static struct message *begin_content(struct link *l, amqp_channel_t channel, struct link_event event)
{
	struct link_channel *c = &l->channel[channel];

	forget_content(l, channel);
	c->incoming = message_take(l->store);
	c->incoming_begun = false;
	c->event = event;
	c->event.channel = channel;
	return c->incoming;
}

static void delivered(struct link *l, amqp_channel_t channel, const amqp_basic_deliver_t *m)
{
	struct message *message = begin_content(l, channel, (struct link_event){ .kind = LINK_DELIVERY });

	message->tag = m->delivery_tag;
	message->redelivered = m->redelivered;
}

static void returned(struct link *l, amqp_channel_t channel, const amqp_basic_return_t *m)
{
	struct text text = keep_text(&l->channel[channel], m->reply_text);

	begin_content(l, channel, (struct link_event){ .kind = LINK_RETURN, .code = m->reply_code, .text = text });
}

static enum rc cancelled(struct link *l, amqp_channel_t channel, const amqp_basic_cancel_t *m, struct why *why)
{
	amqp_basic_cancel_ok_t ok = { .consumer_tag = m->consumer_tag };
	enum rc rc = RC_OK;

	if (!m->nowait)
		rc = link_send(l, channel, AMQP_BASIC_CANCEL_OK_METHOD, &ok, why);
	if (rc == RC_OK)
		emit(l, (struct link_event){ .kind = LINK_CANCEL, .channel = channel });
	return rc;
}

static enum rc take_method(struct link *l, amqp_channel_t channel, const amqp_method_t *m, struct why *why)
{
	const amqp_connection_blocked_t *blocked;

	switch (m->id) {
	case AMQP_BASIC_DELIVER_METHOD:
		delivered(l, channel, m->decoded);
		return RC_OK;
	case AMQP_BASIC_RETURN_METHOD:
		returned(l, channel, m->decoded);
		return RC_OK;
	case AMQP_BASIC_CANCEL_METHOD:
		return cancelled(l, channel, m->decoded, why);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return channel_closed(l, channel, m->decoded, why);
	case AMQP_CONNECTION_CLOSE_METHOD:
		return connection_closed(l, m->decoded, why);
	case AMQP_CONNECTION_BLOCKED_METHOD:
		blocked = m->decoded;
		emit(l, (struct link_event){ .kind = LINK_BLOCKED,
					     .text = { blocked->reason.bytes, blocked->reason.len } });
		return RC_OK;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		emit(l, (struct link_event){ .kind = LINK_UNBLOCKED });
		return RC_OK;
	default:
		if (l->n_awaited > 0 && l->awaited_channel == channel && l->awaited_method == m->id)
			l->n_awaited--;
		return RC_OK;
	}
}

static void end_content(struct link *l, struct link_channel *c)
{
	c->event.taken_message = c->incoming;
	c->incoming = NULL;
	emit(l, c->event);
}

static enum rc take_frame(struct link *l, const amqp_frame_t *frame, struct why *why)
{
	struct link_channel *c;

	if (frame->channel >= LINK_CHANNELS)
		return lost(l, AMQP_STATUS_BAD_AMQP_DATA, why);
	c = &l->channel[frame->channel];
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return take_method(l, frame->channel, &frame->payload.method, why);
	case AMQP_FRAME_HEADER:
		if (c->incoming == NULL || c->incoming_begun || frame->payload.properties.class_id != AMQP_BASIC_CLASS)
			return lost(l, AMQP_STATUS_BAD_AMQP_DATA, why);
		message_begin(c->incoming, frame->payload.properties.decoded, frame->payload.properties.body_size);
		c->incoming_begun = true;
		if (c->incoming->full_bytes == 0)
			end_content(l, c);
		return RC_OK;
	case AMQP_FRAME_BODY:
		if (c->incoming == NULL || !c->incoming_begun)
			return lost(l, AMQP_STATUS_BAD_AMQP_DATA, why);
		if (message_add(c->incoming, frame->payload.body_fragment))
			end_content(l, c);
		return RC_OK;
	default:
		return RC_OK;
	}
}

static enum rc read_within(struct link *l, int64_t timeout_ms, struct why *why)
{
	struct timeval timeout = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	amqp_frame_t frame;
	enum rc rc;
	int status;

	if (l->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_simple_wait_frame_noblock(l->amqp, &frame, &timeout);
	if (status == AMQP_STATUS_TIMEOUT)
		return RC_END;
	if (status != AMQP_STATUS_OK)
		return lost(l, status, why);
	rc = take_frame(l, &frame, why);
	if (l->amqp != NULL)
		amqp_maybe_release_buffers_on_channel(l->amqp, frame.channel);
	return rc;
}

enum rc link_read(struct link *l, struct why *why)
{
	return read_within(l, 0, why);
}

enum rc link_send(struct link *l, amqp_channel_t channel, amqp_method_number_t method, void *fields, struct why *why)
{
	int status;

	if (l->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_send_method(l->amqp, channel, method, fields);
	return status == AMQP_STATUS_OK ? RC_OK : lost(l, status, why);
}

enum rc link_heartbeat(struct link *l, struct why *why)
{
	amqp_frame_t frame = { .frame_type = AMQP_FRAME_HEARTBEAT };
	int status;

	if (l->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_send_frame(l->amqp, &frame);
	return status == AMQP_STATUS_OK ? RC_OK : lost(l, status, why);
}

enum rc link_publish(struct link *l, amqp_channel_t channel, const amqp_basic_publish_t *fields,
		     const amqp_basic_properties_t *properties, struct text body, struct why *why)
{
	int status;

	if (l->amqp == NULL)
		return because(why, RC_PEER, "not connected");
	status = amqp_basic_publish(l->amqp, channel, fields->exchange, fields->routing_key, fields->mandatory,
				    fields->immediate, properties, bytes_of_text(body));
	return status == AMQP_STATUS_OK ? RC_OK : lost(l, status, why);
}

enum rc link_await(struct link *l, amqp_channel_t channel, amqp_method_number_t reply, size_t n, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), LINK_CALL_TIMEOUT_MS);
	enum rc rc = RC_OK;

	must(l->n_awaited == 0);
	l->awaited_channel = channel;
	l->awaited_method = reply;
	l->n_awaited = n;
	l->refused = false;
	while (rc == RC_OK && l->n_awaited > 0 && !l->refused) {
		int64_t ms = mono_ms_between(mono_now(), deadline);

		rc = ms > 0 ? read_within(l, ms, why) : RC_END;
	}
	l->n_awaited = 0;
	if (rc == RC_END) {
		link_close(l);
		return because(why, RC_PEER, "no answer within %d s", LINK_CALL_TIMEOUT_MS / 1000);
	}
	if (rc == RC_OK && l->refused) {
		rc = RC_REFUSED;
		if (why != NULL)
			*why = l->refused_why;
	}
	return rc;
}

enum rc link_call(struct link *l, amqp_channel_t channel, amqp_method_number_t method, void *fields,
		  amqp_method_number_t reply, struct why *why)
{
	enum rc rc = link_send(l, channel, method, fields, why);

	return rc == RC_OK ? link_await(l, channel, reply, 1, why) : rc;
}

enum rc link_channel_open(struct link *l, amqp_channel_t channel, struct why *why)
{
	amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
	enum rc rc;

	if (l->channel[channel].open)
		return RC_OK;
	rc = link_call(l, channel, AMQP_CHANNEL_OPEN_METHOD, &open, AMQP_CHANNEL_OPEN_OK_METHOD, why);
	if (rc == RC_OK)
		l->channel[channel].open = true;
	return rc;
}
