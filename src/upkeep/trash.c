#include "upkeep/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "upkeep/disk.h"
#include "values/wsp_tree.h"

static const char near_name[] = ".trash", entry_name[] = "entry.json", done_name[] = "done";
static const char removing[] = ".removing-", copying[] = ".copying-", making[] = ".making";

enum { MOST_OF_ONE_SECOND = 100000, STAMP_BYTES = 24 };

static bool is_elsewhere(const struct trash *t)
{
	return t->path != NULL;
}

static enum rc open_near(const struct trash *t, bool make, int *out, struct why *why)
{
	return disk_open(t->root_fd, text_of(near_name), make, out, why);
}

/* Behind links of the administrator's, if he has some. */
static enum rc open_far(const struct trash *t, int *out, struct why *why)
{
	int fd;
	enum rc rc = tree_open_root(t->path, &fd, why);

	if (rc != RC_OK)
		return rc;
	*out = fileio_open_in(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (*out < 0)
		rc = because(why, RC_DISK, "open folder %s: %s", t->path, strerror(errno));
	close(fd);
	return rc;
}

bool trash_is_there(const struct trash *t)
{
	int fd;

	if (!is_elsewhere(t))
		return true;
	if (open_far(t, &fd, NULL) != RC_OK)
		return false;
	close(fd);
	return true;
}

void trash_entry_close(struct trash_entry *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->above_fd >= 0)
		close(t->above_fd);
	t->fd = t->above_fd = -1;
	entry_fini(&t->entry);
	buf_fini(&t->document);
}

static void begin_entry(struct trash_entry *t, bool near)
{
	*t = (struct trash_entry){ .near = near, .above_fd = -1, .fd = -1 };
	entry_init(&t->entry);
	buf_init(&t->document, ENTRY_MAX_BYTES);
}

static void stamp_of(int64_t time_s, char out[STAMP_BYTES])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, STAMP_BYTES, "%Y%m%dT%H%M%SZ", &tm) == 0)
		snprintf(out, STAMP_BYTES, "00000000T000000Z");
}

/* From the name it has now to the first that is free in both folders; far_fd: -1 when that one cannot be seen. */
static enum rc take_name(struct trash_entry *e, const char *now, const char *stamp, int far_fd, struct why *why)
{
	enum rc rc = RC_REFUSED;

	for (unsigned i = 1; rc == RC_REFUSED && i < MOST_OF_ONE_SECOND; i++) {
		snprintf(e->name, sizeof(e->name), "%s-%u", stamp, i);
		if (far_fd < 0 || !disk_has(far_fd, e->name))
			rc = disk_move(e->above_fd, now, e->above_fd, e->name, why);
	}
	return rc;
}

/* It gets its name once its entry.json is in it. */
static enum rc show(const struct trash *t, struct trash_entry *e, int64_t time_s, struct why *why)
{
	char stamp[STAMP_BYTES];
	int far_fd = -1;
	enum rc rc;

	if (is_elsewhere(t) && open_far(t, &far_fd, NULL) != RC_OK)
		far_fd = -1; /* away: move_on() looks again */
	stamp_of(time_s, stamp);
	rc = take_name(e, making, stamp, far_fd, why);
	if (far_fd >= 0)
		close(far_fd);
	return rc;
}

static enum rc make(const struct trash *t, const struct entry *what, struct trash_entry *e, struct why *why)
{
	enum rc rc = open_near(t, true, &e->above_fd, why);

	if (rc == RC_OK)
		rc = disk_remove(e->above_fd, making, why);
	if (rc == RC_OK)
		rc = disk_open(e->above_fd, text_of(making), true, &e->fd, why);
	if (rc != RC_OK)
		return rc;
	entry_print(what, &e->document);
	if (e->document.full)
		return because(why, RC_FULL, "the metadata of this host is over %d bytes", ENTRY_MAX_BYTES);
	rc = disk_write(e->fd, entry_name, buf_text(&e->document), why);
	return rc == RC_OK ? show(t, e, what->time_s, why) : rc;
}

