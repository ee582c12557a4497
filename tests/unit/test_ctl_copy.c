#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "ctl/copy_file.h"
#include "values/wsp_verify.h"

static struct {
	bool synced, sync_fails, named_unsynced;
} disk;

static int sync_one(int fd)
{
	if (disk.sync_fails) {
		errno = EIO;
		return -1;
	}
	disk.synced = true;
	return fileio_real.fdatasync(fd);
}

static ssize_t write_one(int fd, const void *bytes, size_t n, off_t offset)
{
	disk.synced = false;
	return fileio_real.pwrite(fd, bytes, n, offset);
}

static int rename_one(int from_dir_fd, const char *from, int to_dir_fd, const char *to)
{
	disk.named_unsynced = disk.named_unsynced || !disk.synced;
	return fileio_real.renameat(from_dir_fd, from, to_dir_fd, to);
}

/* Else the name may outlive a power cut without the bytes, and passes for a good copy. */
static void a_copy_is_on_the_disk_before_it_has_its_name(void **state)
{
	struct fileio_kernel kernel = fileio_real;
	const struct stat st = { .st_mode = 0640, .st_uid = getuid(), .st_gid = getgid() };
	char path[] = "/tmp/test_ctl_copy.XXXXXX";
	int dir_fd;

	(void)state;
	kernel.fdatasync = sync_one;
	kernel.pwrite = write_one;
	kernel.renameat = rename_one;
	assert_non_null(mkdtemp(path));
	dir_fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(dir_fd >= 0);
	fileio_swap(&kernel);
	assert_int_equal(copy_bytes(TEXT("some bytes"), &st, dir_fd, "a", true, NULL), RC_OK);
	assert_true(disk.synced);
	assert_false(disk.named_unsynced);
	disk.synced = false;
	assert_int_equal(copy_bytes(TEXT("some bytes"), &st, dir_fd, "b", false, NULL), RC_OK);
	assert_true(disk.synced);
	disk.sync_fails = true;
	assert_int_equal(copy_bytes(TEXT("some bytes"), &st, dir_fd, "c", true, NULL), RC_DISK);
	assert_int_equal(copy_bytes(TEXT("some bytes"), &st, dir_fd, "d", false, NULL), RC_DISK);
	fileio_swap(NULL);
	assert_int_equal(unlinkat(dir_fd, "a", 0), 0);
	assert_int_equal(unlinkat(dir_fd, "b", 0), 0);
	close(dir_fd);
	assert_int_equal(rmdir(path), 0); /* nothing else is left */
}

static struct stat of(int64_t mtime_s, long mtime_ns, int64_t ctime_s)
{
	return (struct stat){ .st_size = 100, .st_mtim = { mtime_s, mtime_ns }, .st_ctim = { ctime_s, 0 } };
}

static void whole_seconds_say_less(void **state)
{
	struct stat from = of(1000, 5, 1000), to = of(1000, 5, 1000), later;
	struct timespec now;

	(void)state;
	assert_true(copy_is_current(&from, &to));
	to = of(1000, 6, 1000);
	assert_false(copy_is_current(&from, &to));
	from = of(1000, 0, 1000);
	to = of(1000, 0, 1001); /* copied when it may still have been written in the same second */
	assert_false(copy_is_current(&from, &to));
	to = of(1000, 0, 1002);
	assert_true(copy_is_current(&from, &to));
	clock_gettime(CLOCK_REALTIME, &now);
	later = of(now.tv_sec, 0, now.tv_sec);
	assert_false(wsp_is_settled(&later, NULL));
	later.st_ctim = (struct timespec){ now.tv_sec - 1, 1 };
	assert_true(wsp_is_settled(&later, NULL));
	later.st_ctim = (struct timespec){ now.tv_sec - 3, 0 };
	assert_true(wsp_is_settled(&later, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_on_the_disk_before_it_has_its_name),
		cmocka_unit_test(whole_seconds_say_less),
	};

	return cmocka_run_group_tests_name("ctl_copy", tests, NULL, NULL);
}
