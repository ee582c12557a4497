#include "upkeep/discard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "upkeep/disk.h"
#include "upkeep/silence.h"
#include "upkeep/target.h"

static const char files_name[] = "files";

enum { ANSWERS_MAX_BYTES = 64 << 20 };

/* ---- noting ---- */

static struct meta_key key_of(struct text host, struct text plugin, struct buf *field)
{
	if (plugin.s == NULL)
		return (struct meta_key){ META_DELETED_HOSTS, TEXT_NONE, host };
	buf_clear(field);
	gone_plugin_field(host, plugin, field);
	return (struct meta_key){ META_DELETED_PLUGINS, TEXT_NONE, buf_text(field) };
}

static enum rc forget(struct upkeep *u, struct text host, bool all, struct why *why)
{
	return ingest_forget(u->options.ingest, &(struct ingest_forget){ .host = host, .all = all }, why);
}

bool discard_is_heard(struct upkeep *u, const struct finding *f, int64_t cutoff_s)
{
	return (f->plugin.s == NULL ? silence_host_now(u, f->host) : silence_plugin_now(u, f->host, f->plugin)) >=
	       cutoff_s;
}

enum rc discard_note(struct upkeep *u, const struct finding *f, int64_t cutoff_s, bool *noted, struct why *why)
{
	struct meta_write write = { META_SET, { 0 }, f->path };
	struct buf field;
	enum rc rc;

	buf_init(&field, 4096);
	write.key = key_of(f->host, f->plugin, &field);
	rc = meta_apply(u->options.meta, &write, 1, why);
	if (rc == RC_OK)
		rc = forget(u, f->host, false, why);
	/* From here on its next message finds the note. What came a moment ago may have passed it by. */
	*noted = rc == RC_OK && !discard_is_heard(u, f, cutoff_s);
	if (rc == RC_OK && !*noted) {
		write.verb = META_DELETE;
		rc = meta_apply(u->options.meta, &write, 1, why);
	}
	buf_fini(&field);
	return rc;
}

/* ---- the metadata of what is moved ---- */

static enum rc take_info(void *argument, struct text plugin, struct text info)
{
	entry_add_value(argument, META_INFOS, plugin, info);
	return RC_OK;
}

static enum rc read_values(struct upkeep *u, struct entry *e, struct why *why)
{
	static const enum meta_hash hash[] = { META_HOSTS, META_HOST_ID, META_WSP_PATH };
	struct meta_read read[ARRAY_LEN(hash)];
	struct buf answers;
	enum rc rc;

	buf_init(&answers, ANSWERS_MAX_BYTES);
	if (e->kind == ENTRY_PLUGIN) {
		read[0] = (struct meta_read){ .key = { META_INFOS, e->host, e->plugin } };
		rc = meta_read(u->options.meta, read, 1, &answers, why);
		if (rc == RC_OK && read[0].found)
			entry_add_value(e, META_INFOS, e->plugin, read[0].value);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(hash); i++)
			read[i] = (struct meta_read){ .key = { hash[i], TEXT_NONE, e->host } };
		rc = meta_read(u->options.meta, read, ARRAY_LEN(read), &answers, why);
		for (size_t i = 0; rc == RC_OK && i < ARRAY_LEN(read); i++)
			if (read[i].found)
				entry_add_value(e, hash[i], e->host, read[i].value);
		if (rc == RC_OK)
			rc = meta_each(u->options.meta, META_INFOS, e->host, take_info, e, why);
	}
	buf_fini(&answers);
	return rc;
}

/* Out of HOSTS, INFOS@ and so on, into DELETED_HOSTS or DELETED_PLUGINS: one transaction. */
static enum rc take_out(struct upkeep *u, const struct entry *e, struct why *why)
{
	struct meta_write *write = must_alloc((e->n_values + 2) * sizeof(*write));
	struct text plugin = e->kind == ENTRY_PLUGIN ? e->plugin : TEXT_NONE;
	struct buf field, path;
	size_t n = 0;
	enum rc rc;

	buf_init(&field, 4096);
	buf_init(&path, 1 << 16);
	for (; n < e->n_values; n++)
		write[n] =
			(struct meta_write){ META_DELETE,
					     { e->value[n].hash, e->value[n].hash == META_INFOS ? e->host : TEXT_NONE,
					       e->value[n].field },
					     TEXT_NONE };
	buf_addf(&path, "%s/%.*s", u->options.wsp_path, TEXT_ARG(e->folder));
	if (plugin.s != NULL)
		buf_addf(&path, "/%.*s", TEXT_ARG(plugin));
	if (e->kind != ENTRY_FILES)
		write[n++] = (struct meta_write){ META_SET, key_of(e->host, plugin, &field), buf_text(&path) };
	rc = n == 0 ? RC_OK : meta_apply(u->options.meta, write, n, why);
	buf_fini(&field);
	buf_fini(&path);
	free(write);
	return rc;
}

