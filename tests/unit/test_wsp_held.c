/*
 * Coarse archives that wait, and points that are read before they are written: both end as if written at once.
 */
#include "wsp_random.h"

#include "wsp/overlay.h"

enum { START = 1400003640 };

static const struct wsp_how usual = { false, false }, again = { true, false }, hold = { false, true };

static struct wsp_stored store(struct wsp *w, const struct taken *p, size_t n, struct wsp_how how)
{
	struct wsp_stored stored;
	struct why why;

	if (wsp_store(w, p, n, how, &stored, &why) != RC_OK)
		fail_msg("%s", why.text);
	return stored;
}

static void catch_up(struct wsp *w, int64_t from_s)
{
	struct why why;

	if (from_s != 0 && wsp_catch_up(w, from_s, &why) != RC_OK)
		fail_msg("%s", why.text);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void what_was_held_back_ends_as_if_it_never_was(void **state)
{
	static struct set expected, got;
	static struct taken batch[RANDOM_MAX];
	unsigned n_held = 0;

	for (uint64_t sequence = 0; sequence < 1500; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 1000, from_s = 0;
		struct wsp a, b;

		random_seed = sequence;
		random_below(2);
		a = random_wsp();
		b = random_copy(&a);
		for (uint32_t i = 1 + random_below(12); i > 0; i--) {
			size_t n = random_batch(&a, &now_s, false, batch);

			store(&a, batch, n, usual);
			for (size_t k = 0; k < n; k++)
				if (from_s != 0 && wsp_overtakes(&b, batch[k].t_s, from_s)) {
					catch_up(&b, from_s);
					from_s = 0;
				}
			from_s = earlier(from_s, store(&b, batch, n, hold).held_from_s);
			if (random_below(4) == 0) {
				now_s += random_below(a.max_retention_s / 2);
				catch_up(&b, from_s);
				from_s = 0;
			}
			n_held += from_s != 0;
		}
		/* What a reader sees by then, and then the file. */
		struct overlay overlay;
		overlay_init(&overlay);
		b.overlay = &overlay;
		catch_up(&b, from_s);
		set_of(&a, &expected);
		set_of(&b, &got);
		set_must_equal(&expected, &got, "seen through", sequence);
		b.overlay = NULL;
		overlay_fini(&overlay);
		catch_up(&b, from_s);
		set_of(&b, &got);
		set_must_equal(&expected, &got, "written", sequence);
		wsp_close(&a);
		wsp_close(&b);
	}
	assert_true(n_held > 1000);
	(void)state;
}

static void holding_writes_the_finest_archive_only(void **state)
{
	struct wsp w = scratch_wsp("60:60 300:24 600:40", AGGREGATION_SUM, 0.0F);
	const uint32_t t_s = START - START % 600;
	const struct taken p[] = { { t_s + 65, t_s + 70, 2 }, { t_s + 130, t_s + 140, 3 } };
	const struct taken old = { t_s - 4000, t_s + 200, 8 };
	struct wsp_stored stored = store(&w, p, 2, hold);

	assert_int_equal(stored.n_written, 2);
	assert_int_equal(stored.held_from_s, t_s + 60);
	assert_true(scratch_value(&w, 0, t_s + 60, t_s + 200) == 2 && scratch_value(&w, 0, t_s + 120, t_s + 200) == 3);
	assert_true(isnan(scratch_value(&w, 1, t_s, t_s + 200)) && isnan(scratch_value(&w, 2, t_s, t_s + 200)));
	assert_int_equal(store(&w, p, 2, hold).held_from_s, 0); /* nothing new */
	/* what is too old for the finest archive does not wait */
	stored = store(&w, &old, 1, hold);
	assert_int_equal(stored.held_from_s, 0);
	assert_true(scratch_value(&w, 1, (t_s - 4000) / 300 * 300, t_s + 200) == 8);
	catch_up(&w, t_s + 60);
	assert_true(scratch_value(&w, 1, t_s, t_s + 200) == 5 && scratch_value(&w, 2, t_s, t_s + 200) == 5);
	wsp_close(&w);
	(void)state;
}

/* Through an overlay and in the file: the same points; and the file is not touched before. */
static void points_are_read_as_they_will_be_written(void **state)
{
	static struct set before, expected, got;
	static struct taken batch[RANDOM_MAX];

	for (uint64_t sequence = 0; sequence < 1500; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 1000;
		struct wsp_how how = sequence % 2 == 0 ? usual : again;
		struct overlay overlay;
		struct wsp w;
		size_t n;

		random_seed = sequence;
		random_below(2);
		w = random_wsp();
		for (uint32_t i = random_below(6); i > 0; i--) {
			n = random_batch(&w, &now_s, true, batch);
			store(&w, batch, n, usual);
			now_s += random_below(4) == 0 ? random_below(w.max_retention_s / 3) : 0;
		}
		n = random_batch(&w, &now_s, true, batch);
		set_of(&w, &before);
		overlay_init(&overlay);
		w.overlay = &overlay;
		store(&w, batch, n, how);
		store(&w, batch, n / 2, again);
		set_of(&w, &got);
		w.overlay = NULL;
		overlay_fini(&overlay);
		set_of(&w, &expected);
		set_must_equal(&before, &expected, "untouched", sequence);
		memset(w.seen_base_s, 0, sizeof(w.seen_base_s)); /* what was seen through the overlay */
		store(&w, batch, n, how);
		store(&w, batch, n / 2, again);
		set_of(&w, &expected);
		set_must_equal(&expected, &got, "through", sequence);
		wsp_close(&w);
	}
	(void)state;
}

static void a_file_that_is_not_there_is_read_as_the_new_one(void **state)
{
	struct retention r = scratch_retention("60:60 300:24 600:40", AGGREGATION_AVERAGE, 0.0F);
	struct wsp made = scratch_wsp("60:60 300:24 600:40", AGGREGATION_AVERAGE, 0.0F), imagined;
	static struct set expected, got;
	static struct taken batch[RANDOM_MAX];
	int64_t now_s = START;
	struct overlay overlay;

	random_seed = 1;
	overlay_init(&overlay);
	assert_int_equal(wsp_imagine(&r, &imagined, NULL), RC_OK);
	imagined.overlay = &overlay;
	for (int i = 0; i < 20; i++) {
		size_t n = random_batch(&made, &now_s, true, batch);

		store(&made, batch, n, usual);
		store(&imagined, batch, n, usual);
		set_of(&made, &expected);
		set_of(&imagined, &got);
		set_must_equal(&expected, &got, "imagined", (uint64_t)i);
	}
	overlay_fini(&overlay);
	wsp_close(&imagined);
	wsp_close(&made);
	(void)state;
}

/* The arithmetic alone, over a layer of bytes. */
static void an_overlay_covers_what_was_put(void **state)
{
	static const struct {
		uint64_t offset;
		const char *bytes;
	} put[] = { { 10, "aaaa" }, { 12, "bbbb" }, { 2, "c" }, { 11, "d" }, { 30, "e" } };
	static const char expected[] = "..c.......adbbbb..............e";
	struct overlay o;

	overlay_init(&o);
	for (size_t i = 0; i < ARRAY_LEN(put); i++)
		overlay_put(&o, put[i].bytes, strlen(put[i].bytes), put[i].offset);
	for (size_t from = 0; from < strlen(expected); from++)
		for (size_t until = from; until <= strlen(expected); until++) {
			char out[64];

			memset(out, '.', sizeof(out));
			overlay_cover(&o, out, until - from, from);
			assert_memory_equal(out, expected + from, until - from);
			assert_true(out[until - from] == '.');
		}
	overlay_fini(&o);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_held_back_ends_as_if_it_never_was),
		cmocka_unit_test(holding_writes_the_finest_archive_only),
		cmocka_unit_test(points_are_read_as_they_will_be_written),
		cmocka_unit_test(a_file_that_is_not_there_is_read_as_the_new_one),
		cmocka_unit_test(an_overlay_covers_what_was_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
