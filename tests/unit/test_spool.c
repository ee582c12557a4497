/* test_spool docs/formats/spool.md */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "poller/spool.h"

static const char *format_path;
static char folder[64];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/numeter-spool-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)state;
	return 0;
}

static int remove_folder(void **state)
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(folder);
	(void)state;
	return 0;
}

static struct spool *opened(uint64_t max_bytes)
{
	struct spool *s = NULL;
	struct why why = { "" };

	if (spool_open(folder, max_bytes, &s, &why) != RC_OK)
		fail_msg("%s", why.text);
	return s;
}

static void add(struct spool *s, int number, size_t n_bytes)
{
	char *text = must_alloc(n_bytes + 32);
	struct parcel p = { .kind = number % 3 == 0 ? PARCEL_INFO : PARCEL_DATA,
			    .host = TEXT("h"),
			    .plugin = TEXT("p") };
	int n = snprintf(text, 32, "%d ", number);

	memset(text + n, 'x', n_bytes);
	p.text = (struct text){ text, (size_t)n + n_bytes };
	spool_add(s, &p);
	free(text);
}

static int number_of(const struct parcel *p)
{
	return atoi(p->text.s);
}

/* Read all that is there, done or not; the numbers must follow one another. Returns how many. */
static int read_all(struct spool *s, int first, bool done)
{
	struct buf out;
	struct why why;
	uint64_t at;
	int n = 0;

	buf_init(&out, SIZE_MAX);
	while (spool_read(s, 1000, &out, &at, &why) == RC_OK) {
		struct text rest = buf_text(&out);
		struct parcel p;

		while (spool_take_record(&rest, &p) == RC_OK) {
			assert_int_equal(number_of(&p), first + n);
			n++;
		}
		assert_int_equal(rest.n, 0);
		if (!done)
			break;
		spool_done(s, at + out.n);
	}
	buf_fini(&out);
	return n;
}

static void commit(struct spool *s)
{
	assert_int_equal(spool_commit(s, NULL), RC_OK);
}

static void what_was_committed_is_there_after_a_crash_in_order(void **state)
{
	struct spool *s = opened(1 << 20);

	for (int i = 0; i < 100; i++)
		add(s, i, 50);
	assert_int_equal(read_all(s, 0, false), 0); /* not committed */
	commit(s);
	for (int i = 100; i < 200; i++)
		add(s, i, 5000);
	commit(s);
	add(s, 200, 5);
	spool_close(s); /* as a crash: what was not committed is gone */
	s = opened(1 << 20);
	assert_int_equal(read_all(s, 0, true), 200);
	assert_int_equal(spool_state(s).waiting_bytes, 0);
	add(s, 200, 5);
	commit(s);
	assert_int_equal(read_all(s, 200, true), 1);
	spool_close(s);
	s = opened(1 << 20);
	assert_int_equal(read_all(s, 0, true), 0);
	spool_close(s);
	(void)state;
}

static void a_second_poller_is_refused(void **state)
{
	struct spool *s = opened(1 << 20), *other = NULL;
	struct why why;

	assert_int_equal(spool_open(folder, 1 << 20, &other, &why), RC_REFUSED);
	assert_non_null(strstr(why.text, "pid"));
	spool_close(s);
	(void)state;
}

static void the_oldest_go_when_it_is_full(void **state)
{
	struct spool *s = opened(1 << 20);
	struct buf out;
	struct parcel p;
	struct text rest;
	uint64_t at;
	int first;

	for (int i = 0; i < 3000; i++) {
		add(s, i, 1000);
		if (i % 10 == 9)
			commit(s);
	}
	buf_init(&out, SIZE_MAX);
	assert_int_equal(spool_read(s, 1000, &out, &at, NULL), RC_OK);
	rest = buf_text(&out);
	assert_int_equal(spool_take_record(&rest, &p), RC_OK);
	first = number_of(&p);
	assert_true(first > 1500);
	assert_int_equal(spool_state(s).dropped, first);
	assert_int_equal(read_all(s, first, true), 3000 - first);
	assert_true(3000 - first > 800);
	buf_fini(&out);
	spool_close(s);
	(void)state;
}

