/*
 * bench_journal FOLDER: what the journal costs a point, beside writing and syncing the same bytes without it; and how long
 * 10 million points of 1 million series take to be read again. FOLDER must be on a disk and is left empty.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fileio.h"
#include "base/lock.h"
#include "base/mem.h"
#include "journal/journal.h"

enum { BATCH = 1000, N_SERIES = 1000000, N_POINTS = 10000000 };

static struct {
	struct lock lock;
	struct signal changed;
	uint64_t position;
} safe;

static void committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	if (rc != RC_OK) {
		fprintf(stderr, "%s\n", why->text);
		exit(1);
	}
	lock_take(&safe.lock);
	safe.position = position;
	signal_all(&safe.changed);
	lock_give_back(&safe.lock);
	(void)argument;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void check(enum rc rc, const struct why *why)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "%s\n", why->text);
	exit(1);
}

static void wait_for(uint64_t position)
{
	lock_take(&safe.lock);
	while (safe.position < position)
		signal_wait(&safe.changed, &safe.lock);
	lock_give_back(&safe.lock);
}

static void append_all(struct journal *j, const struct numbered *point, const char *what)
{
	struct mono started = mono_now();
	int64_t cpu = cpu_ns();
	uint64_t position = 0;
	uint32_t segment;
	struct journal_stats stats;
	struct why why = { "" };

	for (size_t i = 0; i < N_POINTS; i += BATCH) {
		enum rc rc;

		while ((rc = journal_append(j, point + i % N_SERIES, BATCH, 1400000000 + (uint32_t)(i / N_SERIES),
					    &position, &segment, &why)) == RC_FULL)
			usleep(500);
		check(rc, &why);
	}
	cpu = cpu_ns() - cpu;
	wait_for(position);
	journal_stats(j, &stats);
	printf("%s: %.2f ns CPU a point until appended and mostly synced, %.1f ns wall until synced, %" PRIu64
	       " commits\n",
	       what, (double)cpu / N_POINTS, (double)(mono_now().ns - started.ns) / N_POINTS, stats.n_commits);
}

static void plain(const char *folder, const struct numbered *point)
{
	char *path = must_format("%s/plain", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const size_t n = (1 << 18) / sizeof(*point);
	struct mono started;
	struct why why = { "" };
	int64_t cpu;

	must(fd >= 0);
	check(fileio_reserve(fd, N_POINTS * sizeof(*point), &why), &why);
	started = mono_now();
	cpu = cpu_ns();
	for (size_t i = 0; i + n <= N_POINTS; i += n) {
		check(fileio_pwrite(fd, point + i % (N_SERIES - n), n * sizeof(*point), i * sizeof(*point), &why),
		      &why);
		check(fileio_sync(fd, &why), &why);
	}
	printf("pwrite + fdatasync of 256 KiB: %.2f ns CPU, %.1f ns wall a point\n",
	       (double)(cpu_ns() - cpu) / N_POINTS, (double)(mono_now().ns - started.ns) / N_POINTS);
	close(fd);
	unlink(path);
	free(path);
}

static void checksums(const struct numbered *point)
{
	const size_t n_bytes = 4096 * sizeof(*point);
	uint32_t all = 0;
	int64_t cpu = cpu_ns();

	for (size_t i = 0; i < N_POINTS; i += 4096)
		all ^= crc32c(0, point + i % (N_SERIES - 4096), n_bytes);
	printf("CRC-32C alone: %.2f ns a point (%08x)\n", (double)(cpu_ns() - cpu) / N_POINTS, all);
}

static uint64_t n_read;
static double sum_read;

static void on_name(void *argument, uint32_t run, uint32_t id, const struct series *series)
{
	n_read += id + series->plugin.n + run;
	(void)argument;
}

static void on_points(void *argument, uint32_t run, uint32_t segment, const struct numbered *point, size_t n,
		      uint32_t accepted_s)
{
	for (size_t i = 0; i < n; i++)
		sum_read += point[i].value;
	n_read += n + run + segment + accepted_s;
	(void)argument;
}

static struct journal *start(const char *folder)
{
	const struct journal_options options = { .path = folder,
						 .commit_ms = 10,
						 .commit_bytes = 1 << 18,
						 .max_bytes = 4ULL << 30,
						 .committed = committed };
	const struct journal_reader reader = { .name = on_name, .points = on_points };
	struct mono started = mono_now();
	int64_t cpu = cpu_ns();
	struct journal_replayed replayed;
	struct why why = { "" };
	struct journal *j;

	safe.position = 0;
	check(journal_open(&options, &j, &why), &why);
	check(journal_replay(j, &reader, &replayed, &why), &why);
	if (replayed.n_points > 0)
		printf("replay of %" PRIu64 " points, %" PRIu64 " names: %.3f s wall, %.3f s CPU\n", replayed.n_points,
		       replayed.n_names, (double)(mono_now().ns - started.ns) / 1e9, (double)(cpu_ns() - cpu) / 1e9);
	journal_start(j);
	return j;
}

static void empty(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	must(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

int main(int argc, char **argv)
{
	struct numbered *point = must_alloc(N_SERIES * sizeof(*point));
	struct why why = { "" };
	struct journal *j;
	char plugin[32];

	if (argc != 2) {
		fprintf(stderr, "bench_journal FOLDER\n");
		return 2;
	}
	lock_init(&safe.lock);
	signal_init(&safe.changed);
	for (uint32_t i = 0; i < N_SERIES; i++)
		point[i] = (struct numbered){ i, 1400000000, i * 0.5 };
	checksums(point);
	plain(argv[1], point);
	j = start(argv[1]);
	for (uint32_t i = 0; i < N_SERIES; i++) {
		struct series s = { TEXT("host000.example.com"),
				    TEXT("0c/host000examplecom"),
				    { plugin, (size_t)snprintf(plugin, sizeof(plugin), "plugin%06u", i) },
				    TEXT("value") };

		journal_name(j, i, &s);
	}
	append_all(j, point, "journal, fresh files, 1 M names beside");
	journal_close(j);
	j = start(argv[1]);
	check(journal_retire(j, UINT32_MAX, &why), &why);
	append_all(j, point, "journal, two files reused");
	journal_close(j);
	empty(argv[1]);
	free(point);
	return 0;
}
