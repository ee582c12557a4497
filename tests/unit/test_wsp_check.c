#include "wsp_scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "wsp/draft.h"
#include "wsp/mend.h"

enum { NOW = 1400003640, LATEST = NOW + 3600 };

static const char archives[] = "60:20,300:24,600:48";

/* A file whose archives have gone round, with a few holes. */
struct sample {
	struct retention retention;
	const struct retention *known[1];
	size_t n, n_header;
	unsigned char *bytes;
	struct wsp_table table;
};

static struct wsp_checked check_fd(int fd)
{
	struct wsp_checked c;
	struct why why = { "" };

	if (wsp_check(fd, LATEST, &c, &why) != RC_OK)
		fail_msg("%s", why.text);
	return c;
}

static int begin(void **state)
{
	struct sample *s = must_alloc(sizeof(*s));
	struct wsp w = scratch_wsp(archives, AGGREGATION_AVERAGE, 0.5F);
	struct wsp_checked c;

	for (int64_t t = NOW - 40000; t <= NOW; t += 60)
		if (t / 60 % 17 != 3)
			assert_int_equal(wsp_update(&w, (struct point){ t, (double)(t % 7777) }, t, NULL), RC_OK);
	s->retention = scratch_retention(archives, AGGREGATION_AVERAGE, 0.5F);
	s->known[0] = &s->retention;
	s->n = (size_t)wsp_file_bytes(&s->retention);
	s->n_header = WSP_META_BYTES + 3 * WSP_ARCHIVE_BYTES;
	s->bytes = must_alloc(s->n + 64);
	assert_int_equal(pread(w.fd, s->bytes, s->n, 0), s->n);
	c = check_fd(w.fd);
	assert_true(wsp_checked_fine(&c));
	assert_int_equal(wsp_table_read(&w, &c, &s->table, NULL), RC_OK);
	assert_true(wsp_table_n_points(&s->table) > 70);
	assert_int_equal(wsp_table_compare(&s->table, &w, NULL), RC_OK);
	wsp_close(&w);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct sample *s = *state;

	wsp_table_fini(&s->table);
	free(s->bytes);
	free(s);
	return 0;
}

static size_t offset_of(const struct sample *s, size_t level, uint32_t index)
{
	size_t offset = s->n_header;

	for (size_t i = 0; i < level; i++)
		offset += s->retention.archive[i].n_points * (size_t)WSP_SLOT_BYTES;
	return offset + index * (size_t)WSP_SLOT_BYTES;
}

/* What was mended, written to a new file, is a file without fault that reads as the table says. */
static void assert_mended_is_fine(const struct wsp_mended *m)
{
	int dir_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct wsp_checked c;
	struct wsp_draft d;
	struct why why = { "" };

	if (wsp_draft_open(&d, dir_fd, &m->table.retention, WSP_SPARSE, &why) != RC_OK ||
	    wsp_table_write(&m->table, &d.wsp, &why) != RC_OK)
		fail_msg("%s", why.text);
	c = check_fd(d.wsp.fd);
	assert_true(wsp_checked_fine(&c));
	if (wsp_table_compare(&m->table, &d.wsp, &why) != RC_OK)
		fail_msg("%s", why.text);
	wsp_draft_close(&d);
	close(dir_fd);
}

/* Every slot that lies wholly in the first n bytes of the sample, is within its window, and is not at `but`. */
static void assert_slots_kept(const struct sample *s, const struct wsp_table *t, size_t n, size_t but)
{
	for (size_t level = 0; level < s->retention.n_archives; level++)
		for (uint32_t i = 0; i < s->retention.archive[level].n_points; i++) {
			size_t at = offset_of(s, level, i);
			const struct wsp_column *c = &t->column[level];
			int64_t t_s = bytes_get_be32(s->bytes + at);
			double value = bytes_get_be_double(s->bytes + at + 4);

			if (at + WSP_SLOT_BYTES > n || t_s == 0 || at == but || t_s < wsp_column_start_s(c))
				continue;
			assert_true(t_s <= c->end_s);
			assert_true(c->value[(t_s - wsp_column_start_s(c)) / c->step_s] == value);
		}
}

