#include "wire/payload.h"

#include <stdio.h>

#include "model/name.h"
#include "wire/json.h"
#include "wire/samples.h"

/* As much of s as fits in n bytes without cutting a character. */
static size_t whole_characters(const char *s, size_t length, size_t n)
{
	if (length <= n)
		return length;
	while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
		n--;
	return n;
}

bool refuse(struct refusal *refusal, enum reason reason, const char *format, ...)
{
	char detail[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	refusal->reason = reason;
	detail[whole_characters(detail, strlen(detail), sizeof(refusal->detail) - 1)] = '\0';
	memcpy(refusal->detail, detail, strlen(detail) + 1);
	return false;
}

struct text refusal_name(struct text t)
{
	return (struct text){ t.s, whole_characters(t.s, t.n, NAME_MAX_BYTES) };
}

static bool not_json(struct refusal *refusal, const struct why *why)
{
	return refuse(refusal, REASON_NOT_JSON, "payload: %s", why->text);
}

static bool read_data(struct arena *a, struct text payload, struct message *message, struct refusal *refusal)
{
	struct samples samples = { 0 };
	bool values = false, seconds = false;
	struct json_value v;
	struct json_reader r;
	struct why why;

	json_open(&r, payload);
	if (json_peek(&r) != '{') {
		if (json_check(payload, false, &v, &why) != RC_OK)
			return not_json(refusal, &why);
		return refuse(refusal, REASON_NO_VALUES, "the payload is not an object");
	}
	json_enter(&r);
	while (json_next(&r)) {
		if (json_key_is(&r, a, "Values")) {
			values = json_peek(&r) == '{';
			if (values)
				samples_read(&samples, a, &r);
			else
				json_read(&r, &v);
		} else if (json_key_is(&r, a, "TimeStamp")) {
			seconds = json_read(&r, &v) && (v.type == JSON_STRING || v.type == JSON_NUMBER) &&
				  number_parse_seconds(json_string(a, v.raw, v.escaped), &message->t_s);
		} else {
			json_read(&r, &v);
		}
	}
	if (json_close(&r, &why) != RC_OK)
		return not_json(refusal, &why);
	if (!values)
		return refuse(refusal, REASON_NO_VALUES, "Values is not an object, or absent");
	if (!seconds)
		return refuse(refusal, REASON_TIMESTAMP, "TimeStamp is not an integer, or absent");
	samples_drop_repeated(&samples, a);
	message->sample = samples.at;
	message->n_samples = samples.n;
	for (size_t i = 0; i < samples.n; i++)
		message->n_refused += samples.at[i].kind == SAMPLE_REFUSED;
	return true;
}

static bool is_filled_object(struct json_value v)
{
	struct json_walk w = json_walk(v);
	struct json_value member;
	struct text key;
	bool escaped;

	return v.type == JSON_OBJECT && json_next_member(&w, &key, &escaped, &member);
}

static bool read_info(struct arena *a, struct text payload, struct message *message, struct refusal *refusal)
{
	struct json_value plugin = { 0 }, id = { 0 }, name = { 0 }, infos = { 0 }, other;
	struct json_reader r;
	struct why why;

	json_open(&r, payload);
	if (json_peek(&r) != '{') {
		if (json_check(payload, false, &other, &why) != RC_OK)
			return not_json(refusal, &why);
		return refuse(refusal, REASON_INFO, "the payload is not an object");
	}
	json_enter(&r);
	while (json_next(&r))
		json_read(&r, json_key_is(&r, a, "Plugin")  ? &plugin
			      : json_key_is(&r, a, "Infos") ? &infos
			      : json_key_is(&r, a, "ID")    ? &id
			      : json_key_is(&r, a, "Name")  ? &name
							    : &other);
	if (json_close(&r, &why) != RC_OK)
		return not_json(refusal, &why);
	if (plugin.type != JSON_STRING)
		return refuse(refusal, REASON_NO_PLUGIN, "Plugin is not a text, or absent");
	message->plugin = json_string(a, plugin.raw, plugin.escaped);
	refusal->plugin = refusal_name(message->plugin);
	message->payload = payload;
	if (text_is(message->plugin, "MyInfo")) {
		message->kind = MESSAGE_MYINFO;
		message->plugin = TEXT_NONE;
		if (id.type != JSON_STRING || name.type != JSON_STRING)
			return refuse(refusal, REASON_INFO, "MyInfo needs the texts ID and Name");
		return true;
	}
	message->kind = MESSAGE_INFO;
	if (name_check_plugin_or_ds(message->plugin, &why) != RC_OK)
		return refuse(refusal, REASON_PLUGIN_NAME, "%s", why.text);
	if (!is_filled_object(infos))
		return refuse(refusal, REASON_INFO, "Infos is not an object with members");
	return true;
}

bool payload_read(struct arena *a, const struct parcel *parcel, struct message *message, struct refusal *refusal)
{
	bool data;
	struct why why;

	refusal->host = refusal_name(parcel->host);
	refusal->plugin = refusal_name(parcel->plugin);
	if (parcel->content == PARCEL_NULL) {
		message->kind = MESSAGE_EMPTY;
		return true;
	}
	if (parcel->content == PARCEL_NOTHING)
		return refuse(refusal, REASON_ARGS, "message is not a text, or absent");
	data = text_is(parcel->type, "data");
	if (!data && !text_is(parcel->type, "info"))
		return refuse(refusal, REASON_CONTEXT_TYPE, "type is neither data nor info");
	if (parcel->host.s == NULL)
		return refuse(refusal, REASON_NO_HOST, "hostid is not a text, or absent");
	if (name_check_host(parcel->host, &why) != RC_OK)
		return refuse(refusal, REASON_HOST_NAME, "%s", why.text);
	message->host = parcel->host;
	if (!data)
		return read_info(a, parcel->payload, message, refusal);
	message->kind = MESSAGE_DATA;
	if (parcel->plugin.s == NULL)
		return refuse(refusal, REASON_NO_PLUGIN, "plugin is not a text, or absent");
	if (name_check_plugin_or_ds(parcel->plugin, &why) != RC_OK)
		return refuse(refusal, REASON_PLUGIN_NAME, "%s", why.text);
	message->plugin = parcel->plugin;
	return read_data(a, parcel->payload, message, refusal);
}
