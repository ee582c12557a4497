#include "upkeep/clean.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "upkeep/discard.h"
#include "upkeep/disk.h"
#include "upkeep/orphans.h"
#include "upkeep/silence.h"
#include "wire/json.h"
#include "wire/reply.h"

/* So many hosts and plugins get a line of their own in the log; all are in the answer and in the metadata store. */
enum { MOST_LINES = 100, FILES_AT_ONCE = 1000, VALUE_MAX_BYTES = 64 << 20 };

struct cleaning {
	struct upkeep *u;
	struct upkeep_when when;
	bool dry_run;
	struct findings found;
	struct map old; /* paths of the files that the cleaning before found */
	struct buf hosts, plugins, files, returned, removed, failed;
	uint64_t n_hosts, n_plugins, n_files, n_failed, n_lines, n_unlisted;
};

bool clean_list_add(struct buf *list, struct text path)
{
	size_t n = list->n;

	if (list->full)
		return false;
	buf_add_str(list, n == 0 ? "" : ", ");
	reply_string(list, path);
	if (list->full)
		list->n = n;
	return !list->full;
}

static void say(struct cleaning *c, const struct finding *f, const char *what)
{
	if (c->dry_run || c->n_lines++ >= MOST_LINES)
		return;
	if (f->plugin.s == NULL)
		log_line(LOG_LEVEL_INFO, what, "host=\"%.*s\" last=%" PRId64 " why=\"%s\"", TEXT_ARG(f->host),
			 f->last_s, f->why);
	else
		log_line(LOG_LEVEL_INFO, what, "host=\"%.*s\" plugin=\"%.*s\" last=%" PRId64 " why=\"%s\"",
			 TEXT_ARG(f->host), TEXT_ARG(f->plugin), f->last_s, f->why);
}

static void tell(struct buf *out, const struct finding *f)
{
	buf_add_str(out, out->n == 0 ? "{\"host\": " : ", {\"host\": ");
	reply_string(out, f->host);
	if (f->plugin.s != NULL) {
		buf_add_str(out, ", \"plugin\": ");
		reply_string(out, f->plugin);
	}
	if (f->last_s == 0)
		buf_add_str(out, ", \"last\": null");
	else
		buf_addf(out, ", \"last\": %" PRId64, f->last_s);
	buf_addf(out, ", \"why\": \"%s\"}", f->why);
}

/* What concerns this host alone; the others go on. */
static void tell_failed(struct cleaning *c, struct text host, struct text why)
{
	static struct log_limit limit;

	c->n_failed++;
	buf_add_str(&c->failed, c->failed.n == 0 ? "{\"host\": " : ", {\"host\": ");
	reply_string(&c->failed, host);
	buf_add_str(&c->failed, ", \"why\": ");
	reply_string(&c->failed, why);
	buf_add_str(&c->failed, "}");
	log_limited(&limit, LOG_LEVEL_WARNING, "upkeep.left", "host=\"%.*s\" why=\"%.*s\"", TEXT_ARG(host),
		    TEXT_ARG(why));
}

static bool is_of_one_host(enum rc rc)
{
	return rc == RC_REFUSED || rc == RC_DISK || rc == RC_FULL || rc == RC_ABSENT;
}

/*
 * Has the host, or plugin, been noted or moved? Moved is what an earlier cleaning, or somebody else, has noted: when a host
 * is back from a long silence some of its plugins send later than others.
 */
static enum rc put_away(struct cleaning *c, const struct finding *f, bool *done, struct why *why)
{
	struct discard what = { .kind = f->kind == FOUND_HOST ? ENTRY_HOST : ENTRY_PLUGIN,
				.host = f->host,
				.plugin = f->plugin,
				.folder = f->folder,
				.why = text_of(f->why) };
	int64_t cutoff_s = c->when.now_s - c->u->options.clean_time_s;
	char name[TRASH_NAME_BYTES];
	enum rc rc = RC_OK;

