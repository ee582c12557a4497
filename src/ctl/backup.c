#include "ctl/backup.h"

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
#include "ctl/answer.h"
#include "ctl/copy_file.h"
#include "values/wsp_walk.h"
#include "wire/reply.h"

enum { MANIFEST_BYTES = 64 << 10 };

enum rc backup_write_manifest(int dir_fd, const struct backup_manifest *m, struct why *why)
{
	struct stat st = { .st_mode = 0600 };
	struct buf b;
	enum rc rc;

	st.st_uid = geteuid();
	st.st_gid = getegid();
	st.st_mtim.tv_sec = m->time_s;
	buf_init(&b, SIZE_MAX);
	buf_addf(&b, "{\"format\": %d, \"version\": \"%s\", \"time\": %" PRId64 ", \"storage_name\": ", BACKUP_FORMAT,
		 NUMETER_VERSION, m->time_s);
	reply_string(&b, text_of(m->storage_name));
	buf_add_str(&b, ", \"wsp_path\": ");
	reply_string(&b, text_of(m->wsp_path));
	buf_addf(&b, ", \"files\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"metadata\": %" PRIu64 "}\n", m->n_files,
		 m->n_bytes, m->n_metadata);
	rc = copy_bytes(buf_text(&b), &st, dir_fd, BACKUP_MANIFEST, true, why);
	buf_fini(&b);
	return rc;
}

static enum rc read_small(int dir_fd, const char *name, struct buf *out, struct why *why)
{
	int fd = fileio_open_in(dir_fd, name, O_RDONLY, 0);
	char *room;
	size_t n = 0;
	enum rc rc;

	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", name, strerror(errno));
	room = buf_room(out, MANIFEST_BYTES);
	must(room != NULL);
	rc = fileio_pread_some(fd, room, MANIFEST_BYTES, 0, &n, why);
	close(fd);
	out->n += n;
	return rc;
}

enum rc backup_read_manifest(int dir_fd, struct backup_manifest *out, struct why *why)
{
	struct answer a = { .value = { .type = JSON_NULL } };
	struct text storage_name, wsp_path;
	enum rc rc;

	if (faccessat(dir_fd, BACKUP_MARKER, F_OK, 0) == 0)
		return because(why, RC_REFUSED, "the backup was not finished (%s is there): run it again",
			       BACKUP_MARKER);
	buf_init(&a.bytes, MANIFEST_BYTES);
	arena_init(&a.arena);
	rc = read_small(dir_fd, BACKUP_MANIFEST, &a.bytes, why);
	if (rc == RC_OK && json_check(buf_text(&a.bytes), false, &a.value, why) != RC_OK) {
		why_prepend(why, "%s", BACKUP_MANIFEST);
		rc = RC_DAMAGED;
	}
	if (rc == RC_OK && answer_number(&a, a.value, "format") != BACKUP_FORMAT)
		rc = because(why, RC_REFUSED, "%s: format %.0f: expected %d", BACKUP_MANIFEST,
			     answer_number(&a, a.value, "format"), BACKUP_FORMAT);
	storage_name = answer_text(&a, a.value, "storage_name");
	wsp_path = answer_text(&a, a.value, "wsp_path");
	if (rc == RC_OK && (storage_name.s == NULL || wsp_path.s == NULL))
		rc = because(why, RC_DAMAGED, "%s: expected storage_name and wsp_path", BACKUP_MANIFEST);
	if (rc == RC_OK)
		*out = (struct backup_manifest){
			.time_s = (int64_t)answer_number(&a, a.value, "time"),
			.n_files = (uint64_t)answer_number(&a, a.value, "files"),
			.n_bytes = (uint64_t)answer_number(&a, a.value, "bytes"),
			.n_metadata = (uint64_t)answer_number(&a, a.value, "metadata"),
			.wsp_path = must_strndup(wsp_path.s, wsp_path.n),
			.storage_name = must_strndup(storage_name.s, storage_name.n),
		};
	answer_close(&a);
	return rc;
}

void backup_manifest_fini(struct backup_manifest *m)
{
	free(m->wsp_path);
	free(m->storage_name);
	m->wsp_path = m->storage_name = NULL;
}

void backup_add_line(struct buf *out, struct text key, struct text field, struct text value)
{
	buf_add_str(out, "{");
	metadata_add_member(out, "key", key);
	buf_add_str(out, ", ");
	if (field.s != NULL) {
		metadata_add_member(out, "field", field);
		buf_add_str(out, ", ");
	}
	metadata_add_member(out, "value", value);
	buf_add_str(out, "}\n");
}

static enum rc read_line(struct text line, backup_line_fn *fn, void *argument, struct why *why)
{
	struct json_value object;
	struct text key, value;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = json_check(line, false, &object, why) == RC_OK ? RC_OK : RC_DAMAGED;
	if (rc == RC_OK && object.type != JSON_OBJECT)
		rc = because(why, RC_DAMAGED, "expected an object");
	if (rc == RC_OK) {
		key = metadata_member(&a, object, "key");
		value = metadata_member(&a, object, "value");
		rc = key.s == NULL || value.s == NULL
			     ? because(why, RC_DAMAGED, "expected key and value")
			     : fn(argument, key, metadata_member(&a, object, "field"), value, why);
	}
	arena_fini(&a);
	return rc;
}

enum rc backup_each_line(int dir_fd, backup_line_fn *fn, void *argument, struct why *why)
{
	int fd = fileio_open_in(dir_fd, BACKUP_METADATA, O_RDONLY, 0);
	char *line = NULL;
	size_t capacity = 0, n_lines = 0;
	enum rc rc = RC_OK;
	ssize_t n;
	FILE *in;

	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", BACKUP_METADATA,
			       strerror(errno));
	in = fdopen(fd, "r");
	must(in != NULL);
	while (rc == RC_OK && (n = getline(&line, &capacity, in)) > 0) {
		n_lines++;
		rc = line[n - 1] == '\n' ? read_line((struct text){ line, (size_t)n - 1 }, fn, argument, why)
					 : because(why, RC_DAMAGED, "it ends in the middle of a line");
		if (rc == RC_DAMAGED)
			why_prepend(why, "%s:%zu", BACKUP_METADATA, n_lines);
	}
	if (rc == RC_OK && ferror(in))
		rc = because(why, RC_DISK, "read %s: %s", BACKUP_METADATA, strerror(errno));
	free(line);
	fclose(in);
	return rc;
}

struct counting {
	uint64_t n, n_bytes;
};

static enum rc count_one(void *argument, const struct wsp_found *f, struct why *why)
{
	struct counting *c = argument;
	struct stat st;

	(void)why;
	if (fstatat(f->dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		c->n++;
		c->n_bytes += (uint64_t)st.st_size;
	}
	return RC_OK;
}

enum rc backup_count_files(int dir_fd, uint64_t *n, uint64_t *n_bytes, struct why *why)
{
	struct counting c = { 0, 0 };
	enum rc rc = wsp_walk(dir_fd, TEXT(BACKUP_WSPS), count_one, &c, why);

	*n = c.n;
	*n_bytes = c.n_bytes;
	return rc;
}
