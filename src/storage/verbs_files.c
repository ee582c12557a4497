/*
 * Verbs that read or change .wsp files while nobody else writes them: other archives, repair, a copy. A call does what takes
 * about a tenth of a second, so that what is accepted meanwhile need not wait; who asks comes again with the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "control/request.h"
#include "model/name.h"
#include "storage/control_verbs.h"
#include "values/wsp_repair.h"
#include "values/wsp_resize.h"
#include "values/wsp_tree.h"
#include "wire/json.h"
#include "wire/reply.h"

enum {
	SLICE_MS = 50,            /* of reading and writing; syncing comes on top */
	COPY_MAX_BYTES = 44 << 20 /* what fits into an answer in base64 */
};

/* No slot may be newer. */
static int64_t latest_s(const struct control_view *v)
{
	return wall_now().s + view_config(v)->max_future_s;
}

static enum wsp_allocate allocate(const struct control_view *v)
{
	return view_config(v)->wsp_sparse ? WSP_SPARSE : WSP_RESERVE;
}

/* While no file is being written. Without a flusher (numeterctl holds the tree's lock) nobody writes at all. */
static enum rc alone(const struct control_view *v, struct text host, flush_alone_fn *fn, void *argument,
		     struct why *why)
{
	return v->flush == NULL ? fn(argument, why) : flush_alone(v->flush, host, fn, argument, why);
}

static enum rc read_texts(struct arena *a, struct text request, const char *const *name, struct text *out, size_t n,
			  struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = control_argument_text(a, request, name[i], &out[i], why);
	return rc;
}

/* A host that is not known has no name, but a file's series must have one. */
static struct text host_or_any(struct text host)
{
	return host.s == NULL ? TEXT("unknown") : host;
}

/* ---- resize */

struct resizing {
	struct wsp_resize how;
	struct wsp_resized file[WSP_RESIZE_MOST];
	size_t n, n_done;
};

static enum rc resize_alone(void *argument, struct why *why)
{
	struct resizing *x = argument;

	(void)why;
	x->n_done = wsp_resize_files(&x->how, x->file, x->n, mono_after_ms(mono_now(), SLICE_MS));
	return RC_OK;
}

/*
 * Coarse slots that are held back are in the file only in part: made into others they would stay wrong, so none of the
 * host's files is touched when its points cannot be written.
 */
static enum rc resize_when_written(const struct control_view *v, struct text host, struct resizing *x, struct why *why)
{
	return v->flush == NULL ? resize_alone(x, why) : flush_alone_written(v->flush, host, resize_alone, x, why);
}

/* ["plugin/ds", …] */
static enum rc read_files(struct arena *a, struct text request, struct text host, struct text folder,
			  struct resizing *x, struct why *why)
{
	struct json_value object, files, element;
	struct json_walk w;
	enum rc rc = json_check(request, false, &object, why);

	if (rc != RC_OK)
		return rc;
	if (!json_member(a, object, "files", &files) || files.type != JSON_ARRAY)
		return because(why, RC_REFUSED, "files: expected a list of \"plugin/ds\"");
	for (w = json_walk(files); json_next_element(&w, &element); x->n++) {
		struct series *s;
		const char *slash;
		struct text name;

		if (x->n == WSP_RESIZE_MOST)
			return because(why, RC_REFUSED, "files: expected at most %d", WSP_RESIZE_MOST);
		s = &x->file[x->n].series;
		name = element.type == JSON_STRING ? json_string(a, element.raw, element.escaped) : TEXT_NONE;
		slash = name.n == 0 ? NULL : memchr(name.s, '/', name.n);
		if (slash == NULL)
			return because(why, RC_REFUSED, "files: expected a list of \"plugin/ds\"");
		*s = (struct series){ .host = host_or_any(host), .folder = folder };
		s->plugin = (struct text){ name.s, (size_t)(slash - name.s) };
		s->ds = (struct text){ slash + 1, name.n - s->plugin.n - 1 };
	}
	return x->n > 0 ? RC_OK : because(why, RC_REFUSED, "files: expected one at least");
}

