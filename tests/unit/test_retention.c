#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/point.h"
#include "model/schema.h"

static void reads_both_forms(void **state)
{
	struct retention r = retention_default;
	struct why why;

	assert_int_equal(retention_parse(TEXT("300:2016, 60:1440 10min:32d,1h:366d"), &r, &why), RC_OK);
	assert_int_equal(r.n_archives, 4);
	assert_int_equal(r.archive[0].step_s, 60);
	assert_int_equal(r.archive[2].step_s, 600);
	assert_int_equal(r.archive[2].n_points, 4608);
	assert_int_equal(r.archive[3].n_points, 8784);
	assert_int_equal(retention_longest_s(&r), 31622400);
	assert_int_equal(r.aggregation, AGGREGATION_AVERAGE);
	(void)state;
}

static void refuses_malformed_retentions(void **state)
{
	static const char *const refused[] = {
		"",
		"60s",
		"0s:10",
		"60:0",
		"60s:60x",
		"60:1440,60:20",
		"60:10,90:100",
		"60:1440,300:100",
		"60:2,300:10",
		"x:y",
		"60:99999999999",
		"1:4294967296",
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct retention r = retention_default;
		struct why why = { "" };

		if (retention_parse(text_of(refused[i]), &r, &why) != RC_REFUSED || why.text[0] == '\0')
			fail_msg("\"%s\" was taken", refused[i]);
		assert_memory_equal(&r, &retention_default, sizeof(r));
	}
	(void)state;
}

static void first_matching_rule_wins(void **state)
{
	struct schema s;
	struct schema_rule *r;

	schema_init(&s);
	r = schema_add(&s, "net");
	r->plugin = strdup("if_*");
	r->retention.xff = 0.25F;
	r = schema_add(&s, "web");
	r->host = strdup("web*");
	r->retention.xff = 0.75F;
	assert_true(schema_pick(&s, TEXT("web1"), TEXT("if_eth0"), TEXT("up"))->xff == 0.25F);
	assert_true(schema_pick(&s, TEXT("web1"), TEXT("df"), TEXT("up"))->xff == 0.75F);
	assert_true(schema_pick(&s, TEXT("db"), TEXT("df"), TEXT("up"))->xff == 0.5F);
	schema_fini(&s);
	(void)state;
}

static void spans_consolidate_on_long_boundaries(void **state)
{
	struct span s = { .start_s = 660, .step_s = 60, .n = 10, .aggregation = AGGREGATION_AVERAGE };

	s.value = malloc(s.n * sizeof(double));
	for (size_t i = 0; i < s.n; i++)
		s.value[i] = i == 9 ? NAN : (double)i; /* 660..1140, 1200 is unknown */
	span_consolidate(&s, 300);
	assert_int_equal(s.start_s, 600);
	assert_int_equal(s.step_s, 300);
	assert_int_equal(s.n, 3);
	assert_true(s.value[0] == 1.5 && s.value[1] == 6.0 && isnan(s.value[2]));
	span_fini(&s);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_forms),
		cmocka_unit_test(refuses_malformed_retentions),
		cmocka_unit_test(first_matching_rule_wins),
		cmocka_unit_test(spans_consolidate_on_long_boundaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
