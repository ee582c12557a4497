/* Random batches for .wsp files, and all points of a file as a set. */
#ifndef TESTS_UNIT_WSP_RANDOM_H
#define TESTS_UNIT_WSP_RANDOM_H

#include <inttypes.h>
#include <stdlib.h>

#include "wsp_scratch.h"

static uint64_t random_seed;

static inline uint32_t random_below(uint32_t n)
{
	random_seed = random_seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_seed >> 33) % n;
}

/* A value is a function of its time, so that a repeated point is the same point. */
static inline struct taken random_point(int64_t t_s, int64_t accepted_s)
{
	uint64_t mixed = ((uint64_t)t_s + 77) * 0x9E3779B97F4A7C15ULL;

	return (struct taken){ (uint32_t)t_s, (uint32_t)accepted_s, (double)(mixed >> 40) / 7.0 - 1e6 };
}

/* A layout, aggregation and xff of several. The finest archive holds two coarse slots at least, so that no batch laps itself. */
static inline struct wsp random_wsp(void)
{
	static const char *const layouts[] = { "60:10 300:8 600:20",
					       "60:60 300:24 600:40 3600:30",
					       "1:60",
					       "10:36 60:30 300:50",
					       "60:20 300:5",
					       "1:28 7:9 49:9",
					       "60:20 300:12 1200:20",
					       "60:1440 300:2016 600:4608 3600:8784" };
	static const float xffs[] = { 0.0F, 0.5F, 0.5F, 1.0F };
	const char *layout = layouts[random_below(ARRAY_LEN(layouts))];

	return scratch_wsp(layout, (enum aggregation)(1 + random_below(8)), xffs[random_below(4)]);
}

enum { RANDOM_MAX = 64 };

/*
 * Up to RANDOM_MAX points accepted from *now_s on, which moves along: fresh ones as they come, one a step with holes and
 * repetitions; `late`: also a few of any age. Their fresh times span less than the finest archive.
 */
static inline size_t random_batch(const struct wsp *w, int64_t *now_s, bool late, struct taken out[RANDOM_MAX])
{
	const struct wsp_archive *finest = &w->archive[0];
	size_t n = 0, steps = 1 + random_below(finest->n_points / 2 < 48 ? finest->n_points / 2 : 48);

	for (size_t i = 0; i < steps; i++) {
		*now_s += finest->step_s;
		if (random_below(8) != 0)
			out[n++] = random_point(*now_s - random_below(finest->step_s), *now_s);
		if (random_below(16) == 0 && n < RANDOM_MAX)
			out[n++] = random_point(*now_s - random_below(2 * finest->step_s), *now_s);
	}
	for (size_t late_ones = late ? random_below(6) : 0; late_ones > 0 && n < RANDOM_MAX; late_ones--)
		out[n++] = random_point(*now_s - random_below(w->max_retention_s), *now_s);
	return n;
}

struct set {
	size_t n;
	struct {
		uint32_t archive, t_s;
		unsigned char value[8];
	} at[20000];
};

static inline int set_order(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	if (x[0] != y[0])
		return x[0] < y[0] ? -1 : 1;
	return (x[1] > y[1]) - (x[1] < y[1]);
}

/* Every point of the file, through its overlay if it has one. */
static inline void set_of(const struct wsp *w, struct set *out)
{
	static unsigned char bytes[WSP_SLOT_BYTES * 10000];
	struct why why;

	out->n = 0;
	for (size_t i = 0; i < w->n_archives; i++) {
		const struct wsp_archive *a = &w->archive[i];

		assert_true(a->n_points <= 10000);
		if (wsp_read(w, bytes, (size_t)a->n_points * WSP_SLOT_BYTES, a->offset, &why) != RC_OK)
			fail_msg("%s", why.text);
		for (uint32_t k = 0; k < a->n_points; k++)
			if (bytes_get_be32(bytes + (size_t)k * WSP_SLOT_BYTES) != 0) {
				assert_true(out->n < ARRAY_LEN(out->at));
				out->at[out->n].archive = (uint32_t)i;
				out->at[out->n].t_s = bytes_get_be32(bytes + (size_t)k * WSP_SLOT_BYTES);
				memcpy(out->at[out->n++].value, bytes + (size_t)k * WSP_SLOT_BYTES + 4, 8);
			}
	}
	qsort(out->at, out->n, sizeof(out->at[0]), set_order);
}

static inline void set_must_equal(const struct set *a, const struct set *b, const char *what, uint64_t sequence)
{
	size_t n = a->n < b->n ? a->n : b->n, i = 0;

	while (i < n && memcmp(&a->at[i], &b->at[i], sizeof(a->at[0])) == 0)
		i++;
	if (i == a->n && i == b->n)
		return;
	fail_msg("%s, sequence %" PRIu64 ": %zu and %zu points; the first that differs: archive %" PRIu32 " at %" PRIu32
		 " %.17g, archive %" PRIu32 " at %" PRIu32 " %.17g",
		 what, sequence, a->n, b->n, i < a->n ? a->at[i].archive : 99, i < a->n ? a->at[i].t_s : 0,
		 i < a->n ? bytes_get_be_double(a->at[i].value) : 0.0, i < b->n ? b->at[i].archive : 99,
		 i < b->n ? b->at[i].t_s : 0, i < b->n ? bytes_get_be_double(b->at[i].value) : 0.0);
}

/* Another file with the same bytes. */
static inline struct wsp random_copy(const struct wsp *w)
{
	off_t length = lseek(w->fd, 0, SEEK_END);
	unsigned char *bytes = malloc((size_t)length);
	struct wsp out;
	struct why why;

	assert_non_null(bytes);
	assert_int_equal(pread(w->fd, bytes, (size_t)length, 0), length);
	if (wsp_attach(scratch_fd(bytes, (size_t)length, (size_t)length), &out, &why) != RC_OK)
		fail_msg("%s", why.text);
	free(bytes);
	return out;
}

#endif
