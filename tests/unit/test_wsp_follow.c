/*
 * Following a file leaves the bytes that wsp_store() leaves. Random sequences of batches, each written into two files:
 * one followed where that is possible, one always by the long way.
 */
#include "wsp_random.h"

#include "wsp/follow.h"

enum { START = 1400003640 };

static unsigned char scratch[WSP_LEARN_BYTES];
static const struct wsp_how plain = { false, false }, holding = { false, true };

/* As the values engine does: follow, or else store and learn. Returns whether it was followed. */
static bool write_followed(struct wsp *w, struct wsp_memo *m, const struct taken *p, size_t n, bool hold,
			   struct wsp_stored *out)
{
	bool followed = false;
	struct why why;

	if (m->changed_ns != 0 && wsp_memo_holds(m, w->fd))
		assert_int_equal(wsp_follow(w, w->fd, m, p, n, hold, &followed, out, &why), RC_OK);
	if (followed)
		return true;
	memset(w->seen_base_s, 0, sizeof(w->seen_base_s));
	assert_int_equal(wsp_store(w, p, n, hold ? holding : plain, out, &why), RC_OK);
	wsp_learn(w, p, n, hold && out->held_from_s != 0, scratch, m);
	return false;
}

static void files_must_equal(const struct wsp *a, const struct wsp *b, uint64_t sequence, int batch)
{
	off_t length = lseek(a->fd, 0, SEEK_END);
	unsigned char *x = malloc((size_t)length), *y = malloc((size_t)length);

	assert_true(x != NULL && y != NULL);
	assert_int_equal(pread(a->fd, x, (size_t)length, 0), length);
	assert_int_equal(pread(b->fd, y, (size_t)length, 0), length);
	for (off_t i = 0; i < length; i++)
		if (x[i] != y[i])
			fail_msg("sequence %" PRIu64 ", batch %d: byte %ld is %02x and %02x", sequence, batch, (long)i,
				 x[i], y[i]);
	free(x);
	free(y);
}

enum what { FRESH, LATE, TOUCHED };

static void check(enum what what)
{
	static struct taken batch[RANDOM_MAX];
	unsigned n_followed = 0, n_batches = 0;

	for (uint64_t sequence = 0; sequence < 400; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 777;
		struct wsp_memo memo = { .changed_ns = 0 };
		struct wsp w, clean;

		random_seed = sequence * 3 + (uint64_t)what;
		random_below(2);
		w = random_wsp();
		clean = random_copy(&w);
		for (int i = 0; i < 14; i++) {
			struct wsp_stored by_one, by_other;
			size_t n = random_batch(&w, &now_s, what == LATE && random_below(3) == 0, batch);

			if (n == 0)
				continue;
			if (what == TOUCHED && random_below(3) == 0) { /* by another program */
				struct taken other = random_point(now_s - random_below(w.max_retention_s / 2), now_s);

				assert_int_equal(wsp_store(&w, &other, 1, plain, &by_one, NULL), RC_OK);
				assert_int_equal(wsp_store(&clean, &other, 1, plain, &by_one, NULL), RC_OK);
				if (memo.changed_ns != 0) /* not left to how finely this kernel keeps times */
					memo.changed_ns--;
			}
			n_followed += write_followed(&w, &memo, batch, n, false, &by_one);
			assert_int_equal(wsp_store(&clean, batch, n, plain, &by_other, NULL), RC_OK);
			assert_int_equal(by_one.n_written, by_other.n_written);
			assert_int_equal(by_one.n_kept, by_other.n_kept);
			files_must_equal(&w, &clean, sequence, i);
			n_batches++;
			now_s += random_below(5) == 0 ? random_below(w.max_retention_s / 3) : 0;
		}
		wsp_close(&w);
		wsp_close(&clean);
	}
	print_message("%u of %u batches followed\n", n_followed, n_batches);
	assert_true(n_followed > n_batches / (what == FRESH ? 2 : 8));
	if (what != FRESH)
		assert_true(n_followed < n_batches);
}

static void fresh_batches_leave_the_same_bytes(void **state)
{
	check(FRESH);
	(void)state;
}

static void late_points_among_them_too(void **state)
{
	check(LATE);
	(void)state;
}

static void and_writes_of_others(void **state)
{
	check(TOUCHED);
	(void)state;
}