enum rc trash_begin(const struct trash *t, const struct entry *what, struct trash_entry *out, struct why *why)
{
	struct trash_entry e;
	enum rc rc;

	begin_entry(&e, true);
	rc = make(t, what, &e, why);
	if (rc == RC_OK)
		*out = e;
	else
		trash_entry_close(&e);
	return rc;
}

enum rc trash_remove(int above_fd, const char *name, struct why *why)
{
	char going[TRASH_NAME_BYTES + sizeof(removing)];
	enum rc rc;

	snprintf(going, sizeof(going), "%s%s", removing, name);
	rc = disk_remove(above_fd, going, why);
	if (rc == RC_OK)
		rc = disk_move(above_fd, name, above_fd, going, why);
	return rc == RC_OK ? disk_remove(above_fd, going, why) : rc;
}

enum rc trash_drop(struct trash_entry *e, struct why *why)
{
	return trash_remove(e->above_fd, e->name, why);
}

/* On to another file system: whole there before it goes here. */
static enum rc copy_on(int near_fd, int far_fd, const char *name, struct why *why)
{
	char fresh[TRASH_NAME_BYTES + sizeof(copying)];
	enum rc rc;

	snprintf(fresh, sizeof(fresh), "%s%s", copying, name);
	rc = disk_remove(far_fd, fresh, why);
	if (rc == RC_OK)
		rc = disk_copy(near_fd, name, far_fd, fresh, why);
	if (rc == RC_OK)
		rc = disk_move(far_fd, fresh, far_fd, name, why);
	return rc == RC_OK ? trash_remove(near_fd, name, why) : rc;
}

/* Another entry has its name: that trash was away when it was given one. */
static enum rc rename_near(struct trash_entry *e, int far_fd, struct why *why)
{
	char now[TRASH_NAME_BYTES], stamp[STAMP_BYTES];
	size_t n = strcspn(e->name, "-");
	enum rc rc;

	memcpy(now, e->name, sizeof(now));
	snprintf(stamp, sizeof(stamp), "%.*s", n < STAMP_BYTES ? (int)n : 0, now);
	rc = take_name(e, now, stamp, far_fd, why);
	if (rc != RC_OK)
		memcpy(e->name, now, sizeof(now));
	return rc;
}

static enum rc move_on(const struct trash *t, struct trash_entry *e, struct why *why)
{
	int far_fd;
	enum rc rc = open_far(t, &far_fd, why);

	if (rc != RC_OK)
		return rc;
	if (disk_is_same(e->above_fd, far_fd, e->name)) { /* copied already, when it was cut short */
		rc = trash_remove(e->above_fd, e->name, why);
		close(far_fd);
		return rc;
	}
	if (disk_has(far_fd, e->name))
		rc = rename_near(e, far_fd, why);
	if (rc == RC_OK)
		rc = disk_move(e->above_fd, e->name, far_fd, e->name, why);
	if (rc == RC_END)
		rc = copy_on(e->above_fd, far_fd, e->name, why);
	close(far_fd);
	return rc;
}

enum rc trash_seal(const struct trash *t, struct trash_entry *e, struct why *why)
{
	static struct log_limit limit;
	struct why second = { "" };
	enum rc rc = e->done ? RC_OK : disk_write(e->fd, done_name, TEXT(""), why);

	if (rc == RC_OK && is_elsewhere(t) && e->near && move_on(t, e, &second) != RC_OK)
		log_limited(&limit, LOG_LEVEL_WARNING, "upkeep.trash_away",
			    "entry=%s why=\"%s\": stays in .trash, tried again", e->name, second.text);
	return rc;
}

