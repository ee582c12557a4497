/*
 * The client side of munin-node's protocol: one connection over which plugins are listed and asked, made again after
 * whatever went wrong with one of them. Nothing that the node says
 * reaches a path, a shell or a format.
 *
 * A plugin that prints a lone dot ends its own answer early, and the rest must not be taken for the next one's: with
 * each question `version` is asked too, whose answer marks the end. Of a node that answers nothing to that word a connection
 * is left as soon as more came than the answer; what arrives later still is taken for the next plugin's.
 * Source: guide.munin-monitoring.org "Data exchange between master and node"; docs/spec/wire.md D.
 */
#ifndef MUNIN_CLIENT_H
#define MUNIN_CLIENT_H

#include "base/reach.h"
#include "munin/answer.h"
#include "munin/lines.h"

enum { CLIENT_MAX_PLUGINS = 10000 };

struct client_options {
	const char *host; /* or the absolute path of a Unix socket */
	int port;
	int64_t timeout_ms; /* of connecting, and of each answer */
	struct reach_wake wake;
};

struct client {
	struct client_options options; /* texts borrowed */
	int fd;                        /* -1: not connected */
	bool multigraph, dirtyconfig;  /* the node agreed to */
	struct lines lines;
	char mark[256];       /* what this connection's `version` is answered with */
	size_t mark_bytes;    /* 0: no mark */
	bool says_no_version; /* it closed, or said nothing */
};

void client_init(struct client *c, const struct client_options *options);
void client_fini(struct client *c);
/* Say goodbye; the next question connects anew. */
void client_close(struct client *c);

/*
 * Errors of all below   RC_PEER  away, hung, gone in between or talking without end: the connection is closed, the next
 *                       question makes a new one; why says which · RC_END asked to end
 *
 * The names of all plugins in the node's order, each fit to be asked for; others are left out and counted. A node that
 * lists none at all is not believed: RC_PEER.
 * Owner    names are copied into arena; *out is in it too.
 */
CHECKED enum rc client_list(struct client *c, struct arena *arena, struct text **out, size_t *n, size_t *n_refused,
			    struct why *why);
/*
 * `config` or `fetch` of one plugin, which client_list() gave. On RC_PEER the whole lines that came are in *out. `wall`
 * is when the answer was there.
 * Errors   also RC_ABSENT the node does not know it or says that it failed
 */
CHECKED enum rc client_config(struct client *c, struct text plugin, struct answer *out, struct wall *wall,
			      struct why *why);
CHECKED enum rc client_fetch(struct client *c, struct text plugin, struct answer *out, struct wall *wall,
			     struct why *why);

#endif
