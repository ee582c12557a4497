#include "config/listed.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "config/source.h"

enum { FILE_MAX_BYTES = 256 << 20 };

/* Held over reading and replacing, which is all that it is there for: nobody else waits for it. */
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

/* A file that is not there is an empty one. */
static enum rc read_file(const char *path, struct buf *out, struct why *why)
{
	enum rc rc = source_read(path, out, why);

	return rc == RC_ABSENT ? RC_OK : rc;
}

static void put_lines(struct text content, struct map *out)
{
	static char anything;
	struct text line;

	while (source_next_line(&content, &line))
		if (line.n > 0)
			map_put(out, line, &anything);
}

enum rc listed_read(const char *path, struct map *out, struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = read_file(path, &content, why);
	if (rc == RC_OK)
		put_lines(buf_text(&content), out);
	buf_fini(&content);
	return rc;
}

/* Whole or not at all, also after a power cut. */
static enum rc replace(const char *path, struct text content, struct why *why)
{
	char *beside = must_format("%s.new", path), *copy = must_strdup(path);
	int fd = -1, dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (dir_fd < 0) {
		rc = because(why, RC_DISK, "open its folder: %s", strerror(errno));
		goto out;
	}
	fd = fileio_open_at(AT_FDCWD, beside, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) {
		rc = because(why, RC_DISK, "open %s: %s", beside, strerror(errno));
		goto out;
	}
	rc = fileio_write(fd, content.s, content.n, why);
	if (rc == RC_OK)
		rc = fileio_sync(fd, why);
	if (rc == RC_OK)
		rc = fileio_rename_at(AT_FDCWD, beside, path, why);
	if (rc == RC_OK)
		rc = fileio_sync_dir(dir_fd, why);
out:
	if (fd >= 0)
		close(fd);
	if (dir_fd >= 0)
		close(dir_fd);
	free(beside);
	free(copy);
	return rc;
}

enum rc listed_add(const char *path, const struct host_list *hosts, size_t *n_new, struct why *why)
{
	struct buf content;
	struct map known;
	size_t n = 0;
	enum rc rc;

	map_init(&known);
	buf_init(&content, FILE_MAX_BYTES);
	must(pthread_mutex_lock(&adding) == 0);
	rc = read_file(path, &content, why);
	if (rc != RC_OK)
		goto out;
	put_lines(buf_text(&content), &known);
	if (content.n > 0 && content.at[content.n - 1] != '\n')
		buf_add_str(&content, "\n");
	for (size_t i = 0; i < hosts->n; i++) {
		struct text id = text_of(hosts->key[i]);

		if (host_list_is_pattern(hosts->key[i]) || map_get(&known, id) != NULL)
			continue;
		buf_add_text(&content, id);
		buf_add_str(&content, "\n");
		n++;
	}
	if (content.full)
		rc = because(why, RC_REFUSED, "%s: over %d MiB", path, FILE_MAX_BYTES >> 20);
	else if (n > 0)
		rc = replace(path, buf_text(&content), why);
	if (rc != RC_OK && !content.full)
		why_prepend(why, "%s", path);
out:
	must(pthread_mutex_unlock(&adding) == 0);
	if (n_new != NULL)
		*n_new = rc == RC_OK ? n : 0;
	buf_fini(&content);
	map_fini(&known, NULL);
	return rc;
}
