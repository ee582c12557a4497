/* Files of a tree repaired and resized, without a daemon: where the old ones go, and what a failing disk leaves. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "values/wsp_repair.h"
#include "values/wsp_resize.h"

enum { NOW = 1400003640 };

struct tree {
	char above[128], root[160], quarantine[160];
	struct schema schema;
	int root_fd;
	struct wsp_repair repair;
	struct wsp_resize resize;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int begin(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct tree *t = must_alloc(sizeof(*t));

	snprintf(t->above, sizeof(t->above), "%s/repair-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(t->above));
	snprintf(t->root, sizeof(t->root), "%s/wsps", t->above);
	snprintf(t->quarantine, sizeof(t->quarantine), "%s/aside", t->above);
	assert_int_equal(mkdir(t->root, 0755), 0);
	t->root_fd = open(t->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fileio_make_dirs(t->root_fd, "0c/h/df", NULL), RC_OK);
	schema_init(&t->schema);
	assert_int_equal(retention_parse(TEXT("60:60,300:48"), &t->schema.otherwise, NULL), RC_OK);
	t->repair = (struct wsp_repair){ t->root_fd, t->quarantine, &t->schema, WSP_SPARSE, NOW + 300 };
	t->resize = (struct wsp_resize){
		.root_fd = t->root_fd, .schema = &t->schema, .allocate = WSP_SPARSE, .now_s = NOW, .latest_s = NOW + 300
	};
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct tree *t = *state;

	fileio_swap(NULL);
	close(t->root_fd);
	schema_fini(&t->schema);
	nftw(t->above, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static const struct series a_series = { TEXT_INIT("h"), TEXT_INIT("0c/h"), TEXT_INIT("df"), TEXT_INIT("a") };

/* 0c/h/df/a.wsp with an hour of points. */
static void make(const struct tree *t)
{
	int dir_fd = openat(t->root_fd, "0c/h/df", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct wsp w;

	unlinkat(dir_fd, "a.wsp", 0);
	assert_int_equal(wsp_create(dir_fd, "a.wsp", &t->schema.otherwise, WSP_SPARSE, &w, NULL), RC_OK);
	for (int64_t s = NOW - 3540; s <= NOW; s += 60)
		assert_int_equal(wsp_update(&w, (struct point){ s, (double)s }, s, NULL), RC_OK);
	wsp_close(&w);
	close(dir_fd);
}

static void damage(const struct tree *t, off_t offset, const void *bytes, size_t n)
{
	int fd = openat(t->root_fd, "0c/h/df/a.wsp", O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, n, offset), n);
	close(fd);
}

/* How many files there are in a folder; 0: there is no such folder. */
static size_t n_files(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entry;
	int n = 0;
	size_t n_files = 0;

	if (fd < 0)
		return 0;
	n = scandirat(fd, ".", &entry, NULL, NULL);
	for (int i = 0; i < n; i++) {
		n_files += strcmp(entry[i]->d_name, ".") != 0 && strcmp(entry[i]->d_name, "..") != 0;
		free(entry[i]);
	}
	free(entry);
	close(fd);
	return n_files;
}

static void the_damaged_file_is_kept(void **state)
{
	struct tree *t = *state;
	struct wsp_repaired told;
	struct stat before, after;
	char path[256];

	make(t);
	assert_int_equal(wsp_repair_file(&t->repair, &a_series, &told, NULL), RC_OK);
	assert_int_equal(told.done, REPAIR_NOTHING);
	assert_int_equal(n_files(AT_FDCWD, t->quarantine), 0);
	for (unsigned i = 0; i < 3; i++) { /* each time under another name */
		make(t);
		damage(t, 40 + 12 * 5, "\1\2\3\4", 4);
		assert_int_equal(fstatat(t->root_fd, "0c/h/df/a.wsp", &before, 0), 0);
		assert_int_equal(wsp_repair_file(&t->repair, &a_series, &told, NULL), RC_OK);
		assert_int_equal(told.done, REPAIR_MENDED);
		assert_int_equal(told.n_cleared, 1);
		assert_int_equal(told.n_missing + told.n_cut, 0);
		snprintf(path, sizeof(path), i == 0 ? "%s/0c/h/df/a.wsp" : "%s/0c/h/df/a.wsp.%u", t->quarantine, i);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(wsp_repair_file(&t->repair, &a_series, &told, NULL), RC_OK);
		assert_int_equal(told.done, REPAIR_NOTHING);
	}
	assert_int_equal(n_files(t->root_fd, "0c/h/df"), 1);
}

