/*
 * Batches of carbon lines on their way through ingest: one being filled, one being stored, in the order they came. What
 * fails is tried again, and nothing overtakes it. Private to carbon/.
 */
#ifndef CARBON_LOAD_H
#define CARBON_LOAD_H

#include <stdatomic.h>

#include "carbon/line.h"
#include "ingest/ingest.h"

struct load;

struct loads {
	/* fixed after init */
	void (*submit)(void *argument, struct batch *b);
	void (*wake)(void *argument);
	void *argument;
	/* any thread */
	atomic_bool returned; /* the one that was with ingest is back */
	/* thread carbon only */
	struct batch *filling, *out;
	bool with_ingest, failed; /* of `out`: where it is; if failed, it waits for `due` */
	uint32_t filling_number;  /* batches are numbered from 1 on */
	uint32_t done_number;     /* all batches up to this one are stored */
	struct mono due;
	int64_t retry_ms;
	/* the item of `filling` that the next line may join */
	size_t sample_capacity, original_capacity;
	bool open;
};

void loads_init(struct loads *l, void (*submit)(void *, struct batch *), void (*wake)(void *), void *argument);
void loads_fini(struct loads *l);

/* Add a point to be stored. Texts are copied. */
void loads_add_point(struct loads *l, const struct series *s, int64_t t_s, double value, struct text line,
		     int64_t accepted_s);
/* Add a line to be kept aside. */
void loads_add_refused(struct loads *l, enum reason reason, const char *detail, const struct series *s,
		       struct text line, int64_t accepted_s);

/* Take back what is finished; submit what is filled, or due again. */
void loads_turn(struct loads *l, struct mono now);
/* The one being filled is as full as it may be, and the other not back. */
bool loads_full(const struct loads *l);
/* Lines not yet stored, about. */
size_t loads_n_waiting(const struct loads *l);

#endif
