#include "wsp/draft.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "wsp/create.h"
#include "wsp/header.h"

enum { PERMISSIONS = 07777 };

enum rc wsp_draft_open(struct wsp_draft *d, int dir_fd, const struct retention *r, enum wsp_allocate allocate,
		       struct why *why)
{
	struct wsp w;
	enum rc rc = wsp_header_check(r, why);
	int fd;

	*d = (struct wsp_draft){ .wsp = { .fd = -1 }, .dir_fd = dir_fd };
	if (rc != RC_OK)
		return rc;
	fd = wsp_create_nameless(dir_fd);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		fd = wsp_create_temporary(dir_fd, d->temporary);
	if (fd < 0) {
		d->temporary[0] = '\0';
		return because(why, RC_DISK, "make a new file: %s", strerror(errno));
	}
	d->wsp.fd = fd;
	rc = wsp_create_fill(fd, r, allocate, &w, why);
	if (rc != RC_OK) {
		wsp_draft_close(d);
		return rc;
	}
	w.fd = fd;
	w.zero_from = w.archive[0].offset;
	d->wsp = w;
	return RC_OK;
}

enum rc wsp_draft_resemble(struct wsp_draft *d, const struct stat *st, struct why *why)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	struct stat own;

	times[1].tv_nsec += times[1].tv_nsec < 999999999 ? 1 : -1;
	if (fstat(d->wsp.fd, &own) < 0)
		return because(why, RC_DISK, "stat: %s", strerror(errno));
	if ((own.st_uid != st->st_uid || own.st_gid != st->st_gid) && fchown(d->wsp.fd, st->st_uid, st->st_gid) < 0)
		return because(why, RC_DISK, "give the new file to user %lu, group %lu: %s", (unsigned long)st->st_uid,
			       (unsigned long)st->st_gid, strerror(errno));
	if (fchmod(d->wsp.fd, st->st_mode & PERMISSIONS) < 0)
		return because(why, RC_DISK, "mode %o: %s", (unsigned)(st->st_mode & PERMISSIONS), strerror(errno));
	if (futimens(d->wsp.fd, times) < 0)
		return because(why, RC_DISK, "time of the last change: %s", strerror(errno));
	return RC_OK;
}

static enum rc name_it(struct wsp_draft *d, struct why *why)
{
	while (d->temporary[0] == '\0') {
		char name[WSP_TEMPORARY_BYTES];

		wsp_temporary_name(name);
		if (wsp_create_link(d->wsp.fd, d->dir_fd, name) == 0)
			memcpy(d->temporary, name, sizeof(name));
		else if (errno != EEXIST)
			return because(why, RC_DISK, "name the new file: %s", strerror(errno));
	}
	return RC_OK;
}

enum rc wsp_draft_replace(struct wsp_draft *d, const char *name, struct why *why)
{
	enum rc rc = name_it(d, why);

	if (rc == RC_OK)
		rc = fileio_rename_at(d->dir_fd, d->temporary, name, why);
	if (rc == RC_OK)
		d->temporary[0] = '\0';
	return rc;
}

void wsp_draft_close(struct wsp_draft *d)
{
	if (d->temporary[0] != '\0')
		unlinkat(d->dir_fd, d->temporary, 0);
	d->temporary[0] = '\0';
	wsp_close(&d->wsp);
}
