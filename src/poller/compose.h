/*
 * The JSON that the poller sends beside infos: payloads, and the two forms in which they travel. As Python's
 * json.dumps() writes it: ASCII only, `", "` and `": "` between.
 * Source: docs/spec/wire.md A1, C1; docs/formats/message.md.
 */
#ifndef POLLER_COMPOSE_H
#define POLLER_COMPOSE_H

#include "munin/compose.h"
#include "poller/parcel.h"

void compose_myinfo(struct buf *out, struct text name, struct text host_id, struct text description);

/* A data payload: begin, then values, then end. */
void compose_data_begin(struct buf *out, int64_t t_s, struct text plugin);
void compose_data_text(struct buf *out, struct text ds, struct text value); /* as printed, or `U` */
void compose_data_rate(struct buf *out, struct text ds, double value);
void compose_data_end(struct buf *out);

/* The AMQP body: the call in its envelope. */
void compose_envelope(struct buf *out, const struct parcel *p);
/* One line for HTTP ingest and for people, with its line feed. */
void compose_line(struct buf *out, const struct parcel *p);

#endif
