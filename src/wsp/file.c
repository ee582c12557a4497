#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "wsp/header.h"

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
	/* The first slot of the finest archive is often among these bytes: a read less for the first update. */
	if (w.archive[0].offset + 4 <= n && bytes_get_be32(bytes + w.archive[0].offset) % w.archive[0].step_s == 0)
		w.seen_base_s[0] = bytes_get_be32(bytes + w.archive[0].offset);
	*out = w;
	taken_fd = -1;
out:
	if (taken_fd >= 0)
		close(taken_fd);
	return rc;
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