enum rc discard_put_values(struct upkeep *u, const struct entry *e, struct why *why)
{
	struct meta_write *write = must_alloc((e->n_values + 1) * sizeof(*write));
	struct buf field;
	size_t n = 0;
	enum rc rc;

	buf_init(&field, 4096);
	for (; n < e->n_values; n++) /* what it has sent since is newer */
		write[n] =
			(struct meta_write){ META_SET_IF_ABSENT,
					     { e->value[n].hash, e->value[n].hash == META_INFOS ? e->host : TEXT_NONE,
					       e->value[n].field },
					     e->value[n].value };
	if (e->kind != ENTRY_FILES)
		write[n++] = (struct meta_write){
			META_DELETE, key_of(e->host, e->kind == ENTRY_PLUGIN ? e->plugin : TEXT_NONE, &field), TEXT_NONE
		};
	rc = n == 0 ? RC_OK : meta_apply(u->options.meta, write, n, why);
	buf_fini(&field);
	free(write);
	return rc;
}

/* ---- the files ---- */

struct moving {
	const struct upkeep *u;
	const struct discard *what;
	int entry_fd;
};

/* The whole folder of a host becomes `files`. */
static enum rc move_host(const struct moving *m, struct why *why)
{
	char name[DISK_NAME_BYTES];
	int above_fd;
	enum rc rc = disk_open_above(m->u->root_fd, m->what->folder, false, &above_fd, name, why);

	if (rc == RC_OK) {
		rc = disk_move(above_fd, name, m->entry_fd, files_name, why);
		close(above_fd);
	}
	if (rc == RC_ABSENT) /* a host without files; `files` says that this was looked at */
		rc = mkdirat(m->entry_fd, files_name, 0755) == 0
			     ? RC_OK
			     : because(why, RC_DISK, "make folder: %s", strerror(errno));
	return rc;
}

static enum rc move_plugin(const struct moving *m, int host_fd, int files_fd, struct why *why)
{
	char *name = must_strndup(m->what->plugin.s, m->what->plugin.n);
	enum rc rc = disk_move(host_fd, name, files_fd, name, why);

	free(name);
	return rc;
}

static enum rc move_file(int host_fd, int files_fd, const struct discard_file *f, struct why *why)
{
	char *name = must_format("%.*s.wsp", TEXT_ARG(f->ds));
	int from_fd = -1, to_fd = -1;
	enum rc rc = disk_open(host_fd, f->plugin, false, &from_fd, why);

	if (rc == RC_OK)
		rc = disk_open(files_fd, f->plugin, true, &to_fd, why);
	if (rc == RC_OK)
		rc = disk_rename(from_fd, name, to_fd, name, why);
	if (from_fd >= 0)
		close(from_fd);
	if (to_fd >= 0)
		close(to_fd);
	free(name);
	return rc;
}

/* On thread flush: nobody writes to files meanwhile. */
static enum rc move_all(void *argument, struct why *why)
{
	const struct moving *m = argument;
	int host_fd = -1, files_fd = -1;
	enum rc rc;

	if (m->what->kind == ENTRY_HOST)
		return move_host(m, why);
	rc = disk_open(m->u->root_fd, m->what->folder, false, &host_fd, why);
	if (rc == RC_OK)
		rc = disk_open(m->entry_fd, text_of(files_name), true, &files_fd, why);
	if (rc == RC_OK && m->what->kind == ENTRY_PLUGIN)
		rc = move_plugin(m, host_fd, files_fd, why);
	for (size_t i = 0; rc == RC_OK && i < m->what->n_files; i++)
		rc = move_file(host_fd, files_fd, &m->what->file[i], why);
	if (rc == RC_OK && m->what->n_files > 0)
		rc = fileio_sync_all(files_fd, why);
	if (rc == RC_ABSENT && m->what->kind == ENTRY_PLUGIN)
		rc = RC_OK; /* an info without files */
	if (host_fd >= 0)
		close(host_fd);
	if (files_fd >= 0)
		close(files_fd);
	return rc;
}

/* Metadata out, ingest told, the entry said to be whole. */
static enum rc finish(struct upkeep *u, struct trash_entry *e, const struct entry *what, bool takes_out,
		      struct why *why)
{
	enum rc rc = takes_out ? take_out(u, what, why) : RC_OK;

	if (rc == RC_OK && takes_out)
		rc = forget(u, what->host, true, why);
	return rc == RC_OK ? trash_seal(&u->trash, e, why) : rc;
}

/* Has a folder in dir_fd something in it? */
static enum rc has_below(int dir_fd, const char *name, bool *any, struct why *why)
{
	struct disk_names below;
	int fd;
	enum rc rc = disk_open(dir_fd, text_of(name), false, &fd, why);

	if (rc != RC_OK)
		return rc;
	rc = disk_list(fd, true, &below, why);
	*any = *any || (rc == RC_OK && below.n > 0);
	disk_names_fini(&below);
	close(fd);
	return rc;
}

