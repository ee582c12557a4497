#include "ctl/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "ctl/import_staging.h"
#include "ctl/plain.h"
#include "ctl/progress.h"
#include "model/name.h"

int import_open(struct import *im, struct ctl *ctl, const char *replace, const char *dry_run, const char *rate)
{
	char *end;

	*im = (struct import){ .ctl = ctl,
			       .config = ctl_config(ctl),
			       .replace = replace != NULL,
			       .dry_run = dry_run != NULL,
			       .staging_fd = -1,
			       .lock_fd = -1 };
	arena_init(&im->arena);
	buf_init(&im->skipped, SIZE_MAX);
	buf_init(&im->files, SIZE_MAX);
	if (im->config == NULL)
		return EXIT_UNUSABLE;
	if (rate == NULL)
		return EXIT_FINE;
	im->rate = strtod(rate, &end);
	if (end == rate || *end != '\0' || !(im->rate > 0) || im->rate > 1e9)
		return ctl_fail("--rate %s: expected files a second", rate);
	return EXIT_FINE;
}

void import_close(struct import *im)
{
	staging_close(im);
	free(im->series);
	buf_fini(&im->skipped);
	buf_fini(&im->files);
	arena_fini(&im->arena);
}

int import_stage_open(struct import *im)
{
	return staging_open(im);
}

static void add_text_member(struct buf *out, const char *name, struct text value)
{
	buf_addf(out, "\"%s\": ", name);
	reply_string(out, value);
}

void import_skip(struct import *im, const char *path, const char *why)
{
	buf_add_str(&im->skipped, im->n_skipped++ == 0 ? "\n  {" : ",\n  {");
	add_text_member(&im->skipped, "path", text_of(path));
	buf_add_str(&im->skipped, ", ");
	add_text_member(&im->skipped, "why", text_of(why));
	buf_add_str(&im->skipped, "}");
	progress_hide();
	ctl_fail("left out: %s: %s", path, why);
}

void import_add(struct import *im, struct import_series s)
{
	struct why why;

	if (name_check_host(s.host, &why) != RC_OK || name_check_plugin_or_ds(s.plugin, &why) != RC_OK ||
	    name_check_plugin_or_ds(s.ds, &why) != RC_OK) {
		import_skip(im, s.path, why.text);
		return;
	}
	array_grow(&im->series, &im->capacity, im->n_series, sizeof(*im->series));
	s.host = arena_text(&im->arena, s.host);
	s.plugin = arena_text(&im->arena, s.plugin);
	s.ds = arena_text(&im->arena, s.ds);
	s.path = arena_text(&im->arena, (struct text){ s.path, strlen(s.path) + 1 }).s;
	im->series[im->n_series++] = s;
}

static int compare_text(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = memcmp(a.s, b.s, n);

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_name(const void *a, const void *b)
{
	const struct import_series *x = a, *y = b;
	int c = compare_text(x->host, y->host);

	if (c == 0)
		c = compare_text(x->plugin, y->plugin);
	if (c == 0)
		c = compare_text(x->ds, y->ds);
	return c != 0 ? c : strcmp(x->path, y->path);
}

/* In order; of two that mean the same series only the first stays. */
static void sort_series(struct import *im)
{
	struct import_series *series = im->series;
	const size_t n_series = im->n_series;
	size_t n = 0;

	if (series == NULL)
		return;
	qsort(series, n_series, sizeof(*series), by_name);
	for (size_t i = 0; i < n_series; i++) {
		const struct import_series *s = &series[i], *before = n == 0 ? NULL : &series[n - 1];

		if (before != NULL && text_equal(before->host, s->host) && text_equal(before->plugin, s->plugin) &&
		    text_equal(before->ds, s->ds)) {
			char *why = must_format("it means the same series as %s", before->path);

			import_skip(im, s->path, why);
			free(why);
			continue;
		}
		series[n++] = *s;
	}
	im->n_series = n;
}

static void print_plan(const struct import *im)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	if (im->ctl->json)
		buf_add_str(&out, "{\"series\": [");
	for (size_t i = 0; im->series != NULL && i < im->n_series; i++) {
		const struct import_series *s = &im->series[i];

		if (!im->ctl->json) {
			const struct text part[] = { s->host, s->plugin, s->ds, text_of(s->path) };

			for (size_t k = 0; k < ARRAY_LEN(part); k++) {
				buf_add_str(&out, k == 0 ? "" : k == 3 ? "  <-  " : "  ");
				plain_add(&out, part[k]);
			}
			buf_add_str(&out, "\n");
			continue;
		}
		buf_add_str(&out, i == 0 ? "\n  {" : ",\n  {");
		add_text_member(&out, "host", s->host);
		buf_add_str(&out, ", ");
		add_text_member(&out, "plugin", s->plugin);
		buf_add_str(&out, ", ");
		add_text_member(&out, "ds", s->ds);
		buf_add_str(&out, ", ");
		add_text_member(&out, "path", text_of(s->path));
		buf_add_str(&out, "}");
	}
	if (im->ctl->json)
		buf_addf(&out, "], \"skipped\": [%.*s]}\n", TEXT_ARG(buf_text(&im->skipped)));
	fwrite(out.at == NULL ? "" : out.at, 1, out.n, stdout);
	buf_fini(&out);
}

