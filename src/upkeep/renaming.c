#include "upkeep/renaming.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "upkeep/disk.h"
#include "wire/json.h"
#include "wire/reply.h"

enum { FILE_MAX_BYTES = 1 << 16 };

enum rc renaming_write(const struct renaming *r, struct why *why)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, FILE_MAX_BYTES);
	buf_add_str(&b, "{\"host\": ");
	reply_string(&b, r->host);
	buf_add_str(&b, ", \"new\": ");
	reply_string(&b, r->name);
	buf_add_str(&b, ", \"from\": ");
	reply_string(&b, r->from);
	buf_add_str(&b, ", \"to\": ");
	reply_string(&b, r->to);
	buf_addf(&b, ", \"inode\": \"%" PRIu64 "\"}\n", r->inode);
	rc = disk_write(r->u->root_fd, RENAMING_NAME, buf_text(&b), why);
	buf_fini(&b);
	return rc;
}

static bool take(struct arena *a, struct json_value top, const char *name, struct text *out)
{
	struct json_value v;

	if (!json_member(a, top, name, &v) || v.type != JSON_STRING)
		return false;
	*out = json_string(a, v.raw, v.escaped);
	return true;
}

static bool is_plain(struct text folder)
{
	char *path = must_format("/r/%.*s", TEXT_ARG(folder));
	bool plain = folder.n > 0 && name_folder_below(text_of(path), TEXT("/r")).n == folder.n;

	free(path);
	return plain;
}

/* False: it is none that we wrote. */
static bool read_renaming(struct arena *a, struct text document, struct renaming *r)
{
	struct json_value top;
	struct text inode;
	char digits[24];
	bool whole;

	whole = json_check(document, false, &top, NULL) == RC_OK && top.type == JSON_OBJECT &&
		take(a, top, "host", &r->host) && take(a, top, "new", &r->name) && take(a, top, "from", &r->from) &&
		take(a, top, "to", &r->to) && name_check_host(r->host, NULL) == RC_OK &&
		name_check_host(r->name, NULL) == RC_OK && is_plain(r->from) && is_plain(r->to);
	if (whole && take(a, top, "inode", &inode)) { /* there is none in the file of an older version */
		snprintf(digits, sizeof(digits), "%.*s", TEXT_ARG(inode));
		r->inode = strtoull(digits, NULL, 10);
	}
	return whole;
}

enum rc renaming_read(struct arena *a, struct renaming *r, struct why *why)
{
	int fd = fileio_open_in(r->u->root_fd, RENAMING_NAME, O_RDONLY | O_NONBLOCK, 0);
	size_t got = 0;
	char *bytes;
	enum rc rc;

	if (fd < 0)
		return errno == ENOENT ? RC_ABSENT
				       : because(why, RC_DISK, "open %s: %s", RENAMING_NAME, strerror(errno));
	bytes = arena_alloc(a, FILE_MAX_BYTES);
	rc = fileio_pread_some(fd, bytes, FILE_MAX_BYTES, 0, &got, why);
	close(fd);
	if (rc == RC_OK && !read_renaming(a, (struct text){ bytes, got }, r))
		rc = because(why, RC_DAMAGED, "%s is none of ours", RENAMING_NAME);
	return rc;
}

enum rc renaming_remove(struct upkeep *u, struct why *why)
{
	return fileio_unlink_at(u->root_fd, RENAMING_NAME, why);
}
