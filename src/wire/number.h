/*
 * Numbers as text, both ways, without the locale.
 */
#ifndef WIRE_NUMBER_H
#define WIRE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum number_kind { NUMBER_VALUE, NUMBER_UNKNOWN, NUMBER_BAD };

/*
 * A value as munin prints it: optional blanks around a decimal number with optional sign, fraction and exponent
 * (".5", "5.", "-12.5", "1e5" count) → VALUE, correctly rounded; "U", and nan, inf, infinity in any case with a sign →
 * UNKNOWN; all else (hexadecimal, underscores, overflow to infinity, "", "-", "1.2.3") → BAD.
 */
enum number_kind number_parse(struct text t, double *out);

/* mantissa × 10^exponent, correctly rounded. Infinite when it is beyond what a double holds. */
double number_from_decimal(uint64_t mantissa, int64_t exponent);

/* An integer with blanks around; a fraction is cut off ("1400003557.5"). False: neither, or outside ±2^53. */
bool number_parse_seconds(struct text t, int64_t *out);

enum { NUMBER_MAX_BYTES = 32 };
/* Shortest text that reads back as v; whole numbers end in ".0" (as the original's). v is finite. Returns its length. */
size_t number_print(double v, char out[NUMBER_MAX_BYTES]);

#endif
