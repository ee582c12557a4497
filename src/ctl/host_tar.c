#include "ctl/host_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"
#include "wire/json.h"
#include "wire/number.h"

enum {
	BLOCK_BYTES = 64 << 10,
	MAX_ENTRIES = 10000000,
	LOOK_BYTES = 1 << 20, /* how often the room on the disk is looked at */
	LEAST_FREE_MIB = 64,
	MOST_FREE_MIB = 1024,
};

struct host_tar_writer {
	struct archive *archive;
};

static enum rc failed(struct archive *a, enum rc rc, struct why *why)
{
	const char *text = archive_error_string(a);

	return because(why, rc, "%s", text == NULL ? "libarchive says no" : text);
}

enum rc host_tar_create(int fd, struct host_tar_writer **out, struct why *why)
{
	struct archive *a = archive_write_new();
	enum rc rc;

	must(a != NULL);
	/* GNU's form has names as the bytes that they are; pax's could come back in another charset or normalised */
	if (archive_write_set_format_gnutar(a) != ARCHIVE_OK || archive_write_open_fd(a, fd) != ARCHIVE_OK) {
		rc = failed(a, RC_DISK, why);
		archive_write_free(a);
		return rc;
	}
	*out = must_alloc(sizeof(**out));
	(*out)->archive = a;
	return RC_OK;
}

enum rc host_tar_add(struct host_tar_writer *w, const char *path, struct text bytes, int64_t mtime_s, struct why *why)
{
	struct archive_entry *e = archive_entry_new();
	enum rc rc = RC_OK;

	must(e != NULL);
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (int64_t)bytes.n);
	archive_entry_set_mtime(e, mtime_s, 0);
	if (archive_write_header(w->archive, e) != ARCHIVE_OK ||
	    (bytes.n > 0 && archive_write_data(w->archive, bytes.s, bytes.n) != (la_ssize_t)bytes.n))
		rc = failed(w->archive, RC_DISK, why);
	archive_entry_free(e);
	return rc;
}

enum rc host_tar_close(struct host_tar_writer *w, struct why *why)
{
	enum rc rc = RC_OK;

	if (w == NULL)
		return RC_OK;
	if (archive_write_close(w->archive) != ARCHIVE_OK)
		rc = failed(w->archive, RC_DISK, why);
	archive_write_free(w->archive);
	free(w);
	return rc;
}

/* ---- reading ---- */

struct reading {
	struct archive *archive;
	const struct host_tar_reader *reader;
	bool begun, described, ended;
	size_t n_files;
	struct arena arena;
};

static enum rc check_manifest(struct reading *r, struct text json, struct why *why)
{
	struct json_value object, member;
	struct text host;
	double version;

	if (json_check(json, false, &object, why) != RC_OK || object.type != JSON_OBJECT ||
	    !json_member(&r->arena, object, "format", &member) || member.type != JSON_STRING ||
	    !text_is(member.raw, "numeter-host"))
		return because(why, RC_REFUSED, "manifest.json is none of numeterctl export");
	if (!json_member(&r->arena, object, "version", &member) || member.type != JSON_NUMBER ||
	    number_parse(member.raw, &version) != NUMBER_VALUE || version != HOST_TAR_VERSION)
		return because(why, RC_REFUSED, "manifest.json: version %.*s, expected %d", TEXT_ARG(member.raw),
			       HOST_TAR_VERSION);
	if (!json_member(&r->arena, object, "host", &member) || member.type != JSON_STRING)
		return because(why, RC_REFUSED, "manifest.json names no host");
	host = json_string(&r->arena, member.raw, member.escaped);
	if (name_check_host(host, why) != RC_OK) {
		why_prepend(why, "manifest.json: host");
		return RC_REFUSED;
	}
	r->begun = true;
	return r->reader->begin(r->reader->argument, host, why);
}

static enum rc read_small(struct reading *r, size_t max_bytes, struct buf *out, struct why *why)
{
	char block[BLOCK_BYTES];
	la_ssize_t n;