	*done = true;
	if (c->dry_run)
		return RC_OK;
	if (!f->noted) {
		rc = discard_note(c->u, f, cutoff_s, done, why);
		if (rc == RC_OK && *done)
			say(c, f, "upkeep.noted");
		return rc;
	}
	*done = !discard_is_heard(c->u, f, cutoff_s);
	if (!*done)
		return RC_OK;
	rc = discard_move(c->u, &what, c->when.now_s, name, why);
	if (rc == RC_OK)
		say(c, f, "upkeep.removed");
	return rc;
}

static enum rc take_one(struct cleaning *c, const struct finding *f, struct why *why)
{
	bool done = false;
	enum rc rc;

	if (f->noted && !c->u->options.deletes)
		return RC_OK;
	rc = put_away(c, f, &done, why);
	if (is_of_one_host(rc)) {
		tell_failed(c, f->host, text_of(why->text));
		return RC_OK;
	}
	if (rc != RC_OK || !done)
		return rc;
	tell(f->kind == FOUND_HOST ? &c->hosts : &c->plugins, f);
	*(f->kind == FOUND_HOST ? &c->n_hosts : &c->n_plugins) += 1;
	return RC_OK;
}

/* The stale files at[0 .. n) of one host. */
static enum rc take_files(struct cleaning *c, const struct finding *at, size_t n, struct why *why)
{
	struct discard what = { .kind = ENTRY_FILES, .host = at->host, .folder = at->folder, .why = text_of(at->why) };
	int64_t cutoff_s = c->when.now_s - c->u->options.clean_time_s;
	struct discard_file *file;
	char name[TRASH_NAME_BYTES];
	size_t n_files = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++)
		c->n_unlisted += !clean_list_add(&c->files, at[i].path);
	c->n_files += n;
	if (c->dry_run || !c->u->options.deletes)
		return RC_OK;
	file = must_alloc(n * sizeof(*file));
	for (size_t i = 0; i < n; i++) /* what has had a point since it was judged stays */
		if (map_get(&c->old, at[i].path) != NULL &&
		    silence_series_now(c->u, at[i].host, at[i].plugin, at[i].ds) < cutoff_s)
			file[n_files++] = (struct discard_file){ at[i].plugin, at[i].ds };
	for (size_t done = 0; done < n_files && rc == RC_OK; done += what.n_files) {
		what.file = file + done;
		what.n_files = n_files - done < FILES_AT_ONCE ? n_files - done : FILES_AT_ONCE;
		rc = discard_move(c->u, &what, c->when.now_s, name, why);
	}
	free(file);
	if (is_of_one_host(rc)) {
		tell_failed(c, at->host, text_of(why->text));
		rc = RC_OK;
	}
	return rc;
}

static enum rc take_all(struct cleaning *c, struct why *why)
{
	const struct findings *f = &c->found;
	enum rc rc = RC_OK;

	if (f->n > 0 && c->u->options.deletes && !c->dry_run)
		upkeep_settle(c->u);
	for (size_t i = 0; i < f->n_failed; i++)
		tell_failed(c, f->failed[i].host, f->failed[i].why);
	for (size_t i = 0, n; i < f->n && rc == RC_OK; i += n) {
		n = 1;
		rc = upkeep_goes_on(c->u, why);
		if (rc != RC_OK)
			break;
		if (f->at[i].kind != FOUND_FILE) {
			rc = take_one(c, &f->at[i], why);
			continue;
		}
		while (i + n < f->n && f->at[i + n].kind == FOUND_FILE && text_equal(f->at[i + n].host, f->at[i].host))
			n++;
		rc = take_files(c, &f->at[i], n, why);
	}
	return rc;
}

/* Noted and not gone after all: on the list again, or heard of. */
static enum rc take_back(struct cleaning *c, struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < c->found.n_returned && rc == RC_OK; i++) {
		struct text host = c->found.returned[i];

