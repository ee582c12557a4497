/*
 * How full and how busy the daemon is now, for /metrics. Source: docs/api.md "Metrics".
 */
#ifndef STORAGE_GAUGES_H
#define STORAGE_GAUGES_H

#include "base/buf.h"

/* Prometheus text, exposition format 0.0.4. argument: the daemon, its engine opened. Threads: any. */
void gauges_add(void *argument, struct buf *out);

#endif
