#include "upkeep/rename.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "upkeep/disk.h"
#include "upkeep/renaming.h"
#include "upkeep/target.h"
#include "wire/json.h"
#include "wire/reply.h"

enum { PATH_MAX_BYTES = 1 << 16, ANSWERS_MAX_BYTES = 64 << 20 };

/* ---- files ---- */

/* The inode of a folder; 0: there is none. */
static uint64_t inode_of(const struct upkeep *u, struct text folder)
{
	struct stat st;
	int fd;

	if (disk_open(u->root_fd, folder, false, &fd, NULL) != RC_OK)
		return 0;
	if (fstat(fd, &st) < 0)
		st.st_ino = 0;
	close(fd);
	return st.st_ino;
}

static bool has_folder(const struct upkeep *u, struct text folder)
{
	return inode_of(u, folder) != 0;
}

/* A folder that stands there may be one that the new name has made for itself. */
static bool is_moved(const struct renaming *r)
{
	uint64_t inode = inode_of(r->u, r->to);

	return inode != 0 && (r->inode != 0 ? inode == r->inode : !has_folder(r->u, r->from));
}

/* A host without files gets an empty folder, which moves as any. */
static enum rc know_folder(struct renaming *r, struct why *why)
{
	int fd;
	enum rc rc = disk_open(r->u->root_fd, r->from, true, &fd, why);

	if (rc != RC_OK)
		return rc;
	close(fd);
	r->inode = inode_of(r->u, r->from);
	return r->inode != 0 ? RC_OK : because(why, RC_DISK, "look at folder %.*s", TEXT_ARG(r->from));
}

static enum rc check_free(const struct renaming *r, struct why *why);

/* On thread flush. */
static enum rc move_folder(void *argument, struct why *why)
{
	const struct renaming *r = argument;
	char from[DISK_NAME_BYTES], to[DISK_NAME_BYTES];
	int from_fd = -1, to_fd = -1;
	enum rc rc = check_free(r, why); /* it may have begun to send */

	if (rc == RC_OK)
		rc = disk_open_above(r->u->root_fd, r->to, true, &to_fd, to, why);
	if (rc == RC_OK)
		rc = disk_open_above(r->u->root_fd, r->from, false, &from_fd, from, why);
	if (rc == RC_OK)
		rc = disk_move(from_fd, from, to_fd, to, why);
	if (from_fd >= 0)
		close(from_fd);
	if (to_fd >= 0)
		close(to_fd);
	return rc;
}

/* ---- metadata ---- */

struct metadata {
	struct arena arena;
	const struct renaming *r;
	struct meta_write *write;
	size_t n, capacity;
};

static void add(struct metadata *m, enum meta_verb verb, struct meta_key key, struct text value)
{
	array_grow(&m->write, &m->capacity, m->n, sizeof(*m->write));
	key.host = arena_text(&m->arena, key.host);
	key.field = arena_text(&m->arena, key.field);
	m->write[m->n++] = (struct meta_write){ verb, key, arena_text(&m->arena, value) };
}

static enum rc move_info(void *argument, struct text plugin, struct text info)
{
	struct metadata *m = argument;

	add(m, META_SET, (struct meta_key){ META_INFOS, m->r->name, plugin }, info);
	add(m, META_DELETE, (struct meta_key){ META_INFOS, m->r->host, plugin }, TEXT_NONE);
	return RC_OK;
}

/* The MyInfo as it was sent, with the hash and filtered name of the new host. */
static void add_myinfo(struct metadata *m, const struct meta_read *old)
{
	char filtered[NAME_MAX_BYTES + 1];
	struct json_value v;
	struct buf text;

	buf_init(&text, ANSWERS_MAX_BYTES);
	name_filtered(m->r->name, filtered);
	if (old->found && json_check(old->value, false, &v, NULL) == RC_OK && v.type == JSON_OBJECT)
		reply_myinfo(&m->arena, &text, old->value, text_of(m->r->hash), text_of(filtered));
	else
		reply_default_myinfo(&text, m->r->name, text_of(m->r->hash), text_of(filtered));
	add(m, META_SET, (struct meta_key){ META_HOSTS, TEXT_NONE, m->r->name }, buf_text(&text));
	buf_fini(&text);
}

