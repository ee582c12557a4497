/*
 * A double as its shortest decimal text, fast.
 */
#ifndef WIRE_PRINT_NUMBER_H
#define WIRE_PRINT_NUMBER_H

#include <stddef.h>

enum { PRINT_NUMBER_MAX_BYTES = 32 };

/*
 * Shortest text that reads back as v, the nearest to v where several are as short; laid out as Python's repr() does: whole
 * numbers end in ".0", exponents below 1e-4 and from 1e16 on ("1e+16", "5e-324"). v is finite. Returns its length; bytes
 * behind it may have been written too. It is the text that number_print() makes.
 * Source   R. Giulietti, "The Schubfach way to render doubles" (2020)
 */
size_t print_number(double v, char out[PRINT_NUMBER_MAX_BYTES]);

#endif
