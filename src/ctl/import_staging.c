#include "ctl/import_staging.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "control/control.h"
#include "ctl/answer.h"
#include "ctl/same_tree.h"
#include "values/wsp_adopt.h"

enum {
	BATCH_FILES = 200,
	BATCH_BYTES = CONTROL_REQUEST_MAX_BYTES * 3 / 4,
	MESSAGES_BYTES = 8 << 20,
	MESSAGE_DS = 500, /* data sources in one message */
};

static const char messages_name[] = "messages";

void staging_name(const struct import *im, char out[STAGING_NAME_BYTES])
{
	snprintf(out, STAGING_NAME_BYTES, "%zu.wsp", im->n_staged);
}

/* The folder's owner is the daemon's user. */
int staging_give(int staging_fd, int fd)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	return fstat(staging_fd, &st) < 0 ? -1 : fchown(fd, st.st_uid, st.st_gid);
}

int staging_create(int staging_fd, const char *name)
{
	int fd = openat(staging_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd >= 0 && staging_give(staging_fd, fd) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* What an import that was cut short has left. */
static enum rc clear(int fd, struct why *why)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *folder = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;

	if (folder == NULL) {
		if (own >= 0)
			close(own);
		return because(why, RC_DISK, "%s", strerror(errno));
	}
	rewinddir(folder);
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.' && unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT) {
			enum rc rc = because(why, RC_DISK, "remove %s: %s", entry->d_name, strerror(errno));

			closedir(folder);
			return rc;
		}
	closedir(folder);
	return RC_OK;
}

/* The folder below an open tree, made when absent, of the tree's owner. */
static enum rc open_folder(int root_fd, int *out, struct why *why)
{
	struct stat root, st;
	int fd;

