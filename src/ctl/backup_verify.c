#include "ctl/backup_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/backup.h"
#include "ctl/plain.h"
#include "ctl/progress.h"
#include "ctl/show.h"
#include "values/wsp_verify.h"
#include "wire/reply.h"

struct verifying {
	struct ctl *ctl;
	struct wsp_verify how;
	const struct wsp_found *file;
	uint64_t n_files, n_found, n_lines;
};

static void tell(struct verifying *v, const char *where, const char *kind, const char *text)
{
	struct buf b;

	v->n_found++;
	progress_hide();
	buf_init(&b, SIZE_MAX);
	if (v->ctl->json) {
		buf_add_str(&b, "{\"path\": ");
		reply_string(&b, text_of(where));
		buf_addf(&b, ", \"finding\": \"%s\", \"detail\": ", kind);
		reply_string(&b, text_of(text));
		buf_add_str(&b, "}");
	} else {
		plain_add(&b, text_of(where));
		buf_addf(&b, ": %s: ", kind);
		plain_add(&b, text_of(text));
	}
	printf("%.*s\n", TEXT_ARG(buf_text(&b)));
	buf_fini(&b);
}

static void found(void *argument, const char *kind, const char *text)
{
	struct verifying *v = argument;
	struct buf path;

	buf_init(&path, SIZE_MAX);
	buf_addf(&path, "%.*s/%.*s/%s", TEXT_ARG(v->file->folder), TEXT_ARG(v->file->plugin), v->file->name);
	buf_add(&path, "", 1);
	tell(v, path.at, kind, text);
	buf_fini(&path);
}

static enum rc look_at(void *argument, const struct wsp_found *f, struct why *why)
{
	struct verifying *v = argument;
	bool damaged;
	enum rc rc;

	v->file = f;
	rc = wsp_verify_file(&v->how, f, &damaged, why);
	v->n_files++;
	progress_step(1);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc count_line(void *argument, struct text key, struct text field, struct text value, struct why *why)
{
	struct verifying *v = argument;

	(void)key, (void)field, (void)value, (void)why;
	v->n_lines++;
	return RC_OK;
}

static void compare(struct verifying *v, const char *where, const char *what, uint64_t is, uint64_t should)
{
	char text[128];

	if (is == should)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " %s, the manifest has %" PRIu64, is, what, should);
	tell(v, where, "count", text);
}

static enum rc check(struct verifying *v, int dir_fd, const struct backup_manifest *m, struct why *why)
{
	uint64_t n, n_bytes;
	enum rc rc = backup_each_line(dir_fd, count_line, v, why);

	if (rc == RC_DAMAGED || rc == RC_ABSENT) {
		tell(v, BACKUP_METADATA, "damaged", why->text);
		rc = RC_OK;
	} else if (rc == RC_OK) {
		compare(v, BACKUP_METADATA, "lines", v->n_lines, m->n_metadata);
	}
	if (rc == RC_OK)
		rc = wsp_walk(dir_fd, TEXT(BACKUP_WSPS), look_at, v, why);
	if (rc == RC_OK)
		rc = backup_count_files(dir_fd, &n, &n_bytes, why);
	if (rc == RC_ABSENT) {
		tell(v, BACKUP_WSPS, "missing", why->text);
		return RC_OK;
	}
	if (rc == RC_OK) {
		compare(v, BACKUP_WSPS, "files", n, m->n_files);
		compare(v, BACKUP_WSPS, "bytes", n_bytes, m->n_bytes);
	}
	return rc;
}

int backup_verify(struct ctl *ctl, const char *path)
{
	struct verifying v = { .ctl = ctl, .how = { .latest_s = UINT32_MAX, .found = found } };
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct backup_manifest m;
	char when[SHOW_BYTES];
	struct why why = { "" };
	enum rc rc;

	if (dir_fd < 0)
		return ctl_fail("open %s: %s", path, strerror(errno));
	v.how.argument = &v;
	rc = backup_read_manifest(dir_fd, &m, &why);
	if (rc != RC_OK) {
		close(dir_fd);
		ctl_fail("%s: %s", path, why.text);
		return rc == RC_REFUSED || rc == RC_DAMAGED ? EXIT_NOT_FINE : EXIT_UNUSABLE;
	}
	progress_start("verify", m.n_files);
	rc = check(&v, dir_fd, &m, &why);
	progress_end();
	close(dir_fd);
	if (rc == RC_OK && ctl->json)
		printf("{\"files\": %" PRIu64 ", \"metadata\": %" PRIu64 ", \"time\": %" PRId64 ", \"found\": %" PRIu64
		       "}\n",
		       v.n_files, v.n_lines, m.time_s, v.n_found);
	else if (rc == RC_OK)
		printf("%s: of %s, %" PRIu64 " files, %" PRIu64 " fields of metadata: %s\n", path,
		       show_time(m.time_s, when), v.n_files, v.n_lines, v.n_found == 0 ? "whole" : "DAMAGED");
	backup_manifest_fini(&m);
	if (rc != RC_OK)
		return ctl_fail("%s: %s", path, why.text);
	return v.n_found == 0 ? EXIT_FINE : EXIT_NOT_FINE;
}
