#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carbon/known.h"
#include "carbon/line.h"
#include "wire/number.h"

enum { NOW = 1795342601 };

static void reads_lines(void **state)
{
	static const struct {
		const char *line, *key;
		double value;
		int64_t t_s;
	} row[] = {
		{ "a.b.c.d 1 1795342601", "a.b.c.d", 1, 1795342601 },
		{ "a.b.c.d -12.50 1795342601\r", "a.b.c.d", -12.5, 1795342601 },
		{ "  a\t\t1e3   7  ", "a", 1000, 7 },
		{ "a +.5 1795342601.99", "a", 0.5, 1795342601 },
		{ "a 5. 1.7e9", "a", 5, 1700000000 },
		{ "a 0.1 -1", "a", 0.1, NOW },
		{ "a 0.1 -1.0", "a", 0.1, NOW },
		{ "a 0.1 N", "a", 0.1, NOW },
		{ "a 1 -60", "a", 1, -60 },
		{ "a 12345678901234567890.5 0", "a", 12345678901234567890.5, 0 },
		{ "a;x=1;y=b.c 1 2", "a;x=1;y=b.c", 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct line l;

		assert_int_equal(line_read(text_of(row[i].line), NOW, &l, NULL), REASON_NONE);
		assert_true(text_is(l.key, row[i].key));
		assert_false(l.unknown);
		assert_true(l.value == row[i].value);
		assert_int_equal(l.t_s, row[i].t_s);
	}
	(void)state;
}

static void takes_nan_and_infinity_as_unknown(void **state)
{
	static const char *const line[] = { "a nan 1", "a NaN 1", "a -inf 1", "a Infinity 1", "a U 1" };

	for (size_t i = 0; i < ARRAY_LEN(line); i++) {
		struct line l;

		assert_int_equal(line_read(text_of(line[i]), NOW, &l, NULL), REASON_NONE);
		assert_true(l.unknown);
		assert_int_equal(l.t_s, 1);
	}
	(void)state;
}

static void passes_over_empty_lines(void **state)
{
	static const char *const line[] = { "", "\r", "   ", "\t \r" };

	for (size_t i = 0; i < ARRAY_LEN(line); i++) {
		struct line l;

		assert_int_equal(line_read(text_of(line[i]), NOW, &l, NULL), REASON_NONE);
		assert_int_equal(l.key.n, 0);
	}
	(void)state;
}

static void says_why_a_line_is_bad(void **state)
{
	static const struct {
		const char *line;
		enum reason reason;
		const char *why;
	} row[] = {
		{ "a", REASON_CARBON_LINE, "not three fields: \"a\"" },
		{ "a 1", REASON_CARBON_LINE, "not three fields: \"a 1\"" },
		{ "a 1 2 3", REASON_CARBON_LINE, "not three fields: \"a 1 2 3\"" },
		{ "a 1.2.3 2", REASON_VALUE, "no number: \"1.2.3\"" },
		{ "a 0x10 2", REASON_VALUE, "no number: \"0x10\"" },
		{ "a 1e999 2", REASON_VALUE, "no number: \"1e999\"" },
		{ "a 1_0 2", REASON_VALUE, "no number: \"1_0\"" },
		{ "a 1 now", REASON_TIMESTAMP, "no Unix seconds: \"now\"" },
		{ "a 1 n", REASON_TIMESTAMP, "no Unix seconds: \"n\"" },
		{ "a 1 1e99", REASON_TIMESTAMP, "no Unix seconds: \"1e99\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct line l;
		struct why why = { "" };

		assert_int_equal(line_read(text_of(row[i].line), NOW, &l, &why), row[i].reason);
		assert_string_equal(why.text, row[i].why);
	}
	(void)state;
}

static void refuses_lines_over_4_kib(void **state)
{
	char line[LINE_MAX_BYTES + 2];
	struct why why;
	struct line l;

	memset(line, 'a', sizeof(line));
	memcpy(line + LINE_MAX_BYTES - 4, " 1 2\r", 5);
	assert_int_equal(line_read((struct text){ line, LINE_MAX_BYTES + 1 }, NOW, &l, NULL), REASON_NONE);
	assert_int_equal(l.key.n, LINE_MAX_BYTES - 4);
	memcpy(line + LINE_MAX_BYTES - 3, " 1 2", 4);
	assert_int_equal(line_read((struct text){ line, LINE_MAX_BYTES + 1 }, NOW, &l, &why), REASON_CARBON_LINE);
	assert_string_equal(why.text, "a line of over 4096 bytes");
	(void)state;
}

static void splits_names(void **state)
{
	static const struct {
		const char *key, *host, *plugin, *ds;
	} row[] = {
		{ "a.b.c.d", "a.b", "c", "d" },
		{ "web1.example.org.df.root", "web1.example.org", "df", "root" },
		{ "a.b.c", "a", "b", "c" },
		{ "a.b", "a", "carbon", "b" },
		{ "a", "carbon", "carbon", "a" },
		{ "a.b.c;host=x.y;dc=z", "a", "b", "c;host=x.y;dc=z" },
		{ "c;host=x.y", "carbon", "carbon", "c;host=x.y" },
		{ "a/x.b.c", "a/x", "b", "c" },
		{ "h\xC3\xA9.b.c", "h\xC3\xA9", "b", "c" },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct series s;

		assert_int_equal(line_split(text_of(row[i].key), &s, NULL), REASON_NONE);
		assert_true(text_is(s.host, row[i].host));
		assert_true(text_is(s.plugin, row[i].plugin));
		assert_true(text_is(s.ds, row[i].ds));
		assert_int_equal(s.folder.n, 0);
	}
	(void)state;
}

static void refuses_names(void **state)
{
	char long_ds[300];
	struct series s;
	static const struct {
		const char *key;
		enum reason reason;
	} row[] = {
		{ ".", REASON_CARBON_LINE },       { "..", REASON_CARBON_LINE },
		{ ".a", REASON_CARBON_LINE },      { "a.", REASON_CARBON_LINE },
		{ "a..b", REASON_CARBON_LINE },    { "a..b.c.d", REASON_CARBON_LINE },
		{ ";a=b", REASON_CARBON_LINE },    { "a.;b=c", REASON_CARBON_LINE },
		{ "a.b.c\x01", REASON_DS_NAME },   { "a.b\x7F.c", REASON_PLUGIN_NAME },
		{ "a\xFF.b.c", REASON_HOST_NAME }, { "a.b.c/d", REASON_DS_NAME },
		{ "a.b/c.d", REASON_PLUGIN_NAME }, { "a.b.c;d=e/f", REASON_DS_NAME },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct why why = { "" };

		assert_int_equal(line_split(text_of(row[i].key), &s, &why), row[i].reason);
		assert_true(why.text[0] != '\0');
	}
	memset(long_ds, 'x', sizeof(long_ds));
	memcpy(long_ds, "a.b.", 4);
	assert_int_equal(line_split((struct text){ long_ds, 4 + 251 }, &s, NULL), REASON_NONE);
	assert_int_equal(line_split((struct text){ long_ds, 4 + 252 }, &s, NULL), REASON_DS_NAME);
	(void)state;
}

/* What the quick reader takes must be what the exact one says; it may leave anything else alone. */
static bool quick_number(const char *digits, double *out)
{
	char bytes[128] = "";
	const char *behind;

	snprintf(bytes, sizeof(bytes), "%s 1\n", digits);
	behind = line_plain_number(bytes, out);
	if (behind != NULL)
		assert_ptr_equal(behind, bytes + strlen(digits) + 1);
	return behind != NULL;
}

static void reads_plain_numbers_as_the_exact_reader(void **state)
{
	static const struct {
		const char *digits;
		bool quick;
	} row[] = {
		{ "0", true },
		{ "-0", true },
		{ "4321.07", true },
		{ "-12.5", true },
		{ "5.", true },
		{ ".5", true },
		{ "0001.50", true },
		{ "999999999999999", true },
		{ "0.1", true },
		{ "9007199254.40993", true },
		{ "1e5", false },
		{ "+1", false },
		{ ".", false },
		{ "-", false },
		{ "", false },
		{ "1.2.3", false },
		{ "--1", false },
		{ "nan", false },
		{ "1234567890123456", false },
		{ "0.0000000000000001", false },
	};
	unsigned random = 1;

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		double quick = 0, exact = 0;

		assert_int_equal(quick_number(row[i].digits, &quick), row[i].quick);
		if (!row[i].quick)
			continue;
		assert_int_equal(number_parse(text_of(row[i].digits), &exact), NUMBER_VALUE);
		assert_memory_equal(&quick, &exact, sizeof(quick));
	}
	for (size_t i = 0; i < 200000; i++) {
		char digits[32];
		double quick, exact;
		int n_decimals;

		random = random * 1664525 + 1013904223;
		n_decimals = (int)(random >> 28) % 8;
		snprintf(digits, sizeof(digits), "%s%u.%0*u", random & 0x100 ? "-" : "", random >> (random % 31),
			 n_decimals + 1, (random >> 5) % 10000);
		if (!quick_number(digits, &quick))
			continue;
		assert_int_equal(number_parse(text_of(digits), &exact), NUMBER_VALUE);
		assert_memory_equal(&quick, &exact, sizeof(quick));
	}
	(void)state;
}

static void reads_plain_seconds_only(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t t_s;
		int n; /* bytes taken, 0: none */
	} row[] = {
		{ "1795342601\n", 1795342601, 11 },
		{ "1795342601\r\n", 1795342601, 12 },
		{ "0000000007\n", 7, 11 },
		{ "4294967295\n", UINT32_MAX, 11 },
		{ "4294967296\n", 0, 0 },
		{ "179534260\n", 0, 0 },
		{ "17953426010\n", 0, 0 },
		{ "1795342601 \n", 0, 0 },
		{ "1795342601.5\n", 0, 0 },
		{ "1795342601\r\r\n", 0, 0 },
		{ "-1\n", 0, 0 },
		{ "N\n", 0, 0 },
	};
	char bytes[64];

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		uint32_t t_s = 0;
		const char *behind;

		memset(bytes, '1', sizeof(bytes));
		memcpy(bytes, row[i].bytes, strlen(row[i].bytes));
		behind = line_plain_seconds(bytes, &t_s);
		assert_ptr_equal(behind, row[i].n == 0 ? NULL : bytes + row[i].n);
		if (row[i].n > 0)
			assert_int_equal(t_s, row[i].t_s);
	}
	/* no byte but a digit passes in any of the ten places; past 2^32 there is nothing plain */
	for (int at = 0; at < 10; at++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t t_s;

			bool digit = byte >= '0' && byte <= (at == 0 ? '4' : '9');

			memcpy(bytes, "1034567890\n", 11);
			bytes[at] = (char)byte;
			assert_int_equal(line_plain_seconds(bytes, &t_s) != NULL, digit);
			if (digit) {
				bytes[10] = '\0';
				assert_int_equal(t_s, strtoul(bytes, NULL, 10));
			}
		}
	(void)state;
}

