#include "values/values_wsp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "values/wsp_differing.h"
#include "values/wsp_memory.h"
#include "values/wsp_tree.h"
#include "wsp/overlay.h"

struct values_wsp {
	/* fixed after open */
	struct values base;
	int root_fd, lock_fd;
	enum wsp_allocate allocate;
	char *quarantine; /* NULL: below the root */
	struct wsp_memory *memory;
	struct differing *differing; /* files with other archives than the schema has */
	/* any thread */
	_Atomic(const struct schema *) schema;
};

/* One values_write() at work: nothing of it is shared. */
struct write {
	const struct values_wsp *v;
	uint8_t schema_number;
	const struct schema *schema;
	struct tree_folder folder;
	uint64_t n_written, n_kept;
	unsigned char *scratch; /* of wsp_learn(); NULL: not needed yet */
};

/* Is there a point that a new file of r would keep? */
static bool any_young_enough(const struct retention *r, const struct taken *point, size_t n)
{
	int64_t longest_s = retention_longest_s(r);

	for (size_t i = 0; i < n; i++)
		if ((int64_t)point[i].accepted_s - point[i].t_s <= longest_s)
			return true;
	return false;
}

static enum rc create(struct write *x, struct values_batch *b, struct wsp *w)
{
	struct tree_folder *folder = &x->folder;
	const struct series *s = &b->series;
	const struct retention *r = schema_pick(x->schema, s->host, s->plugin, s->ds);
	struct why why_not_opened = { "" };
	enum rc rc = RC_OK;

	if (!any_young_enough(r, b->point, b->n_points)) {
		b->reason = REASON_TOO_OLD;
		return because(&b->why, RC_REFUSED, "older than the %" PRId64 " s that are kept",
			       retention_longest_s(r));
	}
	if (folder->no_space)
		return because(&b->why, RC_DISK, "make: %s, as for another file just now", strerror(ENOSPC));
	if (!folder->known)
		rc = tree_folder_make(folder, &b->why);
	if (rc == RC_OK)
		rc = tree_create(folder, s->ds, r, x->v->allocate, w, &b->why);
	if (rc == RC_OK)
		counter_add(COUNTER_FILES_CREATED, 1);
	if (rc == RC_REFUSED && folder->known) {
		/* The name may be taken: someone else made it meanwhile; or it is a link to nothing. */
		enum rc again = tree_open(folder, s->ds, w, &why_not_opened);

		if (again == RC_ABSENT)
			return rc;
		b->why = why_not_opened;
		rc = again;
	}
	return rc;
}

static int64_t newest_s(const struct values_batch *b)
{
	int64_t newest = 0;

	for (size_t i = 0; i < b->n_points; i++)
		newest = b->point[i].t_s > newest ? b->point[i].t_s : newest;
	return newest;
}

/* What was held back first: new points may take the place of what it is worked out from. */
static enum rc store(struct wsp *w, struct values_batch *b, int64_t *held_from_s, struct wsp_stored *stored)
{
	struct wsp_how how = { b->again, b->hold_coarse };
	enum rc rc = RC_OK;

	w->rewrite = b->rewrite;
	if (*held_from_s != 0 && (!b->hold_coarse || wsp_overtakes(w, newest_s(b), *held_from_s))) {
		rc = wsp_catch_up(w, *held_from_s, &b->why);
		if (rc == RC_OK)
			*held_from_s = 0;
	}
	return rc == RC_OK && b->n_points > 0 ? wsp_store(w, b->point, b->n_points, how, stored, &b->why) : rc;
}

/* May the batch go on where the memo ends? The points themselves are looked at later. */
static bool may_follow(const struct wsp_memo *memo, const struct values_batch *b, int64_t held_from_s,
		       const struct wsp *w)
{
	return memo->changed_ns != 0 && !b->again && b->n_points > 0 &&
	       (held_from_s == 0 || (b->hold_coarse && !wsp_overtakes(w, newest_s(b), held_from_s)));
}

/* A file that is there with what the schema says. */
static void compare(struct write *x, const struct values_batch *b, const struct wsp *w)
{
	differing_compare(x->v->differing, wsp_memory_compared(x->v->memory, b->number), x->schema_number, x->schema,
			  &b->series, w);
}

