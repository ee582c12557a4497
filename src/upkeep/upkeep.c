#include "upkeep/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "upkeep/clean.h"
#include "upkeep/discard.h"
#include "upkeep/find.h"
#include "upkeep/rename.h"
#include "upkeep/restore.h"
#include "upkeep/target.h"
#include "wire/number.h"
#include "wire/reply.h"

enum {
	LOOK_MS = 60 * 1000,    /* the thread asks this often whether something is due */
	FAILED_MS = 600 * 1000, /* between a cleaning that failed and the next */
	EMPTY_MS = 3600 * 1000, /* and empties the trash this often */
	ANSWER_MAX_BYTES = 64 << 20,
	LAST_MAX_BYTES = 4096,
};

enum rc upkeep_new(const struct upkeep_options *options, struct upkeep **out, struct why *why)
{
	char *near = must_format("%s/.trash", options->wsp_path);
	struct upkeep *u;
	int fd = open(options->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		free(near);
		return because(why, RC_DISK, "open folder %s: %s", options->wsp_path, strerror(errno));
	}
	u = must_alloc(sizeof(*u));
	u->options = *options;
	u->root_fd = fd;
	u->started = mono_now();
	u->started_wall_s = wall_now().s;
	u->query = (struct query){
		.meta = options->meta,
		.engine = options->engine,
		.wsp_path = options->wsp_path,
		.md5_digits = options->md5_digits,
	};
	u->trash = (struct trash){ fd, options->trash_path };
	if (options->trash_path != NULL && strcmp(options->trash_path, near) == 0)
		u->trash.path = NULL;
	lock_init(&u->lock);
	signal_init(&u->signal);
	free(near);
	*out = u;
	return RC_OK;
}

void upkeep_free(struct upkeep *u)
{
	if (u == NULL)
		return;
	close(u->root_fd);
	signal_fini(&u->signal);
	lock_fini(&u->lock);
	free(u);
}

/* ---- one at a time ---- */

static enum rc take_turn(struct upkeep *u, struct why *why)
{
	enum rc rc = RC_OK;

	lock_take(&u->lock);
	while (u->working && !u->stopping)
		signal_wait(&u->signal, &u->lock);
	if (u->stopping)
		rc = because(why, RC_PEER, "the daemon is stopping");
	else
		u->working = true;
	lock_give_back(&u->lock);
	return rc;
}

enum rc upkeep_goes_on(struct upkeep *u, struct why *why)
{
	bool stopping;

	lock_take(&u->lock);
	stopping = u->stopping;
	lock_give_back(&u->lock);
	return stopping ? because(why, RC_PEER, "the daemon is stopping") : RC_OK;
}

void upkeep_set_recovered(struct upkeep *u, bool recovered)
{
	lock_take(&u->lock);
	u->recovered = recovered;
	lock_give_back(&u->lock);
}

static void end_turn(struct upkeep *u)
{
	lock_take(&u->lock);
	u->working = false;
	signal_all(&u->signal);
	lock_give_back(&u->lock);
}

void upkeep_settle(struct upkeep *u)
{
	for (int i = 0; i < 2; i++)
		(void)!flush_now(u->options.flush, TEXT_NONE, NULL);
}

/* ---- actions ---- */

static enum rc resume_entry(void *argument, struct trash_entry *e, struct why *why)
{
	return discard_resume(argument, e, why);
}

static enum rc recover(struct upkeep *u, struct why *why)
{
	enum rc rc;

	upkeep_set_recovered(u, false);
	rc = findings_remember_list(u, why);
	if (rc == RC_OK)
		rc = rename_resume(u, why);
	if (rc == RC_OK)
		rc = trash_sweep(&u->trash, why);
	if (rc == RC_OK)
		rc = trash_each(&u->trash, resume_entry, u, why);
	if (rc == RC_OK)
		upkeep_set_recovered(u, true);
	return rc;
}

enum rc upkeep_recover(struct upkeep *u, struct upkeep_when when, struct why *why)
{
	enum rc rc = take_turn(u, why);

	(void)when;
	if (rc != RC_OK)
		return rc;
	rc = recover(u, why);
	end_turn(u);
	return rc;
}

enum rc upkeep_clean(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why)
{
	enum rc rc = take_turn(u, why);

	if (rc != RC_OK)
		return rc;
	if (!dry_run)
		rc = recover(u, why);
	if (rc == RC_OK)
		rc = clean_run(u, when, dry_run, out, why);
	end_turn(u);
	return rc;
}

static enum rc delete_target(struct upkeep *u, const struct target *t, int64_t now_s, struct buf *out, struct why *why)
{
	struct discard_file file = { t->plugin, t->ds };
	char folder[FOLDER_MAX_BYTES], name[TRASH_NAME_BYTES], *named = NULL;
	struct discard what = {
		.kind = ENTRY_HOST, .host = t->host, .plugin = t->plugin, .why = TEXT("deleted by hand")
	};
	enum rc rc = target_folder(u, t->host, folder, why);

