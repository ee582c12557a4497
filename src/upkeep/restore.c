#include "upkeep/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "upkeep/discard.h"
#include "upkeep/disk.h"
#include "upkeep/put_back.h"
#include "upkeep/target.h"
#include "wire/reply.h"

enum { PATHS_MAX_BYTES = 1 << 16 };

/*
 * From another file system the entry comes near first, so that putting it back is renaming. The entry is opened anew then.
 */
static enum rc bring_near(const struct upkeep *u, struct trash_entry *e, struct why *why)
{
	char fresh[TRASH_NAME_BYTES + 16];
	int near_fd = -1, fd = -1;
	enum rc rc;

	if (e->near)
		return RC_OK;
	rc = disk_open(u->root_fd, TEXT(".trash"), true, &near_fd, why);
	if (rc == RC_OK)
		rc = disk_move(e->above_fd, e->name, near_fd, e->name, why);
	if (rc == RC_END) {
		snprintf(fresh, sizeof(fresh), ".copying-%s", e->name);
		rc = disk_remove(near_fd, fresh, why);
		if (rc == RC_OK)
			rc = disk_copy(e->above_fd, e->name, near_fd, fresh, why);
		if (rc == RC_OK)
			rc = disk_move(near_fd, fresh, near_fd, e->name, why);
		if (rc == RC_OK)
			rc = trash_remove(e->above_fd, e->name, why);
	}
	if (rc == RC_OK)
		rc = disk_open(near_fd, text_of(e->name), false, &fd, why);
	if (rc != RC_OK) {
		if (near_fd >= 0)
			close(near_fd);
		return rc;
	}
	close(e->fd);
	close(e->above_fd);
	e->fd = fd;
	e->above_fd = near_fd;
	e->near = true;
	return RC_OK;
}

/* Where its files are to go: its folder of now, if it has one. */
static enum rc folder_now(const struct upkeep *u, const struct entry *e, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	struct meta_read read = { .key = { META_WSP_PATH, TEXT_NONE, e->host } };
	struct text below = TEXT_NONE;
	struct buf answer;
	enum rc rc;

	buf_init(&answer, PATHS_MAX_BYTES);
	rc = meta_read(u->options.meta, &read, 1, &answer, why);
	if (rc == RC_OK && read.found)
		below = name_folder_below(read.value, text_of(u->options.wsp_path));
	if (rc == RC_OK && !read.found && e->kind != ENTRY_HOST)
		rc = because(why, RC_REFUSED, "host %.*s is not there itself: restore it first", TEXT_ARG(e->host));
	if (rc == RC_OK) {
		if (below.n == 0)
			below = e->folder;
		snprintf(folder, FOLDER_MAX_BYTES, "%.*s", TEXT_ARG(below));
		rc = target_folder_is_free(u, e->host, text_of(folder), why);
	}
	buf_fini(&answer);
	return rc;
}

/* ---- which ---- */

struct restore {
	struct upkeep *u;
	struct text what;
	struct upkeep_when when;
	struct buf names, kept, shown;
	uint64_t n_restored, n_kept, n_shown, n_files, n_filled;
	struct text *wanted; /* names of entries, heap, the oldest first */
	size_t n_wanted, capacity;
};

static bool is_of(const struct entry *e, struct text what)
{
	struct target t;

	for (unsigned i = 0; target_split(what, i, &t); i++) {
		if (!text_equal(e->host, t.host))
			continue;
		if (t.plugin.s == NULL)
			return true;
		if (t.ds.s == NULL) {
			if (e->kind == ENTRY_PLUGIN && text_equal(e->plugin, t.plugin))
				return true;
		} else if (e->kind == ENTRY_FILES && e->ds.n == t.plugin.n + 1 + t.ds.n &&
			   text_equal((struct text){ e->ds.s + t.plugin.n + 1, t.ds.n }, t.ds) &&
			   text_equal((struct text){ e->ds.s, t.plugin.n }, t.plugin)) {
			return true;
		}
	}
	return false;
}

static enum rc want(void *argument, struct trash_entry *e, struct why *why)
{
	struct restore *r = argument;

	if (!text_is(r->what, e->name) && (e->damaged || !is_of(&e->entry, r->what)))
		return RC_OK;
	if (e->damaged)
		return because(why, RC_DAMAGED, "the entry.json of %s cannot be read: its files lie in it", e->name);
	array_grow(&r->wanted, &r->capacity, r->n_wanted, sizeof(*r->wanted));
	r->wanted[r->n_wanted++] = (struct text){ must_strdup(e->name), strlen(e->name) };
	return RC_OK;
}

static enum rc restore_entry(void *argument, struct trash_entry *e, struct why *why)
{
	struct restore *r = argument;
	struct upkeep *u = r->u;
	struct put_back putting = { .u = u, .e = e, .latest_s = r->when.now_s + u->options.max_future_s };
	char folder[FOLDER_MAX_BYTES];
	enum rc rc;

