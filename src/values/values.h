/*
 * Where values are kept: one contract, several engines. Today .wsp files (values_wsp.h); the shape also suits a remote
 * batch engine: many series in one call, the same call safe to repeat, part of it allowed to fail, "durable" asked for
 * apart from writing. Callers (flush, query through engine) know nothing of files.
 */
#ifndef VALUES_VALUES_H
#define VALUES_VALUES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/rc.h"
#include "model/point.h"
#include "model/reason.h"

/* The points of one series in one call. */
struct values_batch {
	struct series series;
	uint32_t
		number; /* the caller's own of this series plus one, while it runs: an engine may remember by it; 0: none */
	const struct taken *point; /* oldest accepted first; of two with one t_s the later given wins */
	size_t n_points;           /* 0: only what is held back is to be written */
	bool again;                /* perhaps stored in part before (a replay): coarse slots are worked out anew */
	bool rewrite;         /* with again: writes may have been lost unseen, what reads back right is written too */
	bool hold_coarse;     /* write the finest archive only, as far as the points go there */
	uint32_t held_from_s; /* coarse slots from this time on are held back by former calls; 0: none */
	/* answer */
	enum rc rc;         /* RC_OK written · RC_REFUSED can never be · RC_DISK, RC_PEER try again */
	struct why why;     /* when rc is not RC_OK */
	enum reason reason; /* when RC_REFUSED: REASON_TOO_OLD all of them, REASON_FILE, or REASON_DS_NAME any name */
	uint32_t held_from_s_now; /* when RC_OK: what is held back now; 0 unless hold_coarse */
	size_t n_kept_old; /* points whose slot was left as stored (rules b and c of docs/spec/system.md "Files") */
	size_t n_too_old;  /* when RC_OK: points not stored, for the series keeps less than their age */
	uint32_t kept_s;   /* when n_too_old: those are the points with accepted_s - t_s above this */
};

struct values;

/* For values_each(): a borrowed name, and about when it was last written. */
typedef void values_each_fn(void *argument, struct text ds, int64_t written_s);

struct values_ops {
	enum rc (*write)(struct values *v, struct values_batch *batch, size_t n);
	enum rc (*sync)(struct values *v, struct why *why);
	enum rc (*fetch)(struct values *v, const struct series *s, const struct taken *pending, size_t n_pending,
			 uint32_t held_from_s, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
			 struct why *why);
	enum rc (*each)(struct values *v, const struct series *s, values_each_fn *fn, void *argument, struct why *why);
	enum rc (*newest)(struct values *v, const struct series *s, uint32_t *t_s, struct why *why);
	enum rc (*has)(struct values *v, const struct series *s, struct why *why);
	enum rc (*count)(struct values *v, struct text folder, const atomic_bool *enough, uint64_t *n, struct why *why);
	void (*touched)(struct values *v); /* NULL: nothing is remembered of what is stored */
	void (*close)(struct values *v);
};

/* Every engine's struct begins with this. */
struct values {
	const struct values_ops *ops;
};

/*
 * Write every batch; each series stands in at most one of them. Not durable before values_sync().
 * Errors   RC_OK when every batch is RC_OK or RC_REFUSED, else the first other code; look into each batch.
 * Threads  several, never one series in two of them at once. Faster when batches come in path order.
 */
CHECKED static inline enum rc values_write(struct values *v, struct values_batch *batch, size_t n)
{
	return v->ops->write(v, batch, n);
}

/* All that was written before survives a power cut. Errors: RC_DISK, RC_PEER: anything since the last sync may be lost. */
CHECKED static inline enum rc values_sync(struct values *v, struct why *why)
{
	return v->ops->sync(v, why);
}

/*
 * Read one series as if `pending` had been written, and nothing were held back: see wsp_fetch() for span and units.
 * Writes nothing. A series that is not stored yet is read as the new one that it will be.
 * Errors   RC_ABSENT no such series and nothing pending (or the span is outside its retention) · RC_REFUSED
 *          RC_DAMAGED (what is pending is read as if the damaged store had been set aside, if anything is) · RC_DISK
 * Threads  any, also while another writes.
 */
CHECKED static inline enum rc values_fetch(struct values *v, const struct series *s, const struct taken *pending,
					   size_t n_pending, uint32_t held_from_s, int64_t from_s, int64_t until_s,
					   int64_t now_s, struct span *out, struct why *why)
{
	return v->ops->fetch(v, s, pending, n_pending, held_from_s, from_s, until_s, now_s, out, why);
}

/*
 * Every data source that is stored of a plugin (s->ds is not looked at), in any order.
 * Errors   RC_ABSENT no such plugin · RC_DISK
 * Threads  as values_fetch().
 */
CHECKED static inline enum rc values_each(struct values *v, const struct series *s, values_each_fn *fn, void *argument,
					  struct why *why)
{
	return v->ops->each(v, s, fn, argument, why);
}

/*
 * The newest time that is stored of a series, to the step of its finest archive; 0: nothing is.
 * Errors   RC_ABSENT · RC_DAMAGED · RC_DISK
 * Threads  as values_fetch().
 */
CHECKED static inline enum rc values_newest(struct values *v, const struct series *s, uint32_t *t_s, struct why *why)
{
	return v->ops->newest(v, s, t_s, why);
}

/*
 * Is this series stored, whatever is in it?
 * Errors   RC_ABSENT it is not, or its name can be of none · RC_DISK
 * Threads  as values_fetch().
 */
CHECKED static inline enum rc values_has(struct values *v, const struct series *s, struct why *why)
{
	return v->ops->has(v, s, why);
}

/*
 * How many series are stored in a host's folder, or with TEXT_NONE in all. Takes as long as looking at every name takes.
 * enough, which may be NULL, ends it when it becomes true.
 * Errors   RC_DISK some could not be looked at, RC_END it was enough: *n is as before
 * Threads  as values_fetch().
 */
CHECKED static inline enum rc values_count(struct values *v, struct text folder, const atomic_bool *enough, uint64_t *n,
					   struct why *why)
{
	return v->ops->count(v, folder, enough, n, why);
}

/*
 * What is stored may have been changed past values_write(): nothing that is remembered of it counts any longer.
 * Threads  any, while nobody writes.
 */
static inline void values_touched(struct values *v)
{
	if (v->ops->touched != NULL)
		v->ops->touched(v);
}

static inline void values_close(struct values *v)
{
	if (v != NULL)
		v->ops->close(v);
}

#endif
