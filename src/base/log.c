#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/journald.h"
#include "base/mem.h"

static const char *const level_names[] = { "debug", "info", "warning", "error", "critical" };

/* `file_fd` keeps its number while it is open: another file takes its place by dup3(). */
static struct {
	char *path;       /* of the main loop alone */
	bool to_journald; /* fixed after log_open() */
	atomic_int file_fd;
	_Atomic(enum log_level) file_level, stderr_level;
} sink = { .file_fd = -1, .file_level = LOG_LEVEL_CRITICAL, .stderr_level = LOG_LEVEL_CRITICAL };

bool log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
		if (strcasecmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

enum rc log_open(const char *path, enum log_level file_level, enum log_level stderr_level, struct why *why)
{
	int fd = -1;

	if (path != NULL) {
		fd = open_file(path);
		if (fd < 0)
			return because(why, RC_DISK, "open %s: %s", path, strerror(errno));
	}
	log_close();
	sink.path = path == NULL ? NULL : must_strdup(path);
	sink.file_fd = fd;
	sink.file_level = file_level;
	sink.stderr_level = stderr_level;
	sink.to_journald = journald_has_stderr();
	return RC_OK;
}

/* Take the file at path in the place of the one that is open, if any. */
static enum rc replace_file(const char *path, struct why *why)
{
	int fd = open_file(path);

	if (fd < 0)
		return because(why, RC_DISK, "open %s: %s", path, strerror(errno));
	if (sink.file_fd < 0) {
		sink.file_fd = fd;
		return RC_OK;
	}
	dup3(fd, sink.file_fd, O_CLOEXEC);
	close(fd);
	return RC_OK;
}

enum rc log_reopen(struct why *why)
{
	return sink.path == NULL ? RC_OK : replace_file(sink.path, why);
}

enum rc log_change(const char *path, enum log_level file_level, enum log_level stderr_level, struct why *why)
{
	enum rc rc = replace_file(path, why);

	if (rc != RC_OK)
		return rc;
	free(sink.path);
	sink.path = must_strdup(path);
	sink.file_level = file_level;
	sink.stderr_level = stderr_level;
	return RC_OK;
}

void log_close(void)
{
	if (sink.file_fd >= 0)
		close(sink.file_fd);
	free(sink.path);
	sink.path = NULL;
	sink.file_fd = -1;
}

__attribute__((format(printf, 3, 0))) static void write_line(enum log_level level, const char *event,
							     const char *format, va_list args)
{
	int saved_errno = errno;
	char line[1600], stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	struct text said;
	size_t n, n_head;
	int added;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	added = snprintf(line, sizeof(line), "%s %s event=%s ", stamp, level_names[level], event);
	n = n_head = (size_t)added;
	added = vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	if (added > 0)
		n += (size_t)added < sizeof(line) - n - 1 ? (size_t)added : sizeof(line) - n - 2;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	said = (struct text){ line + n_head, n - n_head };
	line[n++] = '\n';
	if (sink.file_fd >= 0 && level >= sink.file_level && write(sink.file_fd, line, n) < 0)
		fprintf(stderr, "log file: %s\n", strerror(errno));
	if (level >= sink.stderr_level && !(sink.to_journald && journald_send(level, event, said)) &&
	    write(STDERR_FILENO, line, n) < 0) {
		/* nowhere left to say it */
	}
	errno = saved_errno;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	va_list args;

	if (level < sink.stderr_level && (sink.file_fd < 0 || level < sink.file_level))
		return;
	va_start(args, format);
	write_line(level, event, format, args);
	va_end(args);
}

/* May it be said now? *skipped: how many were not before it. */
static bool is_within(struct log_limit *limit, long *skipped)
{
	long now_s = (long)(mono_now().ns / 1000000000), next_s = atomic_load(&limit->next_s);

	*skipped = 0;
	if (now_s >= next_s && atomic_compare_exchange_strong(&limit->next_s, &next_s, now_s + 60)) {
		atomic_store(&limit->n_said, 1);
		*skipped = atomic_exchange(&limit->skipped, 0);
		return true;
	}
	if (atomic_fetch_add(&limit->n_said, 1) < limit->burst)
		return true;
	atomic_fetch_add(&limit->skipped, 1);
	return false;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
{
	long skipped;
	va_list args;

	if (!is_within(limit, &skipped))
		return;
	va_start(args, format);
	write_line(level, event, format, args);
	va_end(args);
	if (skipped > 0)
		log_line(level, event, "repeated=%ld", skipped);
}
