/*
 * When an info of a plugin, or a MyInfo of a host, last came, since the start: somebody who sends nothing but unknown values is
 * heard of all the same. Bounded: when too many are known all are forgotten.
 *
 * Threads  one notes (store), any asks.
 */
#ifndef INGEST_HEARD_H
#define INGEST_HEARD_H

#include <stdint.h>

#include "base/text.h"

struct heard;

struct heard *heard_new(void);
void heard_free(struct heard *h);
/* Of a plugin, and with it of its host; plugin.s NULL: of the host alone. t_s: Unix seconds, when it was taken. */
void heard_note(struct heard *h, struct text host, struct text plugin, int64_t t_s);
/* 0: not since the start. */
int64_t heard_of(struct heard *h, struct text host, struct text plugin);

#endif
