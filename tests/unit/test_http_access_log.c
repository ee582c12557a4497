#include <string.h>

#include "test.h"

#include "http/access_log.h"

static void print_is(const struct access *a, const char *behind_time)
{
	struct buf line;
	const char *at;

	buf_init(&line, ACCESS_LINE_MAX_BYTES);
	access_log_print(a, &line);
	buf_add(&line, "", 1);
	assert_int_equal(strncmp(line.at, "10.0.0.1 - - [", 14), 0);
	at = strchr(line.at, ']');
	assert_non_null(at);
	assert_string_equal(at, behind_time);
	buf_fini(&line);
}

static void line_is_as_nginx_has_it(void **state)
{
	(void)state;
	print_is(&(struct access){ .client = TEXT("10.0.0.1"),
				   .method = TEXT("GET"),
				   .target = TEXT("/numeter-storage/hosts?a=%22"),
				   .version = TEXT("HTTP/1.1"),
				   .referer = TEXT_NONE,
				   .agent = TEXT("curl/7"),
				   .status = 304,
				   .time_s = 1400003617,
				   .took_ns = 12345678 },
		 "] \"GET /numeter-storage/hosts?a=%22 HTTP/1.1\" 304 0 \"-\" \"curl/7\" 0.012\n");
}

/* Whatever stands in it: one line, and its quotes are ours. */
static void nothing_breaks_out(void **state)
{
	char all[256];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	buf_init(&out, ACCESS_LINE_MAX_BYTES);
	access_log_escape(&out, (struct text){ all, sizeof(all) });
	for (size_t i = 0; i < out.n; i++) {
		assert_in_range((unsigned char)out.at[i], 0x20, 0x7e);
		assert_int_not_equal(out.at[i], '"');
	}
	assert_int_equal(out.n, 256 + 3 * (32 + 2 + 129)); /* controls, quote and backslash, 0x7f and above */
	buf_clear(&out);
	access_log_escape(&out, TEXT("a\"b\\c\n\x7f\xff"));
	assert_true(text_is(buf_text(&out), "a\\x22b\\x5Cc\\x0A\\x7F\\xFF"));
	buf_clear(&out);
	access_log_escape(&out, TEXT(""));
	assert_true(text_is(buf_text(&out), "-"));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_as_nginx_has_it),
		cmocka_unit_test(nothing_breaks_out),
	};

	return cmocka_run_group_tests_name("access_log", tests, NULL, NULL);
}