	if (rc != RC_OK)
		return rc;
	what.folder = text_of(folder);
	if (t->plugin.s != NULL)
		what.kind = ENTRY_PLUGIN;
	if (t->ds.s != NULL) {
		named = must_format("%.*s/%.*s", TEXT_ARG(t->plugin), TEXT_ARG(t->ds));
		what = (struct discard){ .kind = ENTRY_FILES,
					 .host = t->host,
					 .ds = text_of(named),
					 .folder = text_of(folder),
					 .file = &file,
					 .n_files = 1,
					 .why = what.why };
	}
	upkeep_settle(u);
	rc = discard_move(u, &what, now_s, name, why);
	if (rc == RC_OK) {
		log_line(LOG_LEVEL_INFO, "upkeep.removed", "host=\"%.*s\" %s%.*s entry=%s why=\"deleted by hand\"",
			 TEXT_ARG(t->host), what.kind == ENTRY_HOST ? "" : "what=",
			 TEXT_ARG(what.kind == ENTRY_PLUGIN ? t->plugin : what.ds), name);
		buf_addf(out, "{\"entry\": \"%s\", \"kind\": \"%s\", \"host\": ", name, entry_kind_name(what.kind));
		reply_string(out, t->host);
		buf_add_str(out, "}");
	}
	free(named);
	return rc;
}

enum rc upkeep_delete(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out, struct why *why)
{
	struct target t;
	enum rc rc = take_turn(u, why);

	if (rc != RC_OK)
		return rc;
	rc = recover(u, why);
	if (rc == RC_OK)
		rc = target_find(u, what, &t, why);
	if (rc == RC_OK)
		rc = delete_target(u, &t, when.now_s, out, why);
	end_turn(u);
	return rc;
}

enum rc upkeep_restore(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out, struct why *why)
{
	enum rc rc = take_turn(u, why);

	if (rc != RC_OK)
		return rc;
	rc = recover(u, why);
	if (rc == RC_OK)
		rc = restore_run(u, what, when, out, why);
	if (rc != RC_OK)
		upkeep_set_recovered(u, false);
	end_turn(u);
	return rc;
}

enum rc upkeep_rename(struct upkeep *u, struct text host, struct text new_name, struct upkeep_when when,
		      struct buf *out, struct why *why)
{
	enum rc rc = take_turn(u, why);

	(void)when;
	if (rc != RC_OK)
		return rc;
	rc = recover(u, why);
	if (rc == RC_OK)
		rc = rename_run(u, host, new_name, out, why);
	if (rc != RC_OK)
		upkeep_set_recovered(u, false);
	end_turn(u);
	return rc;
}

/* ---- what there is ---- */

static void add_or_null(struct buf *out, const char *name, struct text t)
{
	buf_addf(out, ", \"%s\": ", name);
	if (t.s == NULL)
		buf_add_str(out, "null");
	else
		reply_string(out, t);
}

static enum rc list_entry(void *argument, struct trash_entry *e, struct why *why)
{
	struct buf *out = argument;

	(void)why;
	buf_add_str(out, out->n == 0 ? "{\"entry\": " : ", {\"entry\": ");
	reply_string(out, text_of(e->name));
	buf_addf(out, ", \"kind\": \"%s\"", e->damaged ? "" : entry_kind_name(e->entry.kind));
	add_or_null(out, "host", e->entry.host);
	add_or_null(out, "plugin", e->entry.plugin);
	add_or_null(out, "ds", e->entry.ds);
	buf_addf(out, ", \"time\": %" PRId64, e->entry.time_s);
	add_or_null(out, "why", e->entry.why);
	buf_addf(out, ", \"state\": \"%s\"}", e->damaged ? "damaged" : e->done ? "whole" : "cut short");
	return RC_OK;
}

static void list_noted(void *argument, struct text host, struct text plugin, struct text folder)
{
	struct buf *out = argument;

	buf_add_str(out, out->n == 0 ? "{\"host\": " : ", {\"host\": ");
	reply_string(out, host);
	add_or_null(out, "plugin", plugin);
	add_or_null(out, "folder", folder);
	buf_add_str(out, "}");
}

static enum rc list_all(struct upkeep *u, struct buf *out, struct why *why)
{
	struct gone_view *view = NULL;
	struct buf trash, noted;
	enum rc rc;

	buf_init(&trash, ANSWER_MAX_BYTES);
	buf_init(&noted, ANSWER_MAX_BYTES);
	rc = trash_each(&u->trash, list_entry, &trash, why);
	if (rc == RC_OK)
		rc = gone_take(u->options.gone, mono_now(), &view, why);
	if (rc == RC_OK) {
		gone_each(view, list_noted, &noted);
		gone_give_back(view);
		buf_addf(out, "{\"trash\": [%.*s], \"noted\": [%.*s]}", TEXT_ARG(buf_text(&trash)),
			 TEXT_ARG(buf_text(&noted)));
	}
	buf_fini(&trash);
	buf_fini(&noted);
	return rc;
}

enum rc upkeep_list(struct upkeep *u, struct buf *out, struct why *why)
{
	enum rc rc = take_turn(u, why);

	if (rc != RC_OK)
		return rc;
	rc = list_all(u, out, why);
	end_turn(u);
	return rc;
}