static void print_account(const struct import *im)
{
	if (im->ctl->json) {
		printf("{\"hosts\": %" PRIu64 ", \"files\": %" PRIu64 ", \"new\": %" PRIu64 ", \"%s\": %" PRIu64
		       ", \"empty\": %" PRIu64 ", \"future\": %" PRIu64 ", \"aside\": %" PRIu64 ", \"points\": %" PRIu64
		       ", \"infos\": %" PRIu64 ", \"skipped\": [%.*s]}\n",
		       im->n_hosts, im->n_new + im->n_over, im->n_new, im->replace ? "replaced" : "filled", im->n_over,
		       im->n_empty, im->n_future, im->n_aside, im->n_points, im->n_infos,
		       TEXT_ARG(buf_text(&im->skipped)));
		return;
	}
	printf("%" PRIu64 " files of %" PRIu64 " hosts: %" PRIu64 " new, %" PRIu64 " %s; %" PRIu64 " values, %" PRIu64
	       " infos",
	       im->n_new + im->n_over, im->n_hosts, im->n_new, im->n_over,
	       im->replace ? "took the place of one" : "filled into one", im->n_points, im->n_infos);
	if (im->n_empty > 0)
		printf("; %" PRIu64 " had no value", im->n_empty);
	if (im->n_future > 0)
		printf("; %" PRIu64 " values of times to come were not taken", im->n_future);
	if (im->n_aside > 0)
		printf("; %" PRIu64 " files that knew more than has room now lie in the quarantine", im->n_aside);
	if (im->n_skipped > 0)
		printf("; %zu left out", im->n_skipped);
	printf("\n");
}

/* Not before its turn. */
static void keep_pace(const struct import *im)
{
	struct timespec due;
	int64_t ns;

	if (im->rate <= 0)
		return;
	ns = im->began.ns + (int64_t)((double)im->n_staged / im->rate * 1e9);
	due = (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		continue;
}

static int run_host(struct import *im, const struct import_source *source, size_t from, size_t to)
{
	int status = staging_tell(im, source, im->series[from].host, &im->series[from], to - from);

	for (size_t i = from; i < to && status == EXIT_FINE; i++) {
		char name[STAGING_NAME_BYTES];
		uint64_t n_points = 0;
		struct why why = { "" };
		enum rc rc;

		keep_pace(im);
		staging_name(im, name);
		rc = source->stage(source->argument, &im->series[i], im->staging_fd, name, &n_points, &why);
		im->n_staged++;
		progress_step(1);
		if (rc != RC_OK)
			(void)unlinkat(im->staging_fd, name, 0);
		if (rc == RC_END)
			im->n_empty++;
		else if (rc != RC_OK)
			import_skip(im, im->series[i].path, why.text);
		if (rc != RC_OK)
			continue;
		im->n_points += n_points;
		status = staging_adopt(im, i, name);
	}
	if (status == EXIT_FINE)
		status = staging_adopt_rest(im);
	im->n_hosts++;
	return status;
}

int import_run(struct import *im, const struct import_source *source)
{
	int status = EXIT_FINE;

	sort_series(im);
	if (im->dry_run) {
		print_plan(im);
		return im->n_skipped > 0 ? EXIT_NOT_FINE : EXIT_FINE;
	}
	if (im->staging_fd < 0)
		status = staging_open(im);
	if (status != EXIT_FINE)
		return status;
	im->began = mono_now();
	progress_start("import", im->n_series);
	if (im->n_series == 0 && source->host.s != NULL) {
		status = staging_tell(im, source, source->host, NULL, 0);
		im->n_hosts++;
	}
	for (size_t from = 0, to; from < im->n_series && status == EXIT_FINE; from = to) {
		for (to = from; to < im->n_series && text_equal(im->series[to].host, im->series[from].host);)
			to++;
		status = run_host(im, source, from, to);
	}
	progress_end();
	if (status != EXIT_FINE)
		return status;
	print_account(im);
	return im->n_skipped > 0 ? EXIT_NOT_FINE : EXIT_FINE;
}
