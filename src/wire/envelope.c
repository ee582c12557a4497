#include "wire/envelope.h"

#include "wire/json.h"

/* What is read of the call; a value whose raw.s is NULL was not there. */
struct fields {
	struct json_value method, version, namespace, type, host, plugin, msg_id, reply_q;
	struct json_value oslo_version; /* of an envelope, or of a call without one */
	bool enveloped;
	struct text oslo_message; /* the call as text, when the envelope had one */
};

static bool is_null_or_absent(struct json_value v)
{
	return v.raw.s == NULL || v.type == JSON_NULL;
}

static struct text text_or_none(struct arena *a, struct json_value v)
{
	return v.raw.s != NULL && v.type == JSON_STRING ? json_string(a, v.raw, v.escaped) : TEXT_NONE;
}

/* A payload to come: a text, null, or something that is neither. */
static void read_payload(struct arena *a, struct json_reader *r, struct parcel *parcel)
{
	struct json_value v;

	parcel->content = PARCEL_NOTHING;
	if (json_peek(r) == '"') {
		if (json_read_text(r, a, &parcel->payload))
			parcel->content = PARCEL_PAYLOAD;
	} else if (json_read(r, &v) && v.type == JSON_NULL) {
		parcel->content = PARCEL_NULL;
	}
}

/* {"args": {"message": "…"}}: the outer args is to come. Of a repeated key the last counts, at each level. */
static void read_args(struct arena *a, struct json_reader *r, unsigned level, struct parcel *parcel)
{
	struct json_value v;

	parcel->content = PARCEL_NOTHING;
	if (json_peek(r) != '{') {
		json_read(r, &v);
		return;
	}
	json_enter(r);
	while (json_next(r)) {
		if (level == 1 && json_key_is(r, a, "message"))
			read_payload(a, r, parcel);
		else if (level == 0 && json_key_is(r, a, "args"))
			read_args(a, r, 1, parcel);
		else
			json_read(r, &v);
	}
}

/* The names that begin with an underscore, as oslo.messaging writes them. */
static struct json_value *context_field(struct fields *f, struct arena *a, const struct json_reader *r)
{
	return json_key_is(r, a, "_context_hostid")   ? &f->host
	       : json_key_is(r, a, "_context_plugin") ? &f->plugin
	       : json_key_is(r, a, "_context_type")   ? &f->type
	       : json_key_is(r, a, "_msg_id")         ? &f->msg_id
	       : json_key_is(r, a, "_reply_q")        ? &f->reply_q
						      : NULL;
}

static struct json_value *plain_field(struct fields *f, struct arena *a, const struct json_reader *r)
{
	return json_key_is(r, a, "method")         ? &f->method
	       : json_key_is(r, a, "version")      ? &f->version
	       : json_key_is(r, a, "namespace")    ? &f->namespace
	       : json_key_is(r, a, "oslo.version") ? &f->oslo_version
						   : NULL;
}

/* One layer; the outer one as envelope and call at once: which of them it is shows only when all keys were seen. */
static bool read_layer(struct arena *a, struct text document, bool outer, struct fields *f, struct parcel *parcel,
		       struct refusal *refusal)
{
	struct json_value ignored, *field;
	const char *noun = outer ? "body" : "oslo.message";
	bool is_object, message_is_text = true;
	struct json_reader r;
	struct why why;

	json_open(&r, document);
	is_object = json_peek(&r) == '{';
	if (!is_object)
		json_read(&r, &ignored);
	else
		json_enter(&r);
	while (is_object && json_next(&r)) {
		if (json_key_is(&r, a, "args")) {
			read_args(a, &r, 0, parcel);
		} else if (outer && json_key_is(&r, a, "oslo.message")) {
			f->enveloped = true;
			message_is_text = json_peek(&r) == '"';
			if (message_is_text)
				json_read_text(&r, a, &f->oslo_message);
			else
				json_read(&r, &ignored);
		} else {
			field = !r.key_escaped && r.key.n > 0 && r.key.s[0] == '_' ? context_field(f, a, &r)
										   : plain_field(f, a, &r);
			if (field == NULL && r.key_escaped)
				field = context_field(f, a, &r);
			json_read(&r, field == NULL ? &ignored : field);
		}
	}
	if (json_close(&r, &why) != RC_OK)
		return refuse(refusal, REASON_NOT_JSON, "%s: %s", noun, why.text);
	if (!is_object)
		return refuse(refusal, REASON_ENVELOPE, "%s is not an object", noun);
	if (!message_is_text)
		return refuse(refusal, REASON_ENVELOPE, "oslo.message is not a text");
	return true;
}

static bool check_call(struct arena *a, const struct fields *f, struct call *out, struct refusal *refusal)
{
	struct text method = text_or_none(a, f->method), msg_id = text_or_none(a, f->msg_id),
		    reply_q = text_or_none(a, f->reply_q);

	out->parcel.type = text_or_none(a, f->type);
	out->parcel.host = text_or_none(a, f->host);
	out->parcel.plugin = text_or_none(a, f->plugin);
	refusal->host = refusal_name(out->parcel.host);
	refusal->plugin = refusal_name(out->parcel.plugin);
	if (!is_null_or_absent(f->namespace))
		return refuse(refusal, REASON_NAMESPACE, "a namespace that is not null");
	if (f->version.raw.s != NULL && !text_is(text_or_none(a, f->version), "1.0"))
		return refuse(refusal, REASON_VERSION, "version is not \"1.0\"");
	/* the name of a queue is an AMQP short string: a longer one cannot be answered */
	if (msg_id.n > 0 && reply_q.n > 0 && reply_q.n <= UINT8_MAX) {
		out->msg_id = msg_id;
		out->reply_q = reply_q;
	}
	out->ping = text_is(method, "ping");
	if (!out->ping && !text_is(method, "poller_msg"))
		return refuse(refusal, REASON_METHOD, "method is neither poller_msg nor ping");
	return true;
}

/* `oslo.version` is judged wherever it stands; without `oslo.message` the body is the call itself. */
bool envelope_read(struct arena *a, struct text body, struct call *out, struct refusal *refusal)
{
	struct fields outer = { 0 }, inner = { 0 };

	*out = (struct call){ 0 };
	if (!read_layer(a, body, true, &outer, &out->parcel, refusal))
		return false;
	if ((outer.enveloped || outer.oslo_version.raw.s != NULL) &&
	    !text_is(text_or_none(a, outer.oslo_version), "2.0"))
		return refuse(refusal, REASON_OSLO_VERSION, "oslo.version is not the text \"2.0\"");
	if (!outer.enveloped)
		return check_call(a, &outer, out, refusal);
	out->parcel = (struct parcel){ 0 };
	if (!read_layer(a, outer.oslo_message, false, &inner, &out->parcel, refusal))
		return false;
	return check_call(a, &inner, out, refusal);
}
