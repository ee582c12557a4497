/*
 * The HTTP server: listens, routes, answers; what is asked is answered by query/, what is sent goes to ingest/.
 * Source: docs/spec/system.md "REST", "HTTP ingest"; docs/api.md.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "config/config.h"
#include "ingest/ingest.h"
#include "query/query.h"

struct http_options {
	const struct config_listen *listen; /* borrowed for the call */
	size_t n_listen;
	unsigned socket_mode;
	const char *cors_origin; /* NULL: none */
	bool ingest_enabled;
	const char *ingest_token; /* NULL: none needed */
	size_t ingest_max_bytes;
	unsigned n_threads; /* for each listening address; 0: as many as there are cores, at least 4, at most 8 */
	const struct query *query;
	struct ingest *ingest;
	/* appends what stands at the end of /metrics, in its format; NULL: nothing. Threads: any */
	void (*gauges)(void *argument, struct buf *out);
	void *gauges_argument;
	/* fills the JSON of /readyz and says whether all is well; NULL: always, {}. Threads: any */
	bool (*ready)(void *argument, struct buf *out);
	void *ready_argument;
};

struct http_server;

/* Texts are copied; query and ingest are borrowed until stop. Errors: RC_REFUSED or RC_DISK naming the address. */
CHECKED enum rc http_server_start(const struct http_options *options, struct http_server **out, struct why *why);
/* Another origin and token, copied, from the next request on. s may be NULL. Threads: any, one at a time. */
void http_server_change(struct http_server *s, const char *cors_origin, const char *ingest_token);
/* Takes no new connection, answers what is in flight, then returns. */
void http_server_stop(struct http_server *s);

#endif
