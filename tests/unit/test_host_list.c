#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "config/host_list.h"

static void keep(void *argument, const char *text)
{
	strcat(argument, text);
	strcat(argument, "\n");
}

/* The keys joined by blanks, and the warnings. */
static void check(const char *content, size_t n, const char *keys, const char *expected_warnings)
{
	char joined[1024] = "", warnings[2048] = "";
	struct host_list l;

	host_list_parse((struct text){ content, n }, "h", &l, keep, warnings);
	for (size_t i = 0; i < l.n; i++) {
		strcat(joined, i == 0 ? "" : " ");
		strcat(joined, l.key[i]);
	}
	assert_string_equal(joined, keys);
	assert_string_equal(warnings, expected_warnings);
	host_list_fini(&l);
}

#define NO_HOST "no host: nothing but what is addressed to the storage itself is taken\n"

static const struct {
	const char *content, *keys, *warnings;
} lists[] = {
	{ "#Poller <hostID>\nmyhost-123456\n", "myhost-123456", "" },
	{ "a.example.org  \t\nb\r\n\r\n  \n#c\nd", "a.example.org b d", "" },
	{ "\xEF\xBB\xBFh\xC3\xA9\n", "h\xC3\xA9", "" },
	{ "*\n", "#", "" },
	{ "* \r\na\n", "# a", "" },
	{ "b\na\nb\n*\na\n*\n", "b a #", "" },
	{ "web.*\n", "web.*", "h:1: \"web.*\": a word * works as a topic pattern: it stands for any one word\n" },
	{ "*.x\na*b\n", "*.x a*b", "h:1: \"*.x\": a word * works as a topic pattern: it stands for any one word\n" },
	{ " a\nb\n", "b", "h:1: \" a\": ignored, a blank before the hostID: expected it at the line's beginning\n" },
	{ " #a\nb\n", "b", "h:1: \" #a\": ignored, a blank before the hostID: expected it at the line's beginning\n" },
	{ "a b\nc\n", "c", "h:1: \"a b\": ignored, a blank inside the hostID: expected one hostID a line\n" },
	{ "c\na#b\n", "c", "h:2: \"a#b\": ignored, a # inside a line: expected a hostID alone\n" },
	{ "c\na#\n", "c", "h:2: \"a#\": ignored, a # inside a line: expected a hostID alone\n" },
	{ "a #b\nc\n", "c", "h:1: \"a #b\": ignored, a blank inside the hostID: expected one hostID a line\n" },
	{ "a\x01\nc\n", "c", "h:1: \"a?\": ignored, a control character: expected a hostID in UTF-8\n" },
	{ "a\xFF\nc\n", "c", "h:1: \"a?\": ignored, bytes that are not UTF-8: expected a hostID in UTF-8\n" },
	{ "", "", "h:1: " NO_HOST },
	{ "# a\n\n", "", "h:3: " NO_HOST },
};

static void takes_what_the_original_took(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		check(lists[i].content, strlen(lists[i].content), lists[i].keys, lists[i].warnings);
	check("a\0b\nc", 5, "c", "h:1: \"a?b\": ignored, a control character: expected a hostID in UTF-8\n");
	(void)state;
}

static void keys_fit_an_amqp_short_string(void **state)
{
	char line[257];
	struct host_list l;

	memset(line, 'a', sizeof(line));
	host_list_parse((struct text){ line, 255 }, "h", &l, NULL, NULL);
	assert_int_equal(l.n, 1);
	assert_int_equal(strlen(l.key[0]), 255);
	host_list_fini(&l);
	host_list_parse((struct text){ line, 256 }, "h", &l, NULL, NULL);
	assert_int_equal(l.n, 0);
	host_list_fini(&l);
	(void)state;
}

static void names_the_file_that_cannot_be_read(void **state)
{
	struct host_list l = { .n = 7 };
	struct why why;

	assert_int_equal(host_list_read("/nonexistent/h", &l, NULL, NULL, &why), RC_ABSENT);
	assert_string_equal(why.text, "/nonexistent/h: No such file or directory");
	assert_int_equal(host_list_read("/", &l, NULL, NULL, &why), RC_DISK);
	assert_string_equal(why.text, "/: Is a directory");
	assert_int_equal(l.n, 7);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_original_took),
		cmocka_unit_test(keys_fit_an_amqp_short_string),
		cmocka_unit_test(names_the_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
