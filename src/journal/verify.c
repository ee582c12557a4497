/* A look at every file of a journal, for people; takes nothing and changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "journal/directory.h"
#include "journal/journal.h"
#include "journal/records.h"

/* Is the name still that of the open file? A daemon may have retired it, and written something else into it. */
static bool same_file(int dir_fd, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(dir_fd, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &by_fd) == 0 &&
	       by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

static void count(struct journal_segment_info *info, const struct directory_file *file, const struct format_record *r,
		  const unsigned char *body)
{
	struct series s;
	size_t at = 0;
	uint32_t id;

	info->n_records++;
	info->run = r->run;
	if (file->kind == DIRECTORY_NAMES) {
		while (at < r->n && format_name_get(body, r->n, &at, &id, &s))
			info->n_points++;
		return;
	}
	info->n_points += r->n;
	if (info->first_accepted_s == 0 || r->word < info->first_accepted_s)
		info->first_accepted_s = r->word;
	if (r->word > info->last_accepted_s)
		info->last_accepted_s = r->word;
}

/* What was found of one file. */
struct look {
	char name[DIRECTORY_NAME_BYTES];
	struct journal_segment_info info; /* why says what is wrong */
	enum rc rc;                       /* RC_ABSENT it went away meanwhile; RC_DAMAGED, RC_DISK */
	bool end_damaged;                 /* when its run went on in a later segment */
	struct why end_why;
};

static enum rc look_at(int dir_fd, const struct directory_file *file, unsigned char *window, struct look *l)
{
	struct journal_segment_info *info = &l->info;

	enum format_kind kind = file->kind == DIRECTORY_SEGMENT ? FORMAT_SEGMENT : FORMAT_NAMES;
	int fd = fileio_open_at(dir_fd, l->name, O_RDONLY, 0);
	const unsigned char *body;
	struct format_record r;
	struct records records;
	enum rc rc;

	if (fd < 0)
		return because(&info->why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open: %s", strerror(errno));
	rc = records_open(&records, fd, kind, file->number, window, &info->why);
	if (rc == RC_OK && records.has_page)
		info->run = records.page.run;
	while (rc == RC_OK) {
		rc = records_next(&records, &r, &body, &info->why);
		if (rc == RC_OK)
			count(info, file, &r, body);
	}
	if (rc == RC_END) {
		info->n_damaged_bytes = records.n_damaged_bytes;
		info->torn = records.torn;
		info->why = records.why;
		rc = records.damaged ? RC_DAMAGED : RC_OK;
		l->end_damaged = rc == RC_OK && records_end_damaged(&records);
		l->end_why = records.why;
	} else if (rc == RC_REFUSED) {
		rc = RC_DAMAGED;
	}
	if ((rc == RC_DAMAGED || l->end_damaged) && !same_file(dir_fd, l->name, fd))
		rc = RC_ABSENT;
	close(fd);
	return rc;
}

/* Set aside, or before a segment that its run went on in: what is missing at the end had been synced. */
static void judge_end(const struct directory_file *file, struct look *look, size_t i, size_t n)
{
	bool proved = file[i].aside;

	if (look[i].rc != RC_OK || !look[i].end_damaged || file[i].kind != DIRECTORY_SEGMENT)
		return;
	for (size_t k = 0; k < n && !proved; k++)
		proved = file[k].kind == DIRECTORY_SEGMENT && file[k].number > file[i].number &&
			 look[k].info.run == look[i].info.run && look[k].info.n_records > 0;
	if (!proved)
		return;
	look[i].rc = RC_DAMAGED;
	look[i].info.why = look[i].end_why;
}

enum rc journal_verify(const char *path, void (*each)(void *argument, const struct journal_segment_info *info),
		       void *argument, struct why *why)
{
	uint32_t highest[DIRECTORY_N_KINDS];
	struct directory_file *file = NULL;
	unsigned char *window = NULL;
	struct look *look = NULL;
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc, worst = RC_OK;
	size_t n = 0;

	if (dir_fd < 0)
		return because(why, errno == ENOENT || errno == ENOTDIR ? RC_ABSENT : RC_DISK, "open %s: %s", path,
			       strerror(errno));
	rc = directory_list(dir_fd, &file, &n, highest, why);
	if (rc != RC_OK) {
		why_prepend(why, "%s", path);
		goto out;
	}
	window = must_alloc(RECORDS_WINDOW_BYTES);
	look = must_alloc((n + 1) * sizeof(*look));
	for (size_t i = 0; i < n; i++) {
		struct look *l = &look[i];

		l->rc = RC_ABSENT;
		if (file[i].kind == DIRECTORY_SPARE)
			continue;
		directory_name(l->name, file[i].kind, file[i].number, file[i].aside);
		l->info.name = l->name;
		l->info.number = file[i].number;
		l->info.n_bytes = file[i].n_bytes;
		l->rc = look_at(dir_fd, &file[i], window, l);
	}
	for (size_t i = 0; i < n; i++) {
		const struct look *l = &look[i];

		judge_end(file, look, i, n);
		if (l->rc == RC_ABSENT)
			continue;
		if (l->rc != RC_OK && worst != RC_DISK)
			worst = because(why, l->rc, "%s/%s: %s", path, l->name, l->info.why.text);
		each(argument, &l->info);
	}
	rc = worst;
out:
	free(file);
	free(window);
	free(look);
	close(dir_fd);
	return rc;
}
