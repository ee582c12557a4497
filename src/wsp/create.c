#include "wsp/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "wsp/header.h"

enum { FILE_MODE = 0644 };

enum rc wsp_create_fill(int fd, const struct retention *r, enum wsp_allocate allocate, struct wsp *out, struct why *why)
{
	static const unsigned char blank[WSP_SLOT_BYTES];
	unsigned char header[WSP_MAX_HEADER_BYTES];
	uint64_t n_bytes = wsp_file_bytes(r);
	size_t n;
	enum rc rc = RC_OK;

	if (allocate == WSP_RESERVE)
		rc = fileio_reserve(fd, n_bytes, why);
	else if (ftruncate(fd, (off_t)n_bytes) < 0)
		rc = because(why, RC_DISK, "lengthen: %s", strerror(errno));
	if (rc != RC_OK)
		return rc;
	n = wsp_header_encode(r, header);
	rc = fileio_pwrite(fd, header, n, 0, why);
	if (rc == RC_OK)
		rc = wsp_header_decode(header, n, n_bytes, out, why);
	for (size_t i = 1; rc == RC_OK && i < out->n_archives && allocate == WSP_RESERVE; i++)
		rc = fileio_pwrite(fd, blank, sizeof(blank), out->archive[i].offset, why);
	return rc;
}

/* By descriptor takes a privilege that a daemon has not; then by /proc. */
int wsp_create_link(int fd, int dir_fd, const char *name)
{
	char path[40];

	if (linkat(fd, "", dir_fd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW);
}

void wsp_temporary_name(char out[WSP_TEMPORARY_BYTES])
{
	static atomic_uint counter;

	snprintf(out, WSP_TEMPORARY_BYTES, WSP_TEMPORARY_PREFIX "%ld-%u", (long)getpid(),
		 atomic_fetch_add(&counter, 1));
}

int wsp_create_temporary(int dir_fd, char name[WSP_TEMPORARY_BYTES])
{
	int fd;

	do {
		wsp_temporary_name(name);
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	} while (fd < 0 && (errno == EEXIST || errno == EINTR));
	return fd;
}

int wsp_create_nameless(int dir_fd)
{
	int fd;

	do {
		fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_MODE);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static int rename_new(int dir_fd, const char *from, const char *to)
{
	if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return linkat(dir_fd, from, dir_fd, to, 0);
}

static enum rc name_failed(const char *name, struct why *why)
{
	if (errno == EEXIST)
		return because(why, RC_REFUSED, "%s exists already", name);
	return because(why, RC_DISK, "name %s: %s", name, strerror(errno));
}

enum rc wsp_create_renamed(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate,
			   struct wsp *out, struct why *why)
{
	char temporary[WSP_TEMPORARY_BYTES];
	struct wsp w;
	enum rc rc;
	int fd;

	rc = wsp_header_check(r, why);
	if (rc != RC_OK)
		return rc;
	fd = wsp_create_temporary(dir_fd, temporary);
	if (fd < 0)
		return because(why, RC_DISK, "make %s: %s", name, strerror(errno));
	rc = wsp_create_fill(fd, r, allocate, &w, why);
	if (rc == RC_OK && rename_new(dir_fd, temporary, name) < 0)
		rc = name_failed(name, why);
	/* Gone already when it was renamed, still there when it was linked or failed. */
	unlinkat(dir_fd, temporary, 0);
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	w.fd = fd;
	w.zero_from = w.archive[0].offset;
	*out = w;
	return RC_OK;
}

enum rc wsp_create(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate, struct wsp *out,
		   struct why *why)
{
	struct wsp w;
	enum rc rc;
	int fd;

	must(strchr(name, '/') == NULL && name[0] != '\0');
	rc = wsp_header_check(r, why);
	if (rc != RC_OK)
		return rc;
	fd = wsp_create_nameless(dir_fd);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return wsp_create_renamed(dir_fd, name, r, allocate, out, why);
	if (fd < 0)
		return because(why, RC_DISK, "make %s: %s", name, strerror(errno));
	rc = wsp_create_fill(fd, r, allocate, &w, why);
	if (rc == RC_OK && wsp_create_link(fd, dir_fd, name) < 0) {
		if (errno == ENOENT) { /* no /proc here */
			close(fd);
			return wsp_create_renamed(dir_fd, name, r, allocate, out, why);
		}
		rc = name_failed(name, why);
	}
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	w.fd = fd;
	w.zero_from = w.archive[0].offset;
	*out = w;
	return RC_OK;
}