/* Coarse archives held back, and caught up now and then by the long way. */
static void while_coarse_archives_are_held_back(void **state)
{
	static struct taken batch[RANDOM_MAX];
	unsigned n_followed = 0, n_batches = 0;

	for (uint64_t sequence = 0; sequence < 300; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 777, from_s = 0, other_from_s = 0;
		struct wsp_memo memo = { .changed_ns = 0 };
		struct wsp_stored by_one, by_other;
		struct wsp w, clean;

		random_seed = sequence;
		random_below(2);
		w = random_wsp();
		clean = random_copy(&w);
		for (int i = 0; i < 14; i++) {
			size_t n = random_batch(&w, &now_s, false, batch);
			bool due = random_below(4) == 0;

			for (size_t k = 0; k < n; k++)
				due = due || (from_s != 0 && wsp_overtakes(&w, batch[k].t_s, from_s));
			if (n == 0)
				continue;
			if (due && from_s != 0) {
				assert_int_equal(wsp_catch_up(&w, from_s, NULL), RC_OK);
				assert_int_equal(wsp_catch_up(&clean, from_s, NULL), RC_OK);
				from_s = other_from_s = 0;
				memo.changed_ns -= memo.changed_ns != 0;
			}
			n_followed += write_followed(&w, &memo, batch, n, true, &by_one);
			assert_int_equal(wsp_store(&clean, batch, n, holding, &by_other, NULL), RC_OK);
			from_s = from_s == 0 ? by_one.held_from_s : from_s;
			other_from_s = other_from_s == 0 ? by_other.held_from_s : other_from_s;
			assert_int_equal(from_s, other_from_s);
			files_must_equal(&w, &clean, sequence, i);
			n_batches++;
		}
		wsp_close(&w);
		wsp_close(&clean);
	}
	print_message("%u of %u batches followed\n", n_followed, n_batches);
	assert_true(n_followed > n_batches / 3);
	(void)state;
}

/* The memory would begin behind a point that came late and lies ahead in a coarse archive. */
static void a_late_batch_does_not_begin_a_memory(void **state)
{
	struct wsp w = scratch_wsp("60:1440 300:2016 600:4608 3600:8784", AGGREGATION_AVERAGE, 0.5F);
	struct wsp clean = random_copy(&w);
	const uint32_t t_s = START - START % 3600, later_s = t_s + 86700;
	const struct taken before[5] = { { t_s - 300, t_s, 1 },
					 { t_s - 240, t_s, 2 },
					 { t_s - 180, t_s, 3 },
					 { t_s - 120, t_s, 4 },
					 { t_s - 60, t_s, 5 } };
	const struct taken late = { t_s, later_s, 50 };
	const struct taken next[4] = { { t_s + 360, later_s, 6 },
				       { t_s + 420, later_s, 7 },
				       { t_s + 480, later_s, 8 },
				       { t_s + 540, later_s, 9 } };
	struct taken repeated[5];
	const struct {
		const struct taken *p;
		size_t n;
	} batch[] = { { before, 5 }, { &late, 1 }, { repeated, 5 }, { next, 4 } };
	struct wsp_memo memo = { .changed_ns = 0 };
	struct wsp_stored stored;

	for (size_t i = 0; i < 5; i++)
		repeated[i] = (struct taken){ before[i].t_s, later_s, before[i].value };
	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		write_followed(&w, &memo, batch[i].p, batch[i].n, false, &stored);
		assert_int_equal(wsp_store(&clean, batch[i].p, batch[i].n, plain, &stored, NULL), RC_OK);
		files_must_equal(&w, &clean, i, 0);
	}
	wsp_close(&w);
	wsp_close(&clean);
	(void)state;
}

/* Where the next archive spans little more than the finest, a batch may lap it. */
static void a_batch_that_laps_a_coarse_archive_is_not_followed(void **state)
{
	struct wsp w = scratch_wsp("1:28 7:9 49:9", AGGREGATION_AVERAGE, 0.5F), clean = random_copy(&w);
	const uint32_t t_s = START - START % 49;
	struct wsp_memo memo = { .changed_ns = 0 };
	struct wsp_stored stored;
	struct taken p[20];

	for (uint32_t from = 0, n; from < 64; from += n + (from + n == 43)) {
		n = from < 43 ? (43 - from < 4 ? 43 - from : 4) : 20;
		for (uint32_t i = 0; i < n; i++)
			p[i] = random_point(t_s + from + i, t_s + from + i);
		write_followed(&w, &memo, p, n, false, &stored);
		assert_int_equal(wsp_store(&clean, p, n, plain, &stored, NULL), RC_OK);
		files_must_equal(&w, &clean, from, 0);
	}
	wsp_close(&w);
	wsp_close(&clean);
	(void)state;
}

