/* The way out of `simulate`: one JSON a line at a file's end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "poller/compose.h"
#include "poller/sink.h"

struct sink_file {
	struct sink sink;
	const char *path;
};

static enum rc send_file(struct sink *self, const struct parcel *parcel, size_t n, size_t *n_done, struct why *why)
{
	struct sink_file *s = (struct sink_file *)self;
	struct buf lines;
	struct stat stat;
	enum rc rc;
	int fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);

	*n_done = 0;
	if (fd < 0)
		return because(why, RC_DISK, "simulate_file: open %s: %s", s->path, strerror(errno));
	if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		close(fd);
		return because(why, RC_DISK, "simulate_file: %s: expected a regular file", s->path);
	}
	buf_init(&lines, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		compose_line(&lines, &parcel[i]);
	rc = fileio_write(fd, lines.at, lines.n, why);
	if (rc == RC_OK)
		*n_done = n;
	else /* all of it comes again: no half of it may stay */
		(void)!fileio_truncate(fd, (uint64_t)stat.st_size, NULL);
	buf_fini(&lines);
	close(fd);
	return rc;
}

static void free_file(struct sink *self)
{
	free(self);
}

static const struct sink_class class_file = { "simulate_file", send_file, NULL, free_file };

struct sink *sink_file_new(const struct poller_config *c)
{
	struct sink_file *s = must_alloc(sizeof(*s));

	s->sink.class = &class_file;
	s->path = c->simulate_file;
	return &s->sink;
}
