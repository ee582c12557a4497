/*
 * A message's bytes as they come from RabbitMQ or HTTP → what they say. No clock and no store here: whether a
 * timestamp is too old is judged by who knows the retentions.
 * Source: docs/spec/system.md "RabbitMQ", "Payload", "HTTP ingest"; docs/spec/wire.md A, B, C; docs/formats/message.md.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/text.h"
#include "model/reason.h"

enum { MESSAGE_MAX_BYTES = 1024 * 1024 };

enum message_kind {
	MESSAGE_DATA,
	MESSAGE_INFO,   /* a plugin's info */
	MESSAGE_MYINFO, /* a host's own */
	MESSAGE_PING,
	MESSAGE_EMPTY, /* message: null; nothing to store */
};

enum sample_kind { SAMPLE_VALUE, SAMPLE_UNKNOWN, SAMPLE_REFUSED };

struct sample {
	struct text ds;
	enum sample_kind kind;
	enum reason reason; /* when refused: REASON_DS_NAME or REASON_VALUE */
	double value;       /* when SAMPLE_VALUE: finite */
};

struct message {
	enum message_kind kind;
	struct text host;   /* a valid name, but for ping and empty */
	struct text plugin; /* a valid name: the context's for data, the payload's for info; none for MyInfo */
	int64_t t_s;        /* data */
	struct sample *sample;
	size_t n_samples, n_refused; /* n_refused of the samples are SAMPLE_REFUSED; a repeated ds: the last counts */
	struct text payload;         /* info and MyInfo: the text verbatim */
	struct text msg_id, reply_q; /* a call: both set; a cast: none */
};

enum { REFUSAL_DETAIL_BYTES = 256 };

/* Why a message is kept aside whole. host and plugin as far as they could be read. */
struct refusal {
	enum reason reason;
	struct text host, plugin;
	char detail[REFUSAL_DETAIL_BYTES];
};

/*
 * Read an AMQP message. content_type and compression: the property and header, TEXT_NONE when absent.
 * Returns  true: *out is filled; false: *refusal is.
 * Owner    texts are slices of body or of memory in a: both must outlive *out.
 */
bool message_read_amqp(struct arena *a, struct text body, struct text content_type, struct text compression,
		       struct message *out, struct refusal *refusal);

/* The same without the short way for common data messages: what that one is measured by, in tests and benchmarks. */
bool message_read_amqp_general(struct arena *a, struct text body, struct text content_type, struct text compression,
			       struct message *out, struct refusal *refusal);

/*
 * Read one message of HTTP ingest: {"hostid", "type", "plugin", "message": {…} or "text"} or the recorded form
 * {"topic", "context": {"type", "plugin", "hostid"}, "args": {"message": "text"}}. As above.
 */
bool message_read_http(struct arena *a, struct text document, struct message *out, struct refusal *refusal);

/*
 * Split an ingest body into message documents: one object, an array, or (ndjson) one a line, blank lines left out.
 * Returns  RC_OK and *out[0..*n): slices of body, allocated in a · RC_REFUSED the body is no JSON, or neither object
 *          nor array (never for ndjson: a bad line is that message's own matter) · RC_FULL more than max messages
 */
CHECKED enum rc message_split(struct arena *a, struct text body, bool ndjson, size_t max, struct text **out, size_t *n,
			      struct why *why);

#endif
