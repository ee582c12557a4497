/* The example of docs/formats/journal.md is what the journal writes, byte by byte. Argument: that file. */
#include "journal_scratch.h"

#include "base/bytes.h"
#include "journal/records.h"

static const char *page_path;

/* The bytes that the page shows of a file, zeros between them. */
static unsigned char *shown(const char *name, size_t *n_bytes)
{
	char *heading = must_format("### `%s`: ", name);
	const char *line, *section;
	unsigned char *bytes;
	struct buf page;

	buf_init(&page, 1 << 20);
	assert_int_equal(fileio_read_all(page_path, &page, NULL), RC_OK);
	buf_add(&page, "", 1);
	section = strstr(page.at, heading);
	assert_non_null(section);
	*n_bytes = strtoul(section + strlen(heading), NULL, 10);
	bytes = must_alloc(*n_bytes);
	line = strstr(section, "\n    ");
	for (; line != NULL && strncmp(line, "\n    ", 5) == 0; line = strchr(line + 1, '\n')) {
		char *at;
		size_t offset = strtoul(line + 5, &at, 16);

		for (int i = 0; i < 16; i++) {
			assert_true(offset + (size_t)i < *n_bytes);
			bytes[offset + (size_t)i] = (unsigned char)strtoul(at, &at, 16);
		}
	}
	buf_fini(&page);
	free(heading);
	return bytes;
}

static void same(const char *folder, const char *name)
{
	size_t n_expected, n_got;
	unsigned char *expected = shown(name, &n_expected), *got = scratch_read(folder, name, &n_got);

	assert_int_equal(n_got, n_expected);
	for (size_t i = 0; i < n_got; i++)
		if (got[i] != expected[i])
			fail_msg("%s: byte %zx is %02x, the page says %02x", name, i, got[i], expected[i]);
	free(expected);
	free(got);
}

static const struct numbered points[] = { { 0, 1400000000, 1.5 }, { 1, 1400000001, -2 } };

static void writes_the_bytes_of_the_page(void **state)
{
	const struct series s[] = { { TEXT("host"), TEXT("0c/host"), TEXT("cpu"), TEXT("idle") },
				    { TEXT("host"), TEXT("0c/host"), TEXT("cpu"), TEXT("user") } };
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;

	heard_init(&h);
	options.commit_ms = 60000; /* one group */
	j = scratch_start(&options);
	journal_name(j, 0, &s[0]);
	journal_name(j, 1, &s[1]);
	scratch_append(j, points, 2, 1400000002, NULL);
	journal_close(j);
	same(folder, "segment-0000000001");
	same(folder, "names-0000000001");
	scratch_remove(folder);
	(void)state;
}

static void reads_the_bytes_of_the_page(void **state)
{
	static const char *const name[] = { "segment-0000000001", "names-0000000001" };
	char *folder = scratch_folder();
	struct replayed r;

	for (size_t i = 0; i < ARRAY_LEN(name); i++) {
		size_t n;
		unsigned char *bytes = shown(name[i], &n);

		scratch_write(folder, name[i], bytes, n);
		free(bytes);
	}
	r = scratch_look(folder);
	assert_int_equal(r.n_names, 2);
	assert_string_equal(r.name[0].text, "host|0c/host|cpu|idle");
	assert_string_equal(r.name[1].text, "host|0c/host|cpu|user");
	assert_int_equal(r.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_memory_equal(&r.point[i].p, &points[i], sizeof(points[i]));
		assert_int_equal(r.point[i].accepted_s, 1400000002);
		assert_int_equal(r.point[i].run, 1);
		assert_int_equal(r.name[i].id, i);
	}
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_bytes_of_the_page),
		cmocka_unit_test(reads_the_bytes_of_the_page),
	};

	must(argc == 2);
	page_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