static void files_of_what_is_sent_go(void **state)
{
	struct spool *s = opened(1 << 20);
	struct stat stat;
	char *path = must_format("%s/%016x.seg", folder, 0);

	for (int i = 0; i < 20; i++) {
		for (int k = 0; k < 10; k++)
			add(s, i * 10 + k, 5000);
		commit(s);
		assert_int_equal(read_all(s, i * 10, true), 10);
	}
	assert_int_equal(spool_state(s).dropped, 0);
	assert_true(lstat(path, &stat) < 0 && errno == ENOENT);
	free(path);
	spool_close(s);
	(void)state;
}

static char *only_segment(void)
{
	return must_format("%s/%016x.seg", folder, 0);
}

static void a_tail_torn_anywhere_costs_the_torn_record_alone(void **state)
{
	char *path = only_segment(), bytes[4096];
	struct spool *s = opened(1 << 20);
	uint64_t end[4];
	size_t n;
	int fd;

	for (int i = 0; i < 4; i++) {
		add(s, i, 20);
		commit(s);
		end[i] = spool_state(s).waiting_bytes;
	}
	spool_close(s);
	fd = open(path, O_RDWR | O_CLOEXEC);
	n = (size_t)read(fd, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= n; cut++) {
		int whole = 0;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, cut, 0), cut);
		for (int i = 0; i < 4; i++)
			whole += cut >= SPOOL_HEADER_BYTES + end[i];
		s = opened(1 << 20);
		assert_int_equal(read_all(s, 0, false) > 0, whole > 0);
		add(s, whole, 7);
		commit(s);
		assert_int_equal(read_all(s, 0, true), whole + 1);
		spool_close(s);
		/* as before the cut; the file may have been made anew */
		close(fd);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		char *cursor = must_format("%s/cursor", folder);

		unlink(cursor);
		free(cursor);
	}
	close(fd);
	free(path);
	(void)state;
}

static void a_flipped_byte_costs_one_record(void **state)
{
	char *path = only_segment(), bytes[4096];
	struct spool *s = opened(1 << 20);
	size_t n;
	int fd;

	for (int i = 0; i < 4; i++)
		add(s, i, 20);
	commit(s);
	spool_close(s);
	fd = open(path, O_RDWR | O_CLOEXEC);
	n = (size_t)read(fd, bytes, sizeof(bytes));
	for (size_t at = SPOOL_HEADER_BYTES; at < n; at++) {
		struct buf out;
		uint64_t where;
		int n_read = 0;
		char flipped = (char)(bytes[at] ^ 0x10);

		assert_int_equal(pwrite(fd, bytes, n, 0), n);
		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
		s = opened(1 << 20);
		buf_init(&out, SIZE_MAX);
		while (spool_read(s, 10, &out, &where, NULL) == RC_OK) {
			n_read++;
			spool_done(s, where + out.n);
		}
		assert_int_equal(n_read, 3);
		spool_close(s);
		buf_fini(&out);
		char *cursor = must_format("%s/cursor", folder);

		unlink(cursor);
		free(cursor);
	}
	close(fd);
	free(path);
	(void)state;
}

