/*
 * Where the quotes of a text stand, and whether its bytes are all ordinary: one look at every byte, wide where the
 * processor can. Private to wire/. Twins for several instruction sets that a test holds equal byte for byte.
 */
#ifndef WIRE_QUOTES_H
#define WIRE_QUOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { QUOTES_MAX_BYTES = 16 * 1024, QUOTES_MAX = 2048, QUOTES_BLOCK = 64 };

struct quotes {
	size_t n;             /* quotes */
	size_t n_backslashes; /* wherever they stand */
	bool slash;           /* there is a `/` somewhere */
	uint16_t at[QUOTES_MAX + QUOTES_BLOCK];
};

/* False: over QUOTES_MAX_BYTES or QUOTES_MAX, or a byte outside 0x20..0x7E; *out is undefined then. */
typedef bool (*quotes_fn)(struct text t, struct quotes *out);

/* The widest one this processor runs. */
quotes_fn quotes_best(void);

/* All that this processor runs, the plain C one first. Returns how many; name and fn have room for QUOTES_VARIANTS. */
enum { QUOTES_VARIANTS = 3 };
size_t quotes_variants(const char *name[QUOTES_VARIANTS], quotes_fn fn[QUOTES_VARIANTS]);

#endif
