/*
 * The carbon plaintext input: thread `carbon` takes lines over TCP and UDP and gives their points to the engine, or by
 * way of ingest where a series is new. Source: docs/formats/carbon.md; docs/spec/system.md.
 */
#ifndef CARBON_CARBON_H
#define CARBON_CARBON_H

#include "engine/engine.h"
#include "ingest/ingest.h"

struct carbon_options {
	const char *listen; /* "ADDRESS:PORT, [V6]:PORT"; port 0: any free one */
	struct engine *engine;
	struct ingest *ingest;
	const struct schema *schema;
	int64_t max_future_s;
	/*
	 * The mark (registry_mark()) of a source that the metadata store has been told of: what ingest sets now. When it
	 * changes, every source goes through ingest once more.
	 */
	uint32_t (*mark)(void *argument);
	/* when this changes some sources have lost their mark: ingest_n_forgets() */
	uint32_t (*n_forgets)(void *argument);
	void *mark_argument;    /* of both */
	size_t max_connections; /* 0: 10,000; never more than three quarters of the files the process may open */
	size_t names_max_bytes; /* of the table of names; 0: 256 MiB */
};

struct carbon;

/*
 * Open the sockets and start the thread.
 * Errors   RC_REFUSED an address is in use or not ours · RC_DISK
 * Owner    what options point to is borrowed until carbon_stop(); ingest and engine outlive that.
 */
CHECKED enum rc carbon_start(const struct carbon_options *options, struct carbon **out, struct why *why);
/* Takes no more; what was read is accepted, when that is possible within half a second. c may be NULL. */
void carbon_stop(struct carbon *c);

/* Other limits of time, from the next lines on; schema is borrowed for the call. c may be NULL. Threads: any. */
void carbon_change(struct carbon *c, const struct schema *schema, int64_t max_future_s);

/* For tests and logs: the port of the first address. */
int carbon_port(const struct carbon *c);

#endif
