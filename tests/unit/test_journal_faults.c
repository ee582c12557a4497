/* Whatever call fails whenever: what was reported as synced is there after a power cut, and nothing is lost without one. */
#include "frail_disk.h"

struct play {
	struct heard heard;
	char *folder;
	double retired_below; /* values below it may be gone */
};

enum { FINAL = 70000 + 9 * 10 };

/* All values from `from` to below `until`, each with its name, in order when repeated ones are left out. */
static void is_there(const char *folder, double from, double until, const char *when)
{
	struct replayed r = scratch_look(folder);
	double next = from;

	for (size_t i = 0; i < r.n; i++)
		if (r.point[i].p.value == next)
			next++;
		else if (r.point[i].p.value > next)
			fail_msg("%s: %g comes after %g", when, r.point[i].p.value, next);
	if (next < until)
		fail_msg("%s: from %g to %g reported synced, found up to %g (%s)", when, from, until, next,
			 r.sum.why.text);
	assert_int_equal(r.sum.n_unnamed, 0);
	replayed_fini(&r);
}

static void committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	struct play *p = argument;
	char *copy;

	frail_aside = true;
	copy = frail_after_power_cut();
	/* a position counts points, and so do the values */
	is_there(copy, p->retired_below, (double)position, "after a power cut");
	scratch_remove(copy);
	frail_aside = false;
	heard_committed(&p->heard, position, rc, why);
}

/* Again and again, as an input does, until it is taken and synced. */
static void give(struct play *p, struct journal *j, size_t n)
{
	struct numbered *point = must_alloc(n * sizeof(*point));
	uint64_t position = 0;
	uint32_t segment;
	struct why why = { "" };
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		point[i] = (struct numbered){ 0, 1, (double)(p->heard.position + i) };
	for (unsigned i = 0; (rc = journal_append(j, point, n, 1, &position, &segment, &why)) != RC_OK && i < 30000;
	     i++) {
		assert_int_equal(rc, RC_DISK);
		usleep(1000);
	}
	assert_int_equal(rc, RC_OK);
	heard_wait(&p->heard, position);
	free(point);
}

static void a_start_on_a_full_disk_is_an_outage(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct numbered point = { 0, 1, 1.0 };
	struct journal_stats stats;
	struct why why = { "" };
	struct journal *j;
	struct replayed r;
	uint64_t position;
	uint32_t segment;

	heard_init(&h);
	options.retry_ms = 1;
	j = scratch_open(&options);
	r = scratch_replay(j);
	replayed_fini(&r);
	frail_start(folder, FRAIL_RESERVE, 1, 20);
	journal_start(j);
	scratch_name(j, 0, "x");
	for (enum rc rc; (rc = journal_append(j, &point, 1, 1, &position, &segment, &why)) != RC_OK; usleep(1000)) {
		assert_int_equal(rc, RC_DISK);
		assert_non_null(strstr(why.text, "the journal cannot be written: segment-"));
		assert_non_null(strstr(why.text, strerror(ENOSPC)));
	}
	assert_int_not_equal(why.text[0], '\0'); /* refused at first */
	heard_wait(&h, 1);
	assert_int_equal(frail.n_failed, 20);
	assert_int_equal(h.n_failed, 1);
	assert_non_null(strstr(h.why.text, strerror(ENOSPC)));
	journal_stats(j, &stats);
	assert_false(stats.failing);
	assert_int_equal(stats.n_segments, 1);
	journal_close(j);
	frail_stop();
	is_there(folder, 1, 2, "after a full disk");
	assert_int_equal(scratch_count(folder, "segment-"), 1);
	scratch_remove(folder);
	(void)state;
}

/* Segments have their space before the first point, and so have the names of new series. */
static void names_have_their_space_ahead(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;
	struct stat st;
	char *path = must_format("%s/names-0000000001", folder);

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	heard_wait(&h, scratch_count_up(j, 0, 1, 1, NULL));
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size >= 64 << 10);
	assert_true(st.st_blocks * 512 >= 64 << 10);
	journal_close(j);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 8192);
	r = scratch_look(folder);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	replayed_fini(&r);
	free(path);
	scratch_remove(folder);
	(void)state;
}