static void a_file_of_any_length(void **state)
{
	const struct sample *s = *state;

	for (size_t n = 0; n <= s->n + 40; n++) {
		int fd = scratch_fd(s->bytes, n < s->n ? n : s->n, n);
		struct wsp_checked c = check_fd(fd);
		struct wsp_mended m;
		struct why why = { "" };
		enum rc rc = wsp_mend(fd, s->known, 1, LATEST, &m, &why);

		assert_int_equal(wsp_checked_fine(&c), n == s->n);
		assert_int_equal(c.header_bad, n < s->n_header);
		assert_int_equal(rc, n < s->n_header ? RC_DAMAGED : RC_OK);
		if (rc == RC_OK) {
			size_t whole = n < s->n ? (n - s->n_header) / WSP_SLOT_BYTES : 20 + 24 + 48;

			assert_false(m.header_rebuilt);
			assert_int_equal(m.n_missing, 20 + 24 + 48 - whole);
			assert_int_equal(m.n_cut, n > s->n ? n - s->n : 0);
			assert_int_equal(m.n_cleared, 0);
			assert_slots_kept(s, &m.table, n, SIZE_MAX);
			assert_mended_is_fine(&m);
			wsp_table_fini(&m.table);
		}
		close(fd);
	}
}

static void any_bit_of_the_header_is_wrong(void **state)
{
	struct sample *s = *state;
	struct retention other = scratch_retention("60:30,300:40", AGGREGATION_MAX, 0.1F);
	const struct retention *strange[1] = { &other };
	size_t n_rebuilt = 0, n_lost = 0;

	for (size_t bit = 0; bit < s->n_header * 8; bit++) {
		struct wsp_checked c;
		struct wsp_mended m;
		struct why why = { "" };
		int fd;

		s->bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		fd = scratch_fd(s->bytes, s->n, s->n);
		c = check_fd(fd);
		if (wsp_mend(fd, s->known, 1, LATEST, &m, &why) != RC_OK)
			fail_msg("bit %zu: %s", bit, why.text);
		assert_int_equal(m.header_rebuilt, c.header_bad);
		assert_int_equal(m.table.retention.n_archives, 3);
		assert_slots_kept(s, &m.table, s->n, SIZE_MAX);
		assert_int_equal(m.n_kept, wsp_table_n_points(&s->table));
		assert_mended_is_fine(&m);
		wsp_table_fini(&m.table);
		n_rebuilt += c.header_bad;
		/* when the configuration says other archives: from what the header says twice, or not at all */
		if (wsp_mend(fd, strange, 1, LATEST, &m, &why) == RC_OK) {
			assert_slots_kept(s, &m.table, s->n, SIZE_MAX);
			assert_int_equal(m.n_kept, wsp_table_n_points(&s->table));
			wsp_table_fini(&m.table);
		} else {
			assert_non_null(strstr(why.text, "fit no archives that are known"));
			n_lost++;
		}
		close(fd);
		s->bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	assert_true(n_rebuilt > s->n_header * 6); /* aggregation and xff may become others that are possible */
	assert_true(n_lost > 0 && n_lost < n_rebuilt);
}

/* Does the slot, with its byte at `at` flipped, hold a time of the same place in another lap? That is no damage to be seen. */
static bool is_a_lap_away(const struct sample *s, size_t slot, size_t at)
{
	uint32_t before = bytes_get_be32(s->bytes + slot), span_s = 20 * 60, now;
	unsigned char time[4];

	memcpy(time, s->bytes + slot, sizeof(time));
	time[at - slot] ^= 0x55;
	now = bytes_get_be32(time);
	if (slot >= offset_of(s, 2, 0))
		span_s = 48 * 600;
	else if (slot >= offset_of(s, 1, 0))
		span_s = 24 * 300;
	return now <= LATEST && (now > before ? now - before : before - now) % span_s == 0;
}

static void any_byte_of_the_slots_is_wrong(void **state)
{
	struct sample *s = *state;
	size_t n_found = 0;

	for (size_t at = s->n_header; at < s->n; at++) {
		struct wsp_checked c;
		struct wsp_mended m;
		struct why why = { "" };
		size_t slot = s->n_header + (at - s->n_header) / WSP_SLOT_BYTES * WSP_SLOT_BYTES;
		int fd;

		s->bytes[at] ^= 0x55;
		fd = scratch_fd(s->bytes, s->n, s->n);
		s->bytes[at] ^= 0x55;
		c = check_fd(fd);
		if (wsp_mend(fd, s->known, 1, LATEST, &m, &why) != RC_OK)
			fail_msg("byte %zu: %s", at, why.text);
		if (at - slot < 4) /* of a time */
			assert_int_equal(wsp_checked_fine(&c), is_a_lap_away(s, slot, at));
		if (!wsp_checked_fine(&c))
			assert_int_equal(m.n_cleared, 1);
		assert_slots_kept(s, &m.table, s->n, slot);
		assert_mended_is_fine(&m);
		wsp_table_fini(&m.table);
		n_found += !wsp_checked_fine(&c);
		close(fd);
	}
	assert_true(n_found >= (size_t)(20 + 24 + 48) * 3);
}

/* Change one slot of a copy of the sample. */
static int with_slot(const struct sample *s, size_t level, uint32_t index, uint32_t t_s, double value)
{
	unsigned char slot[WSP_SLOT_BYTES];
	int fd = scratch_fd(s->bytes, s->n, s->n);

	bytes_put_be32(slot, t_s);
	bytes_put_be_double(slot + 4, value);
	assert_int_equal(pwrite(fd, slot, sizeof(slot), (off_t)offset_of(s, level, index)), sizeof(slot));
	return fd;
}

static void names_what_is_wrong_with_a_slot(void **state)
{
	const struct sample *s = *state;
	struct wsp_checked c;
	uint32_t t7 = bytes_get_be32(s->bytes + offset_of(s, 1, 7));
	int fd;

	assert_true(t7 != 0);
	fd = with_slot(s, 1, 7, t7 + 1, 1);
	c = check_fd(fd);
	close(fd);
	assert_int_equal(c.scan[1].n_off_step, 1);
	assert_int_equal(c.scan[1].first_bad, 7);
	assert_int_equal(wsp_scan_n_bad(&c.scan[1]), 1);
	assert_int_equal(wsp_scan_n_bad(&c.scan[0]) + wsp_scan_n_bad(&c.scan[2]), 0);

	fd = with_slot(s, 1, 8, t7, 1);
	c = check_fd(fd);
	close(fd);
	assert_int_equal(c.scan[1].n_misplaced, 1);
	assert_int_equal(c.scan[1].first_bad, 8);

	fd = with_slot(s, 1, 7, t7 + 24 * 300, 1); /* its place, a lap too early */
	c = check_fd(fd);
	close(fd);
	assert_int_equal(c.scan[1].n_future, 1);

	fd = with_slot(s, 1, 7, t7, NAN);
	c = check_fd(fd);
	close(fd);
	assert_int_equal(c.scan[1].n_nan, 1);
	assert_false(wsp_checked_fine(&c));
}

static void slot_0_is_found_again(void **state)
{
	const struct sample *s = *state;
	uint32_t t0 = bytes_get_be32(s->bytes + offset_of(s, 0, 0));
	bool is_read = t0 >= wsp_column_start_s(&s->table.column[0]);
	const uint32_t wrong[] = { 0, t0 + 60, t0 + 1, t0 ^ 0x80000000U, UINT32_MAX };

	assert_true(t0 != 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int fd = with_slot(s, 0, 0, wrong[i], 1);
		struct wsp_checked c = check_fd(fd);
		struct wsp_mended m;

		assert_true(c.scan[0].base_lost);
		assert_false(wsp_checked_fine(&c));
		assert_int_equal(wsp_scan_n_bad(&c.scan[0]), wrong[i] == 0 ? 0 : 1);
		assert_int_equal(wsp_mend(fd, s->known, 1, LATEST, &m, NULL), RC_OK);
		assert_int_equal(m.n_kept, wsp_table_n_points(&s->table) - is_read);
		assert_slots_kept(s, &m.table, s->n, offset_of(s, 0, 0));
		assert_mended_is_fine(&m);
		wsp_table_fini(&m.table);
		close(fd);
	}
}

static void what_is_nothing_is_said_to_be_nothing(void **state)
{
	const struct sample *s = *state;
	unsigned char noise[4096];
	struct wsp_mended m;
	struct why why;
	int fd;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)(i * 2654435761U >> 24);
	fd = scratch_fd(noise, s->n, s->n); /* as long as the archives, but no slots of theirs */
	assert_int_equal(wsp_mend(fd, s->known, 1, LATEST, &m, &why), RC_DAMAGED);
	assert_non_null(strstr(why.text, "its slots are not those"));
	close(fd);
	fd = scratch_fd(s->bytes, 0, s->n); /* zeros: an empty file of its archives is as good as it gets */
	assert_int_equal(wsp_mend(fd, s->known, 1, LATEST, &m, &why), RC_OK);
	assert_true(m.header_rebuilt);
	assert_int_equal(m.n_kept, 0);
	wsp_table_fini(&m.table);
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(wsp_mend(fd, s->known, 1, LATEST, &m, &why), RC_DAMAGED);
	close(fd);
}

