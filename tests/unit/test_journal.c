#include "journal_scratch.h"

static void what_was_appended_is_replayed_in_order(void **state)
{
	const struct numbered first[] = { { 0, 100, 1.5 }, { 1, 101, -2 } }, second[] = { { 1, 102, 3 } };
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;
	uint32_t segment;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "cpu");
	scratch_name(j, 1, "df");
	assert_int_equal(scratch_append(j, first, 2, 1000, &segment), 2);
	assert_int_equal(segment, 1);
	assert_int_equal(scratch_append(j, second, 1, 1001, &segment), 3);
	heard_wait(&h, 3);
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.n_names, 2);
	assert_string_equal(r.name[0].text, "host|0c/host|cpu|ds");
	assert_string_equal(r.name[1].text, "host|0c/host|df|ds");
	for (size_t i = 0; i < 3; i++) {
		const struct numbered *p = i < 2 ? &first[i] : &second[0];

		assert_int_equal(r.point[i].run, r.name[0].run);
		assert_int_equal(r.point[i].segment, 1);
		assert_int_equal(r.point[i].accepted_s, i < 2 ? 1000 : 1001);
		assert_memory_equal(&r.point[i].p, p, sizeof(*p));
	}
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	assert_int_equal(r.sum.n_unnamed, 0);
	assert_int_equal(r.sum.n_segments, 1);
	assert_string_equal(r.sum.why.text, "");
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

static void an_append_larger_than_a_segment_is_split_and_answers_the_lowest(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;
	uint32_t segment, next;
	size_t n = 200000; /* 3.2 MB into segments of 1 MiB */

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "cpu");
	scratch_count_up(j, 0, 1000, 1, &segment);
	assert_int_equal(segment, 1);
	heard_wait(&h, scratch_count_up(j, 1000, n, 2, &segment));
	assert_int_equal(segment, 1);
	assert_int_equal(journal_current(j), 4);
	heard_wait(&h, scratch_count_up(j, 201000, 1, 3, &next));
	assert_int_equal(next, 4);
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n, 201001);
	assert_int_equal(r.sum.n_segments, 4);
	for (size_t i = 0; i < r.n; i++) {
		if (r.point[i].p.value != (double)i)
			fail_msg("point %zu is %.17g", i, r.point[i].p.value);
		assert_int_equal(r.point[i].accepted_s, i < 1000 ? 1 : i < 201000 ? 2 : 3);
	}
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

static void runs_keep_their_numbers_apart(void **state)
{
	static const char *const plugin[] = { "first", "second", "third" };
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct replayed r;

	heard_init(&h);
	for (size_t run = 0; run < 3; run++) {
		struct journal *j = scratch_start(&options);

		scratch_name(j, 0, plugin[run]);
		scratch_count_up(j, (double)run, 1, 1000, NULL);
		journal_close(j);
	}
	r = scratch_look(folder);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.n_names, 3);
	for (size_t i = 0; i < 3; i++) {
		char text[64];

		snprintf(text, sizeof(text), "host|0c/host|%s|ds", plugin[i]);
		assert_string_equal(r.name[i].text, text);
		assert_int_equal(r.point[i].run, r.name[i].run);
		assert_int_equal(r.point[i].p.value, i);
		assert_true(i == 0 || r.point[i].run > r.point[i - 1].run);
		assert_true(i == 0 || r.point[i].segment > r.point[i - 1].segment);
	}
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