		buf_add_str(&c->returned, i == 0 ? "" : ", ");
		reply_string(&c->returned, host);
		if (!c->dry_run)
			rc = meta_apply(
				c->u->options.meta,
				&(struct meta_write){ META_DELETE, { META_DELETED_HOSTS, TEXT_NONE, host }, TEXT_NONE },
				1, why);
		if (rc == RC_OK && !c->dry_run && c->n_lines++ < MOST_LINES)
			log_line(LOG_LEVEL_INFO, "upkeep.returned", "host=\"%.*s\"", TEXT_ARG(host));
	}
	return rc;
}

static enum rc set_strings(struct cleaning *c, struct why *why)
{
	struct meta *meta = c->u->options.meta;
	struct buf b;
	enum rc rc;

	if (c->dry_run)
		return RC_OK;
	if (c->n_unlisted > 0)
		log_line(LOG_LEVEL_WARNING, "upkeep.list_cut", "files=%" PRIu64 ": OLD_WSP holds %d bytes, not these",
			 c->n_unlisted, VALUE_MAX_BYTES);
	buf_init(&b, VALUE_MAX_BYTES);
	buf_addf(&b, "[%.*s]", TEXT_ARG(buf_text(&c->files)));
	/* where files were not judged the list of before still says what is known */
	rc = !c->found.judged ? RC_OK
	     : b.full         ? because(why, RC_FULL, "OLD_WSP would be over %d bytes", VALUE_MAX_BYTES)
			      : meta_set_string(meta, META_OLD_WSP, buf_text(&b), why);
	buf_clear(&b);
	buf_addf(&b, "%" PRId64, c->when.now_s);
	if (rc == RC_OK)
		rc = meta_set_string(meta, META_LAST_WSP_CLEAN, buf_text(&b), why);
	buf_fini(&b);
	return rc;
}

/* OLD_WSP as the cleaning before left it; what cannot be read is none. */
static enum rc take_old(struct cleaning *c, struct why *why)
{
	struct json_value list, item;
	struct json_walk w;
	struct arena a;
	struct buf b;
	enum rc rc;

	buf_init(&b, VALUE_MAX_BYTES);
	arena_init(&a);
	rc = meta_get_string(c->u->options.meta, META_OLD_WSP, &b, why);
	if (rc == RC_OK && json_check(buf_text(&b), false, &list, NULL) == RC_OK && list.type == JSON_ARRAY) {
		w = json_walk(list);
		while (json_next_element(&w, &item))
			if (item.type == JSON_STRING)
				map_put(&c->old, json_string(&a, item.raw, item.escaped), c);
	}
	arena_fini(&a);
	buf_fini(&b);
	return rc == RC_ABSENT || rc == RC_FULL ? RC_OK : rc;
}

static void print(const struct cleaning *c, struct buf *out)
{
	buf_addf(out,
		 "{\"dry_run\": %s, \"judged\": %s, \"clock_leapt\": %s, \"deletes\": %s, \"hosts\": [%.*s], "
		 "\"plugins\": [%.*s], ",
		 c->dry_run ? "true" : "false", c->found.judged ? "true" : "false", c->when.leapt ? "true" : "false",
		 c->u->options.deletes ? "true" : "false", TEXT_ARG(buf_text(&c->hosts)),
		 TEXT_ARG(buf_text(&c->plugins)));
	buf_addf(out, "\"files\": [%.*s], \"returned\": [%.*s], \"removed\": [%.*s], \"failed\": [%.*s]}",
		 TEXT_ARG(buf_text(&c->files)), TEXT_ARG(buf_text(&c->returned)), TEXT_ARG(buf_text(&c->removed)),
		 TEXT_ARG(buf_text(&c->failed)));
}

