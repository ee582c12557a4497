/*
 * numeterctl resize: give files other archives, with their history. Which files need it is found here; each slice of them is
 * done by who has the files to himself.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "ctl/pace.h"
#include "ctl/progress.h"
#include "ctl/same_tree.h"
#include "ctl/show.h"
#include "ctl/tenants.h"
#include "values/wsp_resize.h"
#include "values/wsp_walk.h"
#include "wire/reply.h"

enum { OPTION_AGGREGATION, OPTION_XFF, OPTION_DRY_RUN, OPTION_RATE };

static const struct command_option options[] = {
	[OPTION_AGGREGATION] = { "aggregation", "WORD",
				 "how fine points become coarse ones; else as each file has it" },
	[OPTION_XFF] = { "xff", "SHARE", "of fine points that a coarse one needs; else as each file has it" },
	[OPTION_DRY_RUN] = { "dry-run", NULL, "change nothing, say what would be" },
	[OPTION_RATE] = { "rate", "N", "convert N files a second at most" },
};

/* A file that has other archives than it shall. */
struct candidate {
	struct text host, folder, plugin, ds; /* host: TEXT_NONE nobody's; in the arena */
};

struct resizing {
	struct ctl *ctl;
	const struct config *config;
	struct asker asker;
	struct tenants tenants;
	struct pattern pattern;
	struct wsp_resize how;
	struct pace pace;
	struct arena arena;
	struct candidate *at;
	size_t n, capacity, n_chunk;
	uint64_t n_same, n_resized, n_failed, n_points, n_lost, bytes_before, bytes_after;
	int64_t lost_until_s;
};

/* ---- which files */

/* Has it these archives already? What cannot be read goes on, so that the reason is told. */
static bool is_same(const struct resizing *r, const struct wsp_found *f, const struct series *s)
{
	int fd = fileio_open_in(f->dir_fd, f->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct retention own = { .n_archives = 0 }, to;
	struct wsp w;
	struct why why;

	if (fd < 0 || wsp_attach(fd, &w, &why) != RC_OK)
		return false;
	own.n_archives = w.n_archives;
	own.aggregation = w.aggregation;
	own.xff = w.xff;
	for (size_t i = 0; i < w.n_archives; i++)
		own.archive[i] = (struct archive){ w.archive[i].step_s, w.archive[i].n_points };
	wsp_close(&w);
	to = wsp_wanted_for(&r->how.wanted, r->how.schema, s, &own);
	return wsp_same_retention(&own, &to);
}

static enum rc consider(void *argument, const struct wsp_found *f, struct why *why)
{
	struct resizing *r = argument;
	struct text host = tenants_of_folder(&r->tenants, f->folder);
	const struct series s = { host.s == NULL ? TEXT("unknown") : host, f->folder, f->plugin, f->ds };
	struct candidate *c;

	(void)why;
	if (!patterns_fit(&r->pattern, 1, host, f->folder, f->plugin, f->ds))
		return RC_OK;
	progress_step(1);
	if (is_same(r, f, &s)) {
		r->n_same++;
		return RC_OK;
	}
	array_grow(&r->at, &r->capacity, r->n, sizeof(*r->at));
	c = &r->at[r->n++];
	*c = (struct candidate){ .host = host, .plugin = arena_text(&r->arena, f->plugin) };
	c->ds = arena_text(&r->arena, f->ds);
	c->folder = r->n > 1 && text_equal(c[-1].folder, f->folder) ? c[-1].folder : arena_text(&r->arena, f->folder);
	return RC_OK;
}

/* ---- what became of them */

static void print_json(const struct candidate *c, const struct wsp_resized *f, bool dry)
{
	char *path = must_format("%.*s/%.*s/%.*s.wsp", TEXT_ARG(c->folder), TEXT_ARG(c->plugin), TEXT_ARG(c->ds));
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "{\"path\": ");
	reply_string(&b, text_of(path));
	free(path);
	if (f->rc != RC_OK) {
		buf_add_str(&b, ", \"done\": \"failed\", \"why\": ");
		reply_string(&b, text_of(f->why.text));
		buf_add_str(&b, "}");
	} else {
		buf_addf(&b,
			 ", \"done\": \"%s\", \"bytes_before\": %" PRIu64 ", \"bytes_after\": %" PRIu64
			 ", \"points\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"lost_until\": %" PRId64 "}",
			 f->same ? "same"
			 : dry   ? "would"
				 : "resized",
			 f->bytes_before, f->bytes_after, f->told.n_points, f->told.n_lost, f->told.lost_until_s);
	}
	printf("%.*s\n", TEXT_ARG(buf_text(&b)));
	buf_fini(&b);
}

