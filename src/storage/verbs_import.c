/*
 * The verb that brings prepared files into the tree: those of one host, several at once.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/instant.h"
#include "base/mem.h"
#include "control/request.h"
#include "model/name.h"
#include "query/folder.h"
#include "storage/control_verbs.h"
#include "values/wsp_adopt.h"
#include "wire/reply.h"

enum {
	MAX_FILES = 1000,
	MOST_AT_ONCE = 20, /* files that are filled while the flusher waits: parts of a second */
};

/* One of the request's. */
struct staged {
	struct series series;
	const char *name;
	enum { STAGED_WAITS, STAGED_HAS_ONE, STAGED_NEW, STAGED_OVER, STAGED_FAILED } state;
	uint64_t n_future, n_lost; /* values that are not taken: of times to come; without room */
	struct why why;
};

struct adoption {
	const struct control_view *view;
	struct arena arena;
	char folder[FOLDER_MAX_BYTES];
	struct text host;
	bool replace, had_folder;
	struct wsp_adopt adopt;
	struct staged *file;
	size_t n, n_over; /* n_over: those that have a file already and wait for their turn */
};

/* As C's string: one with a NUL byte in it is no file's name. */
static enum rc take_name(struct arena *a, struct text t, const char **out, struct why *why)
{
	char *name;

	if (t.n == 0 || memchr(t.s, '\0', t.n) != NULL)
		return because(why, RC_REFUSED, "file: expected the name of a staged file");
	name = arena_alloc(a, t.n + 1);
	memcpy(name, t.s, t.n);
	name[t.n] = '\0';
	*out = name;
	return RC_OK;
}

static enum rc read_files(struct adoption *x, struct json_value list, struct why *why)
{
	struct json_walk w = json_walk(list);
	struct json_value element;
	enum rc rc = RC_OK;

	x->file = arena_alloc(&x->arena, MAX_FILES * sizeof(*x->file));
	while (rc == RC_OK && json_next_element(&w, &element)) {
		struct staged *f = &x->file[x->n];
		struct text name;

		if (x->n == MAX_FILES)
			return because(why, RC_REFUSED, "files: at most %d", MAX_FILES);
		*f = (struct staged){ .series = { .host = x->host } };
		rc = control_member_text(&x->arena, element, "plugin", &f->series.plugin, why);
		if (rc == RC_OK)
			rc = control_member_text(&x->arena, element, "ds", &f->series.ds, why);
		if (rc == RC_OK)
			rc = control_member_text(&x->arena, element, "file", &name, why);
		if (rc == RC_OK)
			rc = take_name(&x->arena, name, &f->name, why);
		x->n++;
	}
	return rc;
}

static enum rc read_request(struct adoption *x, struct text request, struct why *why)
{
	struct json_value list;
	enum rc rc = control_argument_text(&x->arena, request, "host", &x->host, why);

	if (rc == RC_OK && x->host.s == NULL)
		rc = because(why, RC_REFUSED, "host: expected a text");
	if (rc == RC_OK)
		rc = name_check_host(x->host, why);
	if (rc == RC_OK)
		rc = control_argument_bool(&x->arena, request, "replace", &x->replace, why);
	if (rc == RC_OK)
		rc = control_argument_list(&x->arena, request, "files", &list, why);
	return rc == RC_OK ? read_files(x, list, why) : rc;
}

/* The files of series that have none. */
static void adopt_new(struct adoption *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct staged *f = &x->file[i];
		enum rc rc;

		if (f->state != STAGED_WAITS)
			continue;
		rc = wsp_adopt_new(&x->adopt, f->name, &f->series, &f->why);
		f->state = rc == RC_OK ? STAGED_NEW : rc == RC_END ? STAGED_HAS_ONE : STAGED_FAILED;
		x->n_over += rc == RC_END;
	}
}

