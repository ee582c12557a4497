/*
 * Changes to one archive and what follows from them in the coarser ones: the engine under update, update_many and
 * store. Private to wsp/.
 *
 * Everything is worked out in memory first and then written from the coarsest archive to the finest. So a process that
 * dies in between leaves a finest slot without its point, and when the point comes again all is done again; never a
 * point that is there while the coarser archives have not heard of it.
 * Source: docs/formats/whisper.md "Propagation", "Rules above the library".
 */
#ifndef WSP_APPLY_H
#define WSP_APPLY_H

#include "wsp/slots.h"

/* One slot's new value. */
struct change {
	int64_t slot_s; /* on a step boundary of its archive */
	double value;
	bool has;     /* there is a value; without, only coarser slots are looked at */
	bool fill;    /* may go into a slot that does not hold slot_s */
	bool replace; /* may take the place of a value of the same slot_s */
	bool due;     /* the coarse slot over it is worked out anew even when this changes nothing */
	bool touch; /* what the slot holds of slot_s is written, though it may be as it was; the coarse slot over it too */
	bool changed; /* answer: the slot holds something else than before */
	bool kept;    /* answer: the slot was left as stored */
};

enum wsp_manner {
	AS_WHISPER,       /* every change is written, fill and replace are not looked at */
	AS_PRODUCT,       /* fill and replace count, and an older time never replaces a newer one */
	AS_PRODUCT_ALONE, /* and coarser archives are left alone */
};

/*
 * Make changes (in order of slot_s, none twice) in archive `level` and propagate them to the coarser ones.
 *
 * Propagation: a coarse slot gets the aggregate of the finer slots it covers when at least xff of them are known;
 * archive by archive, until one takes none of them. AS_PRODUCT an occupied coarse slot is replaced only when a finer one
 * has changed just now or is due, and none has been taken by a newer time.
 * Errors   RC_DISK, RC_DAMAGED
 */
CHECKED enum rc wsp_apply(struct wsp *w, size_t level, struct change *change, size_t n, enum wsp_manner manner,
			  struct why *why);

/* The first archive that reaches age_s back; n_archives when none does. */
size_t wsp_archive_for_age(const struct wsp *w, int64_t age_s);

/* Aggregate of n_known values where n_slots could be. */
static inline double wsp_aggregated(const struct aggregate *a, uint32_t n_slots)
{
	return a->how == AGGREGATION_AVERAGE_ZERO ? a->value / n_slots : aggregate_result(a);
}

#endif
