#include "test.h"

#include <locale.h>

#include "ctl/plain.h"
#include "ctl/table.h"

static const struct {
	struct text stored;
	const char *shown;
	size_t columns;
} texts[] = {
	{ TEXT_INIT(""), "", 0 },
	{ TEXT_INIT("web 1"), "web 1", 5 },
	{ TEXT_INIT("h\xc3\xb4te"), "h\xc3\xb4te", 4 },
	{ TEXT_INIT("\xe6\xbc\xa2\xe5\xad\x97"), "\xe6\xbc\xa2\xe5\xad\x97", 4 }, /* two wide letters */
	{ TEXT_INIT("e\xcc\x81"), "e\xcc\x81", 1 },                               /* an accent of its own */
	{ TEXT_INIT("a\nb\tc\rd"), "a\\nb\\tc\\rd", 10 },
	{ TEXT_INIT("\033[31mred\a"), "\\x1b[31mred\\x07", 15 },
	{ TEXT_INIT("nul\0l"), "nul\\x00l", 8 },
	{ TEXT_INIT("\x7f"), "\\x7f", 4 },
	{ TEXT_INIT("\xc2\x9b"), "\\u009b", 6 },              /* a control sequence of eight bits */
	{ TEXT_INIT("\xe2\x80\xae"), "\\u202e", 6 },          /* right to left from here on */
	{ TEXT_INIT("x\xff\xc3"), "x\\xff\\xc3", 9 },         /* not UTF-8 */
	{ TEXT_INIT("\xed\xa0\x80"), "\\xed\\xa0\\x80", 12 }, /* half a pair */
};

static void makes_stored_text_plain(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_clear(&b);
		plain_add(&b, texts[i].stored);
		assert_int_equal(b.n, strlen(texts[i].shown));
		assert_memory_equal(buf_text(&b).s, texts[i].shown, b.n);
		assert_int_equal(plain_width(buf_text(&b)), texts[i].columns);
	}
	buf_fini(&b);
}

static void cuts_at_a_column(void **state)
{
	static const struct {
		const char *stored;
		size_t columns;
		const char *shown;
	} cuts[] = { { "abcdef", 6, "abcdef" },
		     { "abcdef", 4, "abc…" },
		     { "\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2…" },
		     { "\xe6\xbc\xa2\xe5\xad\x97", 2, "…" }, /* a letter of two columns is not cut in half */
		     { "abc", 1, "…" },
		     { "abc", 0, "" } };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		buf_clear(&b);
		plain_add_cut(&b, text_of(cuts[i].stored), cuts[i].columns);
		assert_true(text_is(buf_text(&b), cuts[i].shown));
	}
	buf_fini(&b);
}

static void aligns_by_what_is_seen(void **state)
{
	struct text_table t;
	struct buf b;

	(void)state;
	text_table_init(&t, 3);
	text_table_column(&t, TEXT("HOST"), TABLE_LEFT);
	text_table_column(&t, TEXT("N"), TABLE_RIGHT);
	text_table_column(&t, TEXT("WHAT"), TABLE_LEFT);
	assert_int_equal(text_table_rows(&t), 0);
	text_table_add(&t, TEXT("h\xc3\xb4te"));
	text_table_addf(&t, "%d", 7);
	text_table_add(&t, TEXT("x"));
	text_table_add(&t, TEXT("\xe6\xbc\xa2\xe5\xad\x97\n"));
	text_table_addf(&t, "%d", 1234);
	text_table_add(&t, TEXT(""));
	assert_int_equal(text_table_rows(&t), 2);
	buf_init(&b, SIZE_MAX);
	text_table_print(&t, &b);
	assert_true(text_is(buf_text(&b), "HOST       N  WHAT\n"
					  "h\xc3\xb4te       7  x\n"
					  "\xe6\xbc\xa2\xe5\xad\x97\\n  1234\n"));
	text_table_fini(&t);
	buf_fini(&b);
}

static void leaves_out_columns_that_say_nothing(void **state)
{
	struct text_table t;
	struct buf b;

	(void)state;
	text_table_init(&t, 3);
	t.leaves_out_empty = true;
	for (int i = 0; i < 3; i++)
		text_table_column(&t, i == 0 ? TEXT("A") : i == 1 ? TEXT("EMPTY") : TEXT("B"), TABLE_LEFT);
	text_table_add(&t, TEXT("1"));
	text_table_add(&t, TEXT(""));
	text_table_add(&t, TEXT("2"));
	buf_init(&b, SIZE_MAX);
	text_table_print(&t, &b);
	assert_true(text_is(buf_text(&b), "A  B\n1  2\n"));
	text_table_fini(&t);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_stored_text_plain),
		cmocka_unit_test(cuts_at_a_column),
		cmocka_unit_test(aligns_by_what_is_seen),
		cmocka_unit_test(leaves_out_columns_that_say_nothing),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
