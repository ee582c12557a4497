/*
 * What the storage says about itself as a host of its own: its plugins, each with its info as munin's plugins describe
 * theirs, and its values. Text out, no I/O.
 */
#ifndef STORAGE_SELF_GRAPHS_H
#define STORAGE_SELF_GRAPHS_H

#include "base/buf.h"
#include "base/text.h"
#include "storage/numbers.h"

size_t self_n_graphs(void);
/* "numeter_messages"; of the g-th, from 0. */
const char *self_graph_name(size_t g);

/* The payload of its info message. False: it has nothing to show yet and needs none. */
bool self_graph_info(size_t g, const struct numbers *now, struct buf *out);
/*
 * The payload of its data message: rates and latencies of the time between the two, levels of now. False: it has nothing to
 * show yet.
 */
bool self_graph_values(size_t g, const struct numbers *before, const struct numbers *now, int64_t t_s, struct buf *out);

#endif
