/*
 * numeterctl restore-backup: put a backup's metadata and files into the store, where it has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "ctl/backup.h"
#include "ctl/copy_file.h"
#include "ctl/progress.h"
#include "ctl/same_tree.h"
#include "ctl/tenants.h"
#include "model/name.h"
#include "values/wsp_walk.h"
#include "wire/reply.h"

enum { BATCH_BYTES = 256 << 10 };

struct restoring {
	struct ctl *ctl;
	const struct config *config;
	struct asker asker;
	struct tenants tenants;  /* of the store, after the metadata is there */
	struct map backups_host; /* folder in the backup → host */
	struct backup_manifest manifest;
	int dir_fd, root_fd;
	uid_t uid; /* of new files, when we are root */
	gid_t gid;
	/* metadata that was not sent yet, all of one key */
	char *key;
	struct buf batch;
	uint64_t n_entries, n_put, n_kept, n_failed;
};

/* ---- metadata */

/* Folders that the store has for other hosts. Whose they were is not in the store's WSP_PATH then: see restore_file(). */
static void tell_refused(struct restoring *r, struct answer *a)
{
	struct json_value refused = answer_list(a, a->value, "refused"), one;

	for (struct json_walk w = json_walk(refused); json_next_element(&w, &one); r->n_failed++) {
		struct text host = metadata_member(&a->arena, one, "field"),
			    path = metadata_member(&a->arena, one, "value"),
			    owner = metadata_member(&a->arena, one, "host");

		progress_hide();
		ctl_fail("%.*s: its folder %.*s is that of %.*s here: its files are left out", TEXT_ARG(host),
			 TEXT_ARG(path), TEXT_ARG(owner));
	}
}

static enum rc ask(struct restoring *r, struct text request, struct why *why)
{
	struct answer a;
	int status = asker_ask_quietly(&r->asker, request, &a, why);

	if (status == EXIT_FINE)
		tell_refused(r, &a);
	answer_close(&a);
	return status == EXIT_FINE ? RC_OK : RC_PEER;
}

static enum rc send_batch(struct restoring *r, struct why *why)
{
	enum rc rc = RC_OK;

	if (r->batch.n > 0) {
		buf_add_str(&r->batch, "]}");
		rc = ask(r, buf_text(&r->batch), why);
		if (rc != RC_OK)
			why_prepend(why, "%s", r->key);
	}
	buf_clear(&r->batch);
	return rc;
}

static enum rc send_string(struct restoring *r, struct text key, struct text value, struct why *why)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "{\"verb\": \"metadata_set\", ");
	metadata_add_member(&b, "key", key);
	buf_add_str(&b, ", ");
	metadata_add_member(&b, "value", value);
	buf_add_str(&b, "}");
	rc = ask(r, buf_text(&b), why);
	buf_fini(&b);
	return rc;
}

/* A folder below the backup's wsp_path is one below ours. */
static struct text moved_path(struct restoring *r, struct text key, struct text host, struct text value, char **heap)
{
	struct text below = name_folder_below(value, text_of(r->manifest.wsp_path));

	*heap = NULL;
	if (!text_is(key, "WSP_PATH") || below.n == 0)
		return value;
	free(map_put(&r->backups_host, below, must_strndup(host.s, host.n)));
	*heap = must_format("%s/%.*s", r->config->wsp_path, TEXT_ARG(below));
	return text_of(*heap);
}

static enum rc restore_line(void *argument, struct text key, struct text field, struct text value, struct why *why)
{
	struct restoring *r = argument;
	enum rc rc = RC_OK;
	char *heap;

