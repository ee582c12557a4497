/*
 * What writing a flush costs: `values_bench FOLDER N_FILES [N_POINTS ...]` makes N_FILES series below FOLDER (which is to
 * be new) and prints CPU per file and points per CPU second, first of making them, then of batches of N_POINTS each,
 * fresh and one minute apart, in path order, several times; then the least that any program would pay: the same files
 * opened, written in four places and closed. The best of several rounds counts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "values/values_wsp.h"

enum { START = 1400003640, PER_CALL = 1000, ROUNDS = 5, NAME = 32, WARM_BYTES = 1 << 30, OF_ONE_FOLDER = 25 };

struct name {
	char host[NAME], folder[NAME], plugin[NAME], ds[NAME];
};

static struct values *values;
static struct name *name;
static struct values_batch *batch;
static struct taken *point;
static size_t n_files;
static uint32_t now_s = START;
static bool hold, again;

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
	fprintf(stderr, "values_bench: %s\n", why->text);
	exit(1);
}

/* One batch of n points for every series; returns the CPU it took. */
static int64_t round_of(size_t n)
{
	int64_t start_ns;

	for (size_t i = 0; i < n_files; i++) {
		batch[i].point = point + i * n;
		batch[i].n_points = n;
		batch[i].hold_coarse = hold;
		batch[i].again = again;
		batch[i].held_from_s = batch[i].held_from_s_now;
		for (size_t k = 0; k < n; k++) {
			uint32_t t_s = now_s + 60 * (uint32_t)(k + 1) + (uint32_t)(i % 50);

			point[i * n + k] = (struct taken){ t_s, t_s + 1, (double)(t_s % 1000) * 1.25 };
		}
	}
	now_s += 60 * (uint32_t)n;
	start_ns = cpu_ns();
	for (size_t i = 0; i < n_files; i += PER_CALL) {
		size_t now = n_files - i < PER_CALL ? n_files - i : PER_CALL;

		check(values_write(values, batch + i, now), &batch[i].why);
	}
	return cpu_ns() - start_ns;
}

/* The same files, the least system calls that put bytes into four archives: what nothing can be below. Spoils them. */
static int64_t bare_round(const char *root)
{
	static const unsigned char bytes[59 * 12] = { 1 };
	static const struct {
		off_t at;
		size_t n;
	} put[] = { { 97000, 24 }, { 42000, 72 }, { 18000, 144 }, { 4000, sizeof(bytes) } };
	int64_t start_ns = cpu_ns();
	int folder_fd = -1;

	for (size_t i = 0; i < n_files; i++) {
		char path[256];
		int fd;

		if (i % OF_ONE_FOLDER == 0) {
			if (folder_fd >= 0)
				close(folder_fd);
			snprintf(path, sizeof(path), "%s/%s/%s", root, name[i].folder, name[i].plugin);
			folder_fd = open(path, O_PATH | O_CLOEXEC);
		}
		snprintf(path, sizeof(path), "%s.wsp", name[i].ds);
		fd = openat(folder_fd, path, O_RDWR | O_CLOEXEC);
		must(fd >= 0);
		for (size_t k = 0; k < ARRAY_LEN(put); k++)
			must(pwrite(fd, bytes, put[k].n, put[k].at) == (ssize_t)put[k].n);
		close(fd);
	}
	close(folder_fd);
	return cpu_ns() - start_ns;
}

/*
 * Free memory of a virtual machine is often not backed by its host: the first touch of a page then costs ten times its
 * clearing, which is not ours to measure. Touch some and give it back, so that what is taken next is backed.
 */
static void warm_memory(size_t n_bytes)
{
	char *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	for (size_t i = 0; i < n_bytes; i += 4096)
		p[i] = 1;
	must(munmap(p, n_bytes) == 0);
}

static void report(const char *what, size_t n, int64_t ns)
{
	printf("%-8s %4zu points: %7.2f us CPU a file, %5.2f M points a CPU second\n", what, n,
	       (double)ns / 1e3 / (double)n_files, (double)(n_files * n) / ((double)ns / 1e9) / 1e6);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int64_t best_bare = INT64_MAX;
	struct schema schema;
	struct why why;

	if (argc < 3) {
		fprintf(stderr, "usage: values_bench FOLDER N_FILES [N_POINTS | hold | again] ...\n");
		return 2;
	}
	schema_init(&schema);
	check(log_open(NULL, LOG_LEVEL_ERROR, LOG_LEVEL_ERROR, &why), &why);
	check(values_wsp_open(&(struct values_wsp_options){ argv[1], &schema, WSP_RESERVE, NULL }, &values, &why),
	      &why);
	n_files = (size_t)atoll(argv[2]);
	name = must_alloc(n_files * sizeof(*name));
	batch = must_alloc(n_files * sizeof(*batch));
	point = must_alloc(n_files * 1000 * sizeof(*point));
	for (size_t i = 0; i < n_files; i++) {
		size_t folder = i / OF_ONE_FOLDER, host = folder / 5;

		snprintf(name[i].host, NAME, "host%06zu", host);
		snprintf(name[i].folder, NAME, "%02zx/host%06zu", host % 256, host);
		snprintf(name[i].plugin, NAME, "plugin%zu", folder % 5);
		snprintf(name[i].ds, NAME, "ds%03zu", i % OF_ONE_FOLDER);
		batch[i] = (struct values_batch){ .series = { text_of(name[i].host), text_of(name[i].folder),
							      text_of(name[i].plugin), text_of(name[i].ds) },
						  .number = (uint32_t)i + 1 };
	}
	report("create", 1, round_of(1));
	warm_memory(WARM_BYTES);
	report("first", 59, round_of(59));
	for (int i = 3; i < argc; i++) {
		size_t n = (size_t)atoll(argv[i]);
		int64_t best = INT64_MAX;

		if (n == 0 || n > 1000) {
			hold = argv[i][0] == 'h';
			again = argv[i][0] == 'a';
			continue;
		}
		for (int k = 0; k < ROUNDS; k++) {
			int64_t ns = round_of(n);

			best = ns < best ? ns : best;
		}
		report(hold ? "held" : again ? "again" : "flush", n, best);
	}
	for (int k = 0; k < ROUNDS; k++) {
		int64_t ns = bare_round(argv[1]);

		best_bare = ns < best_bare ? ns : best_bare;
	}
	report("bare", 59, best_bare);
	check(values_sync(values, &why), &why);
	values_close(values);
	schema_fini(&schema);
	free(name);
	free(batch);
	free(point);
	return 0;
}