static void add_resized(struct buf *out, const struct wsp_resized *f)
{
	buf_add_str(out, "{\"plugin\": ");
	reply_string(out, f->series.plugin);
	buf_add_str(out, ", \"ds\": ");
	reply_string(out, f->series.ds);
	if (f->rc != RC_OK) {
		buf_addf(out, ", \"done\": \"failed\", \"rc\": \"%s\", \"why\": ", rc_name(f->rc));
		reply_string(out, text_of(f->why.text));
		buf_add_str(out, "}");
		return;
	}
	buf_addf(out,
		 ", \"done\": \"%s\", \"bytes_before\": %" PRIu64 ", \"bytes_after\": %" PRIu64 ", \"points\": %" PRIu64
		 ", \"lost\": %" PRIu64 ", \"lost_until\": %" PRId64 "}",
		 f->same ? "same" : "resized", f->bytes_before, f->bytes_after, f->told.n_points, f->told.n_lost,
		 f->told.lost_until_s);
}

static enum rc run_resize(void *argument, struct text request, struct buf *answer, struct why *why)
{
	static const char *const names[] = { "host", "folder", "archives", "aggregation", "xff" };
	const struct control_view *v = argument;
	const struct config *c = view_config(v);
	struct resizing *x = must_alloc(sizeof(*x));
	struct text given[ARRAY_LEN(names)];
	struct arena a;
	enum rc rc;

	arena_init(&a);
	x->how = (struct wsp_resize){ .root_fd = -1,
				      .schema = &c->schema,
				      .allocate = allocate(v),
				      .now_s = wall_now().s,
				      .latest_s = latest_s(v) };
	rc = read_texts(&a, request, names, given, ARRAY_LEN(names), why);
	if (rc == RC_OK)
		rc = wsp_wanted_read(given[2], given[3], given[4], &x->how.wanted, why);
	if (rc == RC_OK)
		rc = read_files(&a, request, given[0], given[1], x, why);
	if (rc == RC_OK)
		rc = tree_open_root(view_config(v)->wsp_path, &x->how.root_fd, why);
	if (rc == RC_OK)
		rc = resize_when_written(v, given[0], x, why);
	if (rc == RC_OK) {
		buf_add_str(answer, "{\"files\": [");
		for (size_t i = 0; i < x->n_done; i++) {
			buf_add_str(answer, i == 0 ? "" : ", ");
			add_resized(answer, &x->file[i]);
		}
		buf_add_str(answer, "]}");
	}
	if (x->how.root_fd >= 0)
		close(x->how.root_fd);
	arena_fini(&a);
	free(x);
	return rc;
}

/* ---- repair */

struct repairing {
	struct wsp_repair how;
	struct series series;
	struct text leftover; /* TEXT_NONE: the file of series */
	struct wsp_repaired told;
};

static enum rc repair_alone(void *argument, struct why *why)
{
	struct repairing *x = argument;

	return x->leftover.s != NULL
		       ? wsp_repair_leftover(&x->how, x->series.folder, x->series.plugin, x->leftover, why)
		       : wsp_repair_file(&x->how, &x->series, &x->told, why);
}

static void add_repaired(struct buf *out, const struct repairing *x)
{
	static const char *const words[] = {
		[REPAIR_NOTHING] = "nothing",
		[REPAIR_MENDED] = "mended",
		[REPAIR_SET_ASIDE] = "set_aside",
	};
	const struct wsp_repaired *t = &x->told;

	buf_addf(out,
		 "{\"done\": \"%s\", \"header_rebuilt\": %s, \"kept\": %" PRIu64 ", \"cleared\": %" PRIu64
		 ", \"missing\": %" PRIu64 ", \"cut\": %" PRIu64 ", \"why\": ",
		 x->leftover.s != NULL ? "removed" : words[t->done], t->header_rebuilt ? "true" : "false", t->n_kept,
		 t->n_cleared, t->n_missing, t->n_cut);
	reply_string(out, text_of(t->why.text));
	buf_add_str(out, "}");
}