static void move_note(void *argument, struct text host, struct text plugin, struct text folder)
{
	struct metadata *m = argument;
	struct buf field, path;

	(void)folder;
	if (!text_equal(host, m->r->host))
		return;
	buf_init(&field, 4096);
	buf_init(&path, PATH_MAX_BYTES);
	buf_addf(&path, "%s/%.*s", m->r->u->options.wsp_path, TEXT_ARG(m->r->to));
	if (plugin.s == NULL) {
		add(m, META_SET, (struct meta_key){ META_DELETED_HOSTS, TEXT_NONE, m->r->name }, buf_text(&path));
		add(m, META_DELETE, (struct meta_key){ META_DELETED_HOSTS, TEXT_NONE, host }, TEXT_NONE);
	} else {
		buf_addf(&path, "/%.*s", TEXT_ARG(plugin));
		gone_plugin_field(m->r->name, plugin, &field);
		add(m, META_SET, (struct meta_key){ META_DELETED_PLUGINS, TEXT_NONE, buf_text(&field) },
		    buf_text(&path));
		buf_clear(&field);
		gone_plugin_field(host, plugin, &field);
		add(m, META_DELETE, (struct meta_key){ META_DELETED_PLUGINS, TEXT_NONE, buf_text(&field) }, TEXT_NONE);
	}
	buf_fini(&field);
	buf_fini(&path);
}

static enum rc gather(struct metadata *m, struct why *why)
{
	static const enum meta_hash hash[] = { META_HOSTS, META_HOST_ID, META_WSP_PATH };
	const struct renaming *r = m->r;
	struct meta_read read[] = { { .key = { META_HOSTS, TEXT_NONE, r->host } },
				    { .key = { META_HOSTS, TEXT_NONE, r->name } } };
	struct gone_view *view;
	struct buf answers, path;
	enum rc rc;

	buf_init(&answers, ANSWERS_MAX_BYTES);
	buf_init(&path, PATH_MAX_BYTES);
	rc = meta_read(r->u->options.meta, read, ARRAY_LEN(read), &answers, why);
	if (rc == RC_OK && !read[0].found && read[1].found)
		goto out; /* done before the kill: what it has sent under its new name is newer */
	if (rc == RC_OK)
		rc = meta_each(r->u->options.meta, META_INFOS, r->host, move_info, m, why);
	if (rc == RC_OK)
		rc = gone_take(r->u->options.gone, mono_now(), &view, why);
	if (rc == RC_OK) {
		buf_addf(&path, "%s/%.*s", r->u->options.wsp_path, TEXT_ARG(r->to));
		add_myinfo(m, &read[0]);
		add(m, META_SET, (struct meta_key){ META_HOST_ID, TEXT_NONE, r->name }, text_of(r->hash));
		add(m, META_SET, (struct meta_key){ META_WSP_PATH, TEXT_NONE, r->name }, buf_text(&path));
		for (size_t i = 0; i < ARRAY_LEN(hash); i++)
			add(m, META_DELETE, (struct meta_key){ hash[i], TEXT_NONE, r->host }, TEXT_NONE);
		gone_each(view, move_note, m);
		gone_give_back(view);
	}
out:
	buf_fini(&answers);
	buf_fini(&path);
	return rc;
}

/* All under the new name, and the old one forgotten: one transaction. */
static enum rc finish(const struct renaming *r, struct why *why)
{
	struct metadata m = { .r = r };
	enum rc rc;

	arena_init(&m.arena);
	rc = gather(&m, why);
	if (rc == RC_OK)
		rc = meta_apply(r->u->options.meta, m.write, m.n, why);
	free(m.write);
	arena_fini(&m.arena);
	if (rc == RC_OK)
		rc = ingest_forget(
			r->u->options.ingest,
			&(struct ingest_forget){ .host = r->host, .all = true, .heir = r->name, .folder = r->to }, why);
	if (rc == RC_OK)
		rc = renaming_remove(r->u, why);
	return rc;
}

/* ---- beginning ---- */

static enum rc exists(void *argument, struct text field, struct text value)
{
	bool *any = argument;

	(void)field;
	(void)value;
	*any = true;
	return RC_END;
}

/* Does the metadata store have the host itself, or where its files are? */
static enum rc is_known(const struct renaming *r, struct text host, bool *known, struct why *why)
{
	struct meta_read read[] = { { .key = { META_HOSTS, TEXT_NONE, host } },
				    { .key = { META_WSP_PATH, TEXT_NONE, host } } };
	struct buf answers;
	enum rc rc;

	buf_init(&answers, ANSWERS_MAX_BYTES);
	rc = meta_read(r->u->options.meta, read, ARRAY_LEN(read), &answers, why);
	*known = rc == RC_OK && (read[0].found || read[1].found);
	buf_fini(&answers);
	return rc;
}

