/*
 * What is remembered of each series' file between two writes (wsp/follow.h), by the series' number. Private to values/.
 */
#ifndef VALUES_WSP_MEMORY_H
#define VALUES_WSP_MEMORY_H

#include "wsp/follow.h"

struct wsp_memory;

struct wsp_memory *wsp_memory_new(void);
void wsp_memory_free(struct wsp_memory *m);

/*
 * The memo of a number, made when it is new; NULL for 0 and for numbers past all bounds.
 * Owner    stays until the memory is freed; used by one thread at a time, that which writes the series.
 * Threads  any.
 */
struct wsp_memo *wsp_memory_of(struct wsp_memory *m, uint32_t number);

/* Zero every memo, before anybody takes one again: files were changed by others of this process. Threads: any. */
void wsp_memory_forget(struct wsp_memory *m);

/*
 * A byte of a number for "compared with which schema", 0 when new; NULL where wsp_memory_of() is. Owner, threads: likewise.
 */
uint8_t *wsp_memory_compared(struct wsp_memory *m, uint32_t number);

/* Layouts are few, and kept once. False: there are too many. Threads: any. */
CHECKED bool wsp_memory_keep_layout(struct wsp_memory *m, const struct wsp *w, uint8_t *layout);
/* A file of that layout, not open. Owner: stays until the memory is freed. Threads: any. */
const struct wsp *wsp_memory_layout(const struct wsp_memory *m, uint8_t layout);

#endif
