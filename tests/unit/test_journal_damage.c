/* Files torn at every length and changed at every byte: whole records come back, wrong points never, and never a crash. */
#include "journal_scratch.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "journal/format.h"

enum { GROUPS = 6, GROUP_POINTS = 3, GROUP_BYTES = FORMAT_HEADER_BYTES + GROUP_POINTS * FORMAT_POINT_BYTES };

struct image {
	unsigned char *segment, *names;
	size_t n_segment, n_names;
};

/* GROUPS records of GROUP_POINTS points whose values count up from 0, each synced alone; accepted at 1000, 1001, … */
static struct image make_image(void)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct image image;

	heard_init(&h);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	for (unsigned i = 0; i < GROUPS; i++)
		heard_wait(&h, scratch_count_up(j, i * GROUP_POINTS, GROUP_POINTS, 1000 + i, NULL));
	journal_close(j);
	image.segment = scratch_read(folder, "segment-0000000001", &image.n_segment);
	image.names = scratch_read(folder, "names-0000000001", &image.n_names);
	scratch_remove(folder);
	assert_int_equal(image.n_segment, 2 * FORMAT_PAGE_BYTES);
	return image;
}

static void free_image(struct image *image)
{
	free(image->segment);
	free(image->names);
}

/* Replays the image. Checks that points are those of whole records other than `lost` (GROUPS: none is). */
static struct journal_replayed look(const char *folder, const struct image *image, size_t n_segment, size_t n_groups,
				    size_t lost)
{
	struct journal_replayed sum;
	struct replayed r;
	size_t at = 0;

	scratch_write(folder, "segment-0000000001", image->segment, n_segment);
	scratch_write(folder, "names-0000000001", image->names, image->n_names);
	r = scratch_look(folder);
	for (size_t g = 0; g < n_groups; g++)
		for (size_t i = 0; i < GROUP_POINTS && g != lost; i++, at++) {
			assert_true(at < r.n);
			assert_int_equal(r.point[at].p.value, g * GROUP_POINTS + i);
			assert_int_equal(r.point[at].accepted_s, 1000 + g);
			assert_int_equal(r.point[at].p.id, 0);
			assert_int_equal(r.point[at].p.t_s, 1400000000 + i);
		}
	assert_int_equal(at, r.n);
	sum = r.sum;
	replayed_fini(&r);
	return sum;
}

static void torn_at_every_length(void **state)
{
	struct image image = make_image();
	char *folder = scratch_folder();

	for (size_t n = 0; n <= FORMAT_PAGE_BYTES + GROUPS * GROUP_BYTES + 64; n++) {
		size_t body = n < FORMAT_PAGE_BYTES ? 0 : n - FORMAT_PAGE_BYTES;
		size_t n_groups = body / GROUP_BYTES > GROUPS ? GROUPS : body / GROUP_BYTES;
		struct journal_replayed sum = look(folder, &image, n, n_groups, GROUPS);
		/* behind the last record stands that of the end */
		size_t rest = body - n_groups * GROUP_BYTES;

		assert_int_equal(sum.n_damaged_bytes, n_groups == GROUPS && rest >= FORMAT_HEADER_BYTES ? 0 : rest);
	}
	free_image(&image);
	scratch_remove(folder);
	(void)state;
}

static void every_byte_changed(void **state)
{
	static const unsigned char by[] = { 0x01, 0x80, 0xff };
	struct image image = make_image();
	char *folder = scratch_folder();

	for (size_t i = 0; i < FORMAT_PAGE_BYTES + (GROUPS + 1) * GROUP_BYTES; i++) {
		size_t hit = i < FORMAT_PAGE_BYTES ? GROUPS : (i - FORMAT_PAGE_BYTES) / GROUP_BYTES;
		struct journal_replayed sum;

		if (i >= FORMAT_PAGE_USED_BYTES && i < FORMAT_PAGE_BYTES)
			continue;
		image.segment[i] ^= by[i % ARRAY_LEN(by)];
		sum = look(folder, &image, image.n_segment, GROUPS, hit);
		image.segment[i] ^= by[i % ARRAY_LEN(by)];
		if (i >= FORMAT_PAGE_BYTES && hit < GROUPS) {
			assert_int_equal(sum.n_damaged_bytes, GROUP_BYTES);
			assert_non_null(strstr(sum.why.text, "segment-0000000001: 80 damaged bytes at "));
		}
	}
	free_image(&image);
	scratch_remove(folder);
	(void)state;
}

