/*
 * What of a configuration can be found wrong without starting the daemon: folders, files, addresses, archives. They look
 * and change nothing, as the user that this process is.
 */
#ifndef CTL_CONFIG_CHECKS_H
#define CTL_CONFIG_CHECKS_H

#include "config/config.h"

enum finding_level { FINDING_WARNING, FINDING_ERROR };

struct finding {
	enum finding_level level;
	char *text; /* "FILE:LINE: key: what" */
};

struct remarks {
	const char *path;       /* of the configuration */
	const struct config *c; /* NULL: it could not be read */
	struct finding *finding;
	size_t n, capacity, n_errors;
};

/* About this key; NULL: text has its place already. */
void remarks_add(struct remarks *f, enum finding_level level, const char *key, const char *format, ...)
	PRINTF_LIKE(4, 5);
void remarks_fini(struct remarks *f);

void check_folders(struct remarks *f);
void check_tls_files(struct remarks *f);
/* is_running: the daemon, so that its own addresses are in use. */
void check_addresses(struct remarks *f, bool is_running);
/* Sections that never apply, and files that have other archives than new ones would get. */
void check_archives(struct remarks *f);

#endif