/* What waits is not written before: into a damaged file it could not be, and the file would be set aside. */
static enum rc run_repair(void *argument, struct text request, struct buf *answer, struct why *why)
{
	static const char *const names[] = { "host", "folder", "plugin", "ds", "leftover" };
	const struct control_view *v = argument;
	const struct config *c = view_config(v);
	struct text given[ARRAY_LEN(names)];
	struct repairing x = { .how = { .root_fd = -1,
					.quarantine_path = c->quarantine_path,
					.schema = &c->schema,
					.allocate = allocate(v),
					.latest_s = latest_s(v) } };
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = read_texts(&a, request, names, given, ARRAY_LEN(names), why);
	x.series = (struct series){ host_or_any(given[0]), given[1], given[2], given[3] };
	x.leftover = given[4];
	if (rc == RC_OK)
		rc = tree_open_root(view_config(v)->wsp_path, &x.how.root_fd, why);
	if (rc == RC_OK)
		rc = alone(v, TEXT_NONE, repair_alone, &x, why);
	if (rc == RC_OK)
		add_repaired(answer, &x);
	if (x.how.root_fd >= 0)
		close(x.how.root_fd);
	arena_fini(&a);
	return rc;
}

/* ---- copy */

struct copying {
	int root_fd;
	struct series series;
	struct stat st;
	unsigned char *bytes;
};

static enum rc copy_alone(void *argument, struct why *why)
{
	struct copying *x = argument;
	struct tree_folder folder;
	bool bad_name;
	int fd = -1;
	enum rc rc;

	tree_folder_init(&folder, x->root_fd, NULL);
	rc = tree_folder_turn(&folder, &x->series, &bad_name, why);
	if (rc == RC_OK)
		rc = tree_open_file(&folder, x->series.ds, &fd, why);
	if (rc == RC_OK && fstat(fd, &x->st) < 0)
		rc = because(why, RC_DISK, "stat: %s", strerror(errno));
	if (rc == RC_OK && (!S_ISREG(x->st.st_mode) || x->st.st_size > COPY_MAX_BYTES))
		rc = because(why, RC_FULL, "expected a file of at most %d bytes", COPY_MAX_BYTES);
	if (rc == RC_OK) {
		x->bytes = must_alloc((size_t)x->st.st_size + 1);
		rc = fileio_pread(fd, x->bytes, (size_t)x->st.st_size, 0, why);
	}
	if (fd >= 0)
		close(fd);
	tree_folder_fini(&folder);
	return rc;
}

static enum rc run_copy(void *argument, struct text request, struct buf *answer, struct why *why)
{
	static const char *const names[] = { "host", "folder", "plugin", "ds" };
	const struct control_view *v = argument;
	struct text given[ARRAY_LEN(names)];
	struct copying x = { .root_fd = -1 };
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = read_texts(&a, request, names, given, ARRAY_LEN(names), why);
	x.series = (struct series){ host_or_any(given[0]), given[1], given[2], given[3] };
	if (rc == RC_OK)
		rc = tree_open_root(view_config(v)->wsp_path, &x.root_fd, why);
	if (rc == RC_OK)
		rc = alone(v, given[0], copy_alone, &x, why);
	if (rc == RC_OK) {
		buf_addf(answer, "{\"bytes\": %" PRId64 ", \"mtime\": %" PRId64 ", \"mtime_ns\": %ld, \"content\": \"",
			 (int64_t)x.st.st_size, (int64_t)x.st.st_mtim.tv_sec, x.st.st_mtim.tv_nsec);
		base64_add(answer, (struct text){ (const char *)x.bytes, (size_t)x.st.st_size });
		buf_add_str(answer, "\"}");
	}
	free(x.bytes);
	if (x.root_fd >= 0)
		close(x.root_fd);
	arena_fini(&a);
	return rc;
}

static const char *const resize_arguments[] = { "host", "folder", "files", "archives", "aggregation", "xff", NULL };
static const char *const repair_arguments[] = { "host", "folder", "plugin", "ds", "leftover", NULL };
static const char *const copy_arguments[] = { "host", "folder", "plugin", "ds", NULL };

const struct control_verb verb_resize = {
	.name = "resize",
	.argument = resize_arguments,
	.changes = true,
	.run = run_resize,
};
const struct control_verb verb_repair = {
	.name = "repair",
	.argument = repair_arguments,
	.changes = true,
	.run = run_repair,
};
const struct control_verb verb_copy = {
	.name = "copy",
	.argument = copy_arguments,
	.run = run_copy,
};
