#include "values/wsp_resize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"
#include "values/wsp_tree.h"
#include "wsp/draft.h"

enum { FILE_NAME_BYTES = NAME_MAX_BYTES + sizeof(".wsp") };

static enum rc read_xff(struct text t, float *out, struct why *why)
{
	char digits[32], *end;

	if (t.n > 0 && t.n < sizeof(digits)) {
		memcpy(digits, t.s, t.n);
		digits[t.n] = '\0';
		*out = strtof(digits, &end);
		if (*end == '\0' && *out >= 0.0F && *out <= 1.0F)
			return RC_OK;
	}
	return because(why, RC_REFUSED, "xff \"%.*s\": expected a number from 0 to 1", TEXT_ARG(t));
}

enum rc wsp_wanted_read(struct text archives, struct text aggregation, struct text xff, struct wsp_wanted *out,
			struct why *why)
{
	struct wsp_wanted w = { .retention = retention_default };
	struct wsp blank;
	enum rc rc = RC_OK;

	w.configured = text_is(archives, "configured");
	w.has_aggregation = aggregation.s != NULL;
	w.has_xff = xff.s != NULL;
	if (!w.configured) {
		rc = retention_parse(archives, &w.retention, why);
		if (rc == RC_OK)
			rc = wsp_imagine(&w.retention, &blank, why);
		if (rc != RC_OK)
			why_prepend(why, "archives");
	}
	if (rc == RC_OK && w.has_aggregation && !aggregation_parse(aggregation, &w.retention.aggregation))
		rc = because(why, RC_REFUSED, "aggregation \"%.*s\": expected average, sum, last, max or min",
			     TEXT_ARG(aggregation));
	if (rc == RC_OK && w.has_xff)
		rc = read_xff(xff, &w.retention.xff, why);
	if (rc == RC_OK)
		*out = w;
	return rc;
}

struct retention wsp_wanted_for(const struct wsp_wanted *w, const struct schema *schema, const struct series *s,
				const struct retention *own)
{
	struct retention r = w->configured ? *schema_pick(schema, s->host, s->plugin, s->ds) : w->retention;

	if (w->has_aggregation)
		r.aggregation = w->retention.aggregation;
	else if (!w->configured)
		r.aggregation = own->aggregation;
	if (w->has_xff)
		r.xff = w->retention.xff;
	else if (!w->configured)
		r.xff = own->xff;
	return r;
}

/* One file on its way: nothing to be put in place when its draft has no descriptor. */
struct work {
	struct wsp_draft draft;
	int dir_fd; /* of its folder; -1: none */
	struct wsp_table table;
};

/* The points of an open file without a fault. */
static enum rc read_file(const struct wsp_resize *r, const struct wsp *w, struct wsp_table *out, struct why *why)
{
	struct wsp_checked c;
	enum rc rc = wsp_check(w->fd, r->latest_s, &c, why);

	if (rc == RC_OK && !wsp_checked_fine(&c))
		rc = because(why, RC_DAMAGED, "it is damaged; see numeterctl verify --repair");
	return rc == RC_OK ? wsp_table_read(w, &c, out, why) : rc;
}

static enum rc check_space(const struct wsp_resize *r, int fd, const struct wsp_table *t, struct why *why)
{
	uint64_t needed = wsp_file_bytes(&t->retention), free_bytes;
	struct statvfs s;

	if (r->allocate == WSP_SPARSE)
		needed = wsp_table_n_points(t) * 12 + 4096 * (uint64_t)(t->retention.n_archives + 1);
	if (fstatvfs(fd, &s) < 0)
		return because(why, RC_DISK, "free space: %s", strerror(errno));
	free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
	if (needed > free_bytes)
		return because(why, RC_DISK, "the new file needs %" PRIu64 " bytes, %" PRIu64 " are free", needed,
			       free_bytes);
	return RC_OK;
}

static enum rc write_draft(const struct wsp_resize *r, const struct tree_folder *folder, const struct wsp *old,
			   struct work *w, struct why *why)
{
	struct stat st;
	enum rc rc = check_space(r, old->fd, &w->table, why);

