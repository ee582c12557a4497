/*
 * Memory straight from the system, for the large tables of this folder: zero filled, page by page only as it is touched,
 * on huge pages where they fit. Not counted: each owner says what it took.
 */
#ifndef CACHE_PAGES_H
#define CACHE_PAGES_H

#include <stddef.h>

/* Never NULL: out of memory ends the process, as must_alloc(). From 2 MiB on the start is a multiple of 2 MiB. */
void *pages_new(size_t n_bytes) __attribute__((malloc, returns_nonnull));
void pages_free(void *p, size_t n_bytes);
/* The memory goes back to the system; the addresses stay readable and read as zero. */
void pages_drop(void *p, size_t n_bytes);

#endif