/* A file that is moved alone lies in a folder of its plugin, which is made before: that folder alone is nothing yet. */
static enum rc has_files(const struct trash_entry *e, bool *any, struct why *why)
{
	struct disk_names below;
	int fd;
	enum rc rc = disk_open(e->fd, text_of(files_name), false, &fd, why);

	*any = false;
	if (rc == RC_ABSENT)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	rc = disk_list(fd, true, &below, why);
	*any = rc == RC_OK && (e->entry.kind == ENTRY_HOST || (e->entry.kind == ENTRY_PLUGIN && below.n > 0));
	for (size_t i = 0; rc == RC_OK && e->entry.kind == ENTRY_FILES && !*any && i < below.n; i++)
		rc = has_below(fd, below.name[i], any, why);
	disk_names_fini(&below);
	close(fd);
	return rc;
}

enum rc discard_move(struct upkeep *u, const struct discard *what, int64_t now_s, char name[TRASH_NAME_BYTES],
		     struct why *why)
{
	struct moving moving = { u, what, -1 };
	struct why second = { "" };
	struct trash_entry e;
	struct entry entry;
	enum rc rc = RC_OK;

	entry_init(&entry);
	entry.kind = what->kind;
	entry.host = what->host;
	entry.plugin = what->plugin;
	entry.ds = what->ds;
	entry.folder = what->folder;
	entry.why = what->why;
	entry.time_s = now_s;
	if (what->kind != ENTRY_FILES)
		rc = read_values(u, &entry, why);
	if (rc == RC_OK)
		rc = target_folder_is_alone(u, what->host, what->folder, why);
	if (rc == RC_OK)
		rc = trash_begin(&u->trash, &entry, &e, why);
	if (rc != RC_OK) {
		entry_fini(&entry);
		return rc;
	}
	e.entry.kind = what->kind;
	moving.entry_fd = e.fd;
	rc = flush_alone(u->options.flush, what->host, move_all, &moving, why);
	rc = rc == RC_END ? RC_REFUSED : rc; /* another file system is mounted there */
	if (rc == RC_OK) {
		rc = finish(u, &e, &entry, what->kind != ENTRY_FILES, why);
	} else {
		bool any = true;

		/* what is moved already is the next upkeep_recover()'s */
		if (has_files(&e, &any, &second) == RC_OK && !any && trash_drop(&e, &second) != RC_OK)
			log_line(LOG_LEVEL_WARNING, "upkeep.left", "entry=%s why=\"%s\"", e.name, second.text);
	}
	snprintf(name, TRASH_NAME_BYTES, "%s", e.name);
	trash_entry_close(&e);
	entry_fini(&entry);
	if (rc != RC_OK)
		upkeep_set_recovered(u, false);
	return rc;
}

/*
 * A plugin or host that has sent since has its metadata, which is newer than the entry's. When that cannot be told it keeps
 * what it has: a cleaning will find it again.
 */
static bool is_back(struct upkeep *u, const struct entry *e)
{
	bool is_plugin = e->kind == ENTRY_PLUGIN;
	char *below = must_format("%.*s%s%.*s", TEXT_ARG(e->folder), is_plugin ? "/" : "",
				  TEXT_ARG(is_plugin ? e->plugin : TEXT("")));
	int64_t heard_s, in_files_s = 0;
	struct silence s;
	enum rc rc;

	silence_take(&s, u);
	heard_s =
		is_plugin ? silence_plugin_since_start(&s, e->host, e->plugin) : silence_host_since_start(&s, e->host);
	silence_fini(&s);
	rc = silence_in_files(u, text_of(below), e->time_s + 1, &in_files_s, NULL);
	free(below);
	return rc != RC_OK || heard_s > e->time_s || in_files_s > e->time_s;
}

enum rc discard_resume(struct upkeep *u, struct trash_entry *e, struct why *why)
{
	bool any = false;
	enum rc rc;

	if (e->damaged) {
		log_line(LOG_LEVEL_WARNING, "upkeep.trash_damaged",
			 "entry=%s: its entry.json cannot be read, left alone", e->name);
		return RC_OK;
	}
	if (e->done) /* only its way to trash_path is left */
		return e->near && u->trash.path != NULL ? trash_seal(&u->trash, e, why) : RC_OK;
	rc = has_files(e, &any, why);
	if (rc != RC_OK)
		return rc;
	log_line(LOG_LEVEL_WARNING, "upkeep.resumed", "entry=%s host=\"%.*s\" %s", e->name, TEXT_ARG(e->entry.host),
		 any ? "finished" : "undone: nothing was moved yet");
	if (!any) { /* but an info without files may be out */
		rc = e->entry.kind == ENTRY_PLUGIN ? discard_put_values(u, &e->entry, why) : RC_OK;
		return rc == RC_OK ? trash_drop(e, why) : rc;
	}
	return finish(u, e, &e->entry, e->entry.kind != ENTRY_FILES && !is_back(u, &e->entry), why);
}
