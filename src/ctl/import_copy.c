#include "ctl/import_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "ctl/import_staging.h"
#include "values/wsp_verify.h"
#include "wsp/wsp.h"

enum { TRIES = 25, PAUSE_MS = 20, CHUNK_BYTES = 1 << 16 };

static enum rc copy_bytes(int from, int to, uint64_t n, struct why *why)
{
	char chunk[CHUNK_BYTES];
	enum rc rc = RC_OK;

	for (uint64_t done = 0; done < n && rc == RC_OK;) {
		size_t n_now = n - done < sizeof(chunk) ? (size_t)(n - done) : sizeof(chunk);

		rc = fileio_pread(from, chunk, n_now, done, why);
		if (rc == RC_OK)
			rc = fileio_pwrite(to, chunk, n_now, done, why);
		done += n_now;
	}
	return rc;
}

/* A copy during which the file did not change is the file as it was at one moment. */
static enum rc copy_whole(int from, int to, uint64_t n, struct why *why)
{
	for (int i = 0; i < TRIES; i++) {
		struct stat before, after;
		enum rc rc;

		if (i > 0)
			nanosleep(&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
		if (fstat(from, &before) < 0)
			return because(why, RC_DISK, "%s", strerror(errno));
		if (!wsp_is_settled(&before, NULL))
			continue;
		rc = copy_bytes(from, to, n, why);
		if (rc != RC_OK)
			return rc;
		if (fstat(from, &after) < 0)
			return because(why, RC_DISK, "%s", strerror(errno));
		if (wsp_is_settled(&after, &before))
			return RC_OK;
	}
	return because(why, RC_PEER, "it is being written all the time");
}

enum rc import_copy_wsp(int fd, int staging_fd, const char *name, uint64_t *n_points, struct why *why)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), to = -1;
	struct wsp w;
	enum rc rc;

	if (own < 0)
		return because(why, RC_DISK, "%s", strerror(errno));
	rc = wsp_attach(own, &w, why);
	if (rc != RC_OK)
		return rc;
	to = staging_create(staging_fd, name);
	if (to < 0)
		rc = because(why, RC_DISK, "make %s: %s", name, strerror(errno));
	else
		rc = copy_whole(fd, to, wsp_length(&w), why);
	wsp_close(&w);
	if (rc == RC_OK)
		rc = wsp_attach(to, &w, why);
	else if (to >= 0)
		close(to);
	if (rc != RC_OK)
		return rc;
	rc = wsp_count(&w, n_points, why);
	if (rc == RC_OK && *n_points == 0)
		rc = RC_END;
	wsp_close(&w);
	return rc;
}