static struct text name_of(unsigned i, char out[64])
{
	return (struct text){ out,
			      (size_t)snprintf(out, 64, "numeter.h%05u.p%02u.d%u", i / 150, (i % 150) / 5, i % 5) };
}

static void knows_every_name_that_was_added(void **state)
{
	enum { N = 20000 };
	static uint32_t handle[N];
	struct known k;
	char name[64];

	known_init(&k, 1 << 30);
	assert_int_equal(known_find(&k, TEXT("a")), KNOWN_NONE);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(known_find(&k, name_of(i, name)), KNOWN_NONE);
		handle[i] = known_add(&k, name_of(i, name), i, 7);
		assert_int_not_equal(handle[i], KNOWN_NONE);
	}
	for (unsigned i = 0; i < N; i++) {
		const struct known_name *e = known_at(&k, handle[i]);

		assert_int_equal(known_find(&k, name_of(i, name)), handle[i]);
		assert_int_equal(e->id, i);
		assert_int_equal(e->mark, 7);
		assert_int_equal(e->next, KNOWN_NONE);
	}
	assert_int_equal(known_find(&k, TEXT("numeter.h00000.p00.d5")), KNOWN_NONE);
	/* 20 bytes of name: at most 40 bytes more each */
	assert_true(known_bytes(&k) <= N * (22 + 40));
	known_fini(&k);
	(void)state;
}

