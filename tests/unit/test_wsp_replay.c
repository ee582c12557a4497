/*
 * A write that was cut short and is made again. fileio_pwrite() is this file's own: linked with --wrap.
 */
#include "wsp_random.h"

#include "base/fileio.h"

enum { START = 1400003640 };

/* Writes from this one on fail, after half of the bytes of the first; and those whose bit is set get lost silently. */
static unsigned n_writes, fail_from;
static uint64_t lost;
/* A disk that did not get the writes that a file's readers see: those that are good go there too. */
static int disk_fd = -1;

enum rc __real_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why);
enum rc __wrap_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why);

enum rc __wrap_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why)
{
	unsigned i = n_writes++;

	if (i >= fail_from) {
		if (i == fail_from && n > 12)
			assert_int_equal(__real_fileio_pwrite(fd, bytes, (n / 24 + 1) * 12 < n ? (n / 24 + 1) * 12 : 12,
							      offset, why),
					 RC_OK);
		return because(why, RC_DISK, "write: no");
	}
	if ((lost >> i % 64 & 1) != 0)
		return RC_OK;
	if (disk_fd >= 0)
		assert_int_equal(__real_fileio_pwrite(disk_fd, bytes, n, offset, why), RC_OK);
	return __real_fileio_pwrite(fd, bytes, n, offset, why);
}

static void writes_are_good(void)
{
	n_writes = 0;
	fail_from = UINT32_MAX;
	lost = 0;
}

static const struct wsp_how first = { false, false }, again = { true, false };

static enum rc store(struct wsp *w, const struct taken *p, size_t n, struct wsp_how how)
{
	struct wsp_stored stored;
	struct why why;

	return wsp_store(w, p, n, how, &stored, &why);
}

/* And of the finest archive the same values. */
static void set_must_hold_the_same_times(const struct set *a, struct set *b, uint64_t sequence)
{
	static struct set coarse_taken_over;

	assert_int_equal(a->n, b->n);
	coarse_taken_over = *b;
	for (size_t i = 0; i < a->n; i++)
		if (a->at[i].archive > 0)
			memcpy(coarse_taken_over.at[i].value, a->at[i].value, 8);
	set_must_equal(a, &coarse_taken_over, "again", sequence);
}

/* Every sequence: a file with something in it, then one batch whole in one copy, cut and repeated in the other. */
static void check(bool late, bool losing)
{
	static struct set whole, cut, whole_as_replayed;
	static struct taken batch[RANDOM_MAX];
	unsigned n_cut = 0, n_seen = 0;

	for (uint64_t sequence = 0; sequence < 500; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 1000;
		struct wsp w, clean;
		unsigned n_needed;
		size_t n;

		random_seed = sequence;
		random_below(2);
		writes_are_good();
		w = random_wsp();
		for (uint32_t i = random_below(6); i > 0; i--) {
			n = random_batch(&w, &now_s, late, batch);
			assert_int_equal(store(&w, batch, n, first), RC_OK);
			now_s += random_below(4) == 0 ? random_below(w.max_retention_s / 3) : 0;
		}
		n = random_batch(&w, &now_s, late, batch);
		clean = random_copy(&w);
		writes_are_good();
		assert_int_equal(store(&clean, batch, n, first), RC_OK);
		n_needed = n_writes;
		set_of(&clean, &whole);
		for (unsigned i = 0; i < (losing ? 8 : n_needed); i++) {
			struct wsp torn = random_copy(&w);

			writes_are_good();
			if (losing)
				lost = (uint64_t)random_below(1U << 31) << 31 | random_below(1U << 31);
			else
				fail_from = i;
			assert_int_equal(store(&torn, batch, n, first), losing ? RC_OK : RC_DISK);
			set_of(&torn, &cut);
			n_cut += cut.n != whole.n || memcmp(cut.at, whole.at, cut.n * sizeof(cut.at[0])) != 0;
			n_seen++;
			memset(torn.seen_base_s, 0, sizeof(torn.seen_base_s)); /* as after a crash */
			for (int k = 0; k < 2; k++) {
				writes_are_good();
				assert_int_equal(store(&torn, batch, n, again), RC_OK);
				set_of(&torn, &cut);
				if (late && losing && k == 0) {
					set_must_hold_the_same_times(&whole, &cut, sequence);
					whole_as_replayed = cut;
				}
				set_must_equal(late && losing ? &whole_as_replayed : &whole, &cut,
					       k == 0 ? "again" : "twice again", sequence);
			}
			assert_int_equal(n_writes, 0); /* the second time there was nothing to write */
			wsp_close(&torn);
		}
		wsp_close(&clean);
		wsp_close(&w);
	}
	assert_true(n_seen > 500 && n_cut > n_seen / 2); /* the cuts were felt */
}