	if (!text_is(r->what, e->name))
		return RC_OK;
	rc = folder_now(u, &e->entry, folder, why);
	if (rc == RC_OK)
		rc = bring_near(u, e, why);
	if (rc != RC_OK)
		return rc;
	putting.folder = text_of(folder);
	rc = flush_alone(u->options.flush, e->entry.host, put_back, &putting, why);
	rc = rc == RC_END ? RC_REFUSED : rc; /* another file system is mounted there */
	r->n_files += putting.n_files;
	r->n_filled += putting.n_filled;
	if (rc == RC_OK)
		rc = discard_put_values(u, &e->entry, why);
	if (rc == RC_OK)
		rc = ingest_forget(u->options.ingest, &(struct ingest_forget){ .host = e->entry.host, .all = true },
				   why);
	if (rc == RC_OK && putting.n_without_room + putting.n_damaged > 0) {
		buf_add_str(&r->kept, r->n_kept++ == 0 ? "{\"entry\": " : ", {\"entry\": ");
		reply_string(&r->kept, text_of(e->name));
		buf_addf(&r->kept, ", \"without_room\": %" PRIu64 ", \"damaged\": %" PRIu64 "}", putting.n_without_room,
			 putting.n_damaged);
		log_line(LOG_LEVEL_WARNING, "upkeep.kept", "entry=%s without_room=%" PRIu64 " damaged=%" PRIu64,
			 e->name, putting.n_without_room, putting.n_damaged);
		return RC_END;
	}
	if (rc == RC_OK)
		rc = trash_drop(e, why);
	if (rc != RC_OK)
		return rc;
	buf_add_str(&r->names, r->n_restored++ == 0 ? "" : ", ");
	reply_string(&r->names, text_of(e->name));
	log_line(LOG_LEVEL_INFO, "upkeep.restored", "entry=%s %s=\"%.*s\"", e->name, entry_kind_name(e->entry.kind),
		 TEXT_ARG(e->entry.host));
	return RC_END;
}

/* The newest first: what it has is what counts, older ones fill it. */
static enum rc restore_wanted(struct restore *r, struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = r->n_wanted; i > 0 && rc == RC_OK; i--) {
		r->what = r->wanted[i - 1];
		rc = trash_each(&r->u->trash, restore_entry, r, why);
	}
	return rc;
}

struct showing {
	struct restore *r;
	struct text what;
	struct meta_write *write;
	size_t n, capacity;
	struct arena arena;
};

static void want_shown(void *argument, struct text host, struct text plugin, struct text folder)
{
	struct showing *s = argument;
	struct target t;
	struct buf field;

	(void)folder;
	for (unsigned i = 0; target_split(s->what, i, &t); i++) {
		if (!text_equal(t.host, host) || t.ds.s != NULL ||
		    (t.plugin.s != NULL && !text_equal(t.plugin, plugin)))
			continue;
		array_grow(&s->write, &s->capacity, s->n, sizeof(*s->write));
		buf_init(&field, 4096);
		if (plugin.s != NULL)
			gone_plugin_field(host, plugin, &field);
		s->write[s->n++] = (struct meta_write){
			META_DELETE,
			{ plugin.s == NULL ? META_DELETED_HOSTS : META_DELETED_PLUGINS, TEXT_NONE,
			  arena_text(&s->arena, plugin.s == NULL ? host : buf_text(&field)) },
			TEXT_NONE,
		};
		buf_fini(&field);
		buf_add_str(&s->r->shown, s->r->n_shown++ == 0 ? "{\"host\": " : ", {\"host\": ");
		reply_string(&s->r->shown, host);
		buf_add_str(&s->r->shown, ", \"plugin\": ");
		if (plugin.s == NULL)
			buf_add_str(&s->r->shown, "null");
		else
			reply_string(&s->r->shown, plugin);
		buf_add_str(&s->r->shown, "}");
		return;
	}
}

/* What is noted of it is shown again. */
static enum rc show_noted(struct restore *r, struct text what, struct why *why)
{
	struct showing s = { .r = r, .what = what };
	struct gone_view *view;
	enum rc rc = gone_take(r->u->options.gone, mono_now(), &view, why);

	if (rc != RC_OK)
		return rc;
	arena_init(&s.arena);
	gone_each(view, want_shown, &s);
	gone_give_back(view);
	if (s.n > 0)
		rc = meta_apply(r->u->options.meta, s.write, s.n, why);
	arena_fini(&s.arena);
	free(s.write);
	return rc;
}

enum rc restore_run(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out, struct why *why)
{
	struct restore r = { .u = u, .what = what, .when = when };
	enum rc rc;

	buf_init(&r.names, out->max);
	buf_init(&r.kept, out->max);
	buf_init(&r.shown, out->max);
	rc = trash_each(&u->trash, want, &r, why);
	if (rc == RC_OK)
		rc = restore_wanted(&r, why);
	if (rc == RC_OK)
		rc = show_noted(&r, what, why);
	if (rc == RC_OK && r.n_restored + r.n_kept + r.n_shown == 0)
		rc = because(why, RC_ABSENT, "nothing of \"%.*s\" is in the trash or noted as gone", TEXT_ARG(what));
	if (rc == RC_OK)
		buf_addf(out,
			 "{\"restored\": [%.*s], \"kept\": [%.*s], \"shown\": [%.*s], \"files\": %" PRIu64
			 ", \"filled\": %" PRIu64 "}",
			 TEXT_ARG(buf_text(&r.names)), TEXT_ARG(buf_text(&r.kept)), TEXT_ARG(buf_text(&r.shown)),
			 r.n_files, r.n_filled);
	for (size_t i = 0; i < r.n_wanted; i++)
		free((char *)(uintptr_t)r.wanted[i].s);
	free(r.wanted);
	buf_fini(&r.names);
	buf_fini(&r.kept);
	buf_fini(&r.shown);
	return rc;
}
