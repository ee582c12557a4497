#include "storage/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { MOST_STEPS = 64, MOST_LINKS = 40, READ_BYTES = 16 * 1024 };

/* One folder on the way, and the name in it that matters. */
struct step {
	int descriptor;
	char *name;
};

/* What tells one state of a file from another; all 0 when it is not there. */
struct state {
	dev_t device;
	ino_t inode;
	off_t n_bytes;
	struct timespec written, changed;
};

struct watch {
	char *path;
	int fd;
	struct step step[MOST_STEPS];
	size_t n_steps;
	bool signs; /* since first, last at last */
	struct mono first, last;
	struct state seen;
};

static struct state look(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct state){ .device = 0 };
	return (struct state){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
}

static bool is_same(const struct state *a, const struct state *b)
{
	return a->device == b->device && a->inode == b->inode && a->n_bytes == b->n_bytes &&
	       a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* False: errno says why. */
static bool add_step(struct watch *w, const char *folder, const char *name)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
			      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	int descriptor = inotify_add_watch(w->fd, folder[0] == '\0' ? "/" : folder, mask);

	if (descriptor >= 0 && w->n_steps < MOST_STEPS)
		w->step[w->n_steps++] = (struct step){ descriptor, must_strdup(name) };
	return descriptor >= 0;
}

/* Take the next name off *rest; false at the end. */
static bool next_name(const char **rest, char out[NAME_MAX + 1])
{
	size_t n;

	*rest += strspn(*rest, "/");
	n = strcspn(*rest, "/");
	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(out, *rest, n);
	out[n] = '\0';
	*rest += n;
	return true;
}

/* Where the way goes on: a link's target in front of what is left of it. False: too long. */
static bool put_before(const char *target, const char *rest, char way[PATH_MAX])
{
	char joined[PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", target, rest);

	if (n < 0 || (size_t)n >= sizeof(joined))
		return false;
	memcpy(way, joined, (size_t)n + 1);
	return true;
}

/*
 * Watch each link on the way for pointing elsewhere, and the file in its folder, or the first thing that is not there. Plain
 * folders are taken as they are, but the last: who moves one of them away moves the whole tree. False: errno says why.
 */
static bool follow_way(struct watch *w)
{
	char way[PATH_MAX], done[PATH_MAX + NAME_MAX + 2] = "", name[NAME_MAX + 1], target[PATH_MAX];
	const char *rest = way;
	unsigned n_links = 0;

	snprintf(way, sizeof(way), "%s", w->path);
	while (next_name(&rest, name)) {
		size_t n_done = strlen(done);
		struct stat st;
		ssize_t n;

		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			char *slash = strrchr(done, '/');

			if (slash != NULL)
				*slash = '\0';
			continue;
		}
		errno = ENAMETOOLONG;
		if (n_done + strlen(name) + 2 > PATH_MAX)
			return false;
		snprintf(done + n_done, sizeof(done) - n_done, "/%s", name);
		if (lstat(done, &st) == 0 && S_ISDIR(st.st_mode))
			continue;
		n = readlink(done, target, sizeof(target) - 1);
		done[n_done] = '\0';
		if (!add_step(w, done, name))
			return false;
		if (n < 0 || ++n_links > MOST_LINKS)
			return true; /* the file, or nothing there */
		target[n] = '\0';
		errno = ENAMETOOLONG;
		if (!put_before(target, rest, way))
			return false;
		rest = way;
		if (target[0] == '/')
			done[0] = '\0';
	}
	return true;
}

static void forget_way(struct watch *w)
{
	for (size_t i = 0; i < w->n_steps; i++) {
		inotify_rm_watch(w->fd, w->step[i].descriptor); /* of one folder twice: fails the second time */
		free(w->step[i].name);
	}
	w->n_steps = 0;
}

static void note_sign(struct watch *w, struct mono now)
{
	if (!w->signs)
		w->first = now;
	w->signs = true;
	w->last = now;
}

enum rc watch_new(const char *path, struct watch **out, struct why *why)
{
	struct watch *w;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return because(why, RC_DISK, "inotify: %s", strerror(errno));
	w = must_alloc(sizeof(*w));
	w->fd = fd;
	w->path = must_strdup(path);
	w->seen = look(path);
	if (!follow_way(w)) {
		enum rc rc = because(why, RC_DISK, "inotify on the way to %s: %s", path, strerror(errno));

		watch_free(w);
		return rc;
	}
	*out = w;
	return RC_OK;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	forget_way(w);
	close(w->fd);
	free(w->path);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w == NULL ? -1 : w->fd;
}

static bool concerns(const struct watch *w, const struct inotify_event *e)
{
	if ((e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0)
		return true;
	for (size_t i = 0; i < w->n_steps; i++)
		if (w->step[i].descriptor == e->wd && e->len > 0 && strcmp(w->step[i].name, e->name) == 0)
			return true;
	return false;
}

void watch_read(struct watch *w, struct mono now)
{
	_Alignas(struct inotify_event) char bytes[READ_BYTES];
	bool sign = false;
	ssize_t n;

	while (w != NULL && (n = read(w->fd, bytes, sizeof(bytes))) > 0)
		for (const char *at = bytes; at < bytes + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)at;

			sign = sign || concerns(w, e);
			at += sizeof(*e) + e->len;
		}
	if (sign)
		note_sign(w, now);
}

int watch_due_ms(const struct watch *w, struct mono now)
{
	int64_t quiet, most;

	if (w == NULL || !w->signs)
		return -1;
	quiet = WATCH_QUIET_MS - mono_ms_between(w->last, now);
	most = WATCH_MOST_MS - mono_ms_between(w->first, now);
	if (most < quiet)
		quiet = most;
	return quiet < 0 ? 0 : (int)quiet + 1;
}

bool watch_changed(struct watch *w, struct mono now)
{
	struct state is;

	if (w == NULL || !w->signs ||
	    (mono_ms_between(w->last, now) < WATCH_QUIET_MS && mono_ms_between(w->first, now) < WATCH_MOST_MS))
		return false;
	w->signs = false;
	/* the way may be another one now: first watch it, then look where it ends */
	forget_way(w);
	(void)follow_way(w);
	is = look(w->path);
	return !is_same(&is, &w->seen);
}

void watch_seen(struct watch *w)
{
	if (w != NULL)
		w->seen = look(w->path);
}