static void put_file(const char *name, const void *bytes, size_t n)
{
	char *path = must_format("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(pwrite(fd, bytes, n, 0), n);
	close(fd);
	free(path);
}

static void what_is_no_segment_is_left_alone(void **state)
{
	char *path = only_segment(), bytes[512];
	struct spool *s = opened(1 << 20);
	struct stat stat;
	int fd;

	add(s, 0, 20);
	commit(s);
	spool_close(s);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "?", 1, 3), 1); /* of the header */
	assert_int_equal(read(fd, bytes, sizeof(bytes)) > SPOOL_HEADER_BYTES, 1);
	assert_int_equal(fstat(fd, &stat), 0);
	put_file("0000000000001000.seg", "short", 5);
	s = opened(1 << 20);
	assert_int_equal(spool_state(s).damaged_bytes, stat.st_size - SPOOL_HEADER_BYTES);
	add(s, 0, 20);
	commit(s);
	assert_int_equal(read_all(s, 0, true), 1);
	add(s, 1, 20);
	commit(s);
	spool_close(s);
	assert_int_equal(lstat(path, &stat), 0); /* neither removed nor written to */
	assert_int_equal(pread(fd, bytes + 256, 256, 0), stat.st_size);
	assert_memory_equal(bytes + 256, bytes, (size_t)stat.st_size);
	close(fd);
	free(path);
	path = must_format("%s/0000000000001000.seg", folder);
	assert_true(lstat(path, &stat) < 0 && errno == ENOENT); /* that one held nothing */
	free(path);
	s = opened(1 << 20);
	assert_int_equal(read_all(s, 1, true), 1);
	spool_close(s);
	(void)state;
}

static ssize_t pread_broken(int fd, void *out, size_t n, off_t offset)
{
	(void)fd;
	(void)out;
	(void)n;
	(void)offset;
	errno = EIO;
	return -1;
}

static void a_disk_that_cannot_be_read_costs_no_segment(void **state)
{
	struct fileio_kernel kernel = fileio_real;
	struct spool *s = opened(1 << 20), *other = NULL;
	struct why why = { "" };

	add(s, 0, 20);
	commit(s);
	spool_close(s);
	kernel.pread = pread_broken;
	fileio_swap(&kernel);
	assert_int_equal(spool_open(folder, 1 << 20, &other, &why), RC_DISK);
	fileio_swap(NULL);
	assert_non_null(strstr(why.text, "0000000000000000.seg"));
	s = opened(1 << 20);
	assert_int_equal(read_all(s, 0, true), 1);
	spool_close(s);
	(void)state;
}

static void what_stands_twice_is_read_once(void **state)
{
	char *path = only_segment(), bytes[4096];
	struct spool *s = opened(1 << 20);
	uint64_t end;
	char name[32];
	size_t n;
	int fd;

	add(s, 0, 20);
	commit(s);
	end = spool_state(s).waiting_bytes;
	add(s, 1, 20);
	commit(s);
	spool_close(s);
	/* the second record again as a segment of its own: the disk did not say that it has taken it */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = (size_t)read(fd, bytes, sizeof(bytes));
	close(fd);
	memmove(bytes + SPOOL_HEADER_BYTES, bytes + SPOOL_HEADER_BYTES + end, n - SPOOL_HEADER_BYTES - end);
	spool_put_header(bytes, end);
	snprintf(name, sizeof(name), "%016llx.seg", (unsigned long long)end);
	put_file(name, bytes, n - end);
	s = opened(1 << 20);
	assert_int_equal(spool_state(s).waiting_bytes, n - SPOOL_HEADER_BYTES);
	assert_int_equal(read_all(s, 0, true), 2);
	spool_close(s);
	free(path);
	(void)state;
}

static void segments_that_vanish_or_shrink_while_it_runs_are_passed(void **state)
{
	char *path = only_segment();
	struct spool *s = opened(1 << 20);

	for (int i = 0; i < 20; i++)
		add(s, i, 10000); /* several segments */
	commit(s);
	add(s, 20, 10);
	commit(s);
	assert_int_equal(unlink(path), 0);
	{
		struct parcel p;
		struct text rest;
		struct buf out;
		uint64_t at;
		int first;

		buf_init(&out, SIZE_MAX);
		assert_int_equal(spool_read(s, 10, &out, &at, NULL), RC_OK);
		rest = buf_text(&out);
		assert_int_equal(spool_take_record(&rest, &p), RC_OK);
		first = number_of(&p);
		assert_true(first >= 5 && first < 10);
		assert_int_equal(spool_state(s).damaged_bytes, at);
		assert_int_equal(read_all(s, first, true), 21 - first);
		buf_fini(&out);
	}
	spool_close(s);
	free(path);
	(void)state;
}