static void retiring_takes_what_is_below_and_names_of_finished_runs(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal_stats stats;
	struct journal *j;
	struct replayed r;
	uint32_t segment;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "old");
	scratch_count_up(j, 0, 1, 1000, NULL);
	journal_close(j);

	h.position = 0;
	j = scratch_start(&options);
	scratch_name(j, 0, "new");
	heard_wait(&h, scratch_count_up(j, 1, 1, 1000, &segment));
	assert_int_equal(segment, 2);
	assert_int_equal(journal_roll(j), 3);
	assert_int_equal(journal_roll(j), 3);
	heard_wait(&h, scratch_count_up(j, 2, 1, 1000, &segment));
	assert_int_equal(segment, 3);
	journal_stats(j, &stats);
	assert_int_equal(stats.n_segments, 3);
	assert_int_equal(stats.oldest_segment, 1);
	assert_int_equal(stats.appended, 2);
	assert_int_equal(stats.synced, 2);
	assert_int_equal(stats.n_points, 2);
	assert_false(stats.failing);

	assert_int_equal(journal_retire(j, 1, NULL), RC_OK);
	assert_true(scratch_exists(folder, "segment-0000000001"));
	assert_true(scratch_exists(folder, "names-0000000001"));
	assert_int_equal(journal_retire(j, 2, NULL), RC_OK);
	assert_false(scratch_exists(folder, "segment-0000000001"));
	assert_false(scratch_exists(folder, "names-0000000001"));
	assert_true(scratch_exists(folder, "segment-0000000002"));
	assert_int_equal(journal_retire(j, UINT32_MAX, NULL), RC_OK);
	assert_false(scratch_exists(folder, "segment-0000000002"));
	assert_true(scratch_exists(folder, "segment-0000000003"));
	assert_true(scratch_exists(folder, "names-0000000002"));
	journal_stats(j, &stats);
	assert_int_equal(stats.n_segments, 1);
	assert_int_equal(stats.n_bytes, 1 << 20);
	assert_int_equal(stats.oldest_segment, 3);
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.point[0].p.value, 2);
	assert_int_equal(r.point[0].segment, 3);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

static void a_segment_that_was_rolled_away_from_goes_though_nothing_follows(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	for (unsigned i = 0; i < 5; i++) {
		heard_wait(&h, scratch_count_up(j, i, 1, 1000, NULL));
		assert_int_equal(journal_retire(j, journal_roll(j), NULL), RC_OK);
		assert_int_equal(scratch_count(folder, "segment-"), 0);
		assert_int_equal(scratch_count(folder, "spare-"), 1);
	}
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

static void a_reused_file_does_not_bring_back_what_it_held(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	/* full to the brim with records of the same shape, so that old ones lie where new ones could */
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < 12; i++)
			heard_wait(&h, scratch_count_up(j, round * 1000000 + i * 5000, 5000, 1000 + round, NULL));
		assert_int_equal(journal_retire(j, journal_roll(j), NULL), RC_OK);
		assert_int_equal(scratch_count(folder, "spare-"), 1);
	}
	heard_wait(&h, scratch_count_up(j, 77, 5000, 2000, NULL));
	assert_int_equal(scratch_count(folder, "spare-"), 0);
	/* as after a kill: the file is not closed */
	{
		char *copy = scratch_folder();
		size_t n;
		unsigned char *bytes;

		bytes = scratch_read(folder, "names-0000000001", &n);
		scratch_write(copy, "names-0000000001", bytes, n);
		free(bytes);
		bytes = scratch_read(folder, "segment-0000000007", &n);
		assert_int_equal(n, 1 << 20);
		scratch_write(copy, "segment-0000000007", bytes, n);
		free(bytes);
		r = scratch_look(copy);
		assert_int_equal(r.n, 5000);
		for (size_t i = 0; i < r.n; i++)
			assert_int_equal(r.point[i].p.value, 77 + i);
		assert_int_equal(r.sum.n_damaged_bytes, 0);
		replayed_fini(&r);
		scratch_remove(copy);
	}
	journal_close(j);
	scratch_remove(folder);
	(void)state;
}