/* The usual way: the file is as it was left, and the batch goes on there. */
static enum rc follow(struct write *x, struct wsp_memo *memo, struct values_batch *b, int fd, int64_t held_from_s,
		      struct wsp_stored *stored, bool *followed)
{
	const struct wsp *layout;

	*followed = false;
	if (memo == NULL || memo->changed_ns == 0)
		return RC_OK;
	layout = wsp_memory_layout(x->v->memory, memo->layout);
	b->kept_s = layout->max_retention_s;
	if (!may_follow(memo, b, held_from_s, layout) || !wsp_memo_holds(memo, fd))
		return RC_OK;
	compare(x, b, layout);
	return wsp_follow(layout, fd, memo, b->point, b->n_points, b->hold_coarse, followed, stored, &b->why);
}

/* The long way has been taken: remember where it ended, but not of a series that just left the usual way. */
static void remember(struct write *x, struct wsp_memo *memo, const struct values_batch *b, const struct wsp *w,
		     bool held, const struct wsp_stored *stored)
{
	bool had = memo->changed_ns != 0;

	memo->changed_ns = 0;
	if (had || b->n_points == 0 || stored->n_kept > 0 || stored->n_too_old > 0)
		return;
	if (x->scratch == NULL)
		x->scratch = must_alloc(WSP_LEARN_BYTES);
	wsp_learn(w, b->point, b->n_points, held, x->scratch, memo);
	if (memo->changed_ns != 0 && !wsp_memory_keep_layout(x->v->memory, w, &memo->layout))
		memo->changed_ns = 0;
}

/* Open the batch's file, or make it, and store. */
static enum rc open_and_store(struct write *x, struct values_batch *b, int64_t *held_from_s, struct wsp_stored *stored)
{
	struct wsp_memo *memo = wsp_memory_of(x->v->memory, b->number);
	struct wsp w = { .fd = -1 };
	bool bad_name, followed = false;
	int fd = -1;
	enum rc rc = tree_folder_turn(&x->folder, &b->series, &bad_name, &b->why);