static void conclude(struct resizing *r, const struct candidate *c, const struct wsp_resized *f)
{
	if (r->ctl->json) {
		progress_hide();
		print_json(c, f, r->how.dry);
	} else if (f->rc != RC_OK) {
		progress_hide();
		ctl_fail("%.*s/%.*s/%.*s.wsp: %s", TEXT_ARG(c->folder), TEXT_ARG(c->plugin), TEXT_ARG(c->ds),
			 f->why.text);
	}
	progress_step(1);
	if (f->rc != RC_OK) {
		r->n_failed++;
		return;
	}
	if (f->same) {
		r->n_same++;
		return;
	}
	r->n_resized++;
	r->n_points += f->told.n_points;
	r->n_lost += f->told.n_lost;
	r->bytes_before += f->bytes_before;
	r->bytes_after += f->bytes_after;
	if (f->told.lost_until_s > r->lost_until_s)
		r->lost_until_s = f->told.lost_until_s;
}

/* ---- doing it */

static void add_argument(struct buf *b, const char *name, struct text t)
{
	if (t.s == NULL)
		return;
	buf_addf(b, ", \"%s\": ", name);
	reply_string(b, t);
}

static void make_request(const struct resizing *r, const struct candidate *c, size_t n, struct buf *b)
{
	buf_add_str(b, "{\"verb\": \"resize\"");
	add_argument(b, "host", c->host);
	add_argument(b, "folder", c->folder);
	add_argument(b, "archives", text_of(r->ctl->argument[1]));
	add_argument(b, "aggregation", text_of(r->ctl->option[OPTION_AGGREGATION]));
	add_argument(b, "xff", text_of(r->ctl->option[OPTION_XFF]));
	buf_add_str(b, ", \"files\": [");
	for (size_t i = 0; i < n; i++) {
		char *name = must_format("%.*s/%.*s", TEXT_ARG(c[i].plugin), TEXT_ARG(c[i].ds));

		buf_add_str(b, i == 0 ? "" : ", ");
		reply_string(b, text_of(name));
		free(name);
	}
	buf_add_str(b, "]}");
}

static void read_done(struct answer *a, struct json_value told, struct wsp_resized *out)
{
	struct text done = answer_text(a, told, "done"), why = answer_text(a, told, "why");

	*out = (struct wsp_resized){ .rc = text_is(done, "failed") ? RC_DISK : RC_OK, .same = text_is(done, "same") };
	because(&out->why, RC_OK, "%.*s", TEXT_ARG(why));
	out->bytes_before = (uint64_t)answer_number(a, told, "bytes_before");
	out->bytes_after = (uint64_t)answer_number(a, told, "bytes_after");
	out->told.n_points = (uint64_t)answer_number(a, told, "points");
	out->told.n_lost = (uint64_t)answer_number(a, told, "lost");
	out->told.lost_until_s = (int64_t)answer_number(a, told, "lost_until");
}

