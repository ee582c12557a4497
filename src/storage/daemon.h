/*
 * The daemon: start-up as a list, a short loop that reads signals, and the list backwards.
 */
#ifndef STORAGE_DAEMON_H
#define STORAGE_DAEMON_H

#include "carbon/carbon.h"
#include "config/config.h"
#include "config/host_list.h"
#include "flush/flush.h"
#include "http/server.h"
#include "storage/amqp_input.h"
#include "storage/control_verbs.h"
#include "storage/ready.h"
#include "storage/reload.h"
#include "storage/self.h"
#include "storage/watch.h"

/* All that is opened at start; NULL or -1 where not yet. */
struct daemon {
	const char *config_path;
	struct config
		config; /* as it was at start, never changed; what is reloadable may be another by now (reload.h) */
	_Atomic(const struct config *) in_force; /* config, or what a reload has put in its place; for any thread */
	char **warning;                          /* of reading the two */
	size_t n_warnings, warning_capacity;
	struct host_list hosts;         /* reload's once that is there */
	struct watch_state hosts_state; /* of the host-list's file, from before it was read */
	struct reload *reload;
	int signal_fd;
	bool is_to_end, is_to_reload;
	atomic_bool leaving; /* the stop has begun: no server is waited for for long */
	struct meta *meta;
	struct gone *gone;
	struct values *values;
	struct engine *engine;
	struct flush *flush;
	_Atomic(struct flush *) shown_flush; /* the same, for threads of http */
	struct ingest *ingest;
	struct upkeep *upkeep;
	_Atomic(struct upkeep *) shown_upkeep; /* as shown_flush */
	struct query query;
	struct http_server *http;
	struct amqp_input *amqp;
	struct amqp_shown amqp_shown;
	struct readiness readiness;
	struct self *self;
	atomic_bool accepts; /* the replay is over */
	struct carbon *carbon;
	struct control_view control_view;
	struct control *control;
	/* thread journal only */
	bool journal_fails;
	struct mono journal_failed;
};

/* A warning of the configuration or host-list (argument: the daemon): on stderr at once, in the log when there is one. */
void daemon_warn(void *argument, const char *text);

/*
 * The one line on stderr when the daemon does not start, whatever the log levels are; the log file gets it too.
 * key: the option that is at fault. Returns rc.
 */
enum rc daemon_refuse(const struct daemon *d, const char *key, enum rc rc, const struct why *why);

/* Has a signal said that the daemon is to end? Takes those that wait; once true, always true. argument: the daemon. */
bool daemon_is_to_end(void *argument);

/* Start, serve until a signal says otherwise, stop. Returns the exit status. */
int daemon_serve(struct daemon *d);

/*
 * The same store without inputs, sockets and signals, for a program that works while no daemon runs: opened as the daemon
 * would, as its user, the journal replayed, and closed so that the next start finds all. d->config is read already;
 * lines of the log go to stderr. control_run() with d->control_view does what a daemon's verbs do.
 * Errors   said on stderr; RC_REFUSED also when a daemon has the store. Then too daemon_close_alone() is to be called.
 */
CHECKED enum rc daemon_open_alone(struct daemon *d);
/*
 * Less of it: the metadata, and the tree with its lock, so that no daemon writes the files. The journal stays unread. Verbs
 * about files and metadata do without the rest. Errors and end as above.
 */
CHECKED enum rc daemon_open_files(struct daemon *d);
void daemon_close_alone(struct daemon *d);
/* The limits for series that a configuration sets. */
struct quota_limits daemon_quota(const struct config *c);

/* The steps that open what points go through, in order. */
CHECKED enum rc start_values(struct daemon *d);
CHECKED enum rc start_engine(struct daemon *d); /* opened, not replayed yet: readers may come */
CHECKED enum rc start_ingest(struct daemon *d);
CHECKED enum rc start_replay(struct daemon *d); /* from now on points are accepted */
CHECKED enum rc start_flush(struct daemon *d);
CHECKED enum rc open_upkeep(struct daemon *d);
CHECKED enum rc start_upkeep(struct daemon *d); /* from now on it cleans when it is time */
CHECKED enum rc start_carbon(struct daemon *d);
CHECKED enum rc make_control_view(struct daemon *d);
CHECKED enum rc start_control(struct daemon *d);

#endif