void upkeep_stats(struct upkeep *u, struct upkeep_stats *out)
{
	struct gone_view *view = gone_last(u->options.gone);
	size_t n_hosts, n_plugins;

	gone_count(view, &n_hosts, &n_plugins);
	gone_give_back(view);
	lock_take(&u->lock);
	*out = u->stats;
	out->is_unfinished = !u->recovered;
	lock_give_back(&u->lock);
	out->n_hosts = n_hosts;
	out->n_plugins = n_plugins;
}

/* ---- the thread ---- */

bool upkeep_is_due(struct text last, struct upkeep_when when, int64_t clean_time_s)
{
	int64_t last_s;

	if (!upkeep_can_judge(when, clean_time_s))
		return false;
	if (last.s == NULL || !number_parse_seconds(last, &last_s) || last_s > when.now_s)
		return true;
	return when.now_s - last_s >= clean_time_s;
}

struct upkeep_when upkeep_now(const struct upkeep *u)
{
	int64_t now_s = wall_now().s, up_s = (mono_now().ns - u->started.ns) / 1000000000;

	return (struct upkeep_when){ now_s, up_s, upkeep_has_leapt(u->started_wall_s, now_s, up_s) };
}

static void say_leapt(struct upkeep *u)
{
	struct upkeep_when when = upkeep_now(u);

	if (when.leapt && !u->said_leapt)
		log_line(LOG_LEVEL_WARNING, "upkeep.clock_leapt",
			 "ahead_s=%" PRId64 ": nothing is judged and the trash not emptied until it is back, or the "
			 "daemon starts anew",
			 when.now_s - u->started_wall_s - when.up_s);
	u->said_leapt = when.leapt;
}

static enum rc clean_if_due(struct upkeep *u, struct why *why)
{
	struct upkeep_when when = upkeep_now(u);
	struct buf last, answer;
	enum rc rc;

	if (!upkeep_can_judge(when, u->options.clean_time_s))
		return RC_OK;
	buf_init(&last, LAST_MAX_BYTES);
	buf_init(&answer, ANSWER_MAX_BYTES);
	rc = meta_get_string(u->options.meta, META_LAST_WSP_CLEAN, &last, why);
	if (rc == RC_ABSENT || rc == RC_FULL || rc == RC_OK)
		rc = upkeep_is_due(rc == RC_OK ? buf_text(&last) : TEXT_NONE, when, u->options.clean_time_s)
			     ? upkeep_clean(u, when, false, &answer, why)
			     : RC_OK;
	buf_fini(&last);
	buf_fini(&answer);
	return rc;
}

static enum rc empty_trash(struct upkeep *u, struct why *why)
{
	struct buf removed;
	enum rc rc = take_turn(u, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&removed, ANSWER_MAX_BYTES);
	rc = clean_trash(u, upkeep_now(u), false, &removed, why);
	buf_fini(&removed);
	end_turn(u);
	return rc;
}

static bool wait_for_next(struct upkeep *u)
{
	struct mono until = mono_after_ms(mono_now(), LOOK_MS);
	bool stopping;

	lock_take(&u->lock);
	while (!u->stopping && signal_wait_until(&u->signal, &u->lock, until))
		;
	stopping = u->stopping;
	lock_give_back(&u->lock);
	return !stopping;
}

static bool is_recovered(struct upkeep *u)
{
	bool recovered;

	lock_take(&u->lock);
	recovered = u->recovered;
	lock_give_back(&u->lock);
	return recovered;
}

static void *run(void *argument)
{
	static struct log_limit limit;
	struct upkeep *u = argument;
	struct mono emptied = { 0 }, failed = { 0 };

	do {
		struct why why = { "" };
		enum rc rc = is_recovered(u) ? RC_OK : upkeep_recover(u, upkeep_now(u), &why);

		say_leapt(u);
		if (rc == RC_OK && (failed.ns == 0 || mono_ms_between(failed, mono_now()) >= FAILED_MS)) {
			rc = clean_if_due(u, &why);
			failed.ns = rc == RC_OK ? 0 : mono_now().ns;
		}
		if (rc == RC_OK && upkeep_can_judge(upkeep_now(u), u->options.clean_time_s) &&
		    (emptied.ns == 0 || mono_ms_between(emptied, mono_now()) >= EMPTY_MS)) {
			rc = empty_trash(u, &why);
			emptied = mono_now();
		}
		if (rc != RC_OK)
			log_limited(&limit, LOG_LEVEL_WARNING, "upkeep.failed", "why=\"%s\": tried again", why.text);
	} while (wait_for_next(u));
	return NULL;
}

void upkeep_start(struct upkeep *u)
{
	u->running = true;
	thread_start(&u->thread, "upkeep", run, u);
}

void upkeep_stop(struct upkeep *u)
{
	if (u == NULL)
		return;
	lock_take(&u->lock);
	u->stopping = true;
	signal_all(&u->signal);
	lock_give_back(&u->lock);
	if (u->running)
		must(pthread_join(u->thread, NULL) == 0);
	u->running = false;
}
