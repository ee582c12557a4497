/*
 * Why a message, or one data source of it, was kept aside: the codes that stand in the rejected files and in HTTP
 * ingest's account, one counter each. Source: docs/spec/system.md "RabbitMQ" and "Payload".
 */
#ifndef MODEL_REASON_H
#define MODEL_REASON_H

#include <stdint.h>

#define REASON_TABLE(X)                                                                                                \
	X(CONTENT_TYPE, "content_type", "content type other than application/json")                                    \
	X(COMPRESSION, "compression", "a compressed body that cannot be unpacked")                                     \
	X(TOO_LARGE, "too_large", "over 1 MiB after unpacking")                                                        \
	X(NOT_JSON, "not_json", "not strict JSON in UTF-8")                                                            \
	X(ENVELOPE, "envelope", "JSON of the wrong shape: not an object, or oslo.message not a text")                  \
	X(OSLO_VERSION, "oslo_version", "oslo.version other than the text 2.0")                                        \
	X(VERSION, "version", "version other than 1.0")                                                                \
	X(NAMESPACE, "namespace", "a namespace that is not null")                                                      \
	X(METHOD, "method", "a method other than poller_msg and ping")                                                 \
	X(ARGS, "args", "args.args.message missing or not a text")                                                     \
	X(CONTEXT_TYPE, "context_type", "_context_type other than data and info")                                      \
	X(NO_HOST, "no_host", "no _context_hostid")                                                                    \
	X(NO_PLUGIN, "no_plugin", "data without _context_plugin, or an info without Plugin")                           \
	X(NO_VALUES, "no_values", "data without an object Values")                                                     \
	X(TIMESTAMP, "timestamp", "TimeStamp absent or not an integer")                                                \
	X(TOO_OLD, "too_old", "older than the longest retention")                                                      \
	X(FUTURE, "future", "further ahead of the clock than max_future_s")                                            \
	X(HOST_NAME, "host_name", "a hostID outside the rules for names")                                              \
	X(PLUGIN_NAME, "plugin_name", "a plugin outside the rules for names")                                          \
	X(DS_NAME, "ds_name", "a data source outside the rules for names")                                             \
	X(VALUE, "value", "a value that is neither a number nor unknown")                                              \
	X(INFO, "info", "an info without Infos, or a MyInfo without ID and Name")                                      \
	X(FILE, "file", "the series' file cannot be opened: not a file of ours, or no permission")                     \
	X(SERIES_PER_HOST, "series_per_host", "a new series of a host that has max_series_per_host already")           \
	X(SERIES_TOTAL, "series_total", "a new series while there are max_series already, or they are being counted")  \
	X(SERIES_RATE, "series_rate", "a new series after max_new_series_per_minute others in this minute")            \
	X(CARBON_LINE, "carbon_line", "a carbon line that is not a name, a value and a timestamp")

enum reason {
	REASON_NONE,
#define REASON_ENUM(id, code, help) REASON_##id,
	REASON_TABLE(REASON_ENUM)
#undef REASON_ENUM
		REASON_COUNT
};

/* The code in files and replies, e.g. "not_json"; "" for REASON_NONE. */
const char *reason_code(enum reason r);
const char *reason_help(enum reason r);

/* One more message or value was kept aside for this reason; how many since the start. Threads: any. */
void reason_count(enum reason r);
uint64_t reason_counted(enum reason r);

#endif