static void fresh_points_cut_at_any_write_end_whole(void **state)
{
	check(false, false);
	(void)state;
}

static void fresh_points_end_whole_whichever_writes_were_lost(void **state)
{
	check(false, true);
	(void)state;
}

static void late_points_cut_at_any_write_end_whole(void **state)
{
	check(true, false);
	(void)state;
}

static void late_points_end_whole_whichever_writes_were_lost(void **state)
{
	check(true, true);
	(void)state;
}

/*
 * After a failed sync the kernel may show what the disk never got, and call it clean: then what reads back right is
 * written again as well.
 */
static void rewritten_points_reach_a_disk_that_got_none_of_them(bool late)
{
	static struct set expected, got;
	static struct taken batch[RANDOM_MAX];

	for (uint64_t sequence = 0; sequence < 500; sequence++) {
		int64_t now_s = START + (int64_t)sequence * 1000;
		struct wsp w, disk;
		size_t n;

		random_seed = sequence;
		random_below(2);
		writes_are_good();
		w = random_wsp();
		for (uint32_t i = random_below(6); i > 0; i--) {
			n = random_batch(&w, &now_s, false, batch);
			assert_int_equal(store(&w, batch, n, first), RC_OK);
		}
		n = random_batch(&w, &now_s, late, batch);
		disk = random_copy(&w);
		assert_int_equal(store(&w, batch, n, first), RC_OK);
		disk_fd = disk.fd;
		w.rewrite = true;
		assert_int_equal(store(&w, batch, n, again), RC_OK);
		disk_fd = -1;
		set_of(&w, &expected);
		set_of(&disk, &got);
		set_must_equal(&expected, &got, "rewritten", sequence);
		wsp_close(&w);
		wsp_close(&disk);
	}
}

static void fresh_points_are_rewritten_where_they_read_back_right(void **state)
{
	rewritten_points_reach_a_disk_that_got_none_of_them(false);
	(void)state;
}

static void late_points_are_rewritten_where_they_read_back_right(void **state)
{
	rewritten_points_reach_a_disk_that_got_none_of_them(true);
	(void)state;
}

/* Only `again` works a lost coarse slot out anew: a first try believes what it finds. */
static void a_first_try_leaves_known_coarse_slots_alone(void **state)
{
	struct wsp w = scratch_wsp("60:10 300:8", AGGREGATION_SUM, 0.0F);
	const int64_t t_s = START - START % 300;
	const struct taken p[] = { { (uint32_t)t_s, (uint32_t)t_s, 1 }, { (uint32_t)t_s + 60, (uint32_t)t_s + 60, 2 } };

	writes_are_good();
	assert_int_equal(store(&w, p, 1, first), RC_OK);
	lost = 1; /* the coarse archive goes first */
	n_writes = 0;
	assert_int_equal(store(&w, p + 1, 1, first), RC_OK);
	assert_int_equal(n_writes, 2);
	writes_are_good();
	assert_int_equal(store(&w, p, 2, first), RC_OK);
	assert_true(scratch_value(&w, 1, t_s, t_s + 60) == 1);
	assert_int_equal(store(&w, p, 2, again), RC_OK);
	assert_true(scratch_value(&w, 1, t_s, t_s + 60) == 3);
	wsp_close(&w);
	(void)state;
}