static void names_torn_and_changed(void **state)
{
	struct image image = make_image();
	char *folder = scratch_folder();
	size_t n = image.n_names, end = FORMAT_PAGE_BYTES + FORMAT_HEADER_BYTES + 12 + 4 + 7 + 1 + 2;

	assert_true(end < n);
	for (size_t i = 0; i < n; i++) {
		struct journal_replayed sum;

		image.n_names = i;
		sum = look(folder, &image, image.n_segment, i >= FORMAT_PAGE_BYTES + 64 ? GROUPS : 0, GROUPS);
		assert_int_equal(sum.n_unnamed + sum.n_points, (size_t)GROUPS * GROUP_POINTS);
		image.n_names = n;
		if (i >= 32 && i < FORMAT_PAGE_BYTES)
			continue;
		image.names[i] ^= 0x10;
		sum = look(folder, &image, image.n_segment,
			   i < FORMAT_PAGE_BYTES || i >= FORMAT_PAGE_BYTES + 64 ? GROUPS : 0, GROUPS);
		image.names[i] ^= 0x10;
		assert_int_equal(sum.n_unnamed + sum.n_points, (size_t)GROUPS * GROUP_POINTS);
	}
	free_image(&image);
	scratch_remove(folder);
	(void)state;
}

struct seen {
	unsigned n, n_torn;
	struct journal_segment_info last_segment;
	char name[64];
};

static void see(void *argument, const struct journal_segment_info *info)
{
	struct seen *s = argument;

	s->n++;
	s->n_torn += info->torn;
	if (strncmp(info->name, "segment-", 8) == 0) {
		s->last_segment = *info;
		snprintf(s->name, sizeof(s->name), "%s", info->name);
	}
}

static void a_damaged_middle_is_reported_and_set_aside(void **state)
{
	struct image image = make_image();
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct why why = { "" };
	struct seen seen = { 0 };
	struct journal *j;
	unsigned char *bytes;
	size_t n;

	heard_init(&h);
	image.segment[FORMAT_PAGE_BYTES + GROUP_BYTES + 40] ^= 1;
	look(folder, &image, image.n_segment, GROUPS, 1);
	assert_int_equal(journal_verify(folder, see, &seen, &why), RC_DAMAGED);
	assert_non_null(strstr(why.text, "segment-0000000001: 80 damaged bytes at 4176"));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.last_segment.number, 1);
	assert_int_equal(seen.last_segment.run, 1);
	assert_int_equal(seen.last_segment.n_records, GROUPS - 1);
	assert_int_equal(seen.last_segment.n_points, (GROUPS - 1) * GROUP_POINTS);
	assert_int_equal(seen.last_segment.first_accepted_s, 1000);
	assert_int_equal(seen.last_segment.last_accepted_s, 1000 + GROUPS - 1);
	assert_int_equal(seen.last_segment.n_damaged_bytes, GROUP_BYTES);
	assert_false(seen.last_segment.torn);
	j = scratch_start(&options);
	assert_int_equal(journal_retire(j, journal_current(j), NULL), RC_OK);
	journal_close(j);
	bytes = scratch_read(folder, "segment-0000000001.damaged", &n);
	assert_int_equal(n, image.n_segment);
	assert_memory_equal(bytes, image.segment, n);
	free(bytes);
	assert_false(scratch_exists(folder, "segment-0000000001"));
	seen = (struct seen){ 0 };
	assert_int_equal(journal_verify(folder, see, &seen, &why), RC_DAMAGED);
	assert_string_equal(seen.name, "segment-0000000001.damaged");
	free_image(&image);
	scratch_remove(folder);
	(void)state;
}

