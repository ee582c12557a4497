/*
 * Data messages in the form that pollers send, read without unescaping: JSON in JSON in JSON whose only escapes are
 * quotes, so that the number of backslashes before a quote (0, 1, 3) says which layer it belongs to. It takes a part of
 * what the general reader takes, and says the same about it; everything unusual is left to that one. Private to wire/.
 * Source: docs/spec/wire.md A1, B, C1; docs/formats/message.md.
 */
#ifndef WIRE_DATA_FAST_H
#define WIRE_DATA_FAST_H

#include "base/arena.h"
#include "wire/message.h"
#include "wire/quotes.h"

/* False: not in that form; *out is undefined then. Owner: as message_read_amqp(); nothing stays in `a` when false. */
bool data_fast_read(struct arena *a, struct text body, quotes_fn index, struct message *out);

#endif
