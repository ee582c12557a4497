/*
 * Slots: where a time lies in an archive, and a window of consecutive slots held in memory while they are changed.
 * Private to wsp/ and its tests.
 * Source: docs/formats/whisper.md "Slots".
 */
#ifndef WSP_SLOTS_H
#define WSP_SLOTS_H

#include "base/bytes.h"
#include "wsp/wsp.h"

enum {
	WSP_META_BYTES = 16,
	WSP_ARCHIVE_BYTES = 12,
	WSP_SLOT_BYTES = 12,
	WSP_MAX_HEADER_BYTES = WSP_META_BYTES + WSP_ARCHIVE_BYTES * RETENTION_MAX_ARCHIVES,
	WSP_MAX_CHILDREN = 1 << 20, /* finer slots that make one coarser: bounds the memory of an update */
	WSP_MAX_FETCH = 8 << 20,    /* slots in one answer: 64 MiB */
};

/* t's step boundary, also for t before 1970. */
static inline int64_t wsp_align(int64_t t_s, uint32_t step_s)
{
	int64_t rest = t_s % step_s;

	return t_s - (rest < 0 ? rest + step_s : rest);
}

/* Index of t's slot, counted from the archive's start; base_s is what slot 0 holds. */
static inline uint32_t wsp_slot_index(const struct wsp_archive *a, int64_t base_s, int64_t t_s)
{
	int64_t index = wsp_align(t_s - base_s, a->step_s) / a->step_s % a->n_points;

	return (uint32_t)(index < 0 ? index + a->n_points : index);
}

static inline int64_t wsp_span_s(const struct wsp_archive *a)
{
	return (int64_t)a->step_s * a->n_points;
}

/* The bytes of the file as w sees them: over those of the file lies w's overlay, and from w's zero_from on it is zeros. */
CHECKED enum rc wsp_read(const struct wsp *w, void *out, size_t n, uint64_t offset, struct why *why);
CHECKED enum rc wsp_write(struct wsp *w, const void *bytes, size_t n, uint64_t offset, struct why *why);

/* What slot 0 holds; 0: the archive is empty. */
CHECKED enum rc wsp_read_base(const struct wsp *w, const struct wsp_archive *a, int64_t *base_s, struct why *why);

/* Read n consecutive slots from index `first` on, going on at the archive's start; n ≤ n_points. */
CHECKED enum rc wsp_read_slots(const struct wsp *w, const struct wsp_archive *a, uint32_t first, uint32_t n,
			       unsigned char *out, struct why *why);
/* All of it. Errors: as above, and RC_FULL over 8 Mi slots. Owner: *out is freed by the caller. */
CHECKED enum rc wsp_read_archive(const struct wsp *w, const struct wsp_archive *a, unsigned char **out,
				 struct why *why);

enum { WINDOW_SMALL = 80 };

/* Consecutive slots of one archive. Not copied: `at` may point into itself. */
struct window {
	const struct wsp_archive *archive;
	int64_t start_s;
	uint32_t first, n;                /* index of start_s's slot in the archive; number of slots */
	uint32_t dirty_from, dirty_until; /* slots changed since the last flush: none when equal */
	unsigned char *at;
	unsigned char small[WINDOW_SMALL * WSP_SLOT_BYTES];
};

/* n ≤ the archive's n_points. Owner: on RC_OK ended by window_fini(). */
CHECKED enum rc window_load(struct window *v, const struct wsp *w, const struct wsp_archive *a, int64_t base_s,
			    int64_t start_s, uint32_t n, struct why *why);
/* One slot that is going to be written, whatever it holds. */
void window_blank(struct window *v, const struct wsp_archive *a, int64_t base_s, int64_t start_s);
/* Write what was changed. */
CHECKED enum rc window_flush(struct window *v, struct wsp *w, struct why *why);
void window_fini(struct window *v);

static inline unsigned char *window_slot(const struct window *v, uint32_t i)
{
	return v->at + (size_t)i * WSP_SLOT_BYTES;
}

static inline int64_t window_stored_s(const struct window *v, uint32_t i)
{
	return bytes_get_be32(window_slot(v, i));
}

static inline double window_value(const struct window *v, uint32_t i)
{
	return bytes_get_be_double(window_slot(v, i) + 4);
}

/* Put a point in slot i; false when the slot held exactly this already. */
bool window_put(struct window *v, uint32_t i, int64_t slot_s, double value);
/* Slot i is written with the others, though it holds what it held. */
void window_touch(struct window *v, uint32_t i);

#endif
