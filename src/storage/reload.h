/*
 * Reading configuration and host-list again while everything runs: on SIGHUP, when the host-list changes, when the control
 * socket is asked. What can be taken over is, all of it or, when something is wrong with the files, nothing; the rest that
 * differs is named. The main thread does it; whoever asks for it waits for that.
 *
 * A configuration that was in force stays in memory until the daemon ends: other threads may be at work with its texts and
 * its schema.
 */
#ifndef STORAGE_RELOAD_H
#define STORAGE_RELOAD_H

#include "base/buf.h"
#include "base/map.h"
#include "config/config.h"
#include "config/host_list.h"

struct daemon;
struct reload;

/*
 * Begin to watch the host-list, and remember who stands on it (config/listed.h). d->config and d->hosts have been read,
 * d->values is open; from now on d->hosts is ours.
 */
struct reload *reload_new(struct daemon *d);
/* Everybody who ever stood on the host-list into a map that was made by map_init(): listed_read(). */
void reload_read_listed(const struct reload *r, struct map *out);
/* The daemon is ending: whoever waits in reload_ask() is told. r may be NULL. Threads: main. */
void reload_leave(struct reload *r);
/* r may be NULL. */
void reload_free(struct reload *r);

/* SIGHUP came. Threads: main. */
void reload_want(struct reload *r);
/*
 * Wait until there is a signal at signal_fd or something to be done here, and do the latter. most_ms: not longer; -1: as long
 * as it takes. Threads: main.
 */
void reload_wait(struct reload *r, int signal_fd, int most_ms);

/*
 * Have it done, and append what came of it as JSON (docs/formats/control.md).
 * Errors   as config_read(), host_list_read() and log_change(): nothing was taken over · RC_PEER the daemon is ending
 * Threads  any but main
 */
CHECKED enum rc reload_ask(struct reload *r, struct buf *answer, struct why *why);

/* The host-list in force. Owner: *out is a copy, ended by host_list_fini(). Threads: any. */
void reload_copy_hosts(struct reload *r, struct host_list *out);

#endif
