/*
 * Heap memory that is always there: out of memory ends the process (a restart loses nothing).
 * A size that came from outside is compared with a declared limit before it reaches these.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *must_alloc(size_t n_bytes) __attribute__((malloc, returns_nonnull)); /* zero filled */
void *must_realloc(void *p, size_t n_bytes) __attribute__((returns_nonnull));
char *must_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *must_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull)); /* always ends with NUL */
char *must_format(const char *format, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/*
 * Make room for one more element of an array that doubles: grows *array so that index n fits.
 * Usage: array_grow((void **)&a, &cap, n, sizeof(*a)).
 */
void array_grow(void *array, size_t *capacity, size_t n, size_t element_bytes);

#endif
