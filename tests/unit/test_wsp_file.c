#include "wsp_scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "wsp/create.h"

/* The header in docs/formats/whisper.md, and in every file of the original. */
static const char original_hex[] = "00000001 01e28500 3f000000 00000004 00000040 0000003c 000005a0 000043c0 0000012c "
				   "000007e0 0000a240 00000258 00001200 00017a40 00000e10 00002250";
enum { ORIGINAL_HEADER = 64, ORIGINAL_FILE = 202240, NOW = 1400003617 };

static size_t from_hex(const char *hex, unsigned char *out)
{
	size_t n = 0;

	for (; *hex != '\0'; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ') {
			unsigned byte;

			assert_int_equal(sscanf(hex, "%2x", &byte), 1);
			out[n++] = (unsigned char)byte;
		}
	return n;
}

static void the_original_header_byte_for_byte(void **state)
{
	unsigned char expected[ORIGINAL_HEADER], got[WSP_MAX_HEADER_BYTES];
	struct wsp w;

	assert_int_equal(from_hex(original_hex, expected), ORIGINAL_HEADER);
	assert_int_equal(wsp_file_bytes(&retention_default), ORIGINAL_FILE);
	assert_int_equal(wsp_header_encode(&retention_default, got), ORIGINAL_HEADER);
	assert_memory_equal(got, expected, ORIGINAL_HEADER);
	assert_int_equal(wsp_header_decode(got, ORIGINAL_HEADER, ORIGINAL_FILE, &w, NULL), RC_OK);
	assert_int_equal(w.n_archives, 4);
	assert_int_equal(w.aggregation, AGGREGATION_AVERAGE);
	assert_int_equal(w.max_retention_s, 31622400);
	assert_true(w.xff == 0.5F);
	assert_int_equal(w.archive[3].offset, 96832);
	assert_int_equal(w.archive[3].step_s, 3600);
	assert_int_equal(w.archive[3].n_points, 8784);
	(void)state;
}

/* Everything the library can do with a file; none of it may crash. */
static void use(int fd)
{
	static const int64_t nows[] = { NOW, 100, UINT32_MAX };
	struct wsp w;

	if (wsp_attach(fd, &w, NULL) != RC_OK)
		return;
	for (size_t i = 0; i < ARRAY_LEN(nows); i++) {
		const struct point p[] = { { nows[i] - 3, 1.5 }, { nows[i] - 600, 2 }, { nows[i] - 90000, 3 } };
		const uint32_t now_s = (uint32_t)nows[i];
		const struct taken t[] = { { now_s - 3, now_s, 1.5 },
					   { now_s - 600, now_s, 2 },
					   { now_s - 90000, now_s, 3 } };
		struct wsp_stored stored;
		struct span s;
		enum rc rc;

		rc = wsp_catch_up(&w, nows[i] - 1000, NULL);
		rc = wsp_update(&w, p[0], nows[i], NULL);
		rc = wsp_update_many(&w, p, ARRAY_LEN(p), nows[i], NULL);
		rc = wsp_store(&w, t, ARRAY_LEN(t), (struct wsp_how){ true, i == 1 }, &stored, NULL);
		rc = wsp_fetch(&w, nows[i] - 100000, nows[i], nows[i], &s, NULL);
		if (rc == RC_OK)
			span_fini(&s);
	}
	wsp_close(&w);
}

static const char small[] = "60:10 300:8 600:20";

static void a_file_of_any_other_length_is_damaged(void **state)
{
	struct retention r = scratch_retention(small, AGGREGATION_AVERAGE, 0.5F);
	unsigned char header[WSP_MAX_HEADER_BYTES];
	size_t n = wsp_header_encode(&r, header), whole = (size_t)wsp_file_bytes(&r);

	for (size_t length = 0; length <= whole + 20; length++) {
		struct wsp w;
		struct why why = { "" };
		enum rc rc = wsp_attach(scratch_fd(header, length < n ? length : n, length), &w, &why);

		assert_int_equal(rc, length < whole ? RC_DAMAGED : RC_OK);
		assert_int_equal(why.text[0] == '\0', rc == RC_OK);
		if (rc == RC_OK)
			wsp_close(&w);
	}
	(void)state;
}

