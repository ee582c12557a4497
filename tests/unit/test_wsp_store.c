#include "wsp_scratch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

static const char original[] = "60:1440 300:2016 600:4608 3600:8784";
enum { NOW = 1400003640, DAY = 86400 }; /* NOW: a minute, an hour + 40 × 60 s, not a multiple of 300 */

static struct wsp_stored store(struct wsp *w, const struct point *p, size_t n, int64_t accepted_s)
{
	struct wsp_stored stored = { 99, 99, 99, 99 };
	struct why why = { "" };

	if (scratch_store(w, p, n, accepted_s, &stored, &why) != RC_OK)
		fail_msg("%s", why.text);
	assert_int_equal(stored.n_written + stored.n_kept + stored.n_too_old, n);
	return stored;
}

static void a_known_value(const struct wsp *w, size_t archive, int64_t t_s, int64_t now_s, double value)
{
	double got = scratch_value(w, archive, t_s, now_s);

	if (memcmp(&got, &value, sizeof(got)) != 0)
		fail_msg("archive %zu at %" PRId64 ": %.17g, expected %.17g", archive, t_s, got, value);
}

static void an_empty_slot(const struct wsp *w, size_t archive, int64_t t_s, int64_t now_s)
{
	assert_true(isnan(scratch_value(w, archive, t_s, now_s)));
}

/* The start of a 600 s slot that is days old at NOW. */
static int64_t old_slot(int days)
{
	int64_t t_s = NOW - (int64_t)days * DAY;

	return t_s - t_s % 600;
}

static void the_last_given_of_equal_times_wins(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	const struct point p[] = { { NOW - 5, 1 }, { NOW - 5, 2 }, { NOW - 40, 9 }, { NOW - 5, 3 }, { NOW - 65, 7 } };

	store(&w, p, ARRAY_LEN(p), NOW);
	a_known_value(&w, 0, NOW - 60, NOW, 3);
	a_known_value(&w, 0, NOW - 120, NOW, 7);
	wsp_close(&w);
	(void)state;
}

static void an_old_part_fills_an_empty_slot_only(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	int64_t t_s = old_slot(2);
	const struct point first[] = { { t_s + 60, 1 }, { t_s + 130, 2 }, { t_s + 240, 6 } };
	const struct point second[] = { { t_s, 100 } };
	struct wsp_stored stored = store(&w, first, ARRAY_LEN(first), NOW);

	assert_int_equal(stored.n_written, 3);
	a_known_value(&w, 1, t_s, NOW, 3);
	a_known_value(&w, 2, t_s, NOW, 3);
	an_empty_slot(&w, 0, t_s, NOW);
	stored = store(&w, second, 1, NOW);
	assert_int_equal(stored.n_kept, 1);
	a_known_value(&w, 1, t_s, NOW, 3);
	stored = store(&w, first, ARRAY_LEN(first), NOW + 3 * DAY);
	assert_int_equal(stored.n_kept, 3);
	a_known_value(&w, 1, t_s, NOW + 3 * DAY, 3);
	wsp_close(&w);
	(void)state;
}

static void a_whole_old_slot_replaces(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	int64_t t_s = old_slot(2);
	const struct point part[] = { { t_s, 100 } };
	const struct point whole[] = {
		{ t_s + 59, 1 }, { t_s + 60, 2 }, { t_s + 120, 3 }, { t_s + 180, 4 }, { t_s + 240, 5 }
	};

	store(&w, part, 1, NOW);
	a_known_value(&w, 1, t_s, NOW, 100);
	assert_int_equal(store(&w, whole, 4, NOW).n_kept, 4);
	a_known_value(&w, 1, t_s, NOW, 100);
	assert_int_equal(store(&w, whole, 5, NOW).n_written, 5);
	a_known_value(&w, 1, t_s, NOW, 3);
	a_known_value(&w, 2, t_s, NOW, 3);
	wsp_close(&w);
	(void)state;
}