static void what_nothing_can_be_made_of_is_moved(void **state)
{
	struct tree *t = *state;
	struct wsp_repaired told;
	struct why why;
	int fd;

	make(t);
	fd = openat(t->root_fd, "0c/h/df/a.wsp", O_RDWR | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 17), 0);
	close(fd);
	assert_int_equal(wsp_repair_file(&t->repair, &a_series, &told, &why), RC_OK);
	assert_int_equal(told.done, REPAIR_SET_ASIDE);
	assert_non_null(strstr(told.why.text, "17 bytes"));
	assert_int_equal(n_files(t->root_fd, "0c/h/df"), 0);
	assert_int_equal(wsp_repair_file(&t->repair, &a_series, &told, &why), RC_ABSENT);
}

static void names_outside_the_rules(void **state)
{
	struct tree *t = *state;
	struct series s = a_series;
	struct wsp_repaired told;
	static const char *const leftovers[] = { "a.wsp", ".new", ".new-/../../x", "", "../.new-1" };

	s.folder = TEXT("../0c/h");
	assert_int_equal(wsp_repair_file(&t->repair, &s, &told, NULL), RC_REFUSED);
	s.folder = TEXT("0c/h");
	s.ds = TEXT("../a");
	assert_int_equal(wsp_repair_file(&t->repair, &s, &told, NULL), RC_REFUSED);
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
		assert_int_equal(wsp_repair_leftover(&t->repair, TEXT("0c/h"), TEXT("df"), text_of(leftovers[i]), NULL),
				 RC_REFUSED);
	close(openat(t->root_fd, "0c/h/df/.new-7-7", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(wsp_repair_leftover(&t->repair, TEXT("0c/h"), TEXT("df"), TEXT(".new-7-7"), NULL), RC_OK);
	assert_int_equal(wsp_repair_leftover(&t->repair, TEXT("0c/h"), TEXT("df"), TEXT(".new-7-7"), NULL), RC_OK);
	assert_int_equal(n_files(t->root_fd, "0c/h/df"), 0);
}

/* ---- a disk that fails */

static int n_left; /* calls that still succeed */

static int fail_fsync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static ssize_t fail_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	if (n_left-- > 0)
		return pwrite(fd, bytes, n, offset);
	errno = ENOSPC;
	return -1;
}

/* Another byte reaches the disk than was written. */
static ssize_t spoil_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	unsigned char *copy = must_alloc(n);
	ssize_t done;

	memcpy(copy, bytes, n);
	if (n_left-- == 0)
		copy[n / 24 * 12 + 6] ^= 1;
	done = pwrite(fd, copy, n, offset);
	free(copy);
	return done;
}

static int fail_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	(void)from_fd, (void)from, (void)to_fd, (void)to;
	errno = EIO;
	return -1;
}

static void set_write(struct fileio_kernel *k)
{
	k->pwrite = fail_pwrite;
}

static void set_spoil(struct fileio_kernel *k)
{
	k->pwrite = spoil_pwrite;
}

static void set_sync(struct fileio_kernel *k)
{
	k->fdatasync = fail_fsync;
	k->fsync = fail_fsync;
}

static void set_rename(struct fileio_kernel *k)
{
	k->renameat = fail_renameat;
}

static void a_failing_disk_leaves_the_old_file(void **state)
{
	static void (*const sets[])(struct fileio_kernel *) = { set_write, set_spoil, set_sync, set_rename };
	struct tree *t = *state;
	struct fileio_kernel kernel;
	struct stat before, after;

	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		for (int left = 0; left < (i < 2 ? 2 : 1); left++) {
			struct wsp_resized f = { .series = a_series };
			struct wsp_repaired told;
			struct why why = { "" };

			make(t);
			assert_int_equal(fstatat(t->root_fd, "0c/h/df/a.wsp", &before, 0), 0);
			assert_int_equal(
				wsp_wanted_read(TEXT("60:120,300:96"), TEXT_NONE, TEXT_NONE, &t->resize.wanted, NULL),
				RC_OK);
			kernel = fileio_real;
			sets[i](&kernel);
			fileio_swap(&kernel);
			n_left = i == 1 ? left + 1 : left; /* a spoilt header is told by the reader */
			assert_int_equal(wsp_resize_files(&t->resize, &f, 1, mono_now()), 1);
			assert_true(f.rc == RC_DISK || f.rc == RC_DAMAGED);
			assert_true(f.why.text[0] != '\0');
			fileio_swap(NULL);
			damage(t, 40 + 12 * 5, "\1\2\3\4", 4);
			fileio_swap(&kernel);
			n_left = i == 1 ? left + 1 : left;
			assert_int_not_equal(wsp_repair_file(&t->repair, &a_series, &told, &why), RC_OK);
			fileio_swap(NULL);
			assert_int_equal(fstatat(t->root_fd, "0c/h/df/a.wsp", &after, 0), 0);
			assert_int_equal(before.st_ino, after.st_ino);
			assert_int_equal(before.st_size, after.st_size);
			assert_int_equal(n_files(t->root_fd, "0c/h/df"), 1);
		}
}

