/*
 * numeterctl backup: a copy of all files and metadata while the daemon runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ctl/backup.h"
#include "ctl/backup_verify.h"
#include "ctl/copy_file.h"
#include "ctl/pace.h"
#include "ctl/progress.h"
#include "ctl/same_tree.h"
#include "ctl/show.h"
#include "ctl/tenants.h"
#include "values/wsp_walk.h"
#include "wire/reply.h"

enum { OPTION_VERIFY, OPTION_DELETE, OPTION_RATE, OPTION_THROUGH_DAEMON };
enum { MOST_ROUNDS = 20 };

static const struct command_option options[] = {
	[OPTION_VERIFY] = { "verify", NULL, "read the backup in DIR and check it; asks nobody" },
	[OPTION_DELETE] = { "delete", NULL, "move files that are gone meanwhile to DIR/removed" },
	[OPTION_RATE] = { "rate", "N", "look at N files a second at most" },
	[OPTION_THROUGH_DAEMON] = { "through-daemon", NULL, "have the daemon read each file between two writes" },
};

struct saving {
	struct ctl *ctl;
	struct asker asker;
	struct pace pace;
	int root_fd, dir_fd, wsps_fd;
	char *folder; /* "folder/plugin" of folder_fd */
	int folder_fd;
	uint64_t n_copied, n_current, n_through, n_removed, n_failed;
	struct backup_manifest manifest;
};

/* ---- files */

static int folder_of(struct saving *s, const struct wsp_found *f)
{
	char *path = must_format("%.*s/%.*s", TEXT_ARG(f->folder), TEXT_ARG(f->plugin));

	if (s->folder != NULL && strcmp(path, s->folder) == 0) {
		free(path);
		return s->folder_fd;
	}
	if (s->folder_fd >= 0)
		close(s->folder_fd);
	free(s->folder);
	s->folder = path;
	s->folder_fd = copy_open_folder(s->wsps_fd, text_of(path), true, (uid_t)-1, (gid_t)-1);
	return s->folder_fd;
}

static void add_argument(struct buf *b, const char *name, struct text t)
{
	buf_addf(b, ", \"%s\": ", name);
	reply_string(b, t);
}

/* Have it read while the daemon writes nothing. */
static enum rc copy_through(struct saving *s, const struct wsp_found *f, int to_fd, struct why *why)
{
	struct buf request, bytes;
	struct stat st;
	struct answer a;
	enum rc rc = RC_OK;
	int status;

	if (fstatat(f->dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "stat: %s", strerror(errno));
	buf_init(&request, SIZE_MAX);
	buf_init(&bytes, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"copy\"");
	add_argument(&request, "folder", f->folder);
	add_argument(&request, "plugin", f->plugin);
	add_argument(&request, "ds", f->ds);
	buf_add_str(&request, "}");
	status = asker_ask_quietly(&s->asker, buf_text(&request), &a, why);
	if (status != EXIT_FINE)
		rc = RC_PEER;
	else if (!base64_add_decoded(&bytes, answer_text(&a, a.value, "content")))
		rc = because(why, RC_PEER, "the answer is not base64");
	if (rc == RC_OK) {
		st.st_mtim.tv_sec = (time_t)answer_number(&a, a.value, "mtime");
		st.st_mtim.tv_nsec = (long)answer_number(&a, a.value, "mtime_ns");
		rc = copy_bytes(buf_text(&bytes), &st, to_fd, f->name, true, why);
		s->n_through++;
	}
	answer_close(&a);
	buf_fini(&request);
	buf_fini(&bytes);
	return rc;
}

static enum rc save_file(void *argument, const struct wsp_found *f, struct why *why)
{
	struct saving *s = argument;
	int to_fd = folder_of(s, f);
	struct stat from, to;
	enum rc rc = RC_OK;

	progress_step(1);
	pace_wait(&s->pace, 1);
	if (to_fd < 0)
		return because(why, RC_DISK, "folder %s/%s: %s", BACKUP_WSPS, s->folder, strerror(errno));
	if (fstatat(f->dir_fd, f->name, &from, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(to_fd, f->name, &to, AT_SYMLINK_NOFOLLOW) == 0 && copy_is_current(&from, &to)) {
		s->n_current++;
		return RC_OK;
	}
	rc = s->ctl->option[OPTION_THROUGH_DAEMON] != NULL ? RC_PEER : copy_file(f->dir_fd, f->name, to_fd, why);
	if (rc == RC_PEER)
		rc = copy_through(s, f, to_fd, why);
	if (rc == RC_ABSENT)
		return RC_OK;
	s->n_copied += rc == RC_OK;
	if (rc == RC_OK)
		return RC_OK;
	progress_hide();
	ctl_fail("%s/%s: %s", s->folder, f->name, why->text);
	s->n_failed++;
	return rc == RC_DISK && errno == ENOSPC ? RC_DISK : RC_OK;
}

/* What the tree does not have any more. */
static enum rc remove_gone(void *argument, const struct wsp_found *f, struct why *why)
{
	struct saving *s = argument;
	char *path = must_format("%.*s/%.*s/%s", TEXT_ARG(f->folder), TEXT_ARG(f->plugin), f->name);
	/* the walk began at DIR: its folders begin with wsps/ */
	const char *below = path + sizeof(BACKUP_WSPS);
	char *slash = strrchr(path, '/');
	enum rc rc = RC_OK;
	struct stat st;
	int to_fd;