	r->n_entries++;
	if (field.s == NULL)
		return send_string(r, key, value, why);
	if (r->batch.n > BATCH_BYTES || (r->key != NULL && !text_is(key, r->key)))
		rc = send_batch(r, why);
	if (rc != RC_OK)
		return rc;
	if (r->batch.n == 0) {
		free(r->key);
		r->key = must_strndup(key.s, key.n);
		buf_add_str(&r->batch, "{\"verb\": \"metadata_set\", ");
		metadata_add_member(&r->batch, "key", key);
		buf_add_str(&r->batch, ", \"entries\": [{");
	} else {
		buf_add_str(&r->batch, ", {");
	}
	metadata_add_member(&r->batch, "field", field);
	buf_add_str(&r->batch, ", ");
	metadata_add_member(&r->batch, "value", moved_path(r, key, field, value, &heap));
	buf_add_str(&r->batch, "}");
	free(heap);
	return RC_OK;
}

/* ---- files */

/* Where the store has the host whose folder this was; a folder of nobody keeps its name. TEXT_NONE: nowhere. */
static struct text target_folder(const struct restoring *r, struct text folder)
{
	const char *host = map_get(&r->backups_host, folder), *now;

	if (host == NULL)
		return folder;
	now = map_get(&r->tenants.folder_of, text_of(host));
	return now == NULL ? TEXT_NONE : text_of(now);
}

static enum rc read_file(const struct restoring *r, const struct wsp_found *f, struct stat *st, char **bytes,
			 struct why *why)
{
	int fd = fileio_open_in(f->dir_fd, f->name, O_RDONLY | O_NONBLOCK, 0);
	enum rc rc;

	if (fd < 0 || fstat(fd, st) < 0)
		rc = because(why, RC_DISK, "open: %s", strerror(errno));
	else
		rc = copy_read(fd, st, bytes, why);
	if (fd >= 0)
		close(fd);
	if (r->uid != (uid_t)-1) {
		st->st_uid = r->uid;
		st->st_gid = r->gid;
	}
	return rc;
}

static enum rc put_file(struct restoring *r, const struct wsp_found *f, const char *path, struct why *why)
{
	int to_fd = copy_open_folder(r->root_fd, text_of(path), true, r->uid, r->gid);
	char *bytes = NULL;
	struct stat st = { .st_size = 0 };
	enum rc rc;