	if (mkdirat(root_fd, WSP_ADOPT_FOLDER, 0700) < 0 && errno != EEXIST)
		return because(why, RC_DISK, "make it: %s", strerror(errno));
	fd = fileio_open_in(root_fd, WSP_ADOPT_FOLDER, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return because(why, RC_DISK, "open it: %s", strerror(errno));
	if (fstat(root_fd, &root) < 0 || fstat(fd, &st) < 0 ||
	    (st.st_uid != root.st_uid && fchown(fd, root.st_uid, root.st_gid) < 0)) {
		close(fd);
		return because(why, RC_DISK, "give it to the owner of wsp_path: %s", strerror(errno));
	}
	*out = fd;
	return RC_OK;
}

/* Where no daemon ever ran there is no tree yet: whoever answers makes it. */
static int open_root(struct import *im)
{
	int fd = open(im->config->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		struct answer a;
		int status = answer_ask(im->ctl, TEXT("{\"verb\": \"status\"}"), 0, &a);

		answer_close(&a);
		if (status != EXIT_FINE)
			return -1;
		fd = open(im->config->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		ctl_fail("%s: %s", im->config->wsp_path, strerror(errno));
	return fd;
}

int staging_open(struct import *im)
{
	int root_fd = same_tree(im->ctl) == EXIT_FINE ? open_root(im) : -1;
	struct why why;
	enum rc rc;

	if (root_fd < 0)
		return EXIT_UNUSABLE;
	rc = open_folder(root_fd, &im->staging_fd, &why);
	if (rc == RC_OK)
		rc = fileio_lock_in(im->staging_fd, ".lock", &im->lock_fd, &why);
	if (rc == RC_OK && staging_give(im->staging_fd, im->lock_fd) < 0)
		rc = because(&why, RC_DISK, "%s", strerror(errno));
	if (rc == RC_OK)
		rc = clear(im->staging_fd, &why);
	close(root_fd);
	return rc == RC_OK ? EXIT_FINE : ctl_fail("%s/" WSP_ADOPT_FOLDER ": %s", im->config->wsp_path, why.text);
}

void staging_close(struct import *im)
{
	struct why why;

	if (im->lock_fd >= 0 && clear(im->staging_fd, &why) != RC_OK)
		ctl_fail("%s/" WSP_ADOPT_FOLDER ": %s", im->config->wsp_path, why.text);
	if (im->staging_fd >= 0)
		close(im->staging_fd);
	if (im->lock_fd >= 0)
		close(im->lock_fd);
	im->staging_fd = im->lock_fd = -1;
}

/* ---- metadata ---- */

static int send_messages(struct import *im, const struct buf *messages, bool replace)
{
	struct why why = { "" };
	struct answer a;
	int status, fd;
	enum rc rc;

	if (messages->n == 0)
		return EXIT_FINE;
	(void)unlinkat(im->staging_fd, messages_name, 0);
	fd = staging_create(im->staging_fd, messages_name);
	if (fd < 0)
		return ctl_fail("%s/" WSP_ADOPT_FOLDER "/%s: %s", im->config->wsp_path, messages_name, strerror(errno));
	rc = fileio_write(fd, messages->at, messages->n, &why);
	close(fd);
	if (rc != RC_OK)
		return ctl_fail("%s/" WSP_ADOPT_FOLDER "/%s: %s", im->config->wsp_path, messages_name, why.text);
	status = answer_ask(im->ctl,
			    replace ? TEXT("{\"verb\": \"adopt_metadata\", \"file\": \"messages\", \"replace\": true}")
				    : TEXT("{\"verb\": \"adopt_metadata\", \"file\": \"messages\"}"),
			    0, &a);
	if (status == EXIT_FINE) {
		struct json_value refused, one;

		im->n_infos += (uint64_t)answer_number(&a, a.value, "infos");
		if (json_member(&a.arena, a.value, "refused", &refused) && refused.type == JSON_ARRAY) {
			struct json_walk w = json_walk(refused);

			while (json_next_element(&w, &one)) {
				struct text detail = answer_text(&a, one, "detail");
				char *text = must_format("message %.0f: %.*s", answer_number(&a, one, "index"),
							 TEXT_ARG(detail));

				import_skip(im, "metadata", text);
				free(text);
			}
		}
	}
	answer_close(&a);
	return status;
}

static void begin_message(struct buf *out, struct text host, const char *type, struct text plugin)
{
	buf_add_str(out, "{\"hostid\": ");
	reply_string(out, host);
	buf_addf(out, ", \"type\": \"%s\"", type);
	if (plugin.s != NULL) {
		buf_add_str(out, ", \"plugin\": ");
		reply_string(out, plugin);
	}
	buf_add_str(out, ", \"message\": ");
}

static void add_default_myinfo(struct buf *out, struct text host)
{
	buf_add_str(out, "{\"Plugin\": \"MyInfo\", \"ID\": ");
	reply_string(out, host);
	buf_add_str(out, ", \"Name\": ");
	reply_string(out, host);
	buf_add_str(out, ", \"Description\": \"\"}");
}

/* Data without any value: whoever gets it makes up the info of a plugin that has none. */
static void add_names(struct buf *out, const struct import_series *s, size_t n)
{
	for (size_t from = 0; from < n; from += MESSAGE_DS) {
		begin_message(out, s->host, "data", s->plugin);
		buf_addf(out, "{\"TimeStamp\": %" PRId64 ", \"Values\": {", wall_now().s);
		for (size_t i = from; i < n && i < from + MESSAGE_DS; i++) {
			buf_add_str(out, i == from ? "" : ", ");
			reply_string(out, s[i].ds);
			buf_add_str(out, ": \"U\"");
		}
		buf_add_str(out, "}}}\n");
	}
}

/* What is gathered goes when it is much, or at the end. */
static int send_some(struct import *im, struct buf *messages, size_t least)
{
	int status;

	if (messages->n <= least)
		return EXIT_FINE;
	status = send_messages(im, messages, im->replace);
	buf_clear(messages);
	return status;
}

static int tell_infos(struct import *im, const struct import_source *source, const struct import_series *s, size_t n,
		      struct buf *messages)
{
	int status = EXIT_FINE;

	for (size_t from = 0, to; from < n && status == EXIT_FINE; from = to) {
		size_t before = messages->n;

		for (to = from; to < n && text_equal(s[to].plugin, s[from].plugin);)
			to++;
		begin_message(messages, s->host, "info", s[from].plugin);
		if (source->info != NULL && source->info(source->argument, &s[from], messages)) {
			buf_add_str(messages, "}\n");
		} else {
			messages->n = before;
			add_names(messages, &s[from], to - from);
		}
		status = send_some(im, messages, MESSAGES_BYTES);
	}
	return status;
}

static int tell_more(struct import *im, const struct import_source *source, struct text host, struct buf *messages)
{
	int status = EXIT_FINE;
	struct text plugin;
	struct buf one;

	buf_init(&one, SIZE_MAX);
	for (size_t i = 0; status == EXIT_FINE && source->more_info(source->argument, i, &plugin, &one); i++) {
		begin_message(messages, host, "info", plugin);
		buf_add_text(messages, buf_text(&one));
		buf_add_str(messages, "}\n");
		buf_clear(&one);
		status = send_some(im, messages, MESSAGES_BYTES);
	}
	buf_fini(&one);
	return status;
}

int staging_tell(struct import *im, const struct import_source *source, struct text host, const struct import_series *s,
		 size_t n)
{
	bool known = false;
	struct buf messages;
	int status;

	buf_init(&messages, SIZE_MAX);
	begin_message(&messages, host, "info", TEXT_NONE);
	if (source->myinfo != NULL)
		known = source->myinfo(source->argument, host, &messages);
	if (!known)
		add_default_myinfo(&messages, host);
	buf_add_str(&messages, "}\n");
	/* the host first: an info alone makes none */
	status = send_messages(im, &messages, im->replace && known);
	buf_clear(&messages);
	if (status == EXIT_FINE)
		status = tell_infos(im, source, s, n, &messages);
	if (status == EXIT_FINE && source->more_info != NULL)
		status = tell_more(im, source, host, &messages);
	if (status == EXIT_FINE)
		status = send_some(im, &messages, 0);
	buf_fini(&messages);
	return status;
}

/* ---- files ---- */

static const struct import_series *find(const struct import *im, size_t first, struct text plugin, struct text ds)
{
	for (size_t i = first; i < im->n_series; i++)
		if (text_equal(im->series[i].plugin, plugin) && text_equal(im->series[i].ds, ds))
			return &im->series[i];
	return NULL;
}

/* Who deletes what was imported is to know what of it is not here. */
static void take_lost(struct import *im, struct answer *a, size_t first)
{
	struct json_value lost, one;

	if (!json_member(&a->arena, a->value, "lost", &lost) || lost.type != JSON_ARRAY)
		return;
	for (struct json_walk w = json_walk(lost); json_next_element(&w, &one);) {
		const struct import_series *s =
			find(im, first, answer_text(a, one, "plugin"), answer_text(a, one, "ds"));
		char *text = must_format("%.0f of its values have no room in the archives that are here: numeterctl "
					 "resize, then import again",
					 answer_number(a, one, "values"));

		if (im->replace)
			im->n_aside++;
		else
			import_skip(im, s == NULL ? "?" : s->path, text);
		free(text);
	}
}

static void take_answer(struct import *im, struct answer *a, size_t first)
{
	struct json_value failed, one;

	im->n_future += (uint64_t)answer_number(a, a->value, "future");
	take_lost(im, a, first);
	im->n_new += (uint64_t)answer_number(a, a->value, "new");
	im->n_over += (uint64_t)answer_number(a, a->value, im->replace ? "replaced" : "filled");
	if (!json_member(&a->arena, a->value, "failed", &failed) || failed.type != JSON_ARRAY)
		return;
	for (struct json_walk w = json_walk(failed); json_next_element(&w, &one);) {
		const struct import_series *s =
			find(im, first, answer_text(a, one, "plugin"), answer_text(a, one, "ds"));
		struct text error = answer_text(a, one, "error");
		char *why = must_strndup(error.s == NULL ? "" : error.s, error.n);

		import_skip(im, s == NULL ? "?" : s->path, why);
		free(why);
	}
}

int staging_adopt_rest(struct import *im)
{
	size_t first = im->first_of_batch;
	struct buf request;
	struct answer a;
	int status;

	if (im->n_files == 0)
		return EXIT_FINE;
	buf_init(&request, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"adopt\", \"host\": ");
	reply_string(&request, im->series[first].host);
	buf_addf(&request, ", \"replace\": %s, \"files\": [%.*s]}", im->replace ? "true" : "false",
		 TEXT_ARG(buf_text(&im->files)));
	status = answer_ask(im->ctl, buf_text(&request), 0, &a);
	if (status == EXIT_FINE)
		take_answer(im, &a, first);
	answer_close(&a);
	buf_fini(&request);
	buf_clear(&im->files);
	im->n_files = 0;
	return status;
}

int staging_adopt(struct import *im, size_t i, const char *name)
{
	const struct import_series *s = &im->series[i];

	if (im->n_files == 0)
		im->first_of_batch = i;
	buf_add_str(&im->files, im->n_files++ == 0 ? "{\"plugin\": " : ", {\"plugin\": ");
	reply_string(&im->files, s->plugin);
	buf_add_str(&im->files, ", \"ds\": ");
	reply_string(&im->files, s->ds);
	buf_addf(&im->files, ", \"file\": \"%s\"}", name);
	return im->n_files < BATCH_FILES && im->files.n < BATCH_BYTES ? EXIT_FINE : staging_adopt_rest(im);
}