	b->reason = bad_name ? REASON_DS_NAME : REASON_FILE;
	if (rc == RC_OK)
		rc = tree_open_file(&x->folder, b->series.ds, &fd, &b->why);
	if (rc == RC_OK) {
		rc = follow(x, memo, b, fd, *held_from_s, stored, &followed);
		if (rc != RC_OK || followed) {
			close(fd);
			return rc;
		}
		rc = wsp_attach_like(fd, &x->folder.seen, &w, &b->why);
		if (rc == RC_OK)
			compare(x, b, &w);
	}
	if (rc != RC_OK && memo != NULL)
		memo->changed_ns = 0;
	if (rc == RC_ABSENT) {
		*held_from_s = 0; /* gone, and what was due with it */
		rc = b->n_points == 0 ? RC_OK : create(x, b, &w);
	}
	if (rc == RC_OK && w.fd >= 0) {
		b->reason = REASON_TOO_OLD;
		rc = store(&w, b, held_from_s, stored);
		b->kept_s = w.max_retention_s;
		if (memo != NULL)
			memo->changed_ns = rc == RC_OK ? memo->changed_ns : 0;
		if (memo != NULL && rc == RC_OK)
			remember(x, memo, b, &w, *held_from_s != 0 || stored->held_from_s != 0, stored);
		wsp_remember(&w, &x->folder.seen);
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

static enum rc write_one(struct write *x, struct values_batch *b)
{
	struct wsp_stored stored = { 0, 0, 0, 0 };
	int64_t held_from_s = b->held_from_s;
	enum rc rc;

	b->held_from_s_now = 0;
	if (b->n_points == 0 && (held_from_s == 0 || b->hold_coarse)) {
		b->held_from_s_now = b->held_from_s;
		return RC_OK;
	}
	rc = open_and_store(x, b, &held_from_s, &stored);
	if (rc == RC_DAMAGED) {
		rc = set_aside(&x->folder, &b->series, &b->why);
		if (rc == RC_OK)
			rc = open_and_store(x, b, &held_from_s, &stored);
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
	if (rc == RC_OK && b->n_points > 0 && stored.n_too_old == b->n_points)
		rc = because(&b->why, RC_REFUSED, "older than the file keeps");
	if (held_from_s == 0 || (stored.held_from_s != 0 && stored.held_from_s < held_from_s))
		held_from_s = stored.held_from_s;
	b->held_from_s_now = rc == RC_OK ? (uint32_t)held_from_s : 0;
	b->n_kept_old = stored.n_kept;
	b->n_too_old = rc == RC_OK ? stored.n_too_old : 0;
	x->n_written += stored.n_written;
	x->n_kept += stored.n_kept;
	return rc;
}

static enum rc write_all(struct values *values, struct values_batch *batch, size_t n)
{
	static struct log_limit refused;
	struct write x = { .v = (const struct values_wsp *)values };
	enum rc rc = RC_OK;

	x.schema_number = differing_schema(x.v->differing);
	x.schema = atomic_load(&x.v->schema);
	tree_folder_init(&x.folder, x.v->root_fd, x.v->quarantine);
	for (size_t i = 0; i < n; i++) {
		struct values_batch *b = &batch[i];

		b->n_kept_old = b->n_too_old = 0;
		b->rc = write_one(&x, b);
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
	tree_folder_fini(&x.folder);
	free(x.scratch);
	counter_add(COUNTER_POINTS_STORED, x.n_written);
	counter_add(COUNTER_POINTS_KEPT_OLD, x.n_kept);
	return rc;
}

static enum rc sync_all(struct values *values, struct why *why)
{
	const struct values_wsp *v = (const struct values_wsp *)values;

	differing_say(v->differing);
	return fileio_sync_all(v->lock_fd, why);
}

/* What a reader asks for. */
struct question {
	const struct series *series;
	const struct taken *pending;
	size_t n_pending;
	int64_t held_from_s, from_s, until_s, now_s;
};

/* The stored file or, when it is absent or useless and points are pending, the new one that they will make. */
static enum rc open_or_imagine(const struct values_wsp *v, struct question *q, struct wsp *w, struct why *why)
{
	const struct series *s = q->series;
	enum rc rc = tree_open_for_reading(v->root_fd, s, w, why);
	const struct retention *r;

	if ((rc != RC_ABSENT && rc != RC_DAMAGED) || q->n_pending == 0)
		return rc;
	r = schema_pick(atomic_load(&v->schema), s->host, s->plugin, s->ds);
	if (!any_young_enough(r, q->pending, q->n_pending))
		return rc;
	q->held_from_s = 0;
	return wsp_imagine(r, w, why);
}

/* The slots as they will be: whatever is pending may have been stored in part before, so all is worked out anew. */
static enum rc read_through(struct wsp *w, const struct question *q, struct span *out, struct why *why)
{
	bool finest = wsp_fetches_finest(w, q->from_s, q->now_s);
	struct wsp_how how = { .again = true, .hold_coarse = finest };
	struct wsp_stored stored;
	struct overlay overlay;
	enum rc rc = RC_OK;

	overlay_init(&overlay);
	w->overlay = &overlay;
	if (q->held_from_s != 0 && !finest)
		rc = wsp_catch_up(w, q->held_from_s, why);
	if (rc == RC_OK && q->n_pending > 0)
		rc = wsp_store(w, q->pending, q->n_pending, how, &stored, why);
	if (rc == RC_OK)
		rc = wsp_fetch(w, q->from_s, q->until_s, q->now_s, out, why);
	overlay_fini(&overlay);
	w->overlay = NULL;
	return rc;
}

static enum rc fetch_one(const struct values_wsp *v, struct question *q, struct span *out, struct why *why)
{
	struct wsp w;
	enum rc rc;

	if (tree_check_names(q->series, why) != RC_OK)
		return RC_ABSENT;
	rc = open_or_imagine(v, q, &w, why);
	if (rc != RC_OK)
		return rc;
	if (q->n_pending == 0 && q->held_from_s == 0)
		rc = wsp_fetch(&w, q->from_s, q->until_s, q->now_s, out, why);
	else
		rc = read_through(&w, q, out, why);
	wsp_close(&w);
	return rc;
}

static enum rc fetch(struct values *values, const struct series *s, const struct taken *pending, size_t n_pending,
		     uint32_t held_from_s, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
		     struct why *why)
{
	struct question q = { s, pending, n_pending, held_from_s, from_s, until_s, now_s };
	enum rc rc = fetch_one((const struct values_wsp *)values, &q, out, why);

	if (rc != RC_OK)
		why_prepend(why, "%.*s/%.*s/%.*s", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	return rc;
}

static enum rc each(struct values *values, const struct series *s, values_each_fn *fn, void *argument, struct why *why)
{
	return tree_each(((const struct values_wsp *)values)->root_fd, s, fn, argument, why);
}

static enum rc newest(struct values *values, const struct series *s, uint32_t *t_s, struct why *why)
{
	struct wsp w;
	enum rc rc;

	if (tree_check_names(s, why) != RC_OK)
		return RC_ABSENT;
	rc = tree_open_for_reading(((const struct values_wsp *)values)->root_fd, s, &w, why);
	if (rc == RC_OK) {
		rc = wsp_newest(&w, t_s, why);
		wsp_close(&w);
	}
	if (rc != RC_OK)
		why_prepend(why, "%.*s/%.*s/%.*s", TEXT_ARG(s->folder), TEXT_ARG(s->plugin), TEXT_ARG(s->ds));
	return rc;
}

static enum rc has(struct values *values, const struct series *s, struct why *why)
{
	return tree_has(((const struct values_wsp *)values)->root_fd, s, why);
}

static enum rc count(struct values *values, struct text folder, const atomic_bool *enough, uint64_t *n, struct why *why)
{
	return tree_count(((const struct values_wsp *)values)->root_fd, folder, enough, n, why);
}

static void touched(struct values *values)
{
	wsp_memory_forget(((struct values_wsp *)values)->memory);
}

static void close_tree(struct values *values)
{
	struct values_wsp *v = (struct values_wsp *)values;

	if (v->root_fd >= 0)
		close(v->root_fd);
	if (v->lock_fd >= 0)
		close(v->lock_fd);
	free(v->quarantine);
	wsp_memory_free(v->memory);
	differing_free(v->differing);
	free(v);
}

static const struct values_ops ops = { write_all, sync_all, fetch, each, newest, has, count, touched, close_tree };

/* Said at the start, and not with every file that cannot be opened. */
static enum rc check_beneath(int root_fd, struct why *why)
{
	int fd = fileio_open_beneath(root_fd, ".", O_PATH | O_DIRECTORY, 0);

	if (fd < 0 && errno == ENOSYS)
		return because(why, RC_DISK,
			       "openat2() is not there: a kernel before 5.6, or a sandbox that forbids it (systemd's "
			       "RestrictSUIDSGID=)");
	if (fd >= 0)
		close(fd);
	return RC_OK;
}

enum rc values_wsp_open(const struct values_wsp_options *options, struct values **out, struct why *why)
{
	struct values_wsp *v = must_alloc(sizeof(*v));
	char *lock = must_format("%s/.lock", options->root);
	enum rc rc;

	*v = (struct values_wsp){ { &ops }, -1, -1, options->allocate, NULL, wsp_memory_new(), differing_new(), NULL };
	atomic_init(&v->schema, options->schema);
	must(options->root[0] == '/');
	if (options->quarantine_path != NULL) {
		must(options->quarantine_path[0] == '/');
		v->quarantine = must_strdup(options->quarantine_path);
	}
	rc = tree_open_root(options->root, &v->root_fd, why);
	if (rc != RC_OK)
		goto out;
	rc = check_beneath(v->root_fd, why);
	if (rc != RC_OK)
		goto out;
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

void values_wsp_use_schema(struct values *values, const struct schema *schema)
{
	struct values_wsp *v = (struct values_wsp *)values;

	atomic_store(&v->schema, schema);
	differing_restart(v->differing);
}
