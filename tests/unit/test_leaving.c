#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "storage/leaving.h"

/* The keys that went, in one text. */
struct gone {
	struct leaving *leaving;
	char keys[64];
};

static void note(void *argument, struct text key)
{
	struct gone *g = argument;

	assert_false(leaving_has(g->leaving, key));
	strncat(g->keys, key.s, key.n);
}

static struct mono at(int64_t ms)
{
	return mono_after_ms((struct mono){ 0 }, ms);
}

static void goes_when_it_is_due(void **state)
{
	struct leaving l;
	struct gone g = { &l, "" };

	leaving_init(&l);
	assert_int_equal(leaving_take(&l, at(5000), note, &g), 0);
	leaving_add(&l, TEXT("a"), at(1000));
	leaving_add(&l, TEXT("b"), at(2000));
	assert_int_equal(leaving_take(&l, at(999), note, &g), 0);
	assert_true(leaving_has(&l, TEXT("a")));
	assert_int_equal(leaving_take(&l, at(1000), note, &g), 1);
	assert_string_equal(g.keys, "a");
	assert_true(leaving_has(&l, TEXT("b")));
	assert_int_equal(leaving_take(&l, at(1999), note, &g), 0);
	assert_int_equal(leaving_take(&l, at(2000), note, &g), 1);
	assert_string_equal(g.keys, "ab");
	assert_int_equal(leaving_take(&l, at(9000), note, &g), 0);
	leaving_fini(&l);
	(void)state;
}

static void stays_when_it_is_listed_again(void **state)
{
	struct leaving l;
	struct gone g = { &l, "" };

	leaving_init(&l);
	leaving_add(&l, TEXT("a"), at(1000));
	leaving_keep(&l, TEXT("a"));
	leaving_keep(&l, TEXT("unknown"));
	assert_int_equal(leaving_take(&l, at(1000), note, &g), 0);
	/* and its time begins anew when it leaves again */
	leaving_add(&l, TEXT("a"), at(3000));
	leaving_add(&l, TEXT("a"), at(4000));
	assert_int_equal(leaving_take(&l, at(2999), note, &g), 0);
	assert_int_equal(leaving_take(&l, at(3000), note, &g), 1);
	leaving_fini(&l);
	(void)state;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_when_it_is_due),
		cmocka_unit_test(stays_when_it_is_listed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
