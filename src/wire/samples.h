/*
 * The object `Values` of a data payload → samples. Private to wire/.
 */
#ifndef WIRE_SAMPLES_H
#define WIRE_SAMPLES_H

#include <stddef.h>

#include "base/arena.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/number.h"

struct samples {
	struct sample *at; /* in the arena */
	size_t n, capacity;
};

/* What a number as text makes of a sample whose ds is set: kind, reason, value. */
void samples_judge(struct sample *s, struct text digits);

/*
 * Read the object to come, judging each member alone; what s held before is forgotten. A fault of the JSON stays in r.
 * NaN, Infinity and -Infinity are taken as values here, and nowhere else in a payload.
 */
void samples_read(struct samples *s, struct arena *a, struct json_reader *r);

/* Of several with one ds only the last stays. At most n log n comparisons. */
void samples_drop_repeated(struct samples *s, struct arena *a);

#endif
