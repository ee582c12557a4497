#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "wsp/header.h"

/* The first slot of the finest archive is often among the first bytes: a read less for the first update. */
static void see_base(struct wsp *w, const unsigned char *bytes, size_t n)
{
	if (w->archive[0].offset + 4 <= n && bytes_get_be32(bytes + w->archive[0].offset) % w->archive[0].step_s == 0)
		w->seen_base_s[0] = bytes_get_be32(bytes + w->archive[0].offset);
}

enum rc wsp_attach(int taken_fd, struct wsp *out, struct why *why)
{
	unsigned char bytes[WSP_MAX_HEADER_BYTES];
	struct stat st;
	struct wsp w;
	size_t n;
	enum rc rc;

	if (fstat(taken_fd, &st) < 0) {
		rc = because(why, RC_DISK, "stat: %s", strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = because(why, RC_DAMAGED, "not a regular file");
		goto out;
	}
	n = (uint64_t)st.st_size < sizeof(bytes) ? (size_t)st.st_size : sizeof(bytes);
	rc = fileio_pread(taken_fd, bytes, n, 0, why);
	if (rc == RC_OK)
		rc = wsp_header_decode(bytes, n, (uint64_t)st.st_size, &w, why);
	if (rc != RC_OK)
		goto out;
	w.fd = taken_fd;
	see_base(&w, bytes, n);
	*out = w;
	taken_fd = -1;
out:
	if (taken_fd >= 0)
		close(taken_fd);
	return rc;
}

/* Where a read of the header alone settles it; anything unusual goes the long way. */
enum rc wsp_attach_like(int taken_fd, struct wsp_seen *seen, struct wsp *out, struct why *why)
{
	unsigned char bytes[sizeof(seen->header) + WSP_SLOT_BYTES];
	size_t n = seen->n_header + 4;
	off_t length = lseek(taken_fd, 0, SEEK_END);
	enum rc rc;

	if (seen->n_header > 0 && length >= 0 && (uint64_t)length >= seen->file_bytes &&
	    fileio_pread(taken_fd, bytes, n, 0, why) == RC_OK && memcmp(bytes, seen->header, seen->n_header) == 0) {
		*out = seen->wsp;
		out->fd = taken_fd;
		see_base(out, bytes, n);
		return RC_OK;
	}
	rc = wsp_attach(taken_fd, out, why);
	if (rc != RC_OK)
		return rc;
	n = WSP_META_BYTES + WSP_ARCHIVE_BYTES * out->n_archives;
	seen->n_header = 0;
	if (fileio_pread(out->fd, seen->header, n, 0, why) == RC_OK) {
		const struct wsp_archive *last = &out->archive[out->n_archives - 1];

		seen->n_header = n;
		seen->file_bytes = last->offset + (uint64_t)last->n_points * WSP_SLOT_BYTES;
		seen->wsp = *out;
		memset(seen->wsp.seen_base_s, 0, sizeof(seen->wsp.seen_base_s));
	}
	return RC_OK;
}

void wsp_remember(const struct wsp *w, struct wsp_seen *seen)
{
	for (size_t i = 0; i < w->n_archives && seen->n_header > 0; i++)
		if (w->seen_base_s[i] != 0)
			seen->wsp.guess_base_s[i] = w->seen_base_s[i];
}

enum rc wsp_imagine(const struct retention *r, struct wsp *out, struct why *why)
{
	unsigned char header[WSP_MAX_HEADER_BYTES];
	struct wsp w;
	enum rc rc = wsp_header_check(r, why);

	if (rc == RC_OK)
		rc = wsp_header_decode(header, wsp_header_encode(r, header), wsp_file_bytes(r), &w, why);
	if (rc != RC_OK)
		return rc;
	w.zero_from = 0;
	*out = w;
	return RC_OK;
}

enum rc wsp_open(const char *path, bool writable, struct wsp *out, struct why *why)
{
	/* Not blocking: someone's pipe of that name is an error, not a wait. */
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum rc rc;

	if (fd < 0)
		return because(why, errno == ENOENT || errno == ENOTDIR ? RC_ABSENT : RC_DISK, "open %s: %s", path,
			       strerror(errno));
	rc = wsp_attach(fd, out, why);
	if (rc != RC_OK)
		why_prepend(why, "%s", path);
	return rc;
}

void wsp_close(struct wsp *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