static void a_file_cut_while_open_is_damaged(void **state)
{
	struct wsp w = scratch_wsp(small, AGGREGATION_AVERAGE, 0.5F);
	struct point p = { NOW, 1 };
	struct wsp_stored stored;
	struct span s;

	assert_int_equal(wsp_update(&w, p, NOW, NULL), RC_OK);
	assert_int_equal(ftruncate(w.fd, 60), 0);
	assert_int_equal(scratch_store(&w, &p, 1, NOW, &stored, NULL), RC_DAMAGED);
	assert_int_equal(wsp_update(&w, p, NOW, NULL), RC_DAMAGED);
	assert_int_equal(wsp_fetch(&w, NOW - 100, NOW, NOW, &s, NULL), RC_DAMAGED);
	wsp_close(&w);
	(void)state;
}

/*
 * Every byte of the header, every value. Only the aggregation, xff and a finer step that still divides the next one are
 * not settled by the rest of the header.
 */
static void a_changed_header_byte_is_seen(void **state)
{
	struct retention r = scratch_retention(small, AGGREGATION_AVERAGE, 0.5F);
	unsigned char header[WSP_MAX_HEADER_BYTES];
	size_t n = wsp_header_encode(&r, header), taken = 0;

	for (size_t i = 0; i < n; i++)
		for (unsigned value = 0; value < 256; value++) {
			unsigned char before = header[i];
			struct wsp w;

			header[i] = (unsigned char)value;
			if (wsp_header_decode(header, n, 1 << 30, &w, NULL) == RC_OK && value != before) {
				assert_true(i == 3 || (i >= 8 && i < 12) || i == 16 + 7 || i == 16 + 12 + 7);
				taken++;
			}
			use(scratch_fd(header, n, (size_t)wsp_file_bytes(&r)));
			header[i] = before;
		}
	assert_in_range(taken, 7 + 2 * 255, 7 + 3 * 255 + 63);
	(void)state;
}

static void hostile_headers_are_damaged(void **state)
{
	/* aggregation, retention, xff, archives; then offset, step, points */
	static const char *const headers[] = {
		"00000001 00000258 3f000000 00000000",
		"00000001 00000258 3f000000 ffffffff",
		"00000001 00000258 3f000000 00000021",
		"00000000 00000258 3f000000 00000001 0000001c 0000003c 0000000a",
		"00000009 00000258 3f000000 00000001 0000001c 0000003c 0000000a",
		"00000001 00000258 7fc00000 00000001 0000001c 0000003c 0000000a",
		"00000001 00000258 bf000000 00000001 0000001c 0000003c 0000000a",
		"00000001 00000258 3f800001 00000001 0000001c 0000003c 0000000a",
		"00000001 00000258 3f000000 00000001 0000001b 0000003c 0000000a",
		"00000001 00000000 3f000000 00000001 0000001c 00000000 0000000a",
		"00000001 00000000 3f000000 00000001 0000001c 0000003c 00000000",
		"00000001 00000001 3f000000 00000001 0000001c ffffffff ffffffff",
		"00000001 00000001 3f000000 00000001 0000001c 0000ffff 00010003",
		"00000001 00000960 3f000000 00000002 00000028 0000012c 00000008 00000088 0000003c 0000000a",
		"00000001 00000258 3f000000 00000002 00000028 0000003c 0000000a 000000a0 0000003c 0000000a",
		"00000001 00000384 3f000000 00000002 00000028 0000003c 0000000a 000000a0 0000005a 0000000a",
		"00000001 00000258 3f000000 00000002 00000028 0000003c 0000000a 000000a0 0000012c 00000002",
		"00000001 000004b0 3f000000 00000002 00000028 0000003c 00000004 00000058 0000012c 00000004",
	};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		unsigned char bytes[WSP_MAX_HEADER_BYTES];
		size_t n = from_hex(headers[i], bytes);
		struct why why = { "" };
		struct wsp w;

		if (wsp_header_decode(bytes, n, UINT64_MAX, &w, &why) != RC_DAMAGED || why.text[0] == '\0')
			fail_msg("header %zu was taken", i);
	}
	(void)state;
}