static void full_until_something_is_retired(void **state)
{
	struct numbered p[5000] = { { 0, 0, 0 } };
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct why why = { "" };
	struct journal_stats stats;
	uint64_t position, n_taken = 0;
	struct journal *j;
	struct replayed r;
	uint32_t segment;
	enum rc rc;

	options.max_bytes = 4 << 20;
	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	while ((rc = journal_append(j, p, 5000, 1, &position, &segment, &why)) == RC_OK) {
		n_taken += 5000;
		assert_int_equal(position, n_taken);
	}
	assert_int_equal(rc, RC_FULL);
	assert_int_equal(n_taken, 260000); /* 4 segments of 65,5xx points */
	journal_stats(j, &stats);
	assert_int_equal(stats.appended, n_taken);
	assert_int_equal(stats.n_bytes, stats.max_bytes);
	heard_wait(&h, n_taken);
	assert_int_equal(journal_append(j, p, 5000, 1, &position, &segment, NULL), RC_FULL);
	assert_int_equal(journal_retire(j, 2, NULL), RC_OK);
	assert_int_equal(journal_append(j, p, 5000, 1, &position, &segment, &why), RC_OK);
	assert_int_equal(position, n_taken + 5000);
	journal_close(j);
	r = scratch_look(folder);
	assert_true(r.n > 195000 && r.n < 200000);
	assert_int_equal(r.sum.n_segments, 4);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

/* Else it would be refused for ever: what comes together is accepted or refused together. */
static void one_append_may_be_larger_than_what_may_wait(void **state)
{
	enum { N = 4200000 }; /* 67 MB */
	struct numbered *p = must_alloc(N * sizeof(*p));
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	uint64_t position;
	uint32_t segment;
	struct why why;
	struct journal *j;

	options.max_bytes = 256 << 20;
	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	assert_int_equal(journal_append(j, p, N, 1, &position, &segment, &why), RC_OK);
	assert_int_equal(position, N);
	heard_wait(&h, N);
	journal_close(j);
	free(p);
	scratch_remove(folder);
	(void)state;
}

static void a_second_daemon_is_refused(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j, *other = NULL;
	struct why why = { "" };
	char pid[32];

	heard_init(&h);
	j = scratch_start(&options);
	assert_int_equal(journal_open(&options, &other, &why), RC_REFUSED);
	assert_null(other);
	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_non_null(strstr(why.text, pid));
	journal_close(j);
	j = scratch_start(&options);
	journal_close(j);
	scratch_remove(folder);
	(void)state;
}

static void names_without_points_and_points_without_names(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct numbered p[] = { { 0, 1, 1 }, { 7, 1, 2 }, { 5, 1, 3 } };
	struct journal *j;
	struct replayed r;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "a");
	scratch_name(j, 5, "b");
	scratch_append(j, p, 3, 9, NULL);
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n_names, 2);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.point[1].p.value, 3);
	assert_int_equal(r.sum.n_unnamed, 1);
	assert_string_equal(r.sum.why.text, "segment-0000000001: 1 points of series without a name");
	replayed_fini(&r);
	/* such a segment is set aside, not removed */
	h.position = 0;
	j = scratch_start(&options);
	scratch_name(j, 0, "names alone");
	assert_int_equal(journal_retire(j, journal_current(j), NULL), RC_OK);
	assert_true(scratch_exists(folder, "segment-0000000001.damaged"));
	journal_close(j);
	r = scratch_look(folder);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.n_names, 1);
	assert_string_equal(r.name[0].text, "host|0c/host|names alone|ds");
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_replayed_in_order),
		cmocka_unit_test(an_append_larger_than_a_segment_is_split_and_answers_the_lowest),
		cmocka_unit_test(runs_keep_their_numbers_apart),
		cmocka_unit_test(retiring_takes_what_is_below_and_names_of_finished_runs),
		cmocka_unit_test(a_segment_that_was_rolled_away_from_goes_though_nothing_follows),
		cmocka_unit_test(a_reused_file_does_not_bring_back_what_it_held),
		cmocka_unit_test(full_until_something_is_retired),
		cmocka_unit_test(one_append_may_be_larger_than_what_may_wait),
		cmocka_unit_test(a_second_daemon_is_refused),
		cmocka_unit_test(names_without_points_and_points_without_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
