#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rc.h"
#include "graph/rpn.h"

static size_t find(void *argument, struct text name)
{
	static const char *const names[] = { "down", "up", "gone", "MAX", "1" };

	(void)argument;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (text_is(name, names[i]))
			return i;
	return SIZE_MAX;
}

static void results(void **state)
{
	static const double value[] = { 10, 4, NAN, 7, 99 };
	static const struct {
		const char *cdef;
		double wanted;
	} cases[] = {
		{ "down,8,*", 80 },
		{ " down , 8 , * ", 80 },
		{ "down", 10 },
		{ "2.5e1", 25 },
		{ "down,up,-", 6 },
		{ "down,up,/", 2.5 },
		{ "down,up,%", 2 },
		{ "down,up,+,2,/", 7 },
		{ "down,up,MIN", 4 },
		{ "down,gone,MIN", NAN },
		{ "gone,UN", 1 },
		{ "down,UN", 0 },
		{ "gone,UN,0,gone,IF", 0 },
		{ "down,UN,0,down,IF", 10 },
		{ "gone,1,2,IF", 2 },
		{ "down,up,GT,up,down,IF", 4 },
		{ "down,up,LT", 0 },
		{ "down,10,GE", 1 },
		{ "down,10,LE", 1 },
		{ "down,10,EQ", 1 },
		{ "gone,0,EQ", NAN },
		{ "down,0,/", NAN },
		{ "UNKN", NAN },
		{ "up,gone,+", NAN },
		/* a data source of such a name goes before the word */
		{ "MAX", 7 },
		{ "1,1,+", 198 },
	};
	struct rpn p;
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		double got;

		if (rpn_parse(text_of(cases[i].cdef), find, NULL, &p, &why) != RC_OK)
			fail_msg("%s: %s", cases[i].cdef, why.text);
		got = rpn_eval(&p, value);
		if (isnan(got) != isnan(cases[i].wanted) || (!isnan(got) && got != cases[i].wanted))
			fail_msg("%s: %g, wanted %g", cases[i].cdef, got, cases[i].wanted);
	}
	(void)state;
}

static void what_cannot_be_calculated_is_refused(void **state)
{
	static const struct {
		const char *cdef, *why;
	} cases[] = {
		{ "", "\"\": expected a number" },
		{ "down,8", "it leaves 2 values" },
		{ "*", "\"*\" needs 2 values before it, there are 0" },
		{ "down,*", "\"*\" needs 2 values before it, there are 1" },
		{ "down,8,IF", "\"IF\" needs 3 values" },
		{ "down,8,*,", "\"\": expected a number" },
		{ "down,8,^", "\"^\": expected a number, a data source or one of" },
		{ "left,8,*", "\"left\": expected" },
		{ "U", "\"U\": expected" },
		{ "down,300,TREND", "\"TREND\": expected" },
	};
	char deep[4096] = "down";
	struct rpn p;
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(rpn_parse(text_of(cases[i].cdef), find, NULL, &p, &why), RC_REFUSED);
		if (strstr(why.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].cdef, why.text);
	}
	for (int i = 0; i < RPN_MAX_DEPTH; i++)
		strcat(deep, ",down");
	assert_int_equal(rpn_parse(text_of(deep), find, NULL, &p, &why), RC_REFUSED);
	strcpy(deep, "down");
	for (int i = 0; i < RPN_MAX_WORDS; i++)
		strcat(deep, ",UN");
	assert_int_equal(rpn_parse(text_of(deep), find, NULL, &p, &why), RC_REFUSED);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(what_cannot_be_calculated_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
