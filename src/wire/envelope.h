/*
 * The two outer layers of an oslo.messaging body: the envelope and the call in it. Private to wire/.
 * Source: docs/spec/system.md "RabbitMQ", wire.md A1, A3, A4, B.
 */
#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "base/arena.h"
#include "base/text.h"
#include "wire/payload.h"

struct call {
	struct parcel parcel;
	bool ping;
	struct text msg_id, reply_q; /* both, or none: a cast */
};

/* Read a body that is unpacked already; false: *refusal is filled. */
bool envelope_read(struct arena *a, struct text body, struct call *out, struct refusal *refusal);

#endif