static void of_the_other_layouts_only_a_sole_one_counts(void **state)
{
	const struct sample *s = *state;
	struct retention other = scratch_retention("60:30,300:40", AGGREGATION_MAX, 0.1F);
	/* as long as the sample: 92 slots in three archives */
	struct retention twin = scratch_retention("60:20,300:25,600:47", AGGREGATION_AVERAGE, 0.5F);
	const struct retention *sole[] = { &other, &s->retention };
	const struct retention *two[] = { &other, &s->retention, &twin };
	unsigned char *bytes = must_alloc(s->n);
	struct wsp_mended m;
	struct why why;
	int fd;

	memcpy(bytes, s->bytes, s->n);
	memset(bytes, 0xff, s->n_header);
	fd = scratch_fd(bytes, s->n, s->n);
	assert_int_equal(wsp_mend(fd, sole, 2, LATEST, &m, &why), RC_OK);
	assert_int_equal(m.n_kept, wsp_table_n_points(&s->table));
	wsp_table_fini(&m.table);
	assert_int_equal(wsp_mend(fd, two, 3, LATEST, &m, &why), RC_DAMAGED);
	assert_int_equal(wsp_mend(fd, NULL, 0, LATEST, &m, &why), RC_DAMAGED);
	close(fd);
	free(bytes);
}

