/*
 * JSON that we write: strings, numbers, the MyInfo with its additions, the default infos, the kept-aside line, the
 * answers to calls.
 */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "wire/message.h"

/* "text" with quotes; control characters, quote and backslash escaped, the rest of UTF-8 as it is. Bytes that are not
 * UTF-8 become U+FFFD, so that the result is always strict JSON. */
void reply_string(struct buf *out, struct text t);
/* A number, or null for NAN and infinities. */
void reply_number(struct buf *out, double v);

/*
 * The HOSTS value: a checked MyInfo payload with hostIDHash and HostIDFiltredName added (members of those names in the
 * payload are dropped). json.dumps style separators for what we add; the rest as it came.
 */
void reply_myinfo(struct arena *a, struct buf *out, struct text payload, struct text hash, struct text filtered_name);
/* The HOSTS value of a host that sent data before any MyInfo. */
void reply_default_myinfo(struct buf *out, struct text host, struct text hash, struct text filtered_name);
/* The INFOS value of a plugin without info: Plugin, Base, Title, Category, Infos of these ds in this order. */
void reply_default_info(struct buf *out, struct text plugin, const struct text *ds, size_t n_ds);

/* The two answers to a call, each a whole AMQP body with envelope. unique_id: 32 hex digits. */
void reply_call_result(struct buf *out, struct text result_json, struct text msg_id, const char *unique_id);
void reply_call_ending(struct buf *out, struct text msg_id, const char *unique_id);

/* The line of the rejected file, with its line break. ds: the refused ones when only these were; body as body_base64
 * when it is not UTF-8. input: "amqp", "http", "carbon", "self", "journal". */
void reply_rejected(struct buf *out, int64_t time_s, const char *input, const struct refusal *refusal,
		    const struct text *ds, size_t n_ds, struct text body);

#endif
