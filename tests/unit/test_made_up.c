#include "test.h"

#include "base/buf.h"
#include "ingest/made_up.h"
#include "wire/reply.h"

static void our_own_words_are_known_again(void **state)
{
	static const struct text ds[] = { TEXT_INIT("a"), TEXT_INIT("\"é\n"), TEXT_INIT("c") };
	struct buf b;

	buf_init(&b, SIZE_MAX);
	for (size_t n = 0; n <= ARRAY_LEN(ds); n++) {
		buf_clear(&b);
		reply_default_info(&b, TEXT("p \"q\""), ds, n);
		assert_true(made_up_info(TEXT("p \"q\""), buf_text(&b)));
		assert_false(made_up_info(TEXT("p"), buf_text(&b)));
		buf_add_str(&b, " ");
		assert_false(made_up_info(TEXT("p \"q\""), buf_text(&b)));
	}
	buf_clear(&b);
	reply_default_myinfo(&b, TEXT("a.b"), TEXT("83"), TEXT("ab"));
	assert_false(made_up_myinfo(TEXT("a.b"), buf_text(&b))); /* not its md5 */
	buf_clear(&b);
	reply_default_myinfo(&b, TEXT("h"), TEXT("2510c3"), TEXT("h"));
	assert_true(made_up_myinfo(TEXT("h"), buf_text(&b)));
	assert_false(made_up_myinfo(TEXT("i"), buf_text(&b)));
	buf_fini(&b);
	(void)state;
}

static void real_ones_and_noise_are_not(void **state)
{
	static const char *const real[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"Infos\": 3}",
		"{\"Infos\": {}}",
		"{\"Plugin\": \"p\", \"Title\": \"p\", \"Infos\": {\"a\": {\"id\": \"a\"}}}"
	};

	for (size_t i = 0; i < ARRAY_LEN(real); i++) {
		assert_false(made_up_info(TEXT("p"), text_of(real[i])));
		assert_false(made_up_myinfo(TEXT("p"), text_of(real[i])));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_words_are_known_again),
		cmocka_unit_test(real_ones_and_noise_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