static void verify_takes_a_torn_end_for_normal(void **state)
{
	struct image image = make_image();
	char *folder = scratch_folder();
	struct seen seen = { 0 };

	assert_int_equal(journal_verify("/nonexistent/journal", see, &seen, NULL), RC_ABSENT);
	scratch_write(folder, "names-0000000001", image.names, image.n_names);
	scratch_write(folder, "segment-0000000001", image.segment, FORMAT_PAGE_BYTES + 2 * GROUP_BYTES + 50);
	assert_int_equal(journal_verify(folder, see, &seen, NULL), RC_OK);
	assert_int_equal(seen.n_torn, 1);
	assert_int_equal(seen.last_segment.n_records, 2);
	assert_int_equal(seen.last_segment.n_damaged_bytes, 50);
	free_image(&image);
	scratch_remove(folder);
	(void)state;
}

/* Records of one group may reach the disk in any order before a crash: a hole among them is no damage of synced bytes. */
static void a_hole_in_the_last_group_is_a_torn_end(void **state)
{
	char *folder = scratch_folder();
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct seen seen = { 0 };
	unsigned char *bytes;
	struct journal *j;
	struct replayed r;
	size_t n;

	heard_init(&h);
	options.commit_ms = 60000;
	options.commit_bytes = 1 << 20;
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	scratch_count_up(j, 0, 3, 1000, NULL);
	scratch_count_up(j, 3, 3, 1001, NULL);
	scratch_count_up(j, 6, 3, 1002, NULL);
	journal_close(j);
	bytes = scratch_read(folder, "segment-0000000001", &n);
	memset(bytes + FORMAT_PAGE_BYTES + 80, 0, 80);
	memset(bytes + FORMAT_PAGE_BYTES + 240, 0, 80); /* nor was the end written */
	scratch_write(folder, "segment-0000000001", bytes, n);
	free(bytes);
	assert_int_equal(journal_verify(folder, see, &seen, NULL), RC_OK);
	r = scratch_look(folder);
	assert_int_equal(r.n, 6);
	assert_int_equal(r.point[3].p.value, 6);
	replayed_fini(&r);
	scratch_remove(folder);
	(void)state;
}

/* The same hole in a segment that is not the last of its run: it had been synced. */
static void a_torn_end_before_a_later_segment_is_damage(void **state)
{
	/* from a record of the last group on: a changed byte, zeros up to the end of the file, the file cut */
	enum { CHANGED, ZEROED, CUT, N_WAYS };

	for (int way = 0; way < N_WAYS; way++) {
		char *folder = scratch_folder();
		struct heard h;
		struct journal_options options = scratch_options(folder, &h);
		size_t n, at = FORMAT_PAGE_BYTES + 80;
		struct seen seen = { 0 };
		struct why why = { "" };
		unsigned char *bytes;
		struct journal *j;
		struct replayed r;

		heard_init(&h);
		options.commit_ms = 60000;
		options.commit_bytes = 1 << 20;
		j = scratch_start(&options);
		scratch_name(j, 0, "x");
		scratch_count_up(j, 0, 3, 1000, NULL);
		scratch_count_up(j, 3, 3, 1001, NULL);
		journal_roll(j);
		scratch_count_up(j, 6, 3, 1002, NULL);
		journal_close(j);
		bytes = scratch_read(folder, "segment-0000000001", &n);
		if (way == CHANGED)
			bytes[at + 50] ^= 1;
		memset(bytes + at + (way == CHANGED ? 80 : 0), 0, n - at - (way == CHANGED ? 80 : 0));
		scratch_write(folder, "segment-0000000001", bytes, way == CUT ? at + 50 : n);
		assert_int_equal(journal_verify(folder, see, &seen, &why), RC_DAMAGED);
		assert_non_null(strstr(why.text, "segment-0000000001: "));
		assert_int_equal(seen.n, 3);
		j = scratch_open(&options);
		r = scratch_replay(j);
		assert_int_equal(r.n, 6);
		assert_int_equal(r.sum.n_damaged_files, 1);
		assert_non_null(strstr(r.sum.why.text, "segment-0000000001: "));
		replayed_fini(&r);
		journal_start(j);
		assert_int_equal(journal_retire(j, journal_current(j), NULL), RC_OK);
		journal_close(j);
		assert_true(scratch_exists(folder, "segment-0000000001.damaged"));
		assert_false(scratch_exists(folder, "segment-0000000002.damaged"));
		assert_int_equal(journal_verify(folder, see, &seen, &why), RC_DAMAGED);
		free(bytes);
		scratch_remove(folder);
	}
	(void)state;
}

