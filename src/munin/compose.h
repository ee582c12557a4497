/*
 * A plugin's info as JSON, from what munin says of a graph. As Python's json.dumps() writes it: ASCII only, `", "` and
 * `": "` between.
 * Source: docs/spec/wire.md C1; docs/formats/message.md.
 */
#ifndef MUNIN_COMPOSE_H
#define MUNIN_COMPOSE_H

#include "base/buf.h"
#include "munin/answer.h"

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
void compose_string(struct buf *out, struct text t);

/* `"name": "value"`, name as it is. */
void compose_member(struct buf *out, const char *name, struct text value);

/* How much of a graph's fields an info tells. */
enum compose_detail { COMPOSE_ALL, COMPOSE_LABELS, COMPOSE_IDS };

/*
 * A plugin's info from what `config` said of a graph. values: the same graph in the answer that holds the values, whose
 * further fields are told too; may be NULL. False, with nothing added: the graph has no field.
 */
bool compose_info(struct buf *out, const struct answer *config_answer, const struct answer_graph *config,
		  const struct answer_graph *values, enum compose_detail detail);

#endif
