/*
 * The innermost layer: what a poller says about a host or a plugin, and what its envelope or ingest document said
 * around it. Private to wire/. Source: docs/spec/system.md "Payload", wire.md C.
 */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/text.h"
#include "wire/message.h"

/* A payload with its context. Texts are TEXT_NONE when absent or not a text. */
struct parcel {
	struct text type, host, plugin;
	enum { PARCEL_NOTHING, PARCEL_NULL, PARCEL_PAYLOAD } content;
	struct text payload;
};

/* Fills message's kind and all that a payload decides; false: *refusal is filled. */
bool payload_read(struct arena *a, const struct parcel *parcel, struct message *message, struct refusal *refusal);

/* Set reason and detail (cut to fit, between characters). Always false, for `return refuse(…)`. */
bool refuse(struct refusal *refusal, enum reason reason, const char *format, ...) PRINTF_LIKE(3, 4);

/* A host or plugin for a refusal: cut to the length of a name, between characters. */
struct text refusal_name(struct text t);

#endif