/* Returns how many calls of the kind it made. */
static unsigned a_life_with(enum frail_call call, unsigned nth, unsigned times, bool *struck)
{
	struct play p = { .folder = scratch_folder() };
	struct journal_options options = scratch_options(p.folder, &p.heard);
	struct journal_stats stats;
	struct journal *j;
	struct replayed r;
	unsigned n_calls, n_outages;
	uint32_t rolled;

	heard_init(&p.heard);
	options.max_bytes = 16 << 20;
	options.committed = committed;
	options.argument = &p;
	options.commit_ms = 0;
	options.retry_ms = 1;
	frail_aside = true;
	j = scratch_open(&options);
	frail_aside = false;
	r = scratch_replay(j);
	replayed_fini(&r);
	frail_start(p.folder, call, nth, times);
	journal_start(j);
	scratch_name(j, 0, "x");
	give(&p, j, 10);
	give(&p, j, 10);
	scratch_name(j, 1, "y");
	give(&p, j, 10);
	journal_roll(j);
	give(&p, j, 70000);
	rolled = journal_roll(j);
	lock_take(&p.heard.lock);
	p.retired_below = 70030;
	lock_give_back(&p.heard.lock);
	for (unsigned i = 0; journal_retire(j, rolled, NULL) != RC_OK; i++)
		assert_true(i < times);
	for (unsigned i = 0; i < 6; i++) {
		if (i % 2 == 0)
			journal_roll(j);
		scratch_name(j, 2 + i, "z");
		give(&p, j, 10);
	}
	journal_stats(j, &stats);
	assert_false(stats.failing);
	assert_int_equal(stats.appended, FINAL);
	assert_int_equal(stats.synced, FINAL);
	journal_close(j);
	n_calls = frail.n_calls;
	*struck = frail.n_failed > 0;
	n_outages = p.heard.n_failed;
	frail_aside = true;
	is_there(p.folder, p.retired_below, FINAL, "at the end");
	frail_aside = false;
	frail_stop();
	if (n_outages > 1)
		fail_msg("one outage was reported %u times", n_outages);
	/* abandoned ones do not pile up */
	assert_true(scratch_count(p.folder, "segment-") <= 9 + times);
	assert_true(scratch_count(p.folder, "names-") <= 2);
	scratch_remove(p.folder);
	return n_calls;
}

static void every_call_fails(enum frail_call call, unsigned least, unsigned times)
{
	bool struck = true;
	unsigned n = 1;

	/* two in a row: every second call is the first of them */
	for (; struck; n += times)
		a_life_with(call, n, times, &struck);
	if (n - 1 < least)
		fail_msg("only %u calls were made to fail", n - 1);
}

#define FAULT(name, call, least)                                                                                       \
	static void name(void **state)                                                                                 \
	{                                                                                                              \
		every_call_fails(call, least, 1);                                                                      \
		every_call_fails(call, least, 2);                                                                      \
		(void)state;                                                                                           \
	}

FAULT(a_file_cannot_be_made, FRAIL_OPEN, 4)
FAULT(a_write_fails, FRAIL_WRITE, 20)
FAULT(a_write_is_cut_short, FRAIL_SHORT_WRITE, 20)
FAULT(a_sync_fails, FRAIL_DATASYNC, 20)
FAULT(the_folder_cannot_be_synced, FRAIL_SYNC, 4)
FAULT(no_space_for_a_segment, FRAIL_RESERVE, 4)
FAULT(a_truncate_fails, FRAIL_TRUNCATE, 4)
FAULT(a_rename_fails, FRAIL_RENAME, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_cannot_be_made),
		cmocka_unit_test(a_write_fails),
		cmocka_unit_test(a_write_is_cut_short),
		cmocka_unit_test(a_sync_fails),
		cmocka_unit_test(the_folder_cannot_be_synced),
		cmocka_unit_test(no_space_for_a_segment),
		cmocka_unit_test(a_truncate_fails),
		cmocka_unit_test(a_rename_fails),
		cmocka_unit_test(a_start_on_a_full_disk_is_an_outage),
		cmocka_unit_test(names_have_their_space_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