/* A folder of our own below TMPDIR, open; removed by leave(). */
static char folder[256];

static int enter(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(folder, sizeof(folder), "%s/wsp-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(folder));
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static size_t n_files(int dir_fd)
{
	DIR *d = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void leave(int dir_fd)
{
	assert_int_equal(n_files(dir_fd), 0);
	close(dir_fd);
	assert_int_equal(rmdir(folder), 0);
}

typedef enum rc (*create_fn)(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate,
			     struct wsp *out, struct why *why);

static void check_created(create_fn create)
{
	static const enum wsp_allocate ways[] = { WSP_RESERVE, WSP_SPARSE };
	struct retention bad = retention_default;
	int dir_fd = enter();

	bad.archive[0].step_s = 0;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		unsigned char header[ORIGINAL_HEADER], expected[ORIGINAL_HEADER];
		struct why why = { "" };
		struct wsp w, again;
		struct stat st;

		assert_int_equal(create(dir_fd, "a.wsp", &bad, ways[i], &w, &why), RC_REFUSED);
		assert_int_equal(n_files(dir_fd), 0);
		if (create(dir_fd, "a.wsp", &retention_default, ways[i], &w, &why) != RC_OK)
			fail_msg("%s", why.text);
		assert_int_equal(fstatat(dir_fd, "a.wsp", &st, 0), 0);
		assert_int_equal(st.st_size, ORIGINAL_FILE);
		assert_int_equal(st.st_mode & 0777, 0644 & ~(umask(022) & 0777));
		assert_true(ways[i] == WSP_RESERVE ? st.st_blocks * 512 >= ORIGINAL_FILE : st.st_blocks * 512 <= 16384);
		assert_int_equal(pread(w.fd, header, sizeof(header), 0), sizeof(header));
		from_hex(original_hex, expected);
		assert_memory_equal(header, expected, sizeof(header));
		assert_int_equal(wsp_update(&w, (struct point){ NOW, 2.5 }, NOW, NULL), RC_OK);
		assert_int_equal(create(dir_fd, "a.wsp", &retention_default, ways[i], &again, &why), RC_REFUSED);
		assert_int_equal(n_files(dir_fd), 1);
		assert_true(scratch_value(&w, 0, NOW - NOW % 60, NOW) == 2.5);
		wsp_close(&w);
		assert_int_equal(unlinkat(dir_fd, "a.wsp", 0), 0);
	}
	leave(dir_fd);
}

static void created_without_a_name_then_linked(void **state)
{
	check_created(wsp_create);
	(void)state;
}

static void created_under_another_name_then_renamed(void **state)
{
	check_created(wsp_create_renamed);
	(void)state;
}

static void no_room_leaves_nothing(void **state)
{
	static const create_fn ways[] = { wsp_create, wsp_create_renamed };
	struct rlimit before, limit;
	int dir_fd = enter();

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 100000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct why why = { "" };
		struct wsp w;

		assert_int_equal(ways[i](dir_fd, "a.wsp", &retention_default, WSP_RESERVE, &w, &why), RC_DISK);
		assert_int_equal(ways[i](dir_fd, "a.wsp", &retention_default, WSP_SPARSE, &w, &why), RC_DISK);
		assert_int_equal(n_files(dir_fd), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	leave(dir_fd);
	(void)state;
}

static void opened_by_name(void **state)
{
	int dir_fd = enter();
	char *path = must_format("%s/a.wsp", folder);
	struct wsp w;

	assert_int_equal(wsp_open(path, false, &w, NULL), RC_ABSENT);
	assert_int_equal(wsp_open(folder, false, &w, NULL), RC_DAMAGED);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(wsp_open(path, false, &w, NULL), RC_DAMAGED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(wsp_create(dir_fd, "a.wsp", &retention_default, WSP_SPARSE, &w, NULL), RC_OK);
	wsp_close(&w);
	assert_int_equal(wsp_open(path, true, &w, NULL), RC_OK);
	wsp_close(&w);
	assert_int_equal(unlink(path), 0);
	free(path);
	leave(dir_fd);
	(void)state;
}

/* The point in docs/formats/whisper.md. */
static void a_point_byte_for_byte(void **state)
{
	struct wsp w = scratch_wsp("60:1440 300:2016 600:4608 3600:8784", AGGREGATION_AVERAGE, 0.5F);
	unsigned char expected[12], got[12];

	from_hex("53725bfc 3ff40000 00000000", expected);
	assert_int_equal(wsp_update(&w, (struct point){ 1400003587, 1.25 }, 1400003617, NULL), RC_OK);
	assert_int_equal(pread(w.fd, got, sizeof(got), 64), sizeof(got));

	assert_memory_equal(got, expected, sizeof(got));
	wsp_close(&w);
	(void)state;
}

/* Someone copies another file over an open one: what was seen of the old one is not believed. */
static void a_file_overwritten_while_open_is_read_anew(void **state)
{
	struct wsp kept = scratch_wsp(small, AGGREGATION_AVERAGE, 0.0F),
		   other = scratch_wsp(small, AGGREGATION_AVERAGE, 0.0F);
	const int64_t t_s = NOW - NOW % 600;
	unsigned char a[1024], b[1024];
	ssize_t n;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(wsp_update(&kept, (struct point){ t_s + i * 60, i }, t_s + 600, NULL), RC_OK);
		assert_int_equal(wsp_update(&other, (struct point){ t_s + 420 - i * 60, i }, t_s + 600, NULL), RC_OK);
	}
	n = pread(other.fd, b, sizeof(b), 0);
	assert_int_equal(pwrite(kept.fd, b, (size_t)n, 0), n);
	memset(other.seen_base_s, 0, sizeof(other.seen_base_s));
	assert_int_equal(wsp_update(&kept, (struct point){ t_s + 480, 9 }, t_s + 600, NULL), RC_OK);
	assert_int_equal(wsp_update(&other, (struct point){ t_s + 480, 9 }, t_s + 600, NULL), RC_OK);
	assert_int_equal(pread(kept.fd, a, sizeof(a), 0), n);
	assert_int_equal(pread(other.fd, b, sizeof(b), 0), n);
	assert_memory_equal(a, b, (size_t)n);
	wsp_close(&kept);
	wsp_close(&other);
	(void)state;
}

static void slots_lie_in_their_archive(void **state)
{
	static const int64_t times[] = { INT32_MIN, -1, 0, 59, 60, 1400003617, UINT32_MAX, (int64_t)UINT32_MAX + 3600 };
	static const struct wsp_archive a = { 64, 60, 1440 };

	assert_int_equal(wsp_slot_index(&a, 1400003580, 1400003580), 0);
	assert_int_equal(wsp_slot_index(&a, 1400003580, 1400003640), 1);
	assert_int_equal(wsp_slot_index(&a, 1400003580, 1400003520), 1439);
	assert_int_equal(wsp_slot_index(&a, 1400003580, 1400003580 + 86400), 0);
	assert_int_equal(wsp_slot_index(&a, 1400003581, 1400003580), 1439); /* a base off its step: floor */
	assert_int_equal(wsp_align(-1, 60), -60);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		for (size_t k = 0; k < ARRAY_LEN(times); k++)
			assert_true(wsp_slot_index(&a, times[i], times[k]) < a.n_points);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_original_header_byte_for_byte),
		cmocka_unit_test(a_file_of_any_other_length_is_damaged),
		cmocka_unit_test(a_file_cut_while_open_is_damaged),
		cmocka_unit_test(a_changed_header_byte_is_seen),
		cmocka_unit_test(hostile_headers_are_damaged),
		cmocka_unit_test(created_without_a_name_then_linked),
		cmocka_unit_test(created_under_another_name_then_renamed),
		cmocka_unit_test(no_room_leaves_nothing),
		cmocka_unit_test(opened_by_name),
		cmocka_unit_test(a_point_byte_for_byte),
		cmocka_unit_test(a_file_overwritten_while_open_is_read_anew),
		cmocka_unit_test(slots_lie_in_their_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
