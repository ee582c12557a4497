/*
 * numeterctl export: one host as a tar, for `import host` elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/instant.h"
#include "base/mem.h"
#include "ctl/answer.h"
#include "ctl/host_files.h"
#include "ctl/host_tar.h"
#include "ctl/progress.h"
#include "ctl/same_tree.h"
#include "ctl/show.h"
#include "values/wsp_verify.h"
#include "wire/reply.h"

enum { OPTION_WITHOUT_VALUES };

enum { TRIES = 25, PAUSE_MS = 20 };

static const struct command_option options[] = {
	[OPTION_WITHOUT_VALUES] = { "without-values", NULL, "only what is known of the host and its plugins" },
};

struct export
{
	struct ctl *ctl;
	const char *path; /* NULL: standard output */
	char *part;       /* what it is called until it is whole */
	int fd, root_fd;
	struct host_tar_writer *tar;
	struct buf bytes; /* of the file that is being copied */
	uint64_t n_files, n_bytes;
};

static int ask(struct export *x, const char *verb, struct answer *a)
{
	struct buf request;
	int status;

	buf_init(&request, SIZE_MAX);
	buf_addf(&request, "{\"verb\": \"%s\", \"host\": ", verb);
	reply_string(&request, text_of(x->ctl->argument[0]));
	buf_add_str(&request, "}");
	status = answer_ask(x->ctl, buf_text(&request), 0, a);
	buf_fini(&request);
	return status;
}

/* Its points are in the files then. */
static int flush(struct export *x)
{
	struct answer a;
	int status = ask(x, "flush", &a);

	answer_close(&a);
	return status;
}

/* The file as it was at one moment. */
static enum rc read_whole(struct export *x, int fd, struct stat *st, struct why *why)
{
	for (int i = 0; i < TRIES; i++) {
		struct stat after;
		enum rc rc;

		if (i > 0)
			nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
		if (fstat(fd, st) < 0)
			return because(why, RC_DISK, "%s", strerror(errno));
		if (!S_ISREG(st->st_mode) || st->st_size > HOST_TAR_MAX_WSP)
			return because(why, RC_REFUSED, "over %d bytes", HOST_TAR_MAX_WSP);
		if (!wsp_is_settled(st, NULL))
			continue;
		buf_clear(&x->bytes);
		if (st->st_size == 0)
			return RC_OK;
		rc = fileio_pread(fd, buf_room(&x->bytes, (size_t)st->st_size), (size_t)st->st_size, 0, why);
		if (rc != RC_OK)
			return rc;
		x->bytes.n = (size_t)st->st_size;
		if (fstat(fd, &after) == 0 && wsp_is_settled(&after, st))
			return RC_OK;
	}
	return because(why, RC_PEER, "it is being written all the time");
}

static enum rc add_file(void *argument, int dir_fd, const char *name, struct text plugin, struct text ds,
			struct why *why)
{
	struct export *x = argument;
	char *path = must_format("wsp/%.*s/%.*s.wsp", TEXT_ARG(plugin), TEXT_ARG(ds));
	struct stat st;
	int fd = fileio_open_in(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	enum rc rc = RC_OK;

	if (fd < 0 && errno != ENOENT)
		rc = because(why, RC_DISK, "%s", strerror(errno));
	else if (fd >= 0)
		rc = read_whole(x, fd, &st, why);
	if (fd >= 0 && rc == RC_OK)
		rc = host_tar_add(x->tar, path, buf_text(&x->bytes), (int64_t)st.st_mtime, why);
	if (fd >= 0)
		close(fd);
	if (rc != RC_OK)
		why_prepend(why, "%s", path);
	x->n_files += fd >= 0;
	x->n_bytes += x->bytes.n;
	progress_step(1);
	free(path);
	return rc;
}

static enum rc add_manifest(struct export *x, int64_t now_s, struct why *why)
{
	struct buf out;
	enum rc rc;

	buf_init(&out, SIZE_MAX);
	buf_addf(&out, "{\"format\": \"numeter-host\", \"version\": %d, \"host\": ", HOST_TAR_VERSION);
	reply_string(&out, text_of(x->ctl->argument[0]));
	buf_addf(&out, ", \"exported\": %" PRId64 ", \"program\": \"numeterctl " NUMETER_VERSION "\"}\n", now_s);
	rc = host_tar_add(x->tar, "manifest.json", buf_text(&out), now_s, why);
	buf_fini(&out);
	return rc;
}

static enum rc add_end(struct export *x, int64_t now_s, struct why *why)
{
	struct buf out;
	enum rc rc;