static void every_aggregation_reduces_old_points(void **state)
{
	static const double expected[] = {
		[AGGREGATION_AVERAGE] = -1.0 / 3, [AGGREGATION_SUM] = -1,
		[AGGREGATION_LAST] = 2,           [AGGREGATION_MAX] = 3,
		[AGGREGATION_MIN] = -6,           [AGGREGATION_AVERAGE_ZERO] = -1.0 / 5,
		[AGGREGATION_ABSMAX] = -6,        [AGGREGATION_ABSMIN] = 2,
	};

	for (int how = AGGREGATION_AVERAGE; how <= AGGREGATION_ABSMIN; how++) {
		struct wsp w = scratch_wsp(original, (enum aggregation)how, 0.5F);
		int64_t t_s = old_slot(3);
		const struct point p[] = { { t_s + 240, 2 }, { t_s, 3 }, { t_s + 60, -6 } };

		store(&w, p, ARRAY_LEN(p), NOW);
		a_known_value(&w, 1, t_s, NOW, expected[how]);
		wsp_close(&w);
	}
	(void)state;
}

static void an_older_time_never_replaces_a_newer_one(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	const struct point ahead = { NOW + 60, 5 }, clash = { NOW + 60 - DAY, 1 }, next = { NOW + 60 + DAY, 6 };

	store(&w, &ahead, 1, NOW);
	assert_int_equal(store(&w, &clash, 1, NOW).n_kept, 1);
	a_known_value(&w, 0, NOW + 60, NOW + 60, 5);
	/* the other way round the newer one comes in */
	assert_int_equal(store(&w, &next, 1, NOW + DAY).n_written, 1);
	a_known_value(&w, 0, NOW + 60 + DAY, NOW + 60 + DAY, 6);
	wsp_close(&w);
	(void)state;
}

/* 1440 minutes are 1440 slots: the 1441st, a day old, would fall on the newest, so it goes to the next archive. */
static void a_point_one_lap_old_goes_to_the_next_archive(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	const struct point old = { NOW - DAY, 1 }, fresh = { NOW, 5 };

	assert_int_equal(store(&w, &old, 1, NOW).n_written, 1);
	assert_int_equal(store(&w, &fresh, 1, NOW).n_written, 1);
	a_known_value(&w, 0, NOW, NOW, 5);
	a_known_value(&w, 1, NOW - DAY - (NOW - DAY) % 300, NOW, 1);
	assert_int_equal(store(&w, &old, 1, NOW).n_kept, 1);
	wsp_close(&w);
	(void)state;
}

static void a_lone_point_stays_alone_when_it_comes_again(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	const struct point p = { NOW - 100, 5 };

	store(&w, &p, 1, NOW);
	for (int days = 0; days < 300; days += 1 + days / 3) {
		int64_t later_s = NOW + (int64_t)days * DAY;

		store(&w, &p, 1, later_s);
		for (size_t i = 1; i < 4; i++)
			if (later_s - p.t_s < (int64_t)w.archive[i].step_s * w.archive[i].n_points)
				an_empty_slot(&w, i, p.t_s, later_s);
	}
	wsp_close(&w);
	(void)state;
}

static void a_backlog_newest_first_ends_like_one_in_order(void **state)
{
	struct wsp a = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F),
		   b = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);

	for (int i = 0; i < 600; i++) {
		const struct point up = { NOW - 600 * 60 + i * 60, i * 1.25 },
				   down = { NOW - 60 - i * 60, (599 - i) * 1.25 };

		store(&a, &up, 1, NOW);
		store(&b, &down, 1, NOW);
	}
	for (size_t i = 0; i < 4; i++)
		for (int64_t t_s = NOW - 700 * 60; t_s <= NOW; t_s += 60) {
			double x = scratch_value(&a, i, t_s, NOW), y = scratch_value(&b, i, t_s, NOW);

			assert_memory_equal(&x, &y, sizeof(x));
		}
	wsp_close(&a);
	wsp_close(&b);
	(void)state;
}

static void impossible_times_are_refused(void **state)
{
	struct wsp w = scratch_wsp(original, AGGREGATION_AVERAGE, 0.5F);
	static const struct {
		int64_t t_s, now_s;
		enum rc rc;
	} cases[] = {
		{ (int64_t)UINT32_MAX + 1, NOW, RC_REFUSED },
		{ INT64_MAX, NOW, RC_REFUSED },
		{ -1, 5, RC_REFUSED },
		{ INT64_MIN, NOW, RC_OK },
		{ NOW, INT64_MAX, RC_REFUSED },
		{ NOW, -1, RC_REFUSED },
		{ NOW - 31622401, NOW, RC_OK },
		{ NOW - 31622400, NOW, RC_OK },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct point p = { cases[i].t_s, 1 };
		struct wsp_stored stored;

		assert_int_equal(wsp_update_many(&w, &p, 1, cases[i].now_s, NULL), cases[i].rc);
		if (p.t_s < 0 || p.t_s > UINT32_MAX || cases[i].now_s < 0 || cases[i].now_s > UINT32_MAX)
			continue; /* cannot be asked */
		assert_int_equal(scratch_store(&w, &p, 1, cases[i].now_s, &stored, NULL), RC_OK);
		assert_int_equal(stored.n_too_old, cases[i].t_s != NOW - 31622400);
	}
	wsp_close(&w);
	(void)state;
}

