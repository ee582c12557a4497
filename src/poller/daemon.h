/*
 * The poller from start to stop. The main thread measures; one more thread sends.
 */
#ifndef POLLER_DAEMON_H
#define POLLER_DAEMON_H

#include <stdatomic.h>

#include "config/poller_config.h"
#include "poller/measure.h"
#include "poller/sender.h"

struct daemon {
	const char *config_path;
	struct poller_config config;
	char **warning; /* of the configuration: on stderr at once, into the log when it is open */
	size_t n_warnings, warning_capacity;

	int signal_fd, timer_fd, leave_fd;
	atomic_bool leaving;
	bool is_to_end;
	char *counters_path;
	struct measure *measure;
	struct spool *spool;
	struct sink *sink;
	struct sender *sender;
	uint64_t n_ticks, n_missed, n_messages;
	size_t uncommitted_bytes; /* of payloads, since committed_at */
	struct mono committed_at;
};

/* A config_warn_fn; argument is the daemon. */
void daemon_warn(void *argument, const char *text);
/* What a configuration needs beyond its file; why is printed as "file:line: key: why". RC_REFUSED. */
CHECKED enum rc daemon_check(struct daemon *d);

/* Each returns the exit status. Poll and send until a signal: */
int daemon_serve(struct daemon *d);
/* Poll once, send what there is, end; 1 when something is left unsent: */
int daemon_once(struct daemon *d);
/* Poll once and print the messages, one JSON a line; nothing is sent, kept or written: */
int daemon_print(struct daemon *d);

#endif
