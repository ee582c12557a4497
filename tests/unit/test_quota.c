#include "engine_scratch.h"

#include <string.h>

#include "ingest/quota.h"

enum { PLENTY = 64 * 1024 * 1024, NOW_S = 1795342600, MINUTE_MS = 60000 };

/* "host/plugin/ds", a host's folder being its name; what test_has() and test_count() look at. */
static const char *file[32];
static size_t n_files;
static struct values_ops ops;

static enum rc test_has(struct values *v, const struct series *s, struct why *why)
{
	char name[64];

	(void)v;
	name_of(s, name);
	for (size_t i = 0; i < n_files; i++)
		if (strcmp(file[i], name) == 0)
			return RC_OK;
	return because(why, RC_ABSENT, "no such file");
}

static atomic_bool count_lasts; /* that of the whole: until it is no more, or it was enough */

static enum rc test_count(struct values *v, struct text folder, const atomic_bool *enough, uint64_t *n, struct why *why)
{
	(void)v;
	while (folder.s == NULL && atomic_load(&count_lasts))
		if (atomic_load(enough))
			return because(why, RC_END, "enough");
	*n = 0;
	for (size_t i = 0; i < n_files; i++)
		*n += folder.s == NULL || (strncmp(file[i], folder.s, folder.n) == 0 && file[i][folder.n] == '/');
	return RC_OK;
}

struct fixture {
	struct scratch_engine s;
	struct quota quota;
	struct mono now;
};

static int begin(void **state)
{
	static struct fixture f;

	scratch_init(&f.s);
	ops = *f.s.values->base.ops;
	ops.has = test_has;
	ops.count = test_count;
	f.s.values->base.ops = &ops;
	scratch_open(&f.s, PLENTY, PLENTY);
	scratch_start(&f.s);
	n_files = 0;
	f.now = mono_now();
	quota_init(&f.quota, f.s.engine, &(struct quota_limits){ 0, 0, 0 });
	*state = &f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	quota_fini(&f->quota);
	scratch_fini(&f->s);
	return 0;
}

static void limit(struct fixture *f, uint64_t per_host, uint64_t total, uint64_t per_minute)
{
	quota_set(&f->quota, &(struct quota_limits){ per_host, total, per_minute });
}

/* Known, with a point that waits. */
static void add_waiting(struct fixture *f, const char *host, const char *ds)
{
	assert_int_equal(scratch_accept(&f->s, scratch_series(&f->s, host, ds), NOW_S, 1), RC_OK);
}

/* As a round of storing does: what the registry knows is not asked for. */
static enum reason add(struct fixture *f, const char *host, const char *ds)
{
	struct series s = { text_of(host), text_of(host), TEXT("df"), text_of(ds) };
	enum reason reason;

	if (registry_find(engine_registry(f->s.engine), s.host, s.plugin, s.ds) != REGISTRY_NONE)
		return REASON_NONE;
	reason = quota_admit(&f->quota, &s, NOW_S, f->now);
	if (reason == REASON_NONE)
		add_waiting(f, host, ds);
	return reason;
}

static void without_limits_nothing_is_on(void **state)
{
	struct fixture *f = *state;

	assert_false(quota_is_on(&f->quota));
	limit(f, 0, 0, 1);
	assert_true(quota_is_on(&f->quota));
}

static void a_host_counts_files_and_what_waits_for_one(void **state)
{
	struct fixture *f = *state;

	file[n_files++] = "h/df/a";
	file[n_files++] = "h/if/x";
	file[n_files++] = "h2/df/a";
	add_waiting(f, "h", "a");              /* known, and a file */
	add_waiting(f, "h", "b");              /* known, none yet */
	scratch_series(&f->s, "h", "removed"); /* known, none any more */
	limit(f, 4, 0, 0);
	assert_int_equal(add(f, "h", "c"), REASON_NONE);
	assert_int_equal(add(f, "h", "d"), REASON_SERIES_PER_HOST);
	assert_int_equal(add(f, "h2", "d"), REASON_NONE);
	file[n_files++] = "h/df/old"; /* not known, but there: it is not new */
	assert_int_equal(add(f, "h", "old"), REASON_NONE);
	assert_int_equal(add(f, "h", "d"), REASON_SERIES_PER_HOST);
}