static void the_last_segment_cut_short_or_gone_takes_nothing_more(void **state)
{
	char *path = only_segment();
	struct spool *s = opened(1 << 20);

	add(s, 0, 10);
	add(s, 1, 2000);
	commit(s);
	assert_int_equal(truncate(path, 500), 0);
	assert_int_equal(read_all(s, 0, true), 1);
	assert_true(spool_state(s).damaged_bytes > 1900);
	assert_int_equal(spool_state(s).waiting_bytes, 0);
	add(s, 2, 10);
	commit(s);
	assert_int_equal(read_all(s, 2, true), 1);
	assert_int_equal(truncate(path, 0), 0);
	add(s, 3, 10);
	commit(s);
	spool_close(s);
	s = opened(1 << 20);
	assert_int_equal(read_all(s, 3, true), 1);
	spool_close(s);
	free(path);
	(void)state;
}

static void a_large_record_behind_a_damaged_one_is_not_lost(void **state)
{
	char *path = only_segment();
	struct spool *s = opened(64 << 20);
	int fd;

	add(s, 0, 20);
	add(s, 1, 3 << 20);
	commit(s);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "?", 1, SPOOL_HEADER_BYTES + SPOOL_RECORD_BYTES + 4), 1);
	close(fd);
	assert_int_equal(read_all(s, 1, true), 1);
	assert_true(spool_state(s).damaged_bytes < 100);
	spool_close(s);
	free(path);
	(void)state;
}

static bool disk_is_full;

static ssize_t pwrite_or_full(int fd, const void *bytes, size_t n, off_t offset)
{
	if (!disk_is_full)
		return pwrite(fd, bytes, n, offset);
	errno = ENOSPC;
	return -1;
}

static void while_the_disk_is_full_memory_serves(void **state)
{
	struct fileio_kernel kernel = fileio_real;
	struct spool *s = opened(1 << 20);
	struct why why;

	kernel.pwrite = pwrite_or_full;
	fileio_swap(&kernel);
	add(s, 0, 10);
	commit(s);
	disk_is_full = true;
	for (int i = 1; i < 5; i++)
		add(s, i, 10);
	assert_int_equal(spool_commit(s, &why), RC_DISK);
	assert_non_null(strstr(why.text, "No space"));
	assert_int_equal(read_all(s, 0, true), 5); /* sent all the same */
	assert_int_equal(spool_state(s).memory_bytes, 0);
	add(s, 5, 10);
	assert_int_equal(spool_commit(s, &why), RC_DISK);
	assert_int_equal(spool_state(s).memory_bytes, SPOOL_RECORD_BYTES + 14);
	disk_is_full = false;
	add(s, 6, 10);
	commit(s);
	spool_close(s);
	s = opened(1 << 20);
	/* what was sent from memory is gone; 0 is read again, the full disk did not take the cursor behind it */
	{
		struct buf out;
		uint64_t at;

		buf_init(&out, SIZE_MAX);
		assert_int_equal(spool_read(s, 10, &out, &at, NULL), RC_OK);
		assert_int_equal(at, 0);
		spool_done(s, out.n);
		buf_fini(&out);
	}
	assert_int_equal(read_all(s, 5, true), 2);
	disk_is_full = true;
	for (int i = 0; i < 3000; i++) {
		add(s, i, 1000);
		assert_int_equal(spool_commit(s, &why), RC_DISK);
	}
	assert_true(spool_state(s).waiting_bytes <= SPOOL_MEMORY_MAX_BYTES);
	assert_true(spool_state(s).dropped > 1900);
	disk_is_full = false;
	spool_close(s);
	fileio_swap(NULL);
	(void)state;
}

