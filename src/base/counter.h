/*
 * What is counted, in one table: name, unit and help. `/metrics`, the manual and tests read this table.
 * A counter only grows, from 0 at start. Whatever happens per message or per point is counted here and not logged.
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#define COUNTER_TABLE(X)                                                                                               \
	X(MESSAGES_AMQP, "messages_amqp", "messages taken from RabbitMQ")                                              \
	X(MESSAGES_HTTP, "messages_http", "messages taken by HTTP ingest")                                             \
	X(MESSAGES_SELF, "messages_self", "messages of the storage about itself")                                      \
	X(CARBON_LINES, "carbon_lines", "carbon lines taken, bad ones too; empty ones not")                            \
	X(CARBON_BAD_LINES, "carbon_bad_lines", "carbon lines kept aside because they cannot be read")                 \
	X(CARBON_CONNECTIONS, "carbon_connections", "carbon connections taken")                                        \
	X(CARBON_DATAGRAMS, "carbon_datagrams", "carbon datagrams taken")                                              \
	X(CARBON_DROPPED, "carbon_dropped", "carbon datagrams that the kernel dropped because they came too fast")     \
	X(CARBON_STALLS, "carbon_stalls", "times no carbon was read because what was read could not be accepted yet")  \
	X(MESSAGES_EMPTY, "messages_empty", "messages whose payload was null: nothing to store")                       \
	X(MESSAGES_REJECTED, "messages_rejected", "messages kept aside whole or in part")                              \
	X(PINGS, "pings", "ping calls answered")                                                                       \
	X(POINTS_ACCEPTED, "points_accepted", "points taken into journal and cache, counted again when sent again")    \
	X(POINTS_AMQP, "points_amqp", "of these, from RabbitMQ")                                                       \
	X(POINTS_HTTP, "points_http", "of these, by HTTP ingest")                                                      \
	X(POINTS_CARBON, "points_carbon", "of these, by carbon")                                                       \
	X(POINTS_SELF, "points_self", "of these, the storage's about itself")                                          \
	X(POINTS_STORED, "points_stored", "points written to their files, counted again when written again")           \
	X(POINTS_UNKNOWN, "points_unknown", "values U, NaN or infinite: no point")                                     \
	X(POINTS_REFUSED, "points_refused", "values refused for their data source alone")                              \
	X(POINTS_KEPT_OLD, "points_kept_old", "old coarse slots left as stored because the batch was not complete")    \
	X(FILES_CREATED, "files_created", ".wsp files made")                                                           \
	X(FILES_DIFFER, "files_differ", "files met with other archives than the configuration gives their series")     \
	X(FILES_QUARANTINED, "files_quarantined", "damaged .wsp files set aside")                                      \
	X(INFOS_STORED, "infos_stored", "plugin infos and MyInfos handed to the metadata store")                       \
	X(STORE_RETRIES, "store_retries", "batches not stored at the first try: disk or metadata store away")          \
	X(BROKER_CONNECTS, "broker_connects", "connections to RabbitMQ made")                                          \
	X(BROKER_REBINDS, "broker_rebinds", "times everything was declared and bound again")                           \
	X(BROKER_ACKED, "broker_acked", "messages acknowledged to RabbitMQ")                                           \
	X(META_ERRORS, "meta_errors", "calls to the metadata store that failed")                                       \
	X(HTTP_REQUESTS, "http_requests", "HTTP requests answered")                                                    \
	X(HTTP_ERRORS, "http_errors", "HTTP requests answered with 5xx")

enum counter {
#define COUNTER_ENUM(id, name, help) COUNTER_##id,
	COUNTER_TABLE(COUNTER_ENUM)
#undef COUNTER_ENUM
		COUNTER_COUNT
};

/* Threads: any. */
void counter_add(enum counter c, uint64_t n);
uint64_t counter_get(enum counter c);
const char *counter_name(enum counter c);
const char *counter_help(enum counter c);

#endif