static bool has_folder(const struct adoption *x)
{
	struct stat st;

	return fstatat(x->adopt.root_fd, x->folder, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Renamed or removed meanwhile? Nobody does that while we are alone, but the files of one go before its metadata: a folder
 * that was there and is not any longer is not to be made again.
 */
static enum rc is_there(const struct adoption *x, struct why *why)
{
	char folder[FOLDER_MAX_BYTES];
	enum rc rc = folder_find(x->view->query, x->host, folder, why);

	if (rc == RC_OK && (strcmp(folder, x->folder) != 0 || (x->had_folder && !has_folder(x))))
		rc = because(why, RC_ABSENT, "host %.*s was renamed or removed meanwhile", TEXT_ARG(x->host));
	return rc;
}

/* Thread flush, as all that is done to the tree here. */
static enum rc adopt_alone(void *argument, struct why *why)
{
	struct adoption *x = argument;
	size_t n_done = 0;
	enum rc rc = is_there(x, why);

	if (rc != RC_OK)
		return rc;
	adopt_new(x);
	for (size_t i = 0; i < x->n && n_done < MOST_AT_ONCE; i++) {
		struct staged *f = &x->file[i];

		if (f->state != STAGED_HAS_ONE)
			continue;
		f->state = wsp_adopt_over(&x->adopt, f->name, &f->series, x->replace,
					  view_config(x->view)->quarantine_path, &f->n_lost, &f->why) == RC_OK
				   ? STAGED_OVER
				   : STAGED_FAILED;
		n_done++;
	}
	x->n_over -= n_done;
	return RC_OK;
}

static void begin_series(struct buf *answer, bool *first, const struct series *s)
{
	buf_add_str(answer, *first ? "{\"plugin\": " : ", {\"plugin\": ");
	*first = false;
	reply_string(answer, s->plugin);
	buf_add_str(answer, ", \"ds\": ");
	reply_string(answer, s->ds);
}

static void add_answer(const struct adoption *x, struct buf *answer)
{
	size_t n[STAGED_FAILED + 1] = { 0 };
	uint64_t n_future = 0;
	bool first = true;

	for (size_t i = 0; i < x->n; i++)
		n[x->file[i].state]++;
	for (size_t i = 0; i < x->n; i++)
		n_future += x->file[i].state == STAGED_FAILED ? 0 : x->file[i].n_future;
	buf_addf(answer, "{\"new\": %zu, \"%s\": %zu, \"future\": %" PRIu64 ", \"lost\": [", n[STAGED_NEW],
		 x->replace ? "replaced" : "filled", n[STAGED_OVER], n_future);
	for (size_t i = 0; i < x->n; i++) {
		const struct staged *f = &x->file[i];

		if (f->state != STAGED_OVER || f->n_lost == 0)
			continue;
		begin_series(answer, &first, &f->series);
		buf_addf(answer, ", \"values\": %" PRIu64 "}", f->n_lost);
	}
	buf_add_str(answer, "], \"failed\": [");
	first = true;
	for (size_t i = 0; i < x->n; i++) {
		const struct staged *f = &x->file[i];

		if (f->state != STAGED_FAILED)
			continue;
		begin_series(answer, &first, &f->series);
		buf_add_str(answer, ", \"error\": ");
		reply_string(answer, text_of(f->why.text));
		buf_add_str(answer, "}");
	}
	buf_add_str(answer, "]}");
}

/* Checks the files. True: some may take a place in the tree, and are to be on the disk before. */
static bool look(struct adoption *x)
{
	bool any = false;

	for (size_t i = 0; i < x->n; i++) {
		struct staged *f = &x->file[i];

		f->series.folder = text_of(x->folder);
		if (wsp_adopt_check(&x->adopt, f->name, &f->n_future, &f->why) != RC_OK)
			f->state = STAGED_FAILED;
		else
			any = any || x->replace || !wsp_adopt_has(&x->adopt, &f->series);
	}
	return any;
}

static enum rc adopt(struct adoption *x, struct why *why)
{
	enum rc rc = folder_find(x->view->query, x->host, x->folder, why);

	if (rc == RC_OK)
		rc = wsp_adopt_open(view_config(x->view)->wsp_path, wall_now().s + view_config(x->view)->max_future_s,
				    &x->adopt, why);
	if (rc != RC_OK)
		return rc;
	x->had_folder = has_folder(x);
	/* a series of which points wait has a file then, and they are in it */
	rc = flush_now(x->view->flush, x->host, why);
	if (rc == RC_OK && look(x))
		rc = wsp_adopt_sync(&x->adopt, why);
	do {
		if (rc == RC_OK)
			rc = flush_alone_written(x->view->flush, x->host, adopt_alone, x, why);
	} while (rc == RC_OK && x->n_over > 0);
	if (rc == RC_OK)
		rc = values_sync(engine_values(x->view->engine), why);
	wsp_adopt_close(&x->adopt);
	return rc;
}

static enum rc run_adopt(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct adoption x = { .view = argument, .adopt = { .root_fd = -1, .staging_fd = -1 } };
	enum rc rc;

	arena_init(&x.arena);
	rc = read_request(&x, request, why);
	if (rc == RC_OK)
		rc = adopt(&x, why);
	if (rc == RC_OK)
		add_answer(&x, answer);
	arena_fini(&x.arena);
	return rc;
}

static const char *const adopt_arguments[] = { "host", "replace", "files", NULL };

const struct control_verb verb_adopt = {
	.name = "adopt",
	.argument = adopt_arguments,
	.changes = true,
	.run = run_adopt,
};
