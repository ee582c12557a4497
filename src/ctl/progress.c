#include "ctl/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/rc.h"
#include "ctl/show.h"

enum { EVERY_MS = 100, BAR = 30 };

static struct {
	const char *title; /* NULL: nothing is shown */
	uint64_t total, done;
	struct mono began, drawn;
	bool visible;
} progress;

void progress_start(const char *title, uint64_t total)
{
	memset(&progress, 0, sizeof(progress));
	if (isatty(STDERR_FILENO) != 1)
		return;
	progress.title = title;
	progress.total = total;
	progress.began = mono_now();
}

static void draw(struct mono now)
{
	static const char full[BAR + 1] = "##############################";
	double s = (double)mono_ms_between(progress.began, now) / 1000;
	double rate = s > 0 ? (double)progress.done / s : 0;
	uint64_t done = progress.total != 0 && progress.done > progress.total ? progress.total : progress.done;
	char left[SHOW_BYTES];

	if (progress.total == 0) {
		fprintf(stderr, "\r\033[K%s  %" PRIu64 "  %.0f/s", progress.title, done, rate);
	} else {
		double share = (double)done / (double)progress.total;

		fprintf(stderr, "\r\033[K%s  [%-*.*s] %3.0f %%  %" PRIu64 " of %" PRIu64 "  %.0f/s", progress.title,
			BAR, (int)(share * BAR), full, share * 100, done, progress.total, rate);
		if (rate > 0)
			fprintf(stderr, ", %s left", show_duration((double)(progress.total - done) / rate, left));
	}
	fflush(stderr);
	progress.visible = true;
	progress.drawn = now;
}

void progress_step(uint64_t n)
{
	struct mono now;

	if (progress.title == NULL)
		return;
	progress.done += n;
	now = mono_now();
	if (!progress.visible || mono_ms_between(progress.drawn, now) >= EVERY_MS)
		draw(now);
}

void progress_hide(void)
{
	if (!progress.visible)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress.visible = false;
}

void progress_end(void)
{
	progress_hide();
	progress.title = NULL;
}
