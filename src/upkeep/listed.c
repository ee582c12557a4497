#include "upkeep/listed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"
#include "upkeep/disk.h"

enum { FILE_MAX_BYTES = 64 << 20 };

static const char file_name[] = ".listed";

static void take_lines(struct text content, struct map *out)
{
	for (size_t start = 0, i = 0; i <= content.n; i++) {
		struct text line = { content.s + start, i - start };

		if (i < content.n && content.s[i] != '\n')
			continue;
		if (name_check_host(line, NULL) == RC_OK)
			map_put(out, line, out);
		start = i + 1;
	}
}

enum rc listed_read(int root_fd, struct map *out, struct why *why)
{
	int fd = fileio_open_in(root_fd, file_name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	char *content;
	enum rc rc;

	if (fd < 0)
		return errno == ENOENT ? RC_OK : because(why, RC_DISK, "open %s: %s", file_name, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
		close(fd);
		return because(why, RC_FULL, "%s: expected a file of %d bytes at most", file_name, FILE_MAX_BYTES);
	}
	content = must_alloc((size_t)st.st_size + 1);
	rc = fileio_pread(fd, content, (size_t)st.st_size, 0, why);
	if (rc == RC_OK)
		take_lines((struct text){ content, (size_t)st.st_size }, out);
	free(content);
	close(fd);
	return rc;
}

enum rc listed_write(int root_fd, const struct map *listed, struct why *why)
{
	struct text name;
	struct buf b;
	size_t at = 0;
	void *value;
	enum rc rc;

	buf_init(&b, FILE_MAX_BYTES);
	while (map_next(listed, &at, &name, &value)) {
		buf_add_text(&b, name);
		buf_add_str(&b, "\n");
	}
	rc = b.full ? because(why, RC_FULL, "%s: over %d bytes", file_name, FILE_MAX_BYTES)
		    : disk_write(root_fd, file_name, buf_text(&b), why);
	buf_fini(&b);
	return rc;
}
