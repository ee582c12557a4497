/*
 * One measured piece of work on .wsp files: `wsp_bench WHAT FOLDER N FIRST` prints the CPU nanoseconds of N
 * operations.
 * bench/wsp.py calls it in turn with the same work in the reference library. FIRST numbers the operations of earlier
 * calls, so that every one of them is new.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "wsp/wsp.h"

enum { START = 1400003640, BATCH = 60 };

static char *path;
static int dir_fd;

static void check(enum rc rc, const struct why *why)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "%s: %s\n", rc_name(rc), why->text);
	exit(1);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct point point_of(int64_t i)
{
	return (struct point){ START + i * 60, (double)(i % 1000) * 1.25 };
}

static void update_opened(int64_t i)
{
	struct point p = point_of(i);
	struct wsp w;
	struct why why;

	check(wsp_open(path, true, &w, &why), &why);
	check(wsp_update(&w, p, p.t_s, &why), &why);
	wsp_close(&w);
}

static void update_kept(int64_t i)
{
	static struct wsp w = { .fd = -1 };
	struct point p = point_of(i);
	struct why why;

	if (w.fd < 0)
		check(wsp_open(path, true, &w, &why), &why);
	check(wsp_update(&w, p, p.t_s, &why), &why);
}

static void fill(int64_t i, struct point out[BATCH])
{
	for (int k = 0; k < BATCH; k++)
		out[k] = point_of(i * BATCH + k);
}

static void update_many(int64_t i)
{
	struct point p[BATCH];
	struct wsp w;
	struct why why;

	fill(i, p);
	check(wsp_open(path, true, &w, &why), &why);
	check(wsp_update_many(&w, p, BATCH, p[BATCH - 1].t_s, &why), &why);
	wsp_close(&w);
}

static void store(int64_t i)
{
	struct point p = point_of(i);
	struct wsp_stored stored;
	struct wsp w;
	struct why why;

	check(wsp_open(path, true, &w, &why), &why);
	check(wsp_store(&w, &(struct taken){ (uint32_t)p.t_s, (uint32_t)p.t_s, p.value }, 1,
			(struct wsp_how){ false, false }, &stored, &why),
	      &why);
	wsp_close(&w);
}

static void store_many(int64_t i)
{
	struct wsp_stored stored;
	struct taken taken[BATCH];
	struct point p[BATCH];
	struct wsp w;
	struct why why;

	fill(i, p);
	check(wsp_open(path, true, &w, &why), &why);
	for (int k = 0; k < BATCH; k++)
		taken[k] = (struct taken){ (uint32_t)p[k].t_s, (uint32_t)p[BATCH - 1].t_s, p[k].value };
	check(wsp_store(&w, taken, BATCH, (struct wsp_how){ false, false }, &stored, &why), &why);
	wsp_close(&w);
}

static void fetch(int64_t i)
{
	struct span s;
	struct wsp w;
	struct why why;
	int64_t now_s = START + 1440 * 60 + i % 60;

	check(wsp_open(path, false, &w, &why), &why);
	check(wsp_fetch(&w, now_s - 86400, now_s, now_s, &s, &why), &why);
	must(s.n == 1440);
	span_fini(&s);
	wsp_close(&w);
}

static void create(int64_t i)
{
	char name[40];
	struct wsp w;
	struct why why;

	snprintf(name, sizeof(name), "ours-%" PRId64 ".wsp", i);
	check(wsp_create(dir_fd, name, &retention_default, WSP_RESERVE, &w, &why), &why);
	wsp_close(&w);
}

static const struct {
	const char *name;
	void (*run)(int64_t i);
} works[] = {
	{ "update_opened", update_opened },
	{ "update_kept", update_kept },
	{ "update_many", update_many },
	{ "store", store },
	{ "store_many", store_many },
	{ "fetch", fetch },
	{ "create", create },
};

int main(int argc, char **argv)
{
	must(argc == 5);
	int64_t n = atoll(argv[3]), first = atoll(argv[4]);
	struct wsp w;
	struct why why;

	dir_fd = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(dir_fd >= 0);
	path = must_format("%s/%s-ours.wsp", argv[2], argv[1]);
	if (access(path, F_OK) != 0) {
		check(wsp_create(dir_fd, strrchr(path, '/') + 1, &retention_default, WSP_RESERVE, &w, &why), &why);
		/* a day of points, as a file in use has */
		for (int64_t i = -1440; i < 0; i++)
			check(wsp_update(&w, point_of(i), point_of(i).t_s, &why), &why);
		wsp_close(&w);
	}
	for (size_t k = 0; k < ARRAY_LEN(works); k++) {
		if (strcmp(works[k].name, argv[1]) != 0)
			continue;
		int64_t started_ns = cpu_ns();

		for (int64_t i = first; i < first + n; i++)
			works[k].run(i);
		printf("%" PRId64 "\n", cpu_ns() - started_ns);
		return 0;
	}
	fprintf(stderr, "unknown: %s\n", argv[1]);
	return 1;
}