/* Some of one folder. Returns how many were done, or could not be and are told of; 0: nobody answers, why is on stderr. */
static size_t ask(struct resizing *r, const struct candidate *c, size_t n)
{
	struct json_value files, told;
	struct json_walk w;
	struct buf request;
	struct wsp_resized refused = { .rc = RC_DISK };
	struct answer a;
	size_t n_done = 0;
	int status;

	buf_init(&request, SIZE_MAX);
	make_request(r, c, n, &request);
	status = asker_ask_quietly(&r->asker, buf_text(&request), &a, &refused.why);
	buf_fini(&request);
	if (status == EXIT_FINE && json_member(&a.arena, a.value, "files", &files) && files.type == JSON_ARRAY)
		for (w = json_walk(files); n_done < n && json_next_element(&w, &told); n_done++) {
			struct wsp_resized f;

			read_done(&a, told, &f);
			conclude(r, &c[n_done], &f);
		}
	else if (status == EXIT_NOT_FINE) /* of this host: its points cannot be written */
		while (n_done < n)
			conclude(r, &c[n_done++], &refused);
	else
		ctl_fail("%s", status == EXIT_FINE ? "resize: an answer without files" : refused.why.text);
	answer_close(&a);
	return n_done;
}

static size_t try_dry(struct resizing *r, const struct candidate *c, size_t n)
{
	static struct wsp_resized f[WSP_RESIZE_MOST];

	for (size_t i = 0; i < n; i++)
		f[i] = (struct wsp_resized){ .series = { c[i].host.s == NULL ? TEXT("unknown") : c[i].host, c[i].folder,
							 c[i].plugin, c[i].ds } };
	n = wsp_resize_files(&r->how, f, n, mono_after_ms(mono_now(), 1000));
	for (size_t i = 0; i < n; i++)
		conclude(r, &c[i], &f[i]);
	return n;
}

static bool do_all(struct resizing *r)
{
	for (size_t i = 0, n_done; i < r->n; i += n_done) {
		size_t n = 1;

		while (i + n < r->n && n < r->n_chunk && text_equal(r->at[i].folder, r->at[i + n].folder))
			n++;
		n_done = r->how.dry ? try_dry(r, &r->at[i], n) : ask(r, &r->at[i], n);
		if (n_done == 0)
			return false;
		pace_wait(&r->pace, n_done);
	}
	return true;
}

/* What a former run that was killed left. */
static enum rc clean(void *argument, const struct wsp_found *f, struct why *why)
{
	struct resizing *r = argument;
	struct buf request;
	struct answer a;
	int status;

	buf_init(&request, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"repair\"");
	add_argument(&request, "folder", f->folder);
	add_argument(&request, "plugin", f->plugin);
	add_argument(&request, "leftover", text_of(f->name));
	buf_add_str(&request, "}");
	status = asker_ask_quietly(&r->asker, buf_text(&request), &a, why);
	answer_close(&a);
	buf_fini(&request);
	return status == EXIT_UNUSABLE ? RC_PEER : RC_OK;
}

static void summarize(const struct resizing *r)
{
	char before[SHOW_BYTES], after[SHOW_BYTES], until[SHOW_BYTES];

	if (r->ctl->json) {
		printf("{\"%s\": %" PRIu64 ", \"same\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"points\": %" PRIu64
		       ", \"lost\": %" PRIu64 ", \"lost_until\": %" PRId64 ", \"bytes_before\": %" PRIu64
		       ", \"bytes_after\": %" PRIu64 "}\n",
		       r->how.dry ? "would" : "resized", r->n_resized, r->n_same, r->n_failed, r->n_points, r->n_lost,
		       r->lost_until_s, r->bytes_before, r->bytes_after);
		return;
	}
	printf("%" PRIu64 " files %s, %s before and %s after; %" PRIu64 " have these archives already, %" PRIu64
	       " failed\n",
	       r->n_resized, r->how.dry ? "would be resized" : "resized", show_bytes((double)r->bytes_before, before),
	       show_bytes((double)r->bytes_after, after), r->n_same, r->n_failed);
	if (r->n_lost > 0)
		printf("%" PRIu64 " of %" PRIu64 " points %s cut, the newest of them of %s\n", r->n_lost, r->n_points,
		       r->how.dry ? "would be" : "were", show_time(r->lost_until_s, until));
}