	if (fstatat(s->root_fd, below, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		goto out;
	*slash = '\0';
	to_fd = copy_open_folder(s->dir_fd, text_of(BACKUP_REMOVED), true, (uid_t)-1, (gid_t)-1);
	if (to_fd >= 0) {
		int above = to_fd;

		to_fd = copy_open_folder(above, text_of(below), true, (uid_t)-1, (gid_t)-1);
		close(above);
	}
	*slash = '/';
	if (to_fd < 0 || renameat(f->dir_fd, f->name, to_fd, f->name) < 0)
		rc = because(why, RC_DISK, "move %s to %s: %s", path, BACKUP_REMOVED, strerror(errno));
	else
		s->n_removed++;
	if (to_fd >= 0)
		close(to_fd);
out:
	free(path);
	return rc;
}

/* ---- metadata, and hosts that move meanwhile */

/* Folders that hosts have only since `before`: the walk may have been past them. */
static enum rc save_moved(struct saving *s, const struct tenants *before, const struct tenants *now, size_t *n_moved,
			  struct why *why)
{
	enum rc rc = RC_OK;
	struct text host;
	void *folder;

	for (size_t at = 0; rc == RC_OK && map_next(&now->folder_of, &at, &host, &folder);) {
		const char *was = map_get(&before->folder_of, host);

		if (was != NULL && strcmp(was, folder) == 0)
			continue;
		++*n_moved;
		rc = wsp_walk(s->root_fd, text_of(folder), save_file, s, why);
		if (rc == RC_ABSENT) /* it has no file yet */
			rc = RC_OK;
	}
	return rc;
}

/* Of the hosts whose folders were walked since `walked` was read: once more until no host got another one meanwhile. */
static enum rc save_metadata_of(struct saving *s, struct tenants *walked, struct why *why)
{
	for (int i = 0; i < MOST_ROUNDS; i++) {
		struct tenants now;
		size_t n_moved = 0;
		enum rc rc;

		rc = backup_save_metadata(&s->asker, s->dir_fd, &s->manifest.n_metadata, why);
		if (rc != RC_OK)
			return rc;
		rc = tenants_read(&s->asker, &now, why) == EXIT_FINE ? RC_OK : RC_PEER;
		if (rc == RC_OK)
			rc = save_moved(s, walked, &now, &n_moved, why);
		tenants_fini(walked);
		*walked = now;
		if (rc != RC_OK || n_moved == 0)
			return rc;
	}
	return because(why, RC_PEER, "hosts get other folders all the time: run it again");
}

/* ---- the whole */

/* While this is there the backup is not whole. */
static enum rc mark(const struct saving *s, struct why *why)
{
	int fd = openat(s->dir_fd, BACKUP_MARKER, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum rc rc;

	if (fd < 0)
		return because(why, RC_DISK, "make %s: %s", BACKUP_MARKER, strerror(errno));
	rc = fileio_sync(fd, why);
	close(fd);
	return rc == RC_OK ? fileio_sync_dir(s->dir_fd, why) : rc;
}

static enum rc flush(struct saving *s, struct why *why)
{
	struct answer a;
	int status = asker_ask_quietly(&s->asker, TEXT("{\"verb\": \"flush\"}"), &a, why);

	answer_close(&a);
	if (status == EXIT_NOT_FINE) { /* some file cannot be written: what there is is saved */
		ctl_fail("some points are not in their files yet: %s", why->text);
		s->n_failed++;
	}
	return status == EXIT_UNUSABLE ? RC_PEER : RC_OK;
}

static enum rc save_all(struct saving *s, struct why *why)
{
	struct tenants walked;
	enum rc rc = mark(s, why);

	map_init(&walked.folder_of);
	map_init(&walked.host_of);
	s->manifest.time_s = wall_now().s;
	if (rc == RC_OK)
		rc = flush(s, why);
	if (rc == RC_OK && tenants_read(&s->asker, &walked, why) != EXIT_FINE)
		rc = RC_PEER;
	progress_start("backup", 0);
	if (rc == RC_OK)
		rc = wsp_walk(s->root_fd, TEXT_NONE, save_file, s, why);
	if (rc == RC_OK)
		rc = save_metadata_of(s, &walked, why);
	progress_end();
	tenants_fini(&walked);
	if (rc == RC_OK && s->ctl->option[OPTION_DELETE] != NULL)
		rc = wsp_walk(s->dir_fd, TEXT(BACKUP_WSPS), remove_gone, s, why);
	if (rc == RC_OK)
		rc = backup_count_files(s->dir_fd, &s->manifest.n_files, &s->manifest.n_bytes, why);
	if (rc == RC_OK)
		rc = backup_write_manifest(s->dir_fd, &s->manifest, why);
	if (rc == RC_OK)
		rc = fileio_sync_all(s->dir_fd, why);
	if (rc == RC_OK && s->n_failed == 0)
		rc = fileio_unlink_at(s->dir_fd, BACKUP_MARKER, why);
	return rc == RC_OK ? fileio_sync_dir(s->dir_fd, why) : rc;
}

static void summarize(const struct saving *s)
{
	char size[SHOW_BYTES];

	if (s->ctl->json)
		printf("{\"files\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"copied\": %" PRIu64 ", \"current\": %" PRIu64
		       ", \"through_daemon\": %" PRIu64 ", \"removed\": %" PRIu64 ", \"failed\": %" PRIu64
		       ", \"metadata\": %" PRIu64 "}\n",
		       s->manifest.n_files, s->manifest.n_bytes, s->n_copied, s->n_current, s->n_through, s->n_removed,
		       s->n_failed, s->manifest.n_metadata);
	else
		printf("%" PRIu64 " files, %s: %" PRIu64 " copied, %" PRIu64 " as they were, %" PRIu64
		       " moved to %s, %" PRIu64 " failed; %" PRIu64 " fields of metadata\n",
		       s->manifest.n_files, show_bytes((double)s->manifest.n_bytes, size), s->n_copied, s->n_current,
		       s->n_removed, BACKUP_REMOVED, s->n_failed, s->manifest.n_metadata);
}

static int open_folders(struct saving *s, const struct config *c, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return ctl_fail("make %s: %s", path, strerror(errno));
	s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return ctl_fail("open %s: %s", path, strerror(errno));
	s->wsps_fd = copy_open_folder(s->dir_fd, TEXT(BACKUP_WSPS), true, (uid_t)-1, (gid_t)-1);
	if (s->wsps_fd < 0)
		return ctl_fail("make %s/%s: %s", path, BACKUP_WSPS, strerror(errno));
	s->root_fd = open(c->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return ctl_fail("wsp_path %s: %s", c->wsp_path, strerror(errno));
	return EXIT_FINE;
}

static int save(struct ctl *ctl)
{
	const struct config *c = ctl_config(ctl);
	struct saving s = { .ctl = ctl, .root_fd = -1, .dir_fd = -1, .wsps_fd = -1, .folder_fd = -1 };
	struct why why = { "" };
	enum rc rc = RC_DISK;
	int status;

	if (c == NULL || same_tree(ctl) != EXIT_FINE)
		return EXIT_UNUSABLE;
	if (pace_init(&s.pace, ctl->option[OPTION_RATE], &why) != RC_OK)
		return ctl_fail("%s", why.text);
	asker_init(&s.asker, ctl, ASKER_WHOLE);
	s.manifest.wsp_path = c->wsp_path;
	s.manifest.storage_name = c->storage_name;
	status = open_folders(&s, c, ctl->argument[0]);
	if (status == EXIT_FINE) {
		rc = save_all(&s, &why);
		if (rc == RC_OK)
			summarize(&s);
		else
			status = ctl_fail("%s", why.text);
	}
	asker_close(&s.asker);
	free(s.folder);
	for (size_t i = 0; i < 4; i++) {
		const int fds[] = { s.folder_fd, s.wsps_fd, s.dir_fd, s.root_fd };

		if (fds[i] >= 0)
			close(fds[i]);
	}
	return status == EXIT_FINE && s.n_failed > 0 ? EXIT_NOT_FINE : status;
}

static int run(struct ctl *ctl)
{
	if (ctl->option[OPTION_VERIFY] != NULL)
		return backup_verify(ctl, ctl->argument[0]);
	return save(ctl);
}

const struct command command_backup = {
	.name = "backup",
	.arguments = "DIR",
	.summary = "copy all files and metadata to a folder, while the daemon runs",
	.help = "First all points that wait are written; every point accepted before is in the backup. Files that\n"
		"DIR has already with the same length and time are not copied again. While DIR/.partial is there the\n"
		"backup is not whole: run it again. It is read back by `numeterctl restore-backup DIR`.\n"
		"Exit status: 0 whole, 1 something could not be saved, or --verify found a fault, 2 it could not be\n"
		"made.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 1,
	.most_arguments = 1,
	.run = run,
};
