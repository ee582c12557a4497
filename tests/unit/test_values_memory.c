/*
 * Between two writes of a series its file may be changed, replaced, removed or damaged by others. Of two series given the
 * same batches one is remembered, the other never (number 0): whatever happens to both files, they end alike.
 */
#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "values/values_wsp.h"

enum { NOW = 1400004000, NUMBER = 5000, N = 12 };

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

	snprintf(t->root, sizeof(t->root), "%s/values-memory-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(t->root));
	schema_init(&t->schema);
	if (values_wsp_open(&(struct values_wsp_options){ t->root, &t->schema, WSP_SPARSE, NULL }, &t->values, &why) !=
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

static const struct series series[2] = {
	{ TEXT_INIT("h"), TEXT_INIT("0c/h"), TEXT_INIT("p"), TEXT_INIT("remembered") },
	{ TEXT_INIT("h"), TEXT_INIT("0c/h"), TEXT_INIT("p"), TEXT_INIT("forgotten") },
};

static char *path_of(const struct tree *t, int i)
{
	return must_format("%s/0c/h/p/%s.wsp", t->root, series[i].ds.s);
}

/* N points a minute apart from t_s on, to both, in one call. */
static void write_both(struct tree *t, uint32_t t_s)
{
	struct taken point[N];
	struct values_batch b[2];

	for (uint32_t i = 0; i < N; i++)
		point[i] = (struct taken){ t_s + 60 * i, t_s + 60 * i, (double)(t_s % 1000) + i * 0.1 };
	for (int i = 0; i < 2; i++)
		b[i] = (struct values_batch){
			.series = series[i], .number = i == 0 ? NUMBER : 0, .point = point, .n_points = N
		};
	assert_int_equal(values_write(t->values, b, 2), RC_OK);
}

static void files_must_be_alike(const struct tree *t, const char *after)
{
	static unsigned char bytes[2][300000];
	ssize_t n[2];

	for (int i = 0; i < 2; i++) {
		char *path = path_of(t, i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			fail_msg("no %s after %s", path, after);
		n[i] = read(fd, bytes[i], sizeof(bytes[i]));
		close(fd);
		free(path);
	}
	assert_int_equal(n[0], n[1]);
	for (ssize_t i = 0; i < n[0]; i++)
		if (bytes[0][i] != bytes[1][i])
			fail_msg("byte %zd differs after %s", i, after);
}

/* Another program's write; repeated until the file's time of change has moved, which on some kernels takes a tick. */
static void touch(const char *path, struct point p)
{
	struct stat before, after;
	struct wsp w;

	assert_int_equal(stat(path, &before), 0);
	do {
		assert_int_equal(wsp_open(path, true, &w, NULL), RC_OK);
		assert_int_equal(wsp_update(&w, p, NOW + 86400, NULL), RC_OK);
		wsp_close(&w);
		assert_int_equal(stat(path, &after), 0);
	} while (memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) == 0);
}

static void copy(const char *from, const char *to, bool rename_over)
{
	char *command =
		must_format(rename_over ? "cp '%s' '%s.x' && mv '%s.x' '%s'" : "cp '%s' '%s'", from, to, to, to);

	assert_int_equal(system(command), 0);
	free(command);
}

static void whatever_happens_to_a_file_is_seen(void **state)
{
	struct tree *t = *state;
	char *path[2] = { path_of(t, 0), path_of(t, 1) }, *kept = must_format("%s/kept.wsp", t->root);
	uint32_t t_s = NOW;

	for (int k = 0; k < 3; k++, t_s += 60 * N)
		write_both(t, t_s);
	files_must_be_alike(t, "nothing");
	copy(path[1], kept, false);
	for (int i = 0; i < 2; i++) /* in the coarse slot that is still open, and in the last point's slot */
		touch(path[i], (struct point){ t_s - 120, 1e6 });
	write_both(t, t_s);
	files_must_be_alike(t, "a write of another program");
	t_s += 60 * N;
	for (int i = 0; i < 2; i++) /* something newer than what comes */
		touch(path[i], (struct point){ t_s + 300, 7 });
	write_both(t, t_s);
	files_must_be_alike(t, "a newer point of another program");
	for (int k = 0; k < 3; k++, t_s += 60 * N) {
		for (int i = 0; i < 2; i++)
			copy(kept, path[i], k == 1);
		write_both(t, t_s + 60 * N);
		files_must_be_alike(t, k == 1 ? "an old copy renamed over it" : "an old copy written over it");
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(unlink(path[i]), 0);
	for (int k = 0; k < 3; k++, t_s += 60 * N) {
		write_both(t, t_s + 120 * N);
		files_must_be_alike(t, "removal");
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(truncate(path[i], 1000), 0);
	write_both(t, t_s + 120 * N);
	files_must_be_alike(t, "damage");
	for (int i = 0; i < 2; i++)
		free(path[i]);
	free(kept);
}

/* Where the finest slot of t_s has its value. */
static unsigned char *value_at(const char *path, unsigned char *bytes, int64_t t_s)
{
	const struct wsp_archive *a;
	struct wsp w;
	int64_t at;

	assert_int_equal(wsp_open(path, false, &w, NULL), RC_OK);
	a = &w.archive[0];
	at = (t_s - (int64_t)bytes_get_be32(bytes + a->offset)) / a->step_s % a->n_points;
	wsp_close(&w);
	assert_true(at >= 0 && bytes_get_be32(bytes + a->offset + 12 * at) == t_s);
	return bytes + a->offset + 12 * at + 4;
}

/*
 * A change that the time of change does not tell, as within one tick of an older kernel's clock: here through a page that
 * is mapped and was changed before.
 */
static void what_we_changed_ourselves_is_told(void **state)
{
	struct tree *t = *state;
	char *path[2] = { path_of(t, 0), path_of(t, 1) };
	volatile unsigned char *bytes[2];
	uint32_t t_s = NOW;
	bool unseen = false;
	struct stat st;

	write_both(t, t_s);
	for (int i = 0; i < 2; i++) {
		int fd = open(path[i], O_RDWR | O_CLOEXEC);

		assert_true(fd >= 0 && fstat(fd, &st) == 0);
		bytes[i] = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(bytes[i] != MAP_FAILED);
		close(fd);
	}
	for (int k = 0; k < 50 && !unseen; k++) { /* unless the kernel just writes the page */
		struct stat before, after;

		for (int i = 0; i < 2; i++)
			for (off_t at = 0; at < st.st_size; at += 4096)
				bytes[i][at] = bytes[i][at];
		for (int n = 0; n < 3; n++) { /* until it is remembered again, and gone on with */
			t_s += 60 * N;
			write_both(t, t_s);
		}
		assert_int_equal(stat(path[0], &before), 0);
		for (int i = 0; i < 2; i++) /* in the coarse slot that is still open */
			bytes_put_be_double(value_at(path[i], (unsigned char *)(uintptr_t)bytes[i], t_s + 60 * (N - 2)),
					    1e6);
		assert_int_equal(stat(path[0], &after), 0);
		unseen = memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) == 0;
		values_touched(t->values);
	}
	assert_true(unseen);
	write_both(t, t_s + 60 * N);
	files_must_be_alike(t, "a change that was told");
	for (int i = 0; i < 2; i++) {
		munmap((void *)(uintptr_t)bytes[i], (size_t)st.st_size);
		free(path[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whatever_happens_to_a_file_is_seen, begin, end),
		cmocka_unit_test_setup_teardown(what_we_changed_ourselves_is_told, begin, end),
	};

	if (log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_CRITICAL, NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
