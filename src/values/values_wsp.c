#include "values/values_wsp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "values/wsp_tree.h"

/* Fixed after open. */
struct values_wsp {
	struct values base;
	int root_fd, lock_fd;
	const struct schema *schema;
	enum wsp_allocate allocate;
};

/* Is there a point that a new file of r would keep? */
static bool any_young_enough(const struct retention *r, const struct values_batch *b, int64_t accepted_s)
{
	for (size_t i = 0; i < b->n_points; i++)
		if (b->point[i].t_s >= accepted_s - retention_longest_s(r))
			return true;
	return false;
}

static enum rc create(const struct values_wsp *v, struct tree_folder *folder, struct values_batch *b,
		      int64_t accepted_s, struct wsp *w)
{
	const struct series *s = &b->series;
	const struct retention *r = schema_pick(v->schema, s->host, s->plugin, s->ds);
	struct why why_not_opened = { "" };
	enum rc rc = RC_OK;

	if (!any_young_enough(r, b, accepted_s)) {
		b->reason = REASON_TOO_OLD;
		return because(&b->why, RC_REFUSED, "older than the %" PRId64 " s that are kept",
			       retention_longest_s(r));
	}
	if (!folder->known)
		rc = tree_folder_make(folder, &b->why);
	if (rc == RC_OK)
		rc = tree_create(folder, s->ds, r, v->allocate, w, &b->why);
	if (rc == RC_OK)
		counter_add(COUNTER_FILES_CREATED, 1);
	if (rc == RC_REFUSED) { /* the name may be taken: someone else made it meanwhile; or it is a link to nothing */
		enum rc again = tree_open(folder, s->ds, w, &why_not_opened);

		if (again == RC_ABSENT)
			return rc;
		b->why = why_not_opened;
		rc = again;
	}
	return rc;
}

/* Open the batch's file, or make it, and store. */
static enum rc open_and_store(const struct values_wsp *v, struct tree_folder *folder, struct values_batch *b,
			      int64_t accepted_s, struct wsp_stored *stored)
{
	struct wsp w = { .fd = -1 };
	enum rc rc = tree_folder_turn(folder, &b->series, &b->why);

	b->reason = REASON_FILE;
	if (rc == RC_OK)
		rc = tree_open(folder, b->series.ds, &w, &b->why);
	if (rc == RC_ABSENT)
		rc = create(v, folder, b, accepted_s, &w);
	if (rc == RC_OK) {
		b->reason = REASON_TOO_OLD;
		b->oldest_taken_s = accepted_s - w.max_retention_s;
		rc = wsp_store(&w, b->point, b->n_points, accepted_s, stored, &b->why);
	}
	wsp_close(&w);
	return rc;
}

static enum rc set_aside(struct tree_folder *folder, const struct series *s, struct why *why)
{
	static struct log_limit limit;
	struct why cause = *why;
	enum rc rc = tree_quarantine(folder, s->ds, why);

	if (rc != RC_OK)
		return rc;
	counter_add(COUNTER_FILES_QUARANTINED, 1);
	log_limited(&limit, LOG_LEVEL_WARNING, "values.quarantined", "file=\"%.*s/%.*s/%.*s.wsp\" why=\"%s\"",
		    TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds), cause.text);
	return RC_OK;
}

static enum rc write_one(const struct values_wsp *v, struct tree_folder *folder, struct values_batch *b,
			 int64_t accepted_s)
{
	struct wsp_stored stored = { 0, 0, 0 };
	enum rc rc = tree_check_names(&b->series, &b->why);

	b->reason = REASON_DS_NAME;
	if (rc != RC_OK || b->n_points == 0)
		return rc;
	rc = open_and_store(v, folder, b, accepted_s, &stored);
	if (rc == RC_DAMAGED) {
		rc = set_aside(folder, &b->series, &b->why);
		if (rc == RC_OK)
			rc = open_and_store(v, folder, b, accepted_s, &stored);
		else
			b->reason = REASON_FILE;
	}
	switch (rc) {
	case RC_OK:
	case RC_REFUSED:
	case RC_DISK:
		break;
	case RC_END:
	case RC_ABSENT:
	case RC_DAMAGED:
	case RC_FULL:
	case RC_PEER:
		rc = RC_DISK; /* gone or damaged again under our hands: try again later */
		break;
	}
	if (rc == RC_OK && stored.n_too_old == b->n_points)
		rc = because(&b->why, RC_REFUSED, "older than the file keeps");
	b->n_kept_old = stored.n_kept;
	b->n_too_old = rc == RC_OK ? stored.n_too_old : 0;
	counter_add(COUNTER_POINTS_STORED, stored.n_written);
	counter_add(COUNTER_POINTS_KEPT_OLD, stored.n_kept);
	return rc;
}

