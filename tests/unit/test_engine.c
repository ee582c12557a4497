#include "engine_scratch.h"

enum { T0 = 1795342600, PLENTY = 64 * 1024 * 1024 };

static void point_is_readable_before_it_is_written(void **state)
{
	struct series series = { TEXT("h"), TEXT("h"), TEXT("df"), TEXT("root") };
	struct scratch_engine s;
	struct span span;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	scratch_start(&s);
	assert_int_equal(engine_version(s.engine, &series), 0);
	assert_int_equal(engine_fetch(s.engine, &series, T0, T0, T0, &span, NULL), RC_ABSENT);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "root"), T0, 4.5), RC_OK);
	assert_int_equal(engine_fetch(s.engine, &series, T0, T0, T0, &span, NULL), RC_OK);
	assert_true(span.value[0] == 4.5);
	span_fini(&span);
	assert_int_not_equal(engine_version(s.engine, &series), 0);
	assert_int_equal(n_stored(s.values, NULL), 0);
	scratch_fini(&s);
}

static void every_new_point_changes_the_version(void **state)
{
	struct series series = { TEXT("h"), TEXT("h"), TEXT("df"), TEXT("root") };
	struct scratch_engine s;
	uint32_t before, id;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	scratch_start(&s);
	id = scratch_series(&s, "h", "root");
	assert_int_equal(scratch_accept(&s, id, T0, 1), RC_OK);
	before = engine_version(s.engine, &series);
	assert_int_equal(scratch_accept(&s, id, T0, 2), RC_OK); /* a correction */
	assert_int_not_equal(engine_version(s.engine, &series), before);
	scratch_fini(&s);
}

static void accepted_points_come_back_after_a_restart(void **state)
{
	struct series series = { TEXT("h1"), TEXT("h1"), TEXT("df"), TEXT("b") };
	struct journal_replayed replayed;
	struct scratch_engine s;
	struct span span;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	scratch_start(&s);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h0", "a"), T0, 1), RC_OK);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h1", "b"), T0, 2), RC_OK);
	for (int run = 0; run < 3; run++) { /* replaying again and again changes nothing */
		engine_close(s.engine);
		s.committed = 0;
		scratch_open(&s, PLENTY, PLENTY);
		replayed = scratch_start(&s);
		assert_int_equal(replayed.n_points, 2);
		assert_int_equal(replayed.n_damaged_bytes, 0);
		assert_int_equal(engine_fetch(s.engine, &series, T0, T0, T0, &span, NULL), RC_OK);
		assert_true(span.value[0] == 2);
		span_fini(&span);
		assert_int_equal(s.values->n_pending_seen, 1);
	}
	/* numbers of two runs are not mixed up: another order of arrival in the new run */
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h9", "z"), T0, 9), RC_OK);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h1", "b"), T0 + 60, 3), RC_OK);
	engine_close(s.engine);
	s.committed = 0;
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(scratch_start(&s).n_points, 4);
	assert_int_equal(engine_fetch(s.engine, &series, T0, T0, T0, &span, NULL), RC_OK);
	assert_true(span.value[0] == 3);
	assert_int_equal(s.values->n_pending_seen, 2);
	span_fini(&span);
	scratch_fini(&s);
}

static void nothing_is_taken_before_the_replay(void **state)
{
	struct scratch_engine s;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), T0, 1), RC_FULL);
	scratch_start(&s);
	assert_int_equal(scratch_accept(&s, scratch_series(&s, "h", "a"), T0, 1), RC_OK);
	scratch_fini(&s);
}

static void second_engine_is_refused(void **state)
{
	struct scratch_engine s;
	struct engine *second = NULL;
	struct why why = { "" };

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(engine_open(&(struct engine_options){ .values = &s.values->base,
							       .journal_path = s.path,
							       .journal_commit_ms = 1,
							       .journal_commit_bytes = 1,
							       .journal_max_bytes = PLENTY,
							       .cache_max_bytes = PLENTY },
				     &second, &why),
			 RC_REFUSED);
	assert_null(second);
	scratch_fini(&s);
}

static void full_cache_takes_nothing_more(void **state)
{
	struct scratch_engine s;
	enum rc rc = RC_OK;
	int n = 0;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, 16 * 1024);
	scratch_start(&s);
	for (; n < 100000 && rc == RC_OK; n++) {
		struct numbered p = { scratch_series(&s, "h", "a"), (uint32_t)(T0 + n), 1 };
		uint64_t position;

		rc = engine_accept(s.engine, &p, 1, T0, &position, NULL);
	}
	assert_int_equal(rc, RC_FULL);
	assert_true(n > 500 && n < 2000); /* 16 KiB of 16-byte points */
	assert_true(engine_pressure(s.engine) >= 95);
	scratch_fini(&s);
}

static void a_replay_ends_when_told(void **state)
{
	static struct numbered p[1000];
	struct journal_replayed replayed;
	struct scratch_engine s;
	uint64_t position;
	struct why why;
	uint32_t id;

	(void)state;
	scratch_init(&s);
	scratch_open(&s, PLENTY, PLENTY);
	scratch_start(&s);
	id = scratch_series(&s, "h", "a");
	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t k = 0; k < ARRAY_LEN(p); k++)
			p[k] = (struct numbered){ id, T0 + i * 1000 + k, 1 };
		assert_int_equal(engine_accept(s.engine, p, ARRAY_LEN(p), T0, &position, &why), RC_OK);
	}
	engine_close(s.engine);
	s.had_enough = true;
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(engine_start(s.engine, &replayed, &why), RC_END);
	assert_int_equal(s.n_asked, 1);
	assert_in_range(replayed.n_points, 65536, 140000); /* not the rest */
	assert_int_equal(engine_accept(s.engine, p, 1, T0, &position, &why), RC_FULL);
	assert_int_equal(engine_retire(s.engine, &why), RC_OK); /* and nothing goes */
	engine_close(s.engine);
	s.had_enough = false;
	scratch_open(&s, PLENTY, PLENTY);
	assert_int_equal(scratch_start(&s).n_points, 300000);
	assert_in_range(s.n_asked, 3, 6);
	scratch_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(point_is_readable_before_it_is_written),
		cmocka_unit_test(every_new_point_changes_the_version),
		cmocka_unit_test(accepted_points_come_back_after_a_restart),
		cmocka_unit_test(a_replay_ends_when_told),
		cmocka_unit_test(nothing_is_taken_before_the_replay),
		cmocka_unit_test(second_engine_is_refused),
		cmocka_unit_test(full_cache_takes_nothing_more),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
