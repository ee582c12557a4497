/*
 * What the .wsp engine makes of a kernel that says no. The few ways to write (base/fileio.h) are this file's own: linked
 * with --wrap.
 */
#include "test.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "values/values_wsp.h"

enum { NOW = 1400003640 };

static int reserve_error, sync_error;
static unsigned n_reserved, n_written, fail_at;

enum rc __real_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why);
enum rc __wrap_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why);
enum rc __real_fileio_reserve(int fd, uint64_t n, struct why *why);
enum rc __wrap_fileio_reserve(int fd, uint64_t n, struct why *why);
enum rc __real_fileio_sync_all(int fd, struct why *why);
enum rc __wrap_fileio_sync_all(int fd, struct why *why);

enum rc __wrap_fileio_pwrite(int fd, const void *bytes, size_t n, uint64_t offset, struct why *why)
{
	if (n_written++ >= fail_at)
		return because(why, RC_DISK, "write: %s", strerror(EIO));
	return __real_fileio_pwrite(fd, bytes, n, offset, why);
}

enum rc __wrap_fileio_reserve(int fd, uint64_t n, struct why *why)
{
	n_reserved++;
	if (reserve_error == 0)
		return __real_fileio_reserve(fd, n, why);
	errno = reserve_error;
	return because(why, RC_DISK, "reserve: %s", strerror(reserve_error));
}

enum rc __wrap_fileio_sync_all(int fd, struct why *why)
{
	return sync_error == 0 ? __real_fileio_sync_all(fd, why) : because(why, RC_DISK, "sync: no");
}

struct tree {
	char root[128];
	struct schema schema;
	struct values *values;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int begin(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tree *t = must_alloc(sizeof(*t));
	struct why why;

	reserve_error = sync_error = 0;
	n_reserved = n_written = 0;
	fail_at = UINT32_MAX;
	snprintf(t->root, sizeof(t->root), "%s/values-faults-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(t->root));
	schema_init(&t->schema);
	if (values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_RESERVE, NULL }, &t->values, &why) !=
	    RC_OK)
		fail_msg("%s", why.text);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct tree *t = *state;

	values_close(t->values);
	schema_fini(&t->schema);
	nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static struct values_batch batch_of(const char *ds, const struct taken *p, size_t n)
{
	return (struct values_batch){ .series = { TEXT("h"), TEXT("0c/h"), TEXT("df"), text_of(ds) },
				      .point = p,
				      .n_points = n };
}

static double value_at(struct tree *t, const char *ds, int64_t span_s, int64_t t_s)
{
	struct values_batch b = batch_of(ds, NULL, 0);
	struct span span;
	struct why why;
	double value = NAN;

	if (values_fetch(t->values, &b.series, NULL, 0, 0, NOW - span_s, NOW, NOW, &span, &why) != RC_OK)
		fail_msg("%s", why.text);
	if (t_s >= span.start_s && t_s < span.start_s + (int64_t)span.n * span.step_s)
		value = span.value[(t_s - span.start_s) / span.step_s];
	span_fini(&span);
	return value;
}

static void a_full_disk_stops_new_files_only(void **state)
{
	struct tree *t = *state;
	const struct taken old = { NOW - 60, NOW - 60, 1 }, p = { NOW, NOW, 2 };
	struct values_batch there = batch_of("there", &old, 1);
	struct values_batch batch[] = { batch_of("a", &p, 1), batch_of("b", &p, 1), batch_of("there", &p, 1),
					batch_of("c", &p, 1) };

	assert_int_equal(values_write(t->values, &there, 1), RC_OK);
	n_reserved = 0;
	reserve_error = ENOSPC;
	assert_int_equal(values_write(t->values, batch, 4), RC_DISK);
	assert_int_equal(n_reserved, 1); /* the others are hopeless */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(batch[i].rc, i == 2 ? RC_OK : RC_DISK);
	assert_non_null(strstr(batch[3].why.text, "0c/h/df/c"));
	assert_non_null(strstr(batch[3].why.text, strerror(ENOSPC)));
	assert_true(value_at(t, "there", 3600, NOW) == 2);
	n_reserved = 0; /* but another cause says nothing about the next file */
	reserve_error = EIO;
	assert_int_equal(values_write(t->values, batch, 4), RC_DISK);
	assert_int_equal(n_reserved, 3);
	reserve_error = 0;
	assert_int_equal(values_write(t->values, batch, 4), RC_OK);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(batch[i].rc, RC_OK);
	assert_true(value_at(t, "c", 3600, NOW) == 2);
}

/* Every write of a call fails once: the same call again, as a replay, ends whole. */
static void a_call_that_failed_anywhere_is_made_again(void **state)
{
	struct tree *t = *state;
	const struct taken p[] = { { NOW - 240, NOW, 1 },
				   { NOW - 180, NOW, 2 },
				   { NOW - 120, NOW, 3 },
				   { NOW - 60, NOW, 4 },
				   { NOW, NOW, 5 } };
	unsigned n_failed = 0;
	char ds[16];

	for (unsigned i = 0; i < 100; i++) {
		struct values_batch b;

		snprintf(ds, sizeof(ds), "v%u", i);
		b = batch_of(ds, p, 5);
		n_written = 0;
		fail_at = i;
		n_failed += values_write(t->values, &b, 1) == RC_DISK;
		assert_int_equal(b.rc, n_failed > i ? RC_DISK : RC_OK);
		fail_at = UINT32_MAX;
		b.again = true;
		assert_int_equal(values_write(t->values, &b, 1), RC_OK);
		assert_int_equal(b.rc, RC_OK);
		for (int k = 0; k < 5; k++)
			assert_true(value_at(t, ds, 3600, NOW - 240 + 60 * k) == k + 1);
		/* they fill one slot of 300 s */
		assert_int_equal((NOW - 240) % 300, 0);
		assert_true(value_at(t, ds, 2 * 86400, NOW - 240) == 3);
		if (n_failed <= i)
			break;
	}
	assert_in_range(n_failed, 3, 9); /* header and archives */
}

static void a_failed_sync_is_told(void **state)
{
	struct tree *t = *state;
	struct why why = { "" };

	sync_error = EIO;
	assert_int_equal(values_sync(t->values, &why), RC_DISK);
	assert_string_equal(why.text, "sync: no");
	sync_error = 0;
	assert_int_equal(values_sync(t->values, &why), RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_full_disk_stops_new_files_only, begin, end),
		cmocka_unit_test_setup_teardown(a_call_that_failed_anywhere_is_made_again, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_sync_is_told, begin, end),
	};

	if (log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_CRITICAL, NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