static void another_version_is_refused_and_nothing_touched(void **state)
{
	static const char *const name[] = { "segment-0000000004", "names-0000000004" };
	unsigned char page[FORMAT_PAGE_BYTES] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(name); i++) {
		char *folder = scratch_folder();
		struct heard h;
		struct journal_options options = scratch_options(folder, &h);
		struct journal *j = NULL;
		struct why why = { "" };

		heard_init(&h);
		format_page_put(page, &(struct format_page){ 2, FORMAT_SEGMENT, 4, 4 });
		scratch_write(folder, name[i], page, sizeof(page));
		assert_int_equal(journal_open(&options, &j, &why), RC_REFUSED);
		assert_null(j);
		assert_non_null(strstr(why.text, name[i]));
		assert_non_null(strstr(why.text, "format version 2, this program knows version 1"));
		assert_int_equal(scratch_count(folder, "segment-"), i == 0 ? 1 : 0);
		/* a changed byte is no other version */
		page[8] = 3;
		scratch_write(folder, name[i], page, sizeof(page));
		assert_int_equal(journal_open(&options, &j, &why), RC_OK);
		journal_close(j);
		scratch_remove(folder);
	}
	(void)state;
}

static void foreign_files_are_left_alone(void **state)
{
	static const char *const name[] = { "segment-1",          "segment-00000000012", "segment-0000000009.bak",
					    "segment-9999999999", "notes.txt",           "names-000000000x",
					    "segment-0000000002", "spare-0000000030" };
	char *folder = scratch_folder();
	char *directory = must_format("%s/segment-0000000020", folder);
	struct heard h;
	struct journal_options options = scratch_options(folder, &h);
	struct journal *j;
	struct replayed r;
	uint32_t segment;

	heard_init(&h);
	for (size_t i = 0; i < ARRAY_LEN(name); i++)
		scratch_write(folder, name[i], "abc", i == 6 ? 0 : 3);
	assert_int_equal(mkdir(directory, 0755), 0);
	r = scratch_look(folder);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.sum.n_segments, 1); /* the empty one */
	assert_int_equal(r.sum.n_damaged_bytes, 0);
	replayed_fini(&r);
	j = scratch_start(&options);
	scratch_name(j, 0, "x");
	heard_wait(&h, scratch_count_up(j, 0, 1, 1, &segment));
	assert_int_equal(segment, 31);
	assert_int_equal(journal_retire(j, UINT32_MAX, NULL), RC_OK);
	journal_close(j);
	for (size_t i = 0; i < 6; i++)
		assert_true(scratch_exists(folder, name[i]));
	assert_true(scratch_exists(folder, "segment-0000000020"));
	assert_false(scratch_exists(folder, "segment-0000000002"));
	r = scratch_look(folder);
	assert_int_equal(r.n, 1);
	replayed_fini(&r);
	free(directory);
	scratch_remove(folder);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(torn_at_every_length),
		cmocka_unit_test(every_byte_changed),
		cmocka_unit_test(names_torn_and_changed),
		cmocka_unit_test(a_damaged_middle_is_reported_and_set_aside),
		cmocka_unit_test(verify_takes_a_torn_end_for_normal),
		cmocka_unit_test(a_hole_in_the_last_group_is_a_torn_end),
		cmocka_unit_test(a_torn_end_before_a_later_segment_is_damage),
		cmocka_unit_test(another_version_is_refused_and_nothing_touched),
		cmocka_unit_test(foreign_files_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
