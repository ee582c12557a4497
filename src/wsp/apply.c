#include "wsp/apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	MAX_WINDOW = 8192, /* slots held at once, unless one coarse slot needs more */
	MAX_GAP = 512,     /* reading over a longer run of slots that nobody asked for costs more than a second read */
	FEW = 64,
	MAX_MORE = 16, /* slots read before those that are needed, to prove a guess */
};

/* One archive's part of an apply. */
struct level {
	struct wsp *w;
	const struct wsp_archive *archive, *coarser; /* coarser NULL: the last */
	int64_t base_s;                              /* once known */
	int64_t *seen_base_s;                        /* what earlier calls found, see struct wsp */
	enum wsp_manner manner;
};

size_t wsp_archive_for_age(const struct wsp *w, int64_t age_s)
{
	size_t i = 0;

	while (i < w->n_archives && wsp_span_s(&w->archive[i]) < age_s)
		i++;
	return i;
}

/* The whole coarse slots around a change, so that their aggregate can be worked out from the same window. */
static uint32_t unit_s(const struct level *l)
{
	return l->coarser == NULL ? l->archive->step_s : l->coarser->step_s;
}

/* How many of change[0 .. n) go into one window of *n_slots from *start_s on. At least one; never half a coarse slot. */
static size_t group(const struct level *l, const struct change *change, size_t n, int64_t *start_s, uint32_t *n_slots)
{
	const struct wsp_archive *a = l->archive;
	uint32_t unit = unit_s(l), most = a->n_points < MAX_WINDOW ? a->n_points : MAX_WINDOW;
	int64_t last_s;
	size_t taken;

	must(n > 0);
	*start_s = last_s = wsp_align(change[0].slot_s, unit);
	for (taken = 1; taken < n; taken++) {
		int64_t here_s;

		if (change[taken].slot_s < last_s + unit)
			continue;
		here_s = change[taken].slot_s < last_s + 2 * (int64_t)unit ? last_s + unit
									   : wsp_align(change[taken].slot_s, unit);
		if (here_s + unit - *start_s > (int64_t)most * a->step_s ||
		    change[taken].slot_s - change[taken - 1].slot_s > MAX_GAP * (int64_t)a->step_s)
			break;
		last_s = here_s;
	}
	*n_slots = (uint32_t)((last_s + unit - *start_s) / a->step_s);
	return taken;
}

static void put(const struct level *l, struct window *v, struct change *c, uint32_t i)
{
	int64_t stored_s = window_stored_s(v, i);

	c->changed = c->kept = false;
	if (c->touch && stored_s == c->slot_s)
		window_touch(v, i);
	if (!c->has)
		return;
	if (l->manner != AS_WHISPER && (stored_s > c->slot_s || !(stored_s == c->slot_s ? c->replace : c->fill))) {
		c->kept = true;
		return;
	}
	c->changed = window_put(v, i, c->slot_s, c->value);
}

static void put_all(const struct level *l, struct window *v, struct change *change, size_t n)
{
	uint32_t step_s = l->archive->step_s, i = 0;
	int64_t at_s = v->start_s;

	for (size_t k = 0; k < n; k++) {
		if (change[k].slot_s == at_s + step_s)
			i++;
		else
			i = (uint32_t)((change[k].slot_s - v->start_s) / step_s);
		at_s = change[k].slot_s;
		put(l, v, &change[k], i);
	}
}

/* What the finer slots of v say about the coarse slot at slot_s. changed, due, touch: one of them is. */
static struct change raise_one(const struct level *l, const struct window *v, int64_t slot_s, bool changed, bool due,
			       bool touch)
{
	uint32_t step_s = l->archive->step_s, n = l->coarser->step_s / step_s;
	uint32_t first = (uint32_t)((slot_s - v->start_s) / step_s);
	struct aggregate a = aggregate_start(l->w->aggregation);
	bool overtaken = false;

	for (uint32_t i = 0; i < n; i++) {
		int64_t expected_s = slot_s + (int64_t)i * step_s, stored_s = window_stored_s(v, first + i);

		if (stored_s == expected_s)
			aggregate_add(&a, window_value(v, first + i));
		else if (stored_s > expected_s)
			overtaken = true;
	}
	struct change c = { .slot_s = slot_s, .fill = true, .replace = (changed || due) && !overtaken, .touch = touch };

	c.has = a.n > 0 && (double)a.n / n >= (double)l->w->xff;
	if (c.has)
		c.value = wsp_aggregated(&a, n);
	c.due = c.has && due && !overtaken;
	return c;
}