	buf_init(out, max_bytes);
	while ((n = archive_read_data(r->archive, block, sizeof(block))) > 0) {
		buf_add(out, block, (size_t)n);
		if (out->full)
			return because(why, RC_REFUSED, "over %zu bytes", max_bytes);
	}
	return n < 0 ? failed(r->archive, RC_DAMAGED, why) : RC_OK;
}

/*
 * Whatever a small tar unpacks to, room stays for the points that come meanwhile: a hundredth of the disk, from 64 MiB to
 * 1 GiB. (What a tar says of its own length would bound nothing: who makes a bad one writes that too.)
 */
static enum rc check_room(int fd, struct why *why)
{
	struct statvfs st;
	uint64_t free_mib, least_mib;

	if (fstatvfs(fd, &st) < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	free_mib = (uint64_t)st.f_bavail * st.f_frsize >> 20;
	least_mib = ((uint64_t)st.f_blocks * st.f_frsize >> 20) / 100;
	if (least_mib < LEAST_FREE_MIB)
		least_mib = LEAST_FREE_MIB;
	if (least_mib > MOST_FREE_MIB)
		least_mib = MOST_FREE_MIB;
	if (free_mib >= least_mib)
		return RC_OK;
	return because(why, RC_FULL, "%llu MiB are free where it is unpacked, %llu are to stay so",
		       (unsigned long long)free_mib, (unsigned long long)least_mib);
}

static enum rc read_file(struct reading *r, struct text plugin, struct text ds, struct why *why)
{
	char block[BLOCK_BYTES];
	uint64_t n_bytes = 0;
	la_ssize_t n = 0;
	int fd;
	enum rc rc = r->reader->file(r->reader->argument, plugin, ds, &fd, why);

	if (rc == RC_OK)
		rc = check_room(fd, why);
	while (rc == RC_OK && (n = archive_read_data(r->archive, block, sizeof(block))) > 0) {
		n_bytes += (uint64_t)n;
		rc = n_bytes > HOST_TAR_MAX_WSP ? because(why, RC_REFUSED, "over %d bytes", HOST_TAR_MAX_WSP)
						: fileio_write(fd, block, (size_t)n, why);
		if (rc == RC_OK && n_bytes / LOOK_BYTES != (n_bytes - (uint64_t)n) / LOOK_BYTES)
			rc = check_room(fd, why);
	}
	if (rc == RC_OK && n < 0)
		rc = failed(r->archive, RC_DAMAGED, why);
	r->n_files++;
	return rc == RC_OK ? r->reader->file_end(r->reader->argument, why) : rc;
}

/* "wsp/PLUGIN/DS.wsp"; the names are checked by their rules, of which one is that no slash is in them. */
static bool split_path(struct text path, struct text *plugin, struct text *ds)
{
	static const char begin[] = "wsp/", end[] = ".wsp";
	const size_t n_begin = sizeof(begin) - 1, n_end = sizeof(end) - 1;
	const char *slash;

	if (path.n <= n_begin + n_end || memcmp(path.s, begin, n_begin) != 0 ||
	    memcmp(path.s + path.n - n_end, end, n_end) != 0)
		return false;
	path = (struct text){ path.s + n_begin, path.n - n_begin - n_end };
	slash = memchr(path.s, '/', path.n);
	if (slash == NULL)
		return false;
	*plugin = (struct text){ path.s, (size_t)(slash - path.s) };
	*ds = (struct text){ slash + 1, path.n - plugin->n - 1 };
	return name_check_plugin_or_ds(*plugin, NULL) == RC_OK && name_check_plugin_or_ds(*ds, NULL) == RC_OK;
}

static enum rc take_manifest(struct reading *r, struct why *why)
{
	struct buf bytes;
	enum rc rc = read_small(r, HOST_TAR_MAX_MANIFEST, &bytes, why);

