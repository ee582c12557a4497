#include "http/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Fixed after access_log_open(): reopening replaces the file below the same number. */
static struct {
	char *path;
	int fd;
} sink = { .fd = -1 };

static enum rc open_file(const char *path, int *out, struct why *why)
{
	*out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	return *out >= 0 ? RC_OK : because(why, RC_DISK, "open %s: %s", path, strerror(errno));
}

enum rc access_log_open(const char *path, struct why *why)
{
	int fd = -1;

	if (path != NULL) {
		enum rc rc = open_file(path, &fd, why);

		if (rc != RC_OK)
			return rc;
	}
	access_log_close();
	sink.path = path == NULL ? NULL : must_strdup(path);
	sink.fd = fd;
	return RC_OK;
}

enum rc access_log_reopen(struct why *why)
{
	enum rc rc;
	int fd;

	if (sink.path == NULL)
		return RC_OK;
	rc = open_file(sink.path, &fd, why);
	if (rc != RC_OK)
		return rc;
	dup3(fd, sink.fd, O_CLOEXEC);
	close(fd);
	return RC_OK;
}

void access_log_close(void)
{
	if (sink.fd >= 0)
		close(sink.fd);
	free(sink.path);
	sink.path = NULL;
	sink.fd = -1;
}

bool access_log_is_open(void)
{
	return sink.fd >= 0;
}

void access_log_escape(struct buf *out, struct text t)
{
	if (t.n == 0)
		buf_add_str(out, "-");
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.s[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			buf_addf(out, "\\x%02X", c);
		else
			buf_add(out, &t.s[i], 1);
	}
}

void access_log_print(const struct access *a, struct buf *out)
{
	time_t t = (time_t)a->time_s;
	char stamp[40];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S %z", &tm);
	access_log_escape(out, a->client);
	buf_addf(out, " - - [%s] \"", stamp);
	access_log_escape(out, a->method);
	buf_add_str(out, " ");
	access_log_escape(out, a->target);
	buf_add_str(out, " ");
	access_log_escape(out, a->version);
	buf_addf(out, "\" %u %" PRIu64 " \"", a->status, a->body_bytes);
	access_log_escape(out, a->referer);
	buf_add_str(out, "\" \"");
	access_log_escape(out, a->agent);
	buf_addf(out, "\" %.3f\n", (double)a->took_ns / 1e9);
}

void access_log_write(struct text line)
{
	static struct log_limit limit;
	ssize_t n = write(sink.fd, line.s, line.n);

	if (n != (ssize_t)line.n)
		log_limited(&limit, LOG_LEVEL_WARNING, "access_log.failed", "path=%s why=\"%s\"", sink.path,
			    n < 0 ? strerror(errno) : "short write");
}