static void archives_are_those_that_were_asked_for(void **state)
{
	struct tree *t = *state;
	struct retention own = retention_default, r;
	struct wsp_wanted w;
	struct why why;
	struct schema_rule *rule = schema_add(&t->schema, "few");
	static const struct {
		struct text archives, aggregation, xff;
		const char *why;
	} wrong[] = { { TEXT_INIT("60"), { NULL, 0 }, { NULL, 0 }, "archives: archive \"60\"" },
		      { TEXT_INIT(""), { NULL, 0 }, { NULL, 0 }, "archives: no archive" },
		      { TEXT_INIT("60:10"), TEXT_INIT("mean"), { NULL, 0 }, "aggregation \"mean\"" },
		      { TEXT_INIT("60:10"), { NULL, 0 }, TEXT_INIT("1.5"), "xff \"1.5\"" },
		      { TEXT_INIT("60:10"), { NULL, 0 }, TEXT_INIT(""), "xff \"\"" },
		      { TEXT_INIT("60:10"), { NULL, 0 }, TEXT_INIT("nan"), "xff \"nan\"" },
		      { TEXT_INIT("1:2000000,2000000:2000"), { NULL, 0 }, { NULL, 0 }, "joins more than" } };

	rule->ds = must_strdup("b*");
	assert_int_equal(retention_parse(TEXT("60:30"), &rule->retention, NULL), RC_OK);
	rule->retention.aggregation = AGGREGATION_MAX;
	own.aggregation = AGGREGATION_MIN;
	own.xff = 0.25F;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(wsp_wanted_read(wrong[i].archives, wrong[i].aggregation, wrong[i].xff, &w, &why),
				 RC_REFUSED);
		assert_non_null(strstr(why.text, wrong[i].why));
	}
	assert_int_equal(wsp_wanted_read(TEXT("60:10"), TEXT_NONE, TEXT_NONE, &w, NULL), RC_OK);
	r = wsp_wanted_for(&w, &t->schema, &a_series, &own);
	assert_true(r.n_archives == 1 && r.aggregation == AGGREGATION_MIN && r.xff == 0.25F);
	assert_int_equal(wsp_wanted_read(TEXT("60:10"), TEXT("last"), TEXT("1"), &w, NULL), RC_OK);
	r = wsp_wanted_for(&w, &t->schema, &a_series, &own);
	assert_true(r.aggregation == AGGREGATION_LAST && r.xff == 1.0F);
	assert_int_equal(wsp_wanted_read(TEXT("configured"), TEXT_NONE, TEXT("1"), &w, NULL), RC_OK);
	r = wsp_wanted_for(&w, &t->schema, &a_series, &own);
	assert_true(r.n_archives == 2 && r.aggregation == AGGREGATION_AVERAGE && r.xff == 1.0F);
	r = wsp_wanted_for(&w, &t->schema, &(struct series){ TEXT("h"), TEXT("0c/h"), TEXT("df"), TEXT("bc") }, &own);
	assert_true(r.n_archives == 1 && r.archive[0].n_points == 30 && r.aggregation == AGGREGATION_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_damaged_file_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(what_nothing_can_be_made_of_is_moved, begin, end),
		cmocka_unit_test_setup_teardown(names_outside_the_rules, begin, end),
		cmocka_unit_test_setup_teardown(a_failing_disk_leaves_the_old_file, begin, end),
		cmocka_unit_test_setup_teardown(archives_are_those_that_were_asked_for, begin, end),
	};

	return cmocka_run_group_tests_name("wsp_repair", tests, NULL, NULL);
}
