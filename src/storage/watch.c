#include "storage/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { MOST_STEPS = 64, MOST_LINKS = 40, READ_BYTES = 16 * 1024 };

/* One folder on the way, and the name in it that matters. */
struct step {
	int descriptor;
	char *folder, *name;
};

struct watch {
	char *path;
	int fd; /* -1: none could be had yet */
	struct step step[MOST_STEPS];
	size_t n_steps;
	bool stands;       /* the whole way is watched */
	struct mono tried; /* to make it stand */
	bool signs;        /* since first, last at last */
	bool is_written;   /* somebody has begun and not ended */
	struct mono first, last;
	struct watch_state seen;
};

struct watch_state watch_look(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct watch_state){ .device = 0 };
	return (struct watch_state){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
}

static bool is_same(const struct watch_state *a, const struct watch_state *b)
{
	return a->device == b->device && a->inode == b->inode && a->n_bytes == b->n_bytes &&
	       a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* False: errno says why. */
static bool add_step(struct watch *w, const char *folder, const char *name)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
			      IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	int descriptor = inotify_add_watch(w->fd, folder[0] == '\0' ? "/" : folder, mask);

	if (descriptor >= 0 && w->n_steps < MOST_STEPS)
		w->step[w->n_steps++] = (struct step){ descriptor, must_strdup(folder), must_strdup(name) };
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

static void forget(struct step *step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(step[i].folder);
		free(step[i].name);
	}
}

static bool has_descriptor(const struct watch *w, int descriptor)
{
	for (size_t i = 0; i < w->n_steps; i++)
		if (w->step[i].descriptor == descriptor)
			return true;
	return false;
}

/* Watch the way as it is now. What was watched and still is stays so all along: nothing is missed in between. */
static void watch_way(struct watch *w, struct mono now)
{
	static struct log_limit limit = { .burst = 1 };
	struct step before[MOST_STEPS];
	size_t n_before = w->n_steps;

	if (w->fd < 0)
		w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	memcpy(before, w->step, n_before * sizeof(*before));
	w->n_steps = 0;
	w->tried = now;
	w->stands = w->fd >= 0 && follow_way(w);
	if (!w->stands)
		log_limited(&limit, LOG_LEVEL_WARNING, "reload.not_watching",
			    "file=\"%s\" why=\"inotify: %s\": looked at every %d s until it can be watched", w->path,
			    strerror(errno), WATCH_LOOK_MS / 1000);
	for (size_t i = 0; i < n_before; i++)
		if (!has_descriptor(w, before[i].descriptor))
			inotify_rm_watch(w->fd, before[i].descriptor); /* of one folder twice: fails the second time */
	forget(before, n_before);
}

static void note_sign(struct watch *w, struct mono now)
{
	if (!w->signs)
		w->first = now;
	w->signs = true;
	w->last = now;
}

struct watch *watch_new(const char *path, struct watch_state seen)
{
	struct watch *w = must_alloc(sizeof(*w));

	w->fd = -1;
	w->path = must_strdup(path);
	w->seen = seen;
	watch_way(w, mono_now());
	note_sign(w, mono_now()); /* it may have changed before it was watched */
	return w;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	forget(w->step, w->n_steps);
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w == NULL ? -1 : w->fd;
}

/* A new file is empty, and its writer tells when he has ended. A link to one that has its content already is a change. */
static bool is_begun(const struct step *step, const struct inotify_event *e)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", step->folder, step->name);

	return (e->mask & (IN_CREATE | IN_ISDIR)) == IN_CREATE && n > 0 && (size_t)n < sizeof(path) &&
	       lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static void take_event(struct watch *w, const struct inotify_event *e, struct mono now)
{
	if ((e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
		w->is_written = false;
		note_sign(w, now);
		return;
	}
	for (size_t i = 0; i < w->n_steps; i++) {
		if (w->step[i].descriptor != e->wd || e->len == 0 || strcmp(w->step[i].name, e->name) != 0)
			continue;
		if ((e->mask & IN_MODIFY) != 0 || is_begun(&w->step[i], e))
			w->is_written = true;
		else if ((e->mask & IN_ATTRIB) == 0)
			w->is_written = false;
		note_sign(w, now);
		return;
	}
}

void watch_read(struct watch *w, struct mono now)
{
	_Alignas(struct inotify_event) char bytes[READ_BYTES];
	ssize_t n;

	while (w != NULL && w->fd >= 0 && (n = read(w->fd, bytes, sizeof(bytes))) > 0)
		for (const char *at = bytes; at < bytes + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)at;

			take_event(w, e, now);
			at += sizeof(*e) + e->len;
		}
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until the signs are to be followed by a look. */
static int64_t signs_due_ms(const struct watch *w, struct mono now)
{
	if (w->is_written)
		return WATCH_WRITTEN_MS - mono_ms_between(w->last, now);
	return least(WATCH_QUIET_MS - mono_ms_between(w->last, now), WATCH_MOST_MS - mono_ms_between(w->first, now));
}

/* Until there is a look without a sign, where none may come. */
static int64_t look_due_ms(const struct watch *w, struct mono now)
{
	return WATCH_LOOK_MS - mono_ms_between(w->tried, now);
}

int watch_due_ms(const struct watch *w, struct mono now)
{
	int64_t due = INT_MAX - 1;

	if (w == NULL || (w->stands && !w->signs))
		return -1;
	if (!w->stands)
		due = look_due_ms(w, now);
	if (w->signs)
		due = least(due, signs_due_ms(w, now));
	return due < 0 ? 0 : (int)due + 1;
}

bool watch_changed(struct watch *w, struct mono now)
{
	struct watch_state is;
	bool by_signs;

	if (w == NULL)
		return false;
	by_signs = w->signs && signs_due_ms(w, now) <= 0;
	if (!by_signs && (w->stands || look_due_ms(w, now) > 0))
		return false;
	if (by_signs)
		w->signs = w->is_written = false;
	/* the way may be another one now: first watch it, then look where it ends, unless something goes on there */
	watch_way(w, now);
	watch_read(w, now);
	if (w->is_written || (w->signs && !by_signs))
		return false;
	is = watch_look(w->path);
	return !is_same(&is, &w->seen);
}

void watch_seen(struct watch *w, struct watch_state seen)
{
	if (w != NULL)
		w->seen = seen;
}