/* A point just one lap old shares its slot with the newest: it belongs to the coarser archive. */
static void a_point_one_lap_old_is_not_followed(void **state)
{
	struct wsp w = scratch_wsp("60:60 300:24", AGGREGATION_AVERAGE, 0.0F), clean = random_copy(&w);
	const uint32_t t_s = START - START % 300;
	const struct taken first = { t_s, t_s, 1 };
	struct wsp_stored stored;

	for (uint32_t age_s = 59 * 60; age_s <= 60 * 60; age_s += 60) {
		const struct taken p = { t_s + age_s, t_s + 2 * age_s, 2 };
		struct wsp_memo memo = { .changed_ns = 0 };

		write_followed(&w, &memo, &first, 1, false, &stored);
		assert_int_equal(wsp_store(&clean, &first, 1, plain, &stored, NULL), RC_OK);
		assert_int_equal(write_followed(&w, &memo, &p, 1, false, &stored), age_s < 60 * 60);
		assert_int_equal(wsp_store(&clean, &p, 1, plain, &stored, NULL), RC_OK);
		files_must_equal(&w, &clean, age_s, 0);
		wsp_close(&w);
		wsp_close(&clean);
		w = scratch_wsp("60:60 300:24", AGGREGATION_AVERAGE, 0.0F);
		clean = random_copy(&w);
	}
	wsp_close(&w);
	wsp_close(&clean);
	(void)state;
}

/* The memory ends where the file was changed, or is another one. */
static void a_changed_file_is_not_believed(void **state)
{
	struct wsp w = scratch_wsp("60:60 300:24", AGGREGATION_AVERAGE, 0.5F), copy;
	const struct taken p = { START, START, 1 };
	struct wsp_memo memo = { .changed_ns = 0 };
	struct wsp_stored stored;

	assert_false(wsp_memo_holds(&memo, w.fd));
	assert_false(write_followed(&w, &memo, &p, 1, false, &stored));
	assert_true(memo.changed_ns != 0 && wsp_memo_holds(&memo, w.fd));
	copy = random_copy(&w);
	assert_false(wsp_memo_holds(&memo, copy.fd));
	for (int tries = 0; wsp_memo_holds(&memo, w.fd); tries++) { /* the file's clock may tick every few ms */
		assert_true(tries < 1000000);
		assert_int_equal(pwrite(w.fd, "", 1, 100), 1);
	}
	wsp_close(&w);
	wsp_close(&copy);
	(void)state;
}

/* What is newer than the batch, out of step or too large is not learnt. */
static void what_cannot_be_followed_is_not_remembered(void **state)
{
	static const struct {
		const char *archives;
		struct taken before;
		bool learnt;
	} files[] = {
		{ "60:60 300:24", { START - 60, START, 1 }, true },
		{ "60:60 300:24", { START + 60, START + 60, 1 }, false }, /* something newer */
		{ "60:60 300:24", { START - 7000, START, 1 }, true }, /* an old point, in the coarse archive alone */
		{ "1:86400", { START - 60, START, 1 }, false },       /* too much to read */
		{ "1:60 2:60 4:60 8:60 16:60", { START - 1, START, 1 }, false },
	};
	const struct taken p = { START, START, 1 };
	struct wsp_stored stored;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct wsp w = scratch_wsp(files[i].archives, AGGREGATION_AVERAGE, 0.5F);
		struct wsp_memo memo = { .changed_ns = 0 };

		assert_int_equal(wsp_store(&w, &files[i].before, 1, plain, &stored, NULL), RC_OK);
		write_followed(&w, &memo, &p, 1, false, &stored);
		if ((memo.changed_ns != 0) != files[i].learnt)
			fail_msg("file %zu: expected %d", i, files[i].learnt);
		wsp_close(&w);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_batches_leave_the_same_bytes),
		cmocka_unit_test(late_points_among_them_too),
		cmocka_unit_test(and_writes_of_others),
		cmocka_unit_test(while_coarse_archives_are_held_back),
		cmocka_unit_test(a_late_batch_does_not_begin_a_memory),
		cmocka_unit_test(a_batch_that_laps_a_coarse_archive_is_not_followed),
		cmocka_unit_test(a_point_one_lap_old_is_not_followed),
		cmocka_unit_test(a_changed_file_is_not_believed),
		cmocka_unit_test(what_cannot_be_followed_is_not_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