/*
 * Random batches, then again: at once, in a replay with the times they were accepted at, and late with a later time.
 * Values are a function of the minute, so that a repeated point is the same point.
 */

static uint64_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

struct batch {
	int64_t accepted_s;
	size_t n;
	struct point point[24];
};

/* All that a reader sees in all archives. */
struct view {
	size_t n, first[8];
	double value[4000];
};

static void look(const struct wsp *w, int64_t now_s, struct view *v)
{
	v->n = 0;
	for (size_t i = 0; i < w->n_archives; i++) {
		int64_t span_s = (int64_t)w->archive[i].step_s * w->archive[i].n_points;
		struct span s;

		assert_int_equal(wsp_fetch(w, now_s - span_s, now_s, now_s, &s, NULL), RC_OK);
		assert_true(v->n + s.n <= ARRAY_LEN(v->value));
		v->first[i] = v->n;
		memcpy(v->value + v->n, s.value, s.n * sizeof(double));
		v->n += s.n;
		span_fini(&s);
	}
}

enum sameness { THE_SAME, MAY_FILL };

static void must_look(const struct view *before, const struct view *after, enum sameness how, const char *what,
		      uint64_t sequence)
{
	assert_int_equal(before->n, after->n);
	for (size_t i = 0; i < before->n; i++) {
		if (memcmp(&before->value[i], &after->value[i], sizeof(double)) == 0)
			continue;
		if (how == MAY_FILL && isnan(before->value[i]) && i >= before->first[1])
			continue;
		fail_msg("%s, sequence %" PRIu64 ": slot %zu (second archive from %zu on) was %.17g, is %.17g", what,
			 sequence, i, before->first[1], before->value[i], after->value[i]);
	}
}

static struct point point_of(int64_t t_s, uint32_t step_s)
{
	int64_t minute = t_s / step_s;
	uint64_t mixed = (uint64_t)minute * 0x9E3779B97F4A7C15ULL;

	return (struct point){ minute * step_s + (int64_t)(mixed >> 32) % step_s, (double)(mixed >> 40) / 7.0 - 1e6 };
}

/* Fresh points, a backlog, ages around the borders, and whole coarse slots. */
static void make_batch(const struct wsp *w, struct batch *b)
{
	uint32_t step_s = w->archive[0].step_s;

	b->n = 0;
	switch (any(5)) {
	case 0:
	case 1:
		for (size_t n = 1 + any(6), i = 0; i < n; i++)
			b->point[b->n++] = point_of(b->accepted_s - any(8) * step_s, step_s);
		break;
	case 2:
		for (size_t n = 1 + any(12), i = 0; i < n; i++)
			b->point[b->n++] = point_of(b->accepted_s - any(w->max_retention_s + step_s), step_s);
		break;
	case 3: {
		const struct wsp_archive *a = &w->archive[any((uint32_t)w->n_archives)];
		uint32_t border_s = a->step_s * a->n_points;

		for (size_t n = 1 + any(20), i = 0; i < n; i++)
			b->point[b->n++] =
				point_of(b->accepted_s - border_s + (int64_t)i * step_s - 6 * step_s, step_s);
		break;
	}
	default: {
		const struct wsp_archive *a = &w->archive[1 % w->n_archives];
		int64_t t_s = b->accepted_s - any(w->max_retention_s);

		t_s -= t_s % a->step_s;
		for (uint32_t i = 0; i < a->step_s / step_s && b->n < ARRAY_LEN(b->point); i++)
			b->point[b->n++] = point_of(t_s + (int64_t)i * step_s, step_s);
	}
	}
	for (size_t i = 0; i < b->n; i++) { /* any order */
		size_t k = any((uint32_t)b->n);
		struct point p = b->point[i];

		b->point[i] = b->point[k];
		b->point[k] = p;
	}
}

