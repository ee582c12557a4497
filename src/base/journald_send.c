#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdlib.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/journald.h"

bool journald_has_stderr(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && journald_is_stream(getenv("JOURNAL_STREAM"), &st);
}

bool journald_send(enum log_level level, const char *event, struct text said)
{
	struct iovec field[JOURNALD_MAX_FIELDS];
	struct journald_fields f;

	journald_fields(level, event, said, &f);
	for (size_t i = 0; i < f.n; i++)
		field[i] = (struct iovec){ f.text + f.start[i], f.n_bytes[i] };
	return sd_journal_sendv(field, (int)f.n) == 0;
}