static void a_draft_takes_the_place_of_a_file(void **state)
{
	const struct sample *s = *state;
	char path[] = "/tmp/draft-test-XXXXXX";
	struct retention r = scratch_retention("60:30", AGGREGATION_MAX, 0.1F);
	struct wsp_draft d;
	struct stat before, after;
	struct why why = { "" };
	int dir_fd, fd;

	assert_non_null(mkdtemp(path));
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir_fd, "a.wsp", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, s->bytes, s->n), s->n);
	assert_int_equal(futimens(fd, (struct timespec[2]){ { 1000, 0 }, { 2000, 5 } }), 0);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(wsp_draft_open(&d, dir_fd, &r, WSP_RESERVE, &why), RC_OK);
	assert_int_equal(wsp_draft_resemble(&d, &before, &why), RC_OK);
	assert_int_equal(fstatat(dir_fd, "a.wsp", &after, 0), 0);
	assert_int_equal(after.st_ino, before.st_ino); /* nobody sees it yet */
	assert_int_equal(wsp_draft_replace(&d, "a.wsp", &why), RC_OK);
	wsp_draft_close(&d);
	assert_int_equal(fstatat(dir_fd, "a.wsp", &after, 0), 0);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, wsp_file_bytes(&r));
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_mtim.tv_sec, 2000);
	assert_int_equal(after.st_mtim.tv_nsec, 6);
	/* one that is given up leaves nothing, also when it had a name already */
	assert_int_equal(wsp_draft_open(&d, dir_fd, &r, WSP_SPARSE, &why), RC_OK);
	assert_int_equal(wsp_draft_replace(&d, "none/a.wsp", &why), RC_ABSENT);
	assert_int_not_equal(d.temporary[0], '\0');
	wsp_draft_close(&d);
	assert_int_equal(unlinkat(dir_fd, "a.wsp", 0), 0);
	close(fd);
	close(dir_fd);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_of_any_length, begin, end),
		cmocka_unit_test_setup_teardown(any_bit_of_the_header_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(any_byte_of_the_slots_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(names_what_is_wrong_with_a_slot, begin, end),
		cmocka_unit_test_setup_teardown(slot_0_is_found_again, begin, end),
		cmocka_unit_test_setup_teardown(what_is_nothing_is_said_to_be_nothing, begin, end),
		cmocka_unit_test_setup_teardown(of_the_other_layouts_only_a_sole_one_counts, begin, end),
		cmocka_unit_test_setup_teardown(a_draft_takes_the_place_of_a_file, begin, end),
	};

	return cmocka_run_group_tests_name("wsp_check", tests, NULL, NULL);
}
