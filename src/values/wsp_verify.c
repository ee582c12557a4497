#include "values/wsp_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"

enum {
	SETTLED_MS = 20,  /* the kernel's times of change are that coarse, at least */
	COARSE_MS = 2000, /* where they seem to be in whole seconds */
	MOST_TRIES = 50,
};

bool wsp_is_settled(const struct stat *st, const struct stat *before)
{
	struct timespec now;
	int64_t age_ms;

	if (before != NULL)
		return st->st_ino == before->st_ino && st->st_size == before->st_size &&
		       st->st_ctim.tv_sec == before->st_ctim.tv_sec && st->st_ctim.tv_nsec == before->st_ctim.tv_nsec;
	clock_gettime(CLOCK_REALTIME, &now);
	age_ms = (int64_t)(now.tv_sec - st->st_ctim.tv_sec) * 1000 + (now.tv_nsec - st->st_ctim.tv_nsec) / 1000000;
	return age_ms >= (st->st_ctim.tv_nsec == 0 ? COARSE_MS : SETTLED_MS) || age_ms < 0;
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){ 0, SETTLED_MS * 1000000L }, NULL);
}

static bool may_be_written_by(const struct stat *st, uid_t uid, gid_t gid)
{
	unsigned bits = st->st_uid == uid ? st->st_mode >> 6 : st->st_gid == gid ? st->st_mode >> 3 : st->st_mode;

	return uid == 0 || (bits & 6) == 6;
}

static void tell(const struct wsp_verify *v, const char *kind, const char *format, ...) PRINTF_LIKE(3, 4);
static void tell(const struct wsp_verify *v, const char *kind, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	v->found(v->argument, kind, text);
}

static void tell_slots(const struct wsp_verify *v, const struct wsp_archive *a, const struct wsp_scan *s)
{
	const struct {
		const char *kind, *what;
		uint64_t n;
	} kinds[] = {
		{ "time", "a time that is no multiple of the step", s->n_off_step },
		{ "future", "a time in the future", s->n_future },
		{ "place", "a time of another slot", s->n_misplaced },
		{ "nan", "no number as value", s->n_nan },
	};

	if (s->base_lost)
		tell(v, "base", "archive of %" PRIu32 " s: the first slot, by which readers find the others, is lost",
		     a->step_s);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].n > 0)
			tell(v, kinds[i].kind,
			     "archive of %" PRIu32 " s: %" PRIu64 " of %" PRIu32
			     " slots with %s (first bad slot: %" PRIu32 ")",
			     a->step_s, kinds[i].n, a->n_points, kinds[i].what, s->first_bad);
}

static void tell_all(const struct wsp_verify *v, const struct wsp_checked *c)
{
	if (c->header_bad) {
		tell(v, "header", "%s", c->header_why.text);
		return;
	}
	if (c->file_bytes != c->expected_bytes)
		tell(v, c->file_bytes < c->expected_bytes ? "short" : "long",
		     "%" PRIu64 " bytes, the archives take %" PRIu64, c->file_bytes, c->expected_bytes);
	for (size_t i = 0; i < c->wsp.n_archives; i++)
		tell_slots(v, &c->wsp.archive[i], &c->scan[i]);
}

/* Look until it is fine or was not written while we looked. */
static enum rc check_settled(int fd, int64_t latest_s, struct stat *before, struct wsp_checked *c, struct why *why)
{
	struct stat after;

	for (int i = 0;; i++) {
		enum rc rc;

		if (fstat(fd, before) < 0)
			return because(why, RC_DISK, "stat: %s", strerror(errno));
		rc = wsp_check(fd, latest_s, c, why);
		if ((rc == RC_OK && wsp_checked_fine(c)) || i == MOST_TRIES)
			return rc;
		if (fstat(fd, &after) == 0 && wsp_is_settled(before, NULL) && wsp_is_settled(&after, before))
			return rc;
		pause_a_little();
	}
}

enum rc wsp_verify_file(const struct wsp_verify *v, const struct wsp_found *f, bool *damaged, struct why *why)
{
	int fd = fileio_open_in(f->dir_fd, f->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct wsp_checked c = { .regular = false };
	struct stat st = { .st_size = 0 };
	enum rc rc;

	*damaged = false;
	if (fd < 0 && errno == ENOENT)
		return because(why, RC_ABSENT, "gone");
	if (fd < 0) {
		tell(v, "unreadable", "open: %s", strerror(errno));
		return RC_OK;
	}
	rc = check_settled(fd, v->latest_s, &st, &c, why);
	close(fd);
	if (rc != RC_OK) {
		tell(v, "unreadable", "%s", why->text);
		return RC_OK;
	}
	*damaged = !wsp_checked_fine(&c);
	if (*damaged)
		tell_all(v, &c);
	if (v->has_owner && !may_be_written_by(&st, v->uid, v->gid))
		tell(v, "owner", "the daemon's user may not read and write it: owner %lu, group %lu, mode %04o",
		     (unsigned long)st.st_uid, (unsigned long)st.st_gid, (unsigned)st.st_mode & 07777);
	return RC_OK;
}