static void storing_again_changes_nothing(void **state)
{
	static const char *const layouts[] = {
		"60:10 300:8 600:20", "60:60 300:24 600:40 3600:30", "1:60", "10:36 60:30 300:50", "60:5 300:4",
		"1:7 7:9 49:9",       "60:20 300:12 1200:20"
	};
	static const float xffs[] = { 0.0F, 0.5F, 0.5F, 1.0F };
	struct view *before = must_alloc(sizeof(*before)), *after = must_alloc(sizeof(*after));
	static struct batch batch[30];

	for (uint64_t sequence = 0; sequence < 4000; sequence++) {
		struct wsp w;
		size_t n;
		int64_t now_s = NOW + (int64_t)sequence * 1000;

		seed = sequence;
		any(2);
		w = scratch_wsp(layouts[any(ARRAY_LEN(layouts))], (enum aggregation)(1 + any(8)), xffs[any(4)]);
		n = 1 + any(ARRAY_LEN(batch));
		for (size_t i = 0; i < n; i++) {
			batch[i].accepted_s = now_s;
			make_batch(&w, &batch[i]);
			store(&w, batch[i].point, batch[i].n, now_s);
			look(&w, now_s, before);
			store(&w, batch[i].point, batch[i].n, now_s);
			look(&w, now_s, after);
			must_look(before, after, THE_SAME, "at once", sequence);
			now_s += any(3) == 0 ? any(w.max_retention_s / 2) : any(3) * w.archive[0].step_s;
		}
		look(&w, now_s, before);
		/* A replay may fill a slot whose points were, at first, known to be in the finest archive. */
		for (int round = 0; round < 2; round++) {
			for (size_t i = any((uint32_t)n); i < n; i++)
				store(&w, batch[i].point, batch[i].n, batch[i].accepted_s);
			look(&w, now_s, after);
			must_look(before, after, MAY_FILL, "replay", sequence);
		}
		for (size_t i = 0; i < n; i++) {
			size_t k = any((uint32_t)n);

			look(&w, now_s, before);
			store(&w, batch[k].point, batch[k].n, now_s);
			look(&w, now_s, after);
			must_look(before, after, MAY_FILL, "late", sequence);
			now_s += any(w.archive[0].step_s * w.archive[0].n_points);
		}
		wsp_close(&w);
	}
	free(before);
	free(after);
	(void)state;
}

/* Without gaps nothing is left to fill: nothing at all changes, days later. */
static void a_full_series_stays_as_it_is(void **state)
{
	struct wsp w = scratch_wsp("60:60 300:48 600:60 3600:48", AGGREGATION_AVERAGE, 0.5F);
	struct view *before = must_alloc(sizeof(*before)), *after = must_alloc(sizeof(*after));
	int64_t start_s = NOW - NOW % 3600;

	for (int i = 0; i < 3000; i++) {
		struct point p = point_of(start_s + i * 60, 60);

		store(&w, &p, 1, p.t_s);
		if (i % 97 != 0)
			continue;
		for (int back = 0; back < i; back += 7) {
			const struct point again[] = { point_of(start_s + (i - back) * 60, 60),
						       point_of(start_s + (i - back) * 60 - 60, 60) };

			look(&w, p.t_s, before);
			store(&w, again, 2, p.t_s);
			look(&w, p.t_s, after);
			must_look(before, after, THE_SAME, "days later", (uint64_t)back);
		}
	}
	wsp_close(&w);
	free(before);
	free(after);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_given_of_equal_times_wins),
		cmocka_unit_test(an_old_part_fills_an_empty_slot_only),
		cmocka_unit_test(a_whole_old_slot_replaces),
		cmocka_unit_test(every_aggregation_reduces_old_points),
		cmocka_unit_test(an_older_time_never_replaces_a_newer_one),
		cmocka_unit_test(a_point_one_lap_old_goes_to_the_next_archive),
		cmocka_unit_test(a_lone_point_stays_alone_when_it_comes_again),
		cmocka_unit_test(a_backlog_newest_first_ends_like_one_in_order),
		cmocka_unit_test(impossible_times_are_refused),
		cmocka_unit_test(storing_again_changes_nothing),
		cmocka_unit_test(a_full_series_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