	if (rc == RC_OK && fstat(old->fd, &st) < 0)
		rc = because(why, RC_DISK, "stat: %s", strerror(errno));
	if (rc == RC_OK) {
		w->dir_fd = fcntl(folder->fd, F_DUPFD_CLOEXEC, 0);
		if (w->dir_fd < 0)
			rc = because(why, RC_DISK, "folder: %s", strerror(errno));
	}
	if (rc == RC_OK)
		rc = wsp_draft_open(&w->draft, w->dir_fd, &w->table.retention, r->allocate, why);
	if (rc != RC_OK)
		return rc;
	rc = wsp_table_write(&w->table, &w->draft.wsp, why);
	if (rc == RC_OK)
		rc = wsp_draft_resemble(&w->draft, &st, why);
	if (rc != RC_OK)
		wsp_draft_close(&w->draft);
	return rc;
}

/* Read the old file, convert, and write the draft. */
static enum rc prepare(const struct wsp_resize *r, struct tree_folder *folder, struct wsp_resized *f, struct work *w,
		       struct why *why)
{
	struct retention own = { .n_archives = 0 }, to;
	struct wsp_table before = { .newest_s = 0 };
	struct wsp old = { .fd = -1 };
	bool bad_name;
	enum rc rc = tree_folder_turn(folder, &f->series, &bad_name, why);

	if (rc == RC_OK)
		rc = tree_open(folder, f->series.ds, &old, why);
	if (rc != RC_OK)
		return rc;
	own.n_archives = old.n_archives;
	own.aggregation = old.aggregation;
	own.xff = old.xff;
	for (size_t i = 0; i < old.n_archives; i++)
		own.archive[i] = (struct archive){ old.archive[i].step_s, old.archive[i].n_points };
	to = wsp_wanted_for(&r->wanted, r->schema, &f->series, &own);
	f->same = wsp_same_retention(&own, &to);
	f->bytes_before = wsp_file_bytes(&own);
	f->bytes_after = wsp_file_bytes(&to);
	if (f->same)
		goto out;
	rc = read_file(r, &old, &before, why);
	if (rc == RC_OK)
		rc = wsp_convert(&before, &to, r->now_s, &w->table, &f->told, why);
	if (rc == RC_OK && !r->dry)
		rc = write_draft(r, folder, &old, w, why);
	if (rc == RC_OK && r->dry)
		rc = check_space(r, old.fd, &w->table, why);
out:
	wsp_table_fini(&before);
	wsp_close(&old);
	return rc;
}

/* All drafts at once, as one sync costs what many do. */
static enum rc sync_drafts(const struct work *w, size_t n, struct why *why)
{
	size_t n_open = 0, last = 0;

	for (size_t i = 0; i < n; i++)
		if (w[i].draft.wsp.fd >= 0) {
			n_open++;
			last = i;
		}
	if (n_open == 0)
		return RC_OK;
	return n_open == 1 ? fileio_sync(w[last].draft.wsp.fd, why) : fileio_sync_all(w[last].draft.wsp.fd, why);
}

static enum rc put_in_place(struct work *w, const struct wsp_resized *f, struct why *why)
{
	char name[FILE_NAME_BYTES];
	enum rc rc = wsp_table_compare(&w->table, &w->draft.wsp, why);

	snprintf(name, sizeof(name), "%.*s.wsp", TEXT_ARG(f->series.ds));
	return rc == RC_OK ? wsp_draft_replace(&w->draft, name, why) : rc;
}

size_t wsp_resize_files(const struct wsp_resize *r, struct wsp_resized *file, size_t n, struct mono deadline)
{
	struct work *work = must_alloc(n * sizeof(*work));
	struct tree_folder folder;
	struct why why = { "" };
	size_t n_done = 0;
	enum rc rc;

	must(n <= WSP_RESIZE_MOST);
	tree_folder_init(&folder, r->root_fd, NULL);
	while (n_done < n && (n_done == 0 || mono_ms_between(mono_now(), deadline) > 0)) {
		struct wsp_resized *f = &file[n_done];

		work[n_done].draft.wsp.fd = work[n_done].dir_fd = -1;
		f->rc = prepare(r, &folder, f, &work[n_done], &f->why);
		n_done++;
	}
	rc = sync_drafts(work, n_done, &why);
	for (size_t i = 0; i < n_done; i++) {
		if (work[i].draft.wsp.fd >= 0) {
			file[i].why = why;
			file[i].rc = rc == RC_OK ? put_in_place(&work[i], &file[i], &file[i].why) : rc;
			wsp_draft_close(&work[i].draft);
		}
		if (work[i].dir_fd >= 0)
			close(work[i].dir_fd);
		wsp_table_fini(&work[i].table);
	}
	tree_folder_fini(&folder);
	free(work);
	return n_done;
}