/* The hexadecimal bytes behind the heading, as the document shows them. */
static size_t read_example(const char *heading, char *out)
{
	struct buf content;
	const char *at;
	size_t n = 0;

	buf_init(&content, 1 << 20);
	assert_int_equal(fileio_read_all(format_path, &content, NULL), RC_OK);
	buf_add(&content, "", 1);
	at = strstr(content.at, heading);
	assert_non_null(at);
	at = strstr(at, "```\n") + 4;
	while (strncmp(at, "```", 3) != 0) {
		const char *line_end = strchr(at, '\n');

		while (at < line_end && *at != '|') {
			unsigned byte;
			int used = 0;

			if (sscanf(at, " %2x%n", &byte, &used) != 1)
				break;
			out[n++] = (char)byte;
			at += used;
		}
		at = line_end + 1;
	}
	buf_fini(&content);
	return n;
}

static void the_documented_bytes_are_these(void **state)
{
	char bytes[512], header[SPOOL_HEADER_BYTES], cursor[SPOOL_CURSOR_BYTES];
	struct text rest = { bytes, 0 };
	struct parcel p;
	struct buf again;
	uint64_t offset;

	rest.n = read_example("## Example", bytes);
	assert_true(spool_get_header(bytes, &offset));
	assert_int_equal(offset, 4096);
	spool_put_header(header, 4096);
	assert_memory_equal(header, bytes, sizeof(header));
	rest.s += SPOOL_HEADER_BYTES;
	rest.n -= SPOOL_HEADER_BYTES;
	buf_init(&again, 4096);
	assert_int_equal(spool_take_record(&rest, &p), RC_OK);
	assert_int_equal(rest.n, 0);
	assert_int_equal(p.kind, PARCEL_DATA);
	assert_true(text_is(p.host, "1-abc") && text_is(p.plugin, "load"));
	assert_true(text_is(p.text,
			    "{\"TimeStamp\": \"1795342600\", \"Plugin\": \"load\", \"Values\": {\"load\": \"0.5\"}}"));
	spool_put_record(&again, &p);
	assert_int_equal(again.n, spool_record_bytes(&p));
	assert_memory_equal(again.at, bytes + SPOOL_HEADER_BYTES, again.n);
	buf_fini(&again);
	assert_int_equal(read_example("## Cursor", bytes), SPOOL_CURSOR_BYTES);
	assert_true(spool_get_cursor(bytes, &offset));
	assert_int_equal(offset, 4096);
	spool_put_cursor(cursor, 4096);
	assert_memory_equal(cursor, bytes, sizeof(cursor));
	(void)state;
}

#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(what_was_committed_is_there_after_a_crash_in_order),
		WITH_FOLDER(a_second_poller_is_refused),
		WITH_FOLDER(the_oldest_go_when_it_is_full),
		WITH_FOLDER(files_of_what_is_sent_go),
		WITH_FOLDER(a_tail_torn_anywhere_costs_the_torn_record_alone),
		WITH_FOLDER(a_flipped_byte_costs_one_record),
		WITH_FOLDER(what_is_no_segment_is_left_alone),
		WITH_FOLDER(a_disk_that_cannot_be_read_costs_no_segment),
		WITH_FOLDER(what_stands_twice_is_read_once),
		WITH_FOLDER(segments_that_vanish_or_shrink_while_it_runs_are_passed),
		WITH_FOLDER(the_last_segment_cut_short_or_gone_takes_nothing_more),
		WITH_FOLDER(a_large_record_behind_a_damaged_one_is_not_lost),
		WITH_FOLDER(while_the_disk_is_full_memory_serves),
		cmocka_unit_test(the_documented_bytes_are_these),
	};

	must(argc == 2);
	format_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
