#include "wire/message.h"

#include <ctype.h>

#include "wire/data_fast.h"
#include "wire/envelope.h"
#include "wire/inflate.h"

/* Names under which kombu registers zlib, and those of their media types: the data say themselves which they are. */
static const char *const unpackable[] = {
	"application/x-gzip", "application/gzip", "gzip", "application/x-zlib", "application/zlib", "zlib",
};

static bool equal_in_any_case(struct text t, const char *lower)
{
	if (t.n != strlen(lower))
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (tolower((unsigned char)t.s[i]) != lower[i])
			return false;
	return true;
}

static bool unpack(struct arena *a, struct text *body, struct text compression, struct refusal *refusal)
{
	const char *detail = "";
	enum reason reason;

	for (size_t i = 0; i < ARRAY_LEN(unpackable); i++) {
		if (!equal_in_any_case(compression, unpackable[i]))
			continue;
		reason = inflate_body(a, *body, MESSAGE_MAX_BYTES, body, &detail);
		return reason == REASON_NONE || refuse(refusal, reason, "compressed body: %s", detail);
	}
	return refuse(refusal, REASON_COMPRESSION, "compression \"%.*s\" is not one we unpack",
		      compression.n > 64 ? 64 : (int)compression.n, compression.s);
}

bool message_read_amqp_general(struct arena *a, struct text body, struct text content_type, struct text compression,
			       struct message *out, struct refusal *refusal)
{
	struct message message = { 0 };
	struct call call;

	*refusal = (struct refusal){ 0 };
	if (!text_is(content_type, "application/json"))
		return refuse(refusal, REASON_CONTENT_TYPE, "content type \"%.*s\": expected application/json",
			      content_type.n > 64 ? 64 : (int)content_type.n,
			      content_type.n == 0 ? "" : content_type.s);
	if (body.n > MESSAGE_MAX_BYTES)
		return refuse(refusal, REASON_TOO_LARGE, "%zu bytes: at most 1 MiB", body.n);
	if (compression.n > 0 && !unpack(a, &body, compression, refusal))
		return false;
	if (!envelope_read(a, body, &call, refusal))
		return false;
	message.msg_id = call.msg_id;
	message.reply_q = call.reply_q;
	if (call.ping)
		message.kind = MESSAGE_PING;
	else if (!payload_read(a, &call.parcel, &message, refusal))
		return false;
	*out = message;
	return true;
}

bool message_read_amqp(struct arena *a, struct text body, struct text content_type, struct text compression,
		       struct message *out, struct refusal *refusal)
{
	if (compression.n == 0 && text_is(content_type, "application/json") &&
	    data_fast_read(a, body, quotes_best(), out))
		return true;
	return message_read_amqp_general(a, body, content_type, compression, out, refusal);
}