static enum rc check_free(const struct renaming *r, struct why *why)
{
	bool known = false, any = false;
	enum rc rc = is_known(r, r->name, &known, why);

	if (rc == RC_OK)
		rc = meta_each(r->u->options.meta, META_INFOS, r->name, exists, &any, why);
	if (rc == RC_OK && (known || any || has_folder(r->u, r->to)))
		rc = because(why, RC_REFUSED, "host \"%.*s\" has something already: expected a name that is not in use",
			     TEXT_ARG(r->name));
	return rc;
}

static enum rc check(const struct renaming *r, struct why *why)
{
	bool known = false;
	enum rc rc = is_known(r, r->host, &known, why);

	if (rc == RC_OK && !known)
		rc = because(why, RC_ABSENT, "no host \"%.*s\"", TEXT_ARG(r->host));
	if (rc == RC_OK)
		rc = check_free(r, why);
	return rc == RC_OK ? target_folder_is_alone(r->u, r->host, r->from, why) : rc;
}

static void hash_of(const struct upkeep *u, struct text name, char out[MD5_HEX_BYTES + 1])
{
	name_md5(name, out);
	out[u->options.md5_digits] = '\0';
}

enum rc rename_run(struct upkeep *u, struct text host, struct text new_name, struct buf *out, struct why *why)
{
	char from[FOLDER_MAX_BYTES], to[FOLDER_MAX_BYTES], hash[MD5_HEX_BYTES + 1];
	struct renaming r = { .u = u, .host = host, .name = new_name, .hash = hash };
	enum rc rc = name_check_host(host, why);

	if (rc == RC_OK)
		rc = name_check_host(new_name, why);
	if (rc == RC_OK && text_equal(host, new_name))
		rc = because(why, RC_REFUSED, "both names are the same");
	if (rc == RC_OK)
		rc = target_folder(u, host, from, why);
	if (rc != RC_OK)
		return rc;
	name_folder(new_name, u->options.md5_digits, false, to);
	if (has_folder(u, text_of(to)) ||
	    strcmp(from, to) == 0) /* another host's, whose name is the same once filtered */
		name_folder(new_name, u->options.md5_digits, true, to);
	r.from = text_of(from);
	r.to = text_of(to);
	hash_of(u, new_name, hash);
	rc = check(&r, why);
	if (rc == RC_OK) {
		upkeep_settle(u);
		rc = flush_now(u->options.flush, host, why); /* what is not in its files would not move */
	}
	if (rc == RC_OK)
		rc = know_folder(&r, why);
	if (rc == RC_OK)
		rc = renaming_write(&r, why);
	if (rc != RC_OK)
		return rc;
	rc = flush_alone(u->options.flush, host, move_folder, &r, why);
	if (rc != RC_OK) {
		if (!is_moved(&r) && renaming_remove(u, NULL) != RC_OK)
			log_line(LOG_LEVEL_WARNING, "upkeep.left", "file=%s", RENAMING_NAME);
		return rc;
	}
	rc = finish(&r, why);
	if (rc != RC_OK)
		return rc;
	log_line(LOG_LEVEL_INFO, "upkeep.renamed", "host=\"%.*s\" new=\"%.*s\" folder=%s", TEXT_ARG(host),
		 TEXT_ARG(new_name), to);
	buf_add_str(out, "{\"host\": ");
	reply_string(out, host);
	buf_add_str(out, ", \"new\": ");
	reply_string(out, new_name);
	buf_add_str(out, ", \"folder\": ");
	reply_string(out, r.to);
	buf_add_str(out, "}");
	return RC_OK;
}

/* ---- after a kill ---- */

enum rc rename_resume(struct upkeep *u, struct why *why)
{
	char hash[MD5_HEX_BYTES + 1];
	struct renaming r = { .u = u, .hash = hash };
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = renaming_read(&a, &r, why);
	if (rc == RC_DAMAGED) {
		log_line(LOG_LEVEL_WARNING, "upkeep.rename_damaged", "file=%s: left alone", RENAMING_NAME);
		rc = RC_OK;
	} else if (rc == RC_OK) {
		bool moved = is_moved(&r);

		log_line(LOG_LEVEL_WARNING, "upkeep.rename_resumed", "host=\"%.*s\" new=\"%.*s\" %s", TEXT_ARG(r.host),
			 TEXT_ARG(r.name), moved ? "finished" : "undone: nothing was moved yet");
		hash_of(u, r.name, hash);
		rc = moved ? finish(&r, why) : renaming_remove(u, why);
	}
	arena_fini(&a);
	return rc == RC_ABSENT ? RC_OK : rc;
}