	if (to_fd < 0)
		return because(why, RC_DISK, "folder: %s", strerror(errno));
	if (fstatat(to_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rc = because(why, RC_REFUSED, "there is one already");
	else
		rc = read_file(r, f, &st, &bytes, why);
	if (rc == RC_OK && bytes != NULL)
		rc = copy_bytes((struct text){ bytes, (size_t)st.st_size }, &st, to_fd, f->name, false, why);
	free(bytes);
	close(to_fd);
	return rc;
}

static enum rc restore_file(void *argument, const struct wsp_found *f, struct why *why)
{
	struct restoring *r = argument;
	/* the walk began at DIR: its folders begin with wsps/ */
	struct text folder = { f->folder.s + sizeof(BACKUP_WSPS), f->folder.n - sizeof(BACKUP_WSPS) };
	struct text target;
	char *path;
	enum rc rc;

	if (f->folder.n <= sizeof(BACKUP_WSPS))
		return RC_OK;
	target = target_folder(r, folder);
	if (target.s == NULL) { /* told of when its host was refused */
		r->n_failed++;
		return RC_OK;
	}
	path = must_format("%.*s/%.*s", TEXT_ARG(target), TEXT_ARG(f->plugin));
	rc = put_file(r, f, path, why);
	progress_step(1);
	r->n_put += rc == RC_OK;
	r->n_kept += rc == RC_REFUSED;
	if (rc != RC_OK && rc != RC_REFUSED) {
		progress_hide();
		ctl_fail("%s/%s: %s", path, f->name, why->text);
		r->n_failed++;
	}
	free(path);
	return RC_OK;
}

/* ---- the whole */

static enum rc restore(struct restoring *r, struct why *why)
{
	enum rc rc = backup_each_line(r->dir_fd, restore_line, r, why);

	if (rc == RC_OK)
		rc = send_batch(r, why);
	if (rc != RC_OK)
		why_prepend(why, "metadata");
	if (rc == RC_OK && tenants_read(&r->asker, &r->tenants, why) != EXIT_FINE)
		rc = RC_PEER;
	progress_start("restore", r->manifest.n_files);
	if (rc == RC_OK)
		rc = wsp_walk(r->dir_fd, TEXT(BACKUP_WSPS), restore_file, r, why);
	progress_end();
	return rc == RC_OK ? fileio_sync_all(r->root_fd, why) : rc;
}

static void summarize(const struct restoring *r)
{
	printf(r->ctl->json ? "{\"metadata\": %" PRIu64 ", \"put\": %" PRIu64 ", \"kept\": %" PRIu64
			      ", \"failed\": %" PRIu64 "}\n"
			    : "%" PRIu64 " fields of metadata; %" PRIu64 " files put in place, %" PRIu64
			      " were there already and kept, %" PRIu64 " failed\n",
	       r->n_entries, r->n_put, r->n_kept, r->n_failed);
}

static int open_folders(struct restoring *r, const char *path, struct why *why)
{
	enum rc rc;

	r->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return ctl_fail("open %s: %s", path, strerror(errno));
	rc = backup_read_manifest(r->dir_fd, &r->manifest, why);
	if (rc != RC_OK)
		return ctl_fail("%s: %s", path, why->text);
	/* whoever answers has made the tree's root by then, as the daemon's user */
	if (ask(r, TEXT("{\"verb\": \"metadata\", \"key\": \"LAST_WSP_CLEAN\"}"), why) != RC_OK)
		return ctl_fail("%s", why->text);
	r->root_fd = open(r->config->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->root_fd < 0)
		return ctl_fail("wsp_path %s: %s", r->config->wsp_path, strerror(errno));
	return EXIT_FINE;
}

static void find_owner(struct restoring *r)
{
	const struct passwd *p = getpwnam(r->config->user);
	const struct group *g = getgrnam(r->config->group);

	r->uid = (uid_t)-1;
	r->gid = (gid_t)-1;
	if (geteuid() == 0 && p != NULL && g != NULL) {
		r->uid = p->pw_uid;
		r->gid = g->gr_gid;
	}
}

static int run(struct ctl *ctl)
{
	struct restoring r = { .ctl = ctl, .config = ctl_config(ctl), .dir_fd = -1, .root_fd = -1 };
	struct why why = { "" };
	int status;

	if (r.config == NULL || same_tree(ctl) != EXIT_FINE)
		return EXIT_UNUSABLE;
	asker_init(&r.asker, ctl, ASKER_FILES);
	map_init(&r.tenants.folder_of);
	map_init(&r.tenants.host_of);
	map_init(&r.backups_host);
	buf_init(&r.batch, SIZE_MAX);
	find_owner(&r);
	status = open_folders(&r, ctl->argument[0], &why);
	if (status == EXIT_FINE) {
		if (restore(&r, &why) == RC_OK)
			summarize(&r);
		else
			status = ctl_fail("%s", why.text);
	}
	asker_close(&r.asker);
	tenants_fini(&r.tenants);
	map_fini(&r.backups_host, free);
	buf_fini(&r.batch);
	backup_manifest_fini(&r.manifest);
	free(r.key);
	if (r.dir_fd >= 0)
		close(r.dir_fd);
	if (r.root_fd >= 0)
		close(r.root_fd);
	return status == EXIT_FINE && r.n_failed > 0 ? EXIT_NOT_FINE : status;
}

const struct command command_restore_backup = {
	.name = "restore-backup",
	.arguments = "DIR",
	.summary = "put a backup's metadata and files in place, where there are none",
	.help = "DIR: what `numeterctl backup DIR` made. Into an empty store it brings all back; what a store has\n"
		"already, fields and files, stays as it is; a host whose folder is another's there gets no files. With "
		"the daemon running or stopped; wsp_path may be\n"
		"another one than it was. It may be broken off and run again.\n"
		"Exit status: 0 all is there, 1 some files could not be put in place, 2 it could not be done.\n",
	.least_arguments = 1,
	.most_arguments = 1,
	.run = run,
};