/* The coarse slots over change[0 .. n), which lie in v: into up[], which has room for n. Returns their number. */
static size_t raise(const struct level *l, const struct window *v, const struct change *change, size_t n,
		    struct change *up)
{
	size_t n_up = 0;

	for (size_t i = 0; i < n;) {
		int64_t slot_s = wsp_align(change[i].slot_s, l->coarser->step_s);
		bool changed = false, due = false, touch = false;

		for (; i < n && change[i].slot_s < slot_s + l->coarser->step_s; i++) {
			changed = changed || (change[i].changed && change[i].replace);
			due = due || change[i].due;
			touch = touch || change[i].touch;
		}
		up[n_up++] = raise_one(l, v, slot_s, changed, due, touch);
	}
	return n_up;
}

/* What slot 0 holds, or in an empty archive will hold: the first change that is going to be written. */
static enum rc find_base(struct level *l, const struct change *change, size_t n, struct why *why)
{
	enum rc rc = wsp_read_base(l->w, l->archive, &l->base_s, why);

	if (rc == RC_OK && l->base_s % l->archive->step_s == 0)
		*l->seen_base_s = l->base_s;
	for (size_t i = 0; i < n && rc == RC_OK && l->base_s == 0; i++)
		if (change[i].has && (change[i].fill || l->manner == AS_WHISPER))
			l->base_s = change[i].slot_s;
	return rc;
}

/* How far the times that the slots hold are off those that belong there; an empty slot says nothing. */
enum placing { IN_PLACE, OUT_OF_PLACE, UNKNOWN_PLACE };

static enum placing placing_of(const struct window *v, int64_t *off_s)
{
	for (uint32_t i = 0; i < v->n; i++) {
		int64_t stored_s = window_stored_s(v, i), expected_s = v->start_s + (int64_t)i * v->archive->step_s;

		if (stored_s == 0)
			continue;
		*off_s = (stored_s - expected_s) % wsp_span_s(v->archive);
		return *off_s == 0 ? IN_PLACE : OUT_OF_PLACE;
	}
	return UNKNOWN_PLACE;
}

/*
 * A guessed base, which is that of the file before, saves a read too; here slots must prove it, so the window begins a
 * little earlier, where a series that goes on has some. Slots that are elsewhere by whole steps tell the right base.
 * *proved is false when nothing was learned, and v is not loaded then.
 */
static enum rc load_by_guess(struct level *l, int64_t start_s, uint32_t n_slots, struct window *v, bool *proved,
			     struct why *why)
{
	const struct wsp_archive *a = l->archive;
	size_t i = (size_t)(a - l->w->archive);
	uint32_t more = unit_s(l) / a->step_s;
	int64_t base_s = l->w->guess_base_s[i], off_s;

	*proved = false;
	if (base_s == 0 || more > MAX_MORE || n_slots + more > a->n_points)
		return RC_OK;
	for (int tries = 0; tries < 2; tries++) {
		enum rc rc = window_load(v, l->w, a, base_s, start_s - (int64_t)more * a->step_s, n_slots + more, why);
		enum placing placing;

		if (rc != RC_OK)
			return rc;
		placing = placing_of(v, &off_s);
		if (placing == IN_PLACE) {
			l->base_s = *l->seen_base_s = base_s;
			*proved = true;
			return RC_OK;
		}
		window_fini(v);
		if (placing == UNKNOWN_PLACE || off_s % a->step_s != 0)
			return RC_OK;
		base_s += off_s;
		if (base_s <= 0)
			base_s += wsp_span_s(a);
	}
	return RC_OK;
}

/*
 * A base seen by an earlier call saves a read: its slots move on lap by lap, but never to another place. It is believed
 * while what is read agrees; when it does not, the file was overwritten as a whole, and nothing seen counts any more.
 */
static enum rc load(struct level *l, const struct change *change, size_t n, int64_t start_s, uint32_t n_slots,
		    struct window *v, struct why *why)
{
	bool loaded;
	int64_t off_s;
	enum rc rc;

	if (*l->seen_base_s != 0) {
		l->base_s = *l->seen_base_s;
		if (l->coarser == NULL && l->manner == AS_WHISPER && n_slots == 1) {
			window_blank(v, l->archive, l->base_s, start_s);
			return RC_OK;
		}
		rc = window_load(v, l->w, l->archive, l->base_s, start_s, n_slots, why);
		if (rc != RC_OK || placing_of(v, &off_s) != OUT_OF_PLACE)
			return rc;
		window_fini(v);
		memset(l->w->seen_base_s, 0, sizeof(l->w->seen_base_s));
	} else {
		rc = load_by_guess(l, start_s, n_slots, v, &loaded, why);
		if (rc != RC_OK || loaded)
			return rc;
	}
	rc = find_base(l, change, n, why);
	return rc == RC_OK ? window_load(v, l->w, l->archive, l->base_s, start_s, n_slots, why) : rc;
}

