/* Any bytes as the payload of good data and info messages: as a text of a call, and as it stands in HTTP ingest. */
#include "fuzz_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(struct arena *a, const char *type, struct text payload)
{
	struct refusal refusal, refusal_http;
	struct message message, message_http;
	bool taken, taken_http;
	struct buf call, document;

	buf_init(&call, 64 << 20);
	buf_init(&document, 64 << 20);
	buf_addf(&call,
		 "{\"method\": \"poller_msg\", \"_context_hostid\": \"h\", \"_context_plugin\": \"p\", "
		 "\"_context_type\": \"%s\", \"args\": {\"args\": {\"message\": ",
		 type);
	reply_string(&call, payload);
	buf_add_str(&call, "}}}");
	buf_addf(&document, "{\"hostid\": \"h\", \"plugin\": \"p\", \"type\": \"%s\", \"message\": ", type);
	reply_string(&document, payload);
	buf_add_str(&document, "}");
	taken = message_read_amqp(a, buf_text(&call), TEXT("application/json"), TEXT_NONE, &message, &refusal);
	taken_http = message_read_http(a, buf_text(&document), &message_http, &refusal_http);
	must(taken == taken_http);
	if (taken) {
		must_be_sound(a, &message);
		must(message.kind == message_http.kind && message.n_samples == message_http.n_samples);
		must(message.kind == MESSAGE_DATA || text_equal(message.payload, payload));
	} else {
		must_be_printable(&refusal, buf_text(&call));
		must(refusal.reason == refusal_http.reason);
	}
	buf_fini(&call);
	buf_fini(&document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text payload = { (const char *)data, size };
	struct arena a;

	/* a payload comes out of a JSON string: always UTF-8 */
	if (size > MESSAGE_MAX_BYTES / 8 || !text_is_utf8(payload))
		return 0;
	arena_init(&a);
	read_as(&a, "data", payload);
	read_as(&a, "info", payload);
	arena_fini(&a);
	return 0;
}
