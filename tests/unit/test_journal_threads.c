/* Append, commit, retire and statistics at the same time: made for the thread sanitizer. */
#include "journal_scratch.h"

static struct {
	struct journal *j;
	atomic_uint oldest_needed;
	atomic_bool done;
} shared;

static void *retire(void *argument)
{
	while (!atomic_load(&shared.done)) {
		assert_int_equal(journal_retire(shared.j, atomic_load(&shared.oldest_needed), NULL), RC_OK);
		usleep(500);
	}
	return argument;
}

static void *look(void *argument)
{
	struct journal_stats stats;

	while (!atomic_load(&shared.done)) {
		journal_stats(shared.j, &stats);
		must(stats.synced <= stats.appended);
		must(stats.oldest_segment <= stats.current_segment);
		must(journal_current(shared.j) >= stats.current_segment);
		usleep(100);
	}
	return argument;
}

static void all_at_once(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	uint64_t position = 0, kept_from = 0;
	uint32_t segment, kept_segment = 0;
	pthread_t retirer, looker;
	struct replayed r;
	double next;

	heard_init(&h);
	options.commit_ms = 0;
	options.max_bytes = 64 << 20;
	shared.j = scratch_start(&options);
	thread_start(&retirer, "retire", retire, NULL);
	thread_start(&looker, "look", look, NULL);
	for (unsigned i = 0; i < 3000; i++) {
		if (i % 100 == 0)
			scratch_name(shared.j, i / 100, "x");
		position = scratch_count_up(shared.j, (double)position, i % 500, 1000 + i / 10, &segment);
		if (i % 200 == 199) {
			heard_wait(&h, position);
			kept_segment = journal_roll(shared.j);
			kept_from = position;
			atomic_store(&shared.oldest_needed, kept_segment);
		}
	}
	heard_wait(&h, position);
	position = scratch_count_up(shared.j, (double)position, 100, 9999, &segment);
	atomic_store(&shared.done, true);
	pthread_join(retirer, NULL);
	pthread_join(looker, NULL);
	journal_close(shared.j);
	r = scratch_look(folder);
	next = (double)kept_from;
	for (size_t i = 0; i < r.n; i++)
		if (r.point[i].p.value >= next) {
			assert_int_equal(r.point[i].p.value, next);
			next++;
		}
	assert_int_equal(next, position);
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