	buf_init(&out, SIZE_MAX);
	buf_addf(&out, "{\"files\": %" PRIu64 "}\n", x->n_files);
	rc = host_tar_add(x->tar, "end.json", buf_text(&out), now_s, why);
	buf_fini(&out);
	return rc;
}

static enum rc write_tar(struct export *x, struct answer *described, struct why *why)
{
	int64_t now_s = wall_now().s;
	struct text folder = answer_text(described, described->value, "folder");
	enum rc rc = host_tar_create(x->fd, &x->tar, why);

	if (rc == RC_OK)
		rc = add_manifest(x, now_s, why);
	if (rc == RC_OK)
		rc = host_tar_add(x->tar, "metadata.json", buf_text(&described->bytes), now_s, why);
	if (rc == RC_OK && x->ctl->option[OPTION_WITHOUT_VALUES] == NULL) {
		rc = host_files_each(x->root_fd, folder, add_file, x, why);
		if (rc == RC_ABSENT) /* it has no file yet */
			rc = RC_OK;
	}
	if (rc == RC_OK)
		rc = add_end(x, now_s, why);
	if (rc == RC_OK)
		rc = host_tar_close(x->tar, why);
	else
		(void)!host_tar_close(x->tar, NULL);
	return rc;
}

/* A file of this name is there only when it is whole. */
static int open_out(struct export *x)
{
	if (x->path == NULL) {
		x->fd = STDOUT_FILENO;
		if (isatty(x->fd))
			return ctl_fail("export: a tar is nothing for a terminal: name a file");
		return EXIT_FINE;
	}
	/* a name of its own: two exports to one FILE do not write into each other */
	x->part = must_format("%s.part-%ld", x->path, (long)getpid());
	x->fd = open(x->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return x->fd < 0 ? ctl_fail("%s: %s", x->part, strerror(errno)) : EXIT_FINE;
}

static int close_out(struct export *x, int status)
{
	if (x->path == NULL || x->fd < 0)
		return status;
	if (status == EXIT_FINE && (fsync(x->fd) < 0 || rename(x->part, x->path) < 0))
		status = ctl_fail("%s: %s", x->path, strerror(errno));
	if (status != EXIT_FINE)
		(void)unlink(x->part);
	close(x->fd);
	return status;
}

static void print_account(const struct export *x)
{
	FILE *to = x->path == NULL ? stderr : stdout;
	char bytes[SHOW_BYTES];

	if (x->ctl->json)
		fprintf(to, "{\"files\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n", x->n_files, x->n_bytes);
	else
		fprintf(to, "%" PRIu64 " files, %s\n", x->n_files, show_bytes((double)x->n_bytes, bytes));
}

static int export_host(struct export *x)
{
	struct answer described;
	struct why why;
	int status = flush(x);

	if (status != EXIT_FINE)
		return status;
	status = ask(x, "describe", &described);
	if (status == EXIT_FINE) {
		progress_start("export", 0);
		if (write_tar(x, &described, &why) != RC_OK)
			status = ctl_fail("%s", why.text);
		progress_end();
	}
	answer_close(&described);
	return status;
}

static int run(struct ctl *ctl)
{
	struct export x = { .ctl = ctl, .fd = -1, .root_fd = -1 };
	const struct config *c = ctl_config(ctl);
	int status;

	if (c == NULL || same_tree(ctl) != EXIT_FINE)
		return EXIT_UNUSABLE;
	if (ctl->n_arguments > 1 && strcmp(ctl->argument[1], "-") != 0)
		x.path = ctl->argument[1];
	buf_init(&x.bytes, SIZE_MAX);
	status = open_out(&x);
	if (status == EXIT_FINE) {
		x.root_fd = open(c->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (x.root_fd < 0)
			status = ctl_fail("%s: %s", c->wsp_path, strerror(errno));
	}
	if (status == EXIT_FINE)
		status = export_host(&x);
	status = close_out(&x, status);
	if (status == EXIT_FINE)
		print_account(&x);
	if (x.root_fd >= 0)
		close(x.root_fd);
	buf_fini(&x.bytes);
	free(x.part);
	return status;
}

const struct command command_export = {
	.name = "export",
	.arguments = "HOST [FILE]",
	.summary = "write a host with all its values to a tar, for another storage",
	.help = "Waits until the host's points are in its files, then copies each as it is at one moment, also while "
		"the\n"
		"daemon runs. FILE is there when it is whole; without it, or with -, the tar goes to standard output.\n"
		"Exit status: 0 written, 1 the daemon said no: no such host, 2 it could not be written or asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 1,
	.most_arguments = 2,
	.works_alone = true,
	.run = run,
};