enum rc clean_run(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why)
{
	struct cleaning c = { .u = u, .when = when, .dry_run = dry_run };
	struct buf *const bufs[] = { &c.hosts, &c.plugins, &c.files, &c.returned, &c.removed, &c.failed };
	struct mono began = mono_now();
	enum rc rc;

	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_init(bufs[i], VALUE_MAX_BYTES - 16);
	map_init(&c.old);
	rc = take_old(&c, why);
	if (rc == RC_OK)
		rc = findings_look(u, when, &c.found, why);
	if (rc != RC_OK)
		goto out;
	rc = take_all(&c, why);
	if (rc == RC_OK)
		rc = take_back(&c, why);
	if (rc == RC_OK)
		rc = set_strings(&c, why);
	if (rc == RC_OK)
		rc = clean_trash(u, when, dry_run, &c.removed, why);
	if (rc == RC_OK && !dry_run)
		rc = orphans_drop(u, why);
	if (rc == RC_OK)
		print(&c, out);
	if (rc == RC_OK && !dry_run) {
		log_line(LOG_LEVEL_INFO, "upkeep.cleaned",
			 "hosts=%" PRIu64 " plugins=%" PRIu64 " files=%" PRIu64 " returned=%zu failed=%" PRIu64
			 " deletes=%s took_ms=%" PRId64,
			 c.n_hosts, c.n_plugins, c.n_files, c.found.n_returned, c.n_failed,
			 u->options.deletes ? "true" : "false", mono_ms_between(began, mono_now()));
		lock_take(&u->lock);
		u->stats.n_files = c.found.judged ? c.n_files : u->stats.n_files;
		u->stats.cleaned_s = when.now_s;
		lock_give_back(&u->lock);
	}
	findings_fini(&c.found);
out:
	map_fini(&c.old, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_fini(bufs[i]);
	return rc;
}

/* ---- the trash ---- */

struct emptying {
	struct upkeep *u;
	int64_t until_s; /* what is not younger goes */
	bool dry_run;
	struct buf *out;
	uint64_t n_left;
};

/* The note of what is removed for good goes with it, unless it is there again, or another entry is. */
static enum rc drop_note(struct upkeep *u, const struct entry *e, struct why *why)
{
	struct meta_read read = { .key = { META_HOSTS, TEXT_NONE, e->host } };
	struct meta_write write = { META_DELETE, { META_DELETED_HOSTS, TEXT_NONE, e->host }, TEXT_NONE };
	struct buf answer, field;
	enum rc rc;

	if (e->kind == ENTRY_FILES)
		return RC_OK;
	buf_init(&answer, VALUE_MAX_BYTES);
	buf_init(&field, 4096);
	if (e->kind == ENTRY_PLUGIN) {
		gone_plugin_field(e->host, e->plugin, &field);
		read.key = (struct meta_key){ META_INFOS, e->host, e->plugin };
		write.key = (struct meta_key){ META_DELETED_PLUGINS, TEXT_NONE, buf_text(&field) };
	}
	rc = meta_read(u->options.meta, &read, 1, &answer, why);
	if (rc == RC_OK && !read.found)
		rc = meta_apply(u->options.meta, &write, 1, why);
	buf_fini(&answer);
	buf_fini(&field);
	return rc;
}

static enum rc empty_one(void *argument, struct trash_entry *e, struct why *why)
{
	struct emptying *x = argument;
	enum rc rc = RC_OK;

	if (e->damaged || !e->done || e->entry.time_s > x->until_s) {
		x->n_left++;
		return RC_OK;
	}
	if (!x->dry_run)
		rc = drop_note(x->u, &e->entry, why);
	if (rc == RC_OK && !x->dry_run)
		rc = trash_drop(e, why);
	if (rc != RC_OK)
		return rc;
	buf_add_str(x->out, x->out->n == 0 ? "" : ", ");
	reply_string(x->out, text_of(e->name));
	if (!x->dry_run)
		log_line(LOG_LEVEL_INFO, "upkeep.emptied", "entry=%s %s=\"%.*s\"", e->name,
			 entry_kind_name(e->entry.kind), TEXT_ARG(e->entry.host));
	return RC_OK;
}

enum rc clean_trash(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why)
{
	bool can_judge = upkeep_can_judge(when, u->options.clean_time_s);
	struct emptying x = { u, can_judge ? when.now_s - u->options.trash_s : INT64_MIN, dry_run, out, 0 };
	enum rc rc = trash_each(&u->trash, empty_one, &x, why);

	lock_take(&u->lock);
	if (rc == RC_OK)
		u->stats.n_trash = x.n_left;
	lock_give_back(&u->lock);
	return rc;
}