static void a_host_is_counted_again_when_files_may_have_gone(void **state)
{
	struct fixture *f = *state;

	file[n_files++] = "h/df/a";
	file[n_files++] = "h/df/b";
	limit(f, 2, 0, 0);
	assert_int_equal(add(f, "h", "c"), REASON_SERIES_PER_HOST);
	n_files = 1;
	assert_int_equal(add(f, "h", "c"), REASON_SERIES_PER_HOST);
	f->now = mono_after_ms(f->now, MINUTE_MS);
	assert_int_equal(add(f, "h", "c"), REASON_NONE);
	assert_int_equal(add(f, "h", "d"), REASON_SERIES_PER_HOST);
}

static void what_came_while_there_was_no_limit_counts(void **state)
{
	struct fixture *f = *state;

	limit(f, 3, 3, 0);
	assert_int_equal(add(f, "h", "a"), REASON_NONE);
	limit(f, 0, 0, 0);
	add_waiting(f, "h", "b");
	add_waiting(f, "h", "c");
	limit(f, 3, 0, 0);
	assert_int_equal(add(f, "h", "d"), REASON_SERIES_PER_HOST);
	limit(f, 0, 4, 0);
	assert_int_equal(add(f, "h", "d"), REASON_NONE);
	assert_int_equal(add(f, "h", "e"), REASON_SERIES_TOTAL);
}

static void the_whole_counts_files_and_what_waits_for_one(void **state)
{
	struct fixture *f = *state;
	struct quota_state state_now;

	file[n_files++] = "h/df/a";
	file[n_files++] = "g/df/a";
	add_waiting(f, "h", "a");
	add_waiting(f, "h", "b");
	scratch_series(&f->s, "h", "removed");
	limit(f, 0, 4, 0);
	quota_begin(&f->quota);
	assert_int_equal(add(f, "g", "a"), REASON_NONE);
	assert_int_equal(add(f, "g", "b"), REASON_NONE);
	assert_int_equal(add(f, "g", "c"), REASON_SERIES_TOTAL);
	quota_look(&f->quota, &state_now);
	assert_int_equal(state_now.n_series, 4);
	assert_int_equal(state_now.refused_s[1], NOW_S);
	assert_int_equal(state_now.refused_s[0], 0);
}

static void nothing_is_refused_before_the_whole_is_counted(void **state)
{
	struct fixture *f = *state;

	file[n_files++] = "h/df/a";
	atomic_store(&count_lasts, true);
	limit(f, 0, 3, 0);
	quota_begin(&f->quota);
	assert_int_equal(add(f, "h", "b"), REASON_NONE); /* after two seconds */
	for (const char *ds = "c\0d\0e\0"; *ds != '\0'; ds += 2)
		assert_int_equal(add(f, "h", ds), REASON_NONE);
	/* another limit: the count that goes on is left, a new one begins */
	limit(f, 0, 5, 0);
	assert_int_equal(add(f, "h", "f"), REASON_NONE);
	atomic_store(&count_lasts, false);
	lock_take(&f->quota.lock);
	while (!f->quota.counted)
		signal_wait(&f->quota.signal, &f->quota.lock);
	lock_give_back(&f->quota.lock);
	assert_int_equal(add(f, "h", "g"), REASON_SERIES_TOTAL);
}

static void a_minute_lets_so_many_in(void **state)
{
	struct fixture *f = *state;

	limit(f, 0, 0, 2);
	assert_int_equal(add(f, "h", "a"), REASON_NONE);
	assert_int_equal(add(f, "g", "a"), REASON_NONE);
	assert_int_equal(add(f, "g", "b"), REASON_SERIES_RATE);
	file[n_files++] = "i/df/a";
	assert_int_equal(add(f, "i", "a"), REASON_NONE);
	f->now = mono_after_ms(f->now, MINUTE_MS);
	assert_int_equal(add(f, "g", "b"), REASON_NONE);
	assert_int_equal(add(f, "g", "c"), REASON_NONE);
	assert_int_equal(add(f, "g", "d"), REASON_SERIES_RATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_limits_nothing_is_on, begin, end),
		cmocka_unit_test_setup_teardown(a_host_counts_files_and_what_waits_for_one, begin, end),
		cmocka_unit_test_setup_teardown(a_host_is_counted_again_when_files_may_have_gone, begin, end),
		cmocka_unit_test_setup_teardown(what_came_while_there_was_no_limit_counts, begin, end),
		cmocka_unit_test_setup_teardown(the_whole_counts_files_and_what_waits_for_one, begin, end),
		cmocka_unit_test_setup_teardown(nothing_is_refused_before_the_whole_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(a_minute_lets_so_many_in, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