/* A newer lap has taken a finest slot: what is left of the coarse slot is not the whole, and stays as it was. */
static void a_replay_leaves_overtaken_coarse_slots_alone(void **state)
{
	struct wsp w = scratch_wsp("60:10 300:8", AGGREGATION_SUM, 0.0F);
	const uint32_t t_s = START - START % 300;
	const struct taken old[] = { { t_s, t_s, 1 }, { t_s + 60, t_s + 60, 2 } }, newer = { t_s + 600, t_s + 600, 5 };

	writes_are_good();
	assert_int_equal(store(&w, old, 2, first), RC_OK);
	assert_int_equal(store(&w, &newer, 1, first), RC_OK);
	assert_int_equal(store(&w, old, 2, again), RC_OK);
	assert_true(scratch_value(&w, 1, t_s, t_s + 600) == 3);
	assert_true(scratch_value(&w, 0, t_s + 600, t_s + 600) == 5);
	wsp_close(&w);
	(void)state;
}

/* Rule (a) looks at each point's own time of acceptance, whenever and with whatever others it is written. */
static void every_point_has_its_own_age(void **state)
{
	struct wsp w = scratch_wsp("60:10 300:8", AGGREGATION_AVERAGE, 0.0F);
	const uint32_t t_s = START - START % 300;
	const struct taken p[] = {
		{ t_s, t_s + 30, 1 },         /* fresh */
		{ t_s + 60, t_s + 600, 2 },   /* the last step of the finest archive */
		{ t_s + 300, t_s + 900, 30 }, /* one step too late */
		{ t_s + 900, t_s + 900, 4 },  /* fresh */
		{ t_s, t_s + 1200, 100 },     /* the first once more, late: the fresh one counts */
		{ t_s - 2400, t_s, 7 },       /* not too late, but its slot has a newer one */
		{ t_s - 2400, t_s + 1, 8 },   /* too late for all */
		{ t_s - 2401, t_s, 9 },       /* the same */
	};
	struct wsp_stored stored;

	writes_are_good();
	assert_int_equal(wsp_store(&w, p, ARRAY_LEN(p), first, &stored, NULL), RC_OK);
	assert_int_equal(stored.n_too_old, 2);
	assert_int_equal(stored.n_kept, 2);
	assert_int_equal(stored.n_written, 4);
	/* Seen when nothing was newer: by the raw slots. */
	static struct set set;
	static const struct {
		uint32_t archive, back_s;
		double value;
	} expected[] = { { 0, 0, 1 }, { 0, 60, 2 }, { 0, 900, 4 }, { 1, 0, 1.5 }, { 1, 300, 30 }, { 1, 900, 4 } };
	set_of(&w, &set);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		size_t k = 0;

		while (k < set.n &&
		       !(set.at[k].archive == expected[i].archive && set.at[k].t_s == t_s + expected[i].back_s))
			k++;
		if (k == set.n || bytes_get_be_double(set.at[k].value) != expected[i].value)
			fail_msg("archive %" PRIu32 " at +%" PRIu32, expected[i].archive, expected[i].back_s);
	}
	wsp_close(&w);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_points_cut_at_any_write_end_whole),
		cmocka_unit_test(fresh_points_end_whole_whichever_writes_were_lost),
		cmocka_unit_test(late_points_cut_at_any_write_end_whole),
		cmocka_unit_test(late_points_end_whole_whichever_writes_were_lost),
		cmocka_unit_test(fresh_points_are_rewritten_where_they_read_back_right),
		cmocka_unit_test(late_points_are_rewritten_where_they_read_back_right),
		cmocka_unit_test(a_first_try_leaves_known_coarse_slots_alone),
		cmocka_unit_test(a_replay_leaves_overtaken_coarse_slots_alone),
		cmocka_unit_test(every_point_has_its_own_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
