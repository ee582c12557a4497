/*
 * The JSON that the poller sends: payloads, and the two forms in which they travel. As Python's json.dumps() writes it:
 * ASCII only, `", "` and `": "` between.
 * Source: docs/spec/wire.md A1, C1; docs/formats/message.md.
 */
#ifndef POLLER_COMPOSE_H
#define POLLER_COMPOSE_H

#include "base/buf.h"
#include "munin/answer.h"
#include "poller/parcel.h"

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
void compose_string(struct buf *out, struct text t);

void compose_myinfo(struct buf *out, struct text name, struct text host_id, struct text description);

/* How much of a graph's fields an info tells. */
enum compose_detail { COMPOSE_ALL, COMPOSE_LABELS, COMPOSE_IDS };

/*
 * A plugin's info from what `config` said of a graph. values: the same graph in the answer that holds the values, whose
 * further fields are told too; may be NULL. False, with nothing added: the graph has no field.
 */
bool compose_info(struct buf *out, const struct answer *config_answer, const struct answer_graph *config,
		  const struct answer_graph *values, enum compose_detail detail);

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