static void adds_no_more_names_than_fit(void **state)
{
	struct known k;
	char name[64], too_long[KNOWN_SLACK];
	unsigned n = 0;

	known_init(&k, 64 * 1024);
	while (known_add(&k, name_of(n, name), n, 0) != KNOWN_NONE)
		n++;
	assert_in_range(n, 1000, 1638);
	assert_true(known_bytes(&k) <= 64 * 1024);
	assert_int_equal(known_find(&k, name_of(n, name)), KNOWN_NONE);
	assert_int_equal(known_at(&k, known_find(&k, name_of(n - 1, name)))->id, n - 1);
	known_fini(&k);
	known_init(&k, 1 << 20);
	memset(too_long, 'a', sizeof(too_long));
	assert_int_equal(known_add(&k, (struct text){ too_long, sizeof(too_long) }, 0, 0), KNOWN_NONE);
	assert_int_not_equal(known_add(&k, (struct text){ too_long, sizeof(too_long) - 1 }, 0, 0), KNOWN_NONE);
	known_fini(&k);
	(void)state;
}

/* Every length, every byte flipped: only the name with a blank behind it is the next one. */
static void compares_whole_names(void **state)
{
	char name[41], line[41 + KNOWN_SLACK];

	for (size_t n = 1; n <= 40; n++) {
		const struct known_name *e;
		struct known k;

		for (size_t i = 0; i < n; i++)
			name[i] = (char)('a' + i % 26);
		known_init(&k, 1 << 20);
		e = known_at(&k, known_add(&k, (struct text){ name, n }, 0, 0));
		memset(line, 'z', sizeof(line));
		memcpy(line, name, n);
		line[n] = ' ';
		assert_true(known_is_next(e, line));
		for (size_t i = 0; i <= n; i++) {
			line[i] ^= 1;
			assert_false(known_is_next(e, line));
			line[i] ^= 1;
		}
		known_fini(&k);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(takes_nan_and_infinity_as_unknown),
		cmocka_unit_test(passes_over_empty_lines),
		cmocka_unit_test(says_why_a_line_is_bad),
		cmocka_unit_test(refuses_lines_over_4_kib),
		cmocka_unit_test(splits_names),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(reads_plain_numbers_as_the_exact_reader),
		cmocka_unit_test(reads_plain_seconds_only),
		cmocka_unit_test(knows_every_name_that_was_added),
		cmocka_unit_test(adds_no_more_names_than_fit),
		cmocka_unit_test(compares_whole_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