static int resize(struct resizing *r)
{
	struct why why = { "" };
	bool all;
	enum rc rc = RC_OK;

	if (tenants_read(&r->asker, &r->tenants, &why) != EXIT_FINE)
		return ctl_fail("which host has which folder cannot be found out: %s", why.text);
	if (r->how.dry)
		asker_close(&r->asker);
	else
		rc = wsp_walk_leftovers(r->how.root_fd, TEXT_NONE, clean, r, &why);
	progress_start("look", 0);
	if (rc == RC_OK)
		rc = wsp_walk(r->how.root_fd, TEXT_NONE, consider, r, &why);
	progress_end();
	if (rc != RC_OK)
		return ctl_fail("%s", why.text);
	progress_start("resize", r->n);
	r->pace.began = mono_now();
	all = do_all(r);
	progress_end();
	summarize(r);
	return !all ? EXIT_UNUSABLE : r->n_failed > 0 ? EXIT_NOT_FINE : EXIT_FINE;
}

static int run(struct ctl *ctl)
{
	const struct config *c = ctl_config(ctl);
	struct resizing r = { .ctl = ctl, .config = c, .n_chunk = WSP_RESIZE_MOST };
	struct why why = { "" };
	int status;

	if (c == NULL)
		return EXIT_UNUSABLE;
	if (same_tree(ctl) != EXIT_FINE)
		return EXIT_UNUSABLE;
	if (wsp_wanted_read(text_of(ctl->argument[1]), text_of(ctl->option[OPTION_AGGREGATION]),
			    text_of(ctl->option[OPTION_XFF]), &r.how.wanted, &why) != RC_OK ||
	    pace_init(&r.pace, ctl->option[OPTION_RATE], &why) != RC_OK)
		return ctl_fail("%s", why.text);
	if (r.pace.per_s > 0 && r.pace.per_s < WSP_RESIZE_MOST)
		r.n_chunk = r.pace.per_s < 2 ? 1 : (size_t)r.pace.per_s;
	r.how.root_fd = open(c->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.how.root_fd < 0)
		return ctl_fail("wsp_path %s: %s", c->wsp_path, strerror(errno));
	r.how.schema = &c->schema;
	setvbuf(stdout, NULL, _IOLBF, 0); /* who reads along sees each line at once */
	r.how.allocate = c->wsp_sparse ? WSP_SPARSE : WSP_RESERVE;
	r.how.now_s = wall_now().s;
	r.how.latest_s = wall_now().s + c->max_future_s;
	r.how.dry = ctl->option[OPTION_DRY_RUN] != NULL;
	r.pattern = pattern_read(ctl->argument[0]);
	arena_init(&r.arena);
	asker_init(&r.asker, ctl, ASKER_FILES);
	map_init(&r.tenants.folder_of);
	map_init(&r.tenants.host_of);
	status = resize(&r);
	asker_close(&r.asker);
	tenants_fini(&r.tenants);
	arena_fini(&r.arena);
	free(r.at);
	close(r.how.root_fd);
	return status;
}

const struct command command_resize = {
	.name = "resize",
	.arguments = "PATTERN ARCHIVES",
	.summary = "give files other archives, with their history",
	.help = "PATTERN: HOST[/PLUGIN[/DS]] with * and ?. ARCHIVES as in the configuration, \"60:1440, 300:2016\", "
		"or\n"
		"\"configured\": what the configuration has for each series. Each file is written anew, read back, "
		"and\n"
		"then takes the old one's place; points that come meanwhile wait. It may be broken off at any moment\n"
		"and run again: what has the archives already is left alone.\n"
		"Exit status: 0 done, 1 some failed and are as before, 2 it could not be done to the end.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 2,
	.most_arguments = 2,
	.run = run,
};