	if (rc == RC_OK)
		rc = check_manifest(r, buf_text(&bytes), why);
	buf_fini(&bytes);
	return rc;
}

static enum rc take_metadata(struct reading *r, struct why *why)
{
	struct buf bytes;
	enum rc rc = read_small(r, HOST_TAR_MAX_METADATA, &bytes, why);

	if (rc == RC_OK && r->described)
		rc = because(why, RC_REFUSED, "a second one");
	r->described = true;
	if (rc == RC_OK)
		rc = r->reader->metadata(r->reader->argument, buf_text(&bytes), why);
	buf_fini(&bytes);
	return rc;
}

static enum rc take_end(struct reading *r, struct why *why)
{
	struct json_value object, member;
	double n_files;
	struct buf bytes;
	enum rc rc = read_small(r, HOST_TAR_MAX_MANIFEST, &bytes, why);

	if (rc == RC_OK && (json_check(buf_text(&bytes), false, &object, why) != RC_OK ||
			    !json_member(&r->arena, object, "files", &member) || member.type != JSON_NUMBER ||
			    number_parse(member.raw, &n_files) != NUMBER_VALUE || n_files != (double)r->n_files))
		rc = because(why, RC_REFUSED, "it tells of other files than the %zu that came", r->n_files);
	r->ended = true;
	buf_fini(&bytes);
	return rc;
}

/* On a terminal, too. */
static bool is_printable(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.s[i] < 0x20 || t.s[i] == 0x7f)
			return false;
	return text_is_utf8(t);
}

static enum rc take_entry(struct reading *r, struct archive_entry *e, struct why *why)
{
	const char *path = archive_entry_pathname(e);
	struct text plugin, ds;
	enum rc rc;

	if (path == NULL)
		return because(why, RC_REFUSED, "an entry without a name");
	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) != NULL)
		rc = because(why, RC_REFUSED, "no plain file");
	else if (r->ended)
		rc = because(why, RC_REFUSED, "it stands behind the end");
	else if (!r->begun)
		rc = strcmp(path, "manifest.json") == 0
			     ? take_manifest(r, why)
			     : because(why, RC_REFUSED, "expected manifest.json first, as numeterctl export writes it");
	else if (strcmp(path, "metadata.json") == 0)
		rc = take_metadata(r, why);
	else if (strcmp(path, "end.json") == 0)
		rc = take_end(r, why);
	else if (split_path(text_of(path), &plugin, &ds))
		rc = read_file(r, plugin, ds, why);
	else
		rc = because(why, RC_REFUSED, "no name that belongs there");
	if (rc != RC_OK && is_printable(text_of(path)))
		why_prepend(why, "%s", path);
	else if (rc != RC_OK)
		why_prepend(why, "an entry with an odd name");
	return rc;
}

enum rc host_tar_read(int fd, const struct host_tar_reader *reader, struct why *why)
{
	struct reading r = { .archive = archive_read_new(), .reader = reader };
	struct archive_entry *e;
	enum rc rc = RC_OK;
	int got = ARCHIVE_OK;

	must(r.archive != NULL);
	arena_init(&r.arena);
	if (archive_read_support_format_tar(r.archive) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(r.archive) != ARCHIVE_OK ||
	    archive_read_open_fd(r.archive, fd, BLOCK_BYTES) != ARCHIVE_OK)
		rc = failed(r.archive, RC_REFUSED, why);
	for (size_t n = 0; rc == RC_OK; n++) {
		got = archive_read_next_header(r.archive, &e);
		if (got == ARCHIVE_EOF)
			break;
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			rc = failed(r.archive, RC_DAMAGED, why);
		else if (n == MAX_ENTRIES)
			rc = because(why, RC_REFUSED, "over %d files", MAX_ENTRIES);
		else
			rc = take_entry(&r, e, why);
	}
	if (rc == RC_OK && (!r.begun || !r.described || !r.ended))
		rc = because(why, RC_DAMAGED, "no tar of numeterctl export, or cut short");
	archive_read_free(r.archive);
	arena_fini(&r.arena);
	return rc;
}