static enum rc read_entry(struct trash_entry *e, struct why *why)
{
	struct why damage = { "" };
	int fd = fileio_open_in(e->fd, entry_name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	char *at;
	enum rc rc = RC_OK;

	e->done = disk_has_file(e->fd, done_name);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > ENTRY_MAX_BYTES) {
		e->damaged = true;
	} else {
		at = buf_room(&e->document, (size_t)st.st_size + 1);
		must(at != NULL);
		rc = fileio_pread(fd, at, (size_t)st.st_size, 0, why);
		e->document.n = rc == RC_OK ? (size_t)st.st_size : 0;
		if (rc == RC_OK)
			e->damaged = entry_read(buf_text(&e->document), &e->entry, &damage) != RC_OK;
	}
	if (e->damaged) { /* nothing of it counts */
		entry_fini(&e->entry);
		entry_init(&e->entry);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static enum rc each_in(int above_fd, bool near, trash_each_fn *fn, void *argument, struct why *why)
{
	struct disk_names names;
	enum rc rc = disk_list(above_fd, false, &names, why);

	for (size_t i = 0; rc == RC_OK && i < names.n; i++) {
		struct trash_entry e;

		if (strlen(names.name[i]) >= TRASH_NAME_BYTES || !disk_has_folder(above_fd, names.name[i]))
			continue;
		begin_entry(&e, near);
		snprintf(e.name, sizeof(e.name), "%s", names.name[i]);
		rc = disk_open(above_fd, TEXT(""), false, &e.above_fd, why);
		if (rc == RC_OK)
			rc = disk_open(above_fd, text_of(e.name), false, &e.fd, why);
		if (rc == RC_OK)
			rc = read_entry(&e, why);
		if (rc == RC_OK)
			rc = fn(argument, &e, why);
		else if (rc == RC_ABSENT)
			rc = RC_OK;
		trash_entry_close(&e);
	}
	disk_names_fini(&names);
	return rc;
}

/* fn, in each of the one or two folders. */
static enum rc in_folders(const struct trash *t, enum rc (*fn)(int fd, bool near, void *argument, struct why *why),
			  void *argument, struct why *why)
{
	static struct log_limit limit;
	struct why away = { "" };
	int fd;
	enum rc rc = RC_OK;

	if (is_elsewhere(t) && open_far(t, &fd, &away) == RC_OK) {
		rc = fn(fd, false, argument, why);
		close(fd);
	} else if (is_elsewhere(t)) {
		log_limited(&limit, LOG_LEVEL_WARNING, "upkeep.trash_away", "why=\"%s\"", away.text);
	}
	if (rc != RC_OK)
		return rc;
	rc = open_near(t, false, &fd, why);
	if (rc != RC_OK)
		return rc == RC_ABSENT ? RC_OK : rc;
	rc = fn(fd, true, argument, why);
	close(fd);
	return rc;
}

struct each {
	trash_each_fn *fn;
	void *argument;
};

static enum rc run_each(int fd, bool near, void *argument, struct why *why)
{
	const struct each *x = argument;

	return each_in(fd, near, x->fn, x->argument, why);
}

enum rc trash_each(const struct trash *t, trash_each_fn *fn, void *argument, struct why *why)
{
	enum rc rc = in_folders(t, run_each, &(struct each){ fn, argument }, why);

	return rc == RC_END ? RC_OK : rc;
}

static enum rc sweep(int fd, bool near, void *argument, struct why *why)
{
	struct disk_names names;
	enum rc rc = disk_list(fd, true, &names, why);

	(void)near;
	(void)argument;
	for (size_t i = 0; rc == RC_OK && i < names.n; i++)
		if (strncmp(names.name[i], removing, strlen(removing)) == 0 ||
		    strncmp(names.name[i], copying, strlen(copying)) == 0 || strcmp(names.name[i], making) == 0)
			rc = disk_remove(fd, names.name[i], why);
	disk_names_fini(&names);
	return rc;
}

enum rc trash_sweep(const struct trash *t, struct why *why)
{
	return in_folders(t, sweep, NULL, why);
}