/* Changes too far apart for one window: all are written before the first coarse slot is worked out, as whisper does. */
static enum rc run_apart(struct level *l, struct change *change, size_t n, struct change *up, size_t *n_up,
			 struct why *why)
{
	struct window v;
	int64_t start_s;
	uint32_t n_slots;
	enum rc rc = find_base(l, change, n, why);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0, taken; i < n; i += taken) {
		taken = group(l, change + i, n - i, &start_s, &n_slots);
		rc = window_load(&v, l->w, l->archive, l->base_s, start_s, n_slots, why);
		if (rc != RC_OK)
			return rc;
		put_all(l, &v, change + i, taken);
		rc = window_flush(&v, l->w, why);
		window_fini(&v);
		if (rc != RC_OK)
			return rc;
	}
	*n_up = 0;
	for (size_t i = 0, taken; l->coarser != NULL && i < n; i += taken) {
		taken = group(l, change + i, n - i, &start_s, &n_slots);
		rc = window_load(&v, l->w, l->archive, l->base_s, start_s, n_slots, why);
		if (rc != RC_OK)
			return rc;
		*n_up += raise(l, &v, change + i, taken, up + *n_up);
		window_fini(&v);
	}
	return RC_OK;
}

/* One archive. *held: v is loaded and, perhaps, waits to be written. */
static enum rc run(struct level *l, struct change *change, size_t n, struct window *v, bool *held, struct change *up,
		   size_t *n_up, struct why *why)
{
	int64_t start_s;
	uint32_t n_slots;
	enum rc rc;

	*held = false;
	if (group(l, change, n, &start_s, &n_slots) < n)
		return run_apart(l, change, n, up, n_up, why);
	rc = load(l, change, n, start_s, n_slots, v, why);
	if (rc != RC_OK)
		return rc;
	*held = true;
	put_all(l, v, change, n);
	*n_up = l->coarser == NULL ? 0 : raise(l, v, change, n, up);
	return RC_OK;
}

static bool any_work(const struct change *change, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (change[i].has || change[i].due || change[i].touch)
			return true;
	return false;
}

static enum rc apply(struct wsp *w, size_t level, struct change *change, size_t n, enum wsp_manner manner,
		     struct why *why)
{
	struct window held[RETENTION_MAX_ARCHIVES];
	struct change few[FEW], *up = n <= FEW ? few : must_alloc(n * sizeof(*up)), *now = change;
	bool is_held[RETENTION_MAX_ARCHIVES] = { false };
	size_t i = level, reached = level;
	enum rc rc = RC_OK;

	while (i < w->n_archives && any_work(now, n)) {
		struct level l = { w, &w->archive[i], NULL, 0, &w->seen_base_s[i], manner };

		if (i + 1 < w->n_archives && manner != AS_PRODUCT_ALONE)
			l.coarser = &w->archive[i + 1];
		rc = run(&l, now, n, &held[i], &is_held[i], up, &n, why);
		reached = i + 1;
		if (rc != RC_OK)
			goto out;
		if (manner == AS_PRODUCT_ALONE)
			break;
		now = up;
		i++;
	}
	for (i = reached; i > level && rc == RC_OK; i--)
		if (is_held[i - 1])
			rc = window_flush(&held[i - 1], w, why);
out:
	for (i = level; i < reached; i++)
		if (is_held[i])
			window_fini(&held[i]);
	if (up != few)
		free(up);
	return rc;
}

enum rc wsp_apply(struct wsp *w, size_t level, struct change *change, size_t n, enum wsp_manner manner, struct why *why)
{
	struct level l = { .w = w, .archive = &w->archive[level] };
	enum rc rc = RC_OK;

	if (manner == AS_WHISPER)
		return apply(w, level, change, n, manner, why);
	/* What fits one window at a time, so that the finest slots are written last. */
	if (level + 1 < w->n_archives && manner != AS_PRODUCT_ALONE)
		l.coarser = &w->archive[level + 1];
	for (size_t i = 0, taken; i < n && rc == RC_OK; i += taken) {
		int64_t start_s;
		uint32_t n_slots;

		taken = group(&l, change + i, n - i, &start_s, &n_slots);
		rc = apply(w, level, change + i, taken, manner, why);
	}
	return rc;
}
