#include "upkeep/put_back.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "upkeep/disk.h"
#include "wsp/wsp.h"

enum { MOST_DEPTH = 64 };

static bool is_wsp(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".wsp") == 0;
}

static enum rc open_wsp(int dir_fd, const char *name, int flags, struct wsp *out, struct why *why)
{
	int fd = fileio_open_in(dir_fd, name, flags | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return because(why, RC_DISK, "open %s: %s", name, strerror(errno));
	return wsp_attach(fd, out, why);
}

/* The file was begun anew: it is kept, and gets what it lacks. What it has no room for stays in the trash, with the rest. */
static enum rc fill(struct put_back *p, int from_fd, int to_fd, const char *name, struct why *why)
{
	uint64_t n_lost = 0;
	struct wsp from, into;
	enum rc rc = open_wsp(from_fd, name, O_RDONLY, &from, why);

	if (rc == RC_DAMAGED) { /* nothing can be had of it as it is */
		p->n_damaged++;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	rc = open_wsp(to_fd, name, O_RDWR, &into, why);
	if (rc == RC_OK) {
		rc = wsp_fill(&into, &from, p->latest_s, why);
		if (rc == RC_OK)
			rc = wsp_lost(&into, &from, p->latest_s, &n_lost, why);
		if (rc == RC_OK)
			rc = fileio_sync(into.fd, why);
		wsp_close(&into);
	} else if (rc == RC_DAMAGED) {
		rc = because(why, RC_REFUSED, "%s stands there, damaged: see numeterctl verify", name);
	}
	wsp_close(&from);
	if (rc == RC_OK) {
		p->n_filled++;
		p->n_without_room += n_lost > 0;
	}
	if (rc == RC_OK && n_lost == 0)
		rc = fileio_unlink_at(from_fd, name, why);
	return rc;
}

static enum rc put_all(struct put_back *p, int from_fd, int to_fd, unsigned depth, struct why *why);

/* How many files lie below. */
static uint64_t count(int dir_fd, const char *name, unsigned depth)
{
	struct disk_names names;
	uint64_t n = 0;
	int fd;

	if (disk_has_file(dir_fd, name))
		return 1;
	if (depth > MOST_DEPTH || disk_open(dir_fd, text_of(name), false, &fd, NULL) != RC_OK)
		return 0;
	if (disk_list(fd, false, &names, NULL) == RC_OK) {
		for (size_t i = 0; i < names.n; i++)
			n += count(fd, names.name[i], depth + 1);
		disk_names_fini(&names);
	}
	close(fd);
	return n;
}

/* Nothing of this name stands there: the whole of it goes. */
static enum rc move_whole(struct put_back *p, int from_fd, const char *from, int to_fd, const char *to, struct why *why)
{
	uint64_t n = count(from_fd, from, 0);
	enum rc rc = disk_rename(from_fd, from, to_fd, to, why);

	if (rc == RC_OK)
		p->n_files += n;
	return rc;
}

static enum rc put_one(struct put_back *p, int from_fd, int to_fd, const char *name, unsigned depth, struct why *why)
{
	int below_from = -1, below_to = -1;
	enum rc rc;

	if (!disk_has_file(from_fd, name) && !disk_has_folder(from_fd, name))
		return RC_OK; /* a link: it goes with the trash */
	if (!disk_has(to_fd, name))
		return move_whole(p, from_fd, name, to_fd, name, why);
	if (disk_has_file(from_fd, name))
		return is_wsp(name) ? fill(p, from_fd, to_fd, name, why) : RC_OK;
	rc = disk_open(from_fd, text_of(name), false, &below_from, why);
	if (rc == RC_OK)
		rc = disk_open(to_fd, text_of(name), true, &below_to, why);
	if (rc == RC_OK)
		rc = put_all(p, below_from, below_to, depth + 1, why);
	if (below_from >= 0)
		close(below_from);
	if (below_to >= 0)
		close(below_to);
	return rc;
}

static enum rc put_all(struct put_back *p, int from_fd, int to_fd, unsigned depth, struct why *why)
{
	struct disk_names names;
	enum rc rc = depth > MOST_DEPTH ? because(why, RC_REFUSED, "over %d folders deep", MOST_DEPTH)
					: disk_list(from_fd, true, &names, why);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; rc == RC_OK && i < names.n; i++)
		rc = put_one(p, from_fd, to_fd, names.name[i], depth, why);
	disk_names_fini(&names);
	return rc;
}

enum rc put_back(void *argument, struct why *why)
{
	struct put_back *p = argument;
	char name[DISK_NAME_BYTES];
	int above_fd = -1, from_fd = -1, to_fd = -1;
	enum rc rc = disk_open_above(p->u->root_fd, p->folder, true, &above_fd, name, why);

	if (rc == RC_OK && !disk_has_folder(p->e->fd, "files")) {
		/* a host that had none, or put back already when it was cut short */
	} else if (rc == RC_OK && !disk_has(above_fd, name)) {
		rc = move_whole(p, p->e->fd, "files", above_fd, name, why);
	} else if (rc == RC_OK) {
		rc = disk_open(p->e->fd, TEXT("files"), false, &from_fd, why);
		if (rc == RC_OK)
			rc = disk_open(above_fd, text_of(name), false, &to_fd, why);
		if (rc == RC_OK)
			rc = put_all(p, from_fd, to_fd, 0, why);
	}
	if (rc == RC_OK)
		rc = fileio_sync_all(above_fd, why);
	if (above_fd >= 0)
		close(above_fd);
	if (from_fd >= 0)
		close(from_fd);
	if (to_fd >= 0)
		close(to_fd);
	return rc;
}
