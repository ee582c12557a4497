#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/journald.h"
#include "base/mem.h"

static const struct {
	const char *stream;
	bool is;
} streams[] = {
	{ "9:4711", true },   { NULL, false },     { "", false },
	{ "9:4712", false },  { "8:4711", false }, { "9:4711 ", false },
	{ "9", false },       { "9:", false },     { ":4711", false },
	{ " 9:4711", false }, { "9:-1", false },   { "9:4711x", false },
	{ "+9:4711", false }, { "x:4711", false }, { "99999999999999999999:1", false },
};

static void stderr_is_journalds_when_device_and_inode_say_so(void **state)
{
	struct stat st = { .st_dev = 9, .st_ino = 4711 };

	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		assert_int_equal(journald_is_stream(streams[i].stream, &st), streams[i].is);
	(void)state;
}

/* The fields behind the first three, one a line. */
static void check(const char *said, const char *expected)
{
	struct journald_fields f;
	char all[4096] = "", first[2048];

	journald_fields(LOG_LEVEL_WARNING, "a.b", text_of(said), &f);
	for (size_t i = 3; i < f.n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%.*s\n", (int)f.n_bytes[i],
			 f.text + f.start[i]);
	assert_string_equal(all, expected);
	snprintf(first, sizeof(first), "MESSAGE=event=a.b %s", said);
	assert_int_equal(f.n_bytes[0], strlen(first));
	assert_memory_equal(f.text + f.start[0], first, strlen(first));
	assert_memory_equal(f.text + f.start[1], "PRIORITY=4", f.n_bytes[1]);
	assert_memory_equal(f.text + f.start[2], "SYSLOG_IDENTIFIER=test_journald", f.n_bytes[2]);
}

static void pairs_become_fields(void **state)
{
	check("", "NUMETER_EVENT=a.b\n");
	check("points=12 took_ms=3", "NUMETER_EVENT=a.b\nNUMETER_POINTS=12\nNUMETER_TOOK_MS=3\n");
	check("why=\"open x: no\": tried again", "NUMETER_EVENT=a.b\nNUMETER_WHY=open x: no\n");
	check("why=\"a \"b\" c\" n=1", "NUMETER_EVENT=a.b\nNUMETER_WHY=a \"b\nNUMETER_N=1\n");
	check("why=\"open end", "NUMETER_EVENT=a.b\nNUMETER_WHY=\"open\n");
	check("\"a note\" with words", "NUMETER_EVENT=a.b\n");
	check("a= =b Upper=1 _x=1 1=2 ok=", "NUMETER_EVENT=a.b\nNUMETER_A=\nNUMETER_OK=\n");
	check("abcdefghijklmnopqrstuvwxyzabcdefg=1", "NUMETER_EVENT=a.b\n");
	(void)state;
}

static void what_does_not_fit_is_left_out(void **state)
{
	char said[1601];
	struct journald_fields f;

	for (size_t i = 0; i < 400; i++)
		memcpy(said + 4 * i, "a=1 ", 4);
	journald_fields(LOG_LEVEL_INFO, "e", (struct text){ said, 1600 }, &f);
	assert_int_equal(f.n, JOURNALD_MAX_FIELDS);
	memset(said, 'x', sizeof(said));
	said[0] = 'k';
	said[1] = '=';
	journald_fields(LOG_LEVEL_INFO, "e", (struct text){ said, 1600 }, &f);
	assert_int_equal(f.n, 5);
	assert_int_equal(f.n_bytes[4], strlen("NUMETER_K=") + 1598);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stderr_is_journalds_when_device_and_inode_say_so),
		cmocka_unit_test(pairs_become_fields),
		cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
