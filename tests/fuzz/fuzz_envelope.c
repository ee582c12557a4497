/* Any bytes as the body of an AMQP message, plain and as compressed data, and as a body of HTTP ingest. */
#include "fuzz_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_amqp(struct arena *a, struct text body, struct text compression)
{
	struct refusal refusal;
	struct message message;

	if (message_read_amqp(a, body, TEXT("application/json"), compression, &message, &refusal))
		must_be_sound(a, &message);
	else
		must_be_printable(&refusal, body);
}

static void read_http(struct arena *a, struct text body, bool ndjson)
{
	struct text *document;
	struct refusal refusal;
	struct message message;
	size_t n;

	if (message_split(a, body, ndjson, 100, &document, &n, NULL) != RC_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		must(document[i].s >= body.s && document[i].s + document[i].n <= body.s + body.n);
		if (message_read_http(a, document[i], &message, &refusal))
			must_be_sound(a, &message);
		else
			must_be_printable(&refusal, document[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text body = { (const char *)data, size };
	struct arena a;

	arena_init(&a);
	read_amqp(&a, body, TEXT_NONE);
	if (size > 0 && (data[0] == 0x78 || data[0] == 0x1F))
		read_amqp(&a, body, TEXT("application/x-gzip"));
	read_http(&a, body, false);
	read_http(&a, body, true);
	arena_fini(&a);
	return 0;
}