static enum rc write_all(struct values *values, struct values_batch *batch, size_t n, int64_t accepted_s)
{
	const struct values_wsp *v = (const struct values_wsp *)values;
	static struct log_limit refused;
	struct tree_folder folder;
	enum rc rc = RC_OK;

	tree_folder_init(&folder, v->root_fd);
	for (size_t i = 0; i < n; i++) {
		struct values_batch *b = &batch[i];

		b->n_kept_old = b->n_too_old = 0;
		b->rc = write_one(v, &folder, b, accepted_s);
		if (b->rc != RC_OK)
			why_prepend(&b->why, "%.*s/%.*s/%.*s", TEXT_ARG(b->series.folder), TEXT_ARG(b->series.plugin),
				    TEXT_ARG(b->series.ds));
		if (b->rc == RC_REFUSED && b->reason == REASON_FILE)
			log_limited(&refused, LOG_LEVEL_ERROR, "values.refused",
				    "path=\"%.*s/%.*s/%.*s.wsp\" why=\"%s\"", TEXT_ARG(b->series.folder),
				    TEXT_ARG(b->series.plugin), TEXT_ARG(b->series.ds), b->why.text);
		if (b->rc != RC_OK && b->rc != RC_REFUSED && rc == RC_OK)
			rc = b->rc;
	}
	tree_folder_fini(&folder);
	return rc;
}

static enum rc fetch(struct values *values, const struct series *s, int64_t from_s, int64_t until_s, int64_t now_s,
		     struct span *out, struct why *why)
{
	const struct values_wsp *v = (const struct values_wsp *)values;
	struct wsp w;
	enum rc rc = tree_open_for_reading(v->root_fd, s, &w, why);

	if (rc == RC_OK) {
		rc = wsp_fetch(&w, from_s, until_s, now_s, out, why);
		wsp_close(&w);
	}
	if (rc != RC_OK)
		why_prepend(why, "%.*s/%.*s/%.*s", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	return rc;
}

static void close_tree(struct values *values)
{
	struct values_wsp *v = (struct values_wsp *)values;

	if (v->root_fd >= 0)
		close(v->root_fd);
	if (v->lock_fd >= 0)
		close(v->lock_fd);
	free(v);
}

static const struct values_ops ops = { write_all, fetch, close_tree };

/* mkdir -p of an absolute path; what exists may lie behind links of the administrator's. */
static enum rc make_root(const char *root, struct why *why)
{
	char *path = must_strdup(root);
	enum rc rc = RC_OK;

	for (char *slash = strchr(path + 1, '/'); rc == RC_OK; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			rc = because(why, RC_DISK, "make folder %s: %s", path, strerror(errno));
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(path);
	return rc;
}

enum rc values_wsp_open(const struct values_wsp_options *options, struct values **out, struct why *why)
{
	struct values_wsp *v = must_alloc(sizeof(*v));
	char *lock = must_format("%s/.lock", options->root);
	enum rc rc;

	*v = (struct values_wsp){ { &ops }, -1, -1, options->schema, options->allocate };
	must(options->root[0] == '/');
	v->root_fd = open(options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->root_fd < 0 && errno == ENOENT) {
		rc = make_root(options->root, why);
		if (rc != RC_OK)
			goto out;
		v->root_fd = open(options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (v->root_fd < 0) {
		rc = because(why, RC_DISK, "open folder %s: %s", options->root, strerror(errno));
		goto out;
	}
	rc = fileio_lock(lock, &v->lock_fd, why);
	if (rc != RC_OK)
		goto out;
	*out = &v->base;
	v = NULL; /* handed over */
out:
	if (v != NULL)
		close_tree(&v->base);
	free(lock);
	return rc;
}
