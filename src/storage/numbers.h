/*
 * How full and how busy the daemon is now, in one table: name, label, type and help. /metrics and the storage's graphs of
 * itself read this table. Source: docs/api.md "Metrics".
 */
#ifndef STORAGE_NUMBERS_H
#define STORAGE_NUMBERS_H

#include "base/counter.h"
#include "base/histogram.h"
#include "base/instant.h"
#include "model/reason.h"

#define NUMBER_TABLE(X)                                                                                                \
	X(JOURNAL_BYTES, "journal_bytes", NULL, "gauge", "disk space the journal takes")                               \
	X(JOURNAL_MAX_BYTES, "journal_max_bytes", NULL, "gauge", "and may take at most")                               \
	X(JOURNAL_SEGMENTS, "journal_segments", NULL, "gauge", "segments of the journal")                              \
	X(JOURNAL_UNSYNCED, "journal_unsynced_points", NULL, "gauge", "points accepted and not yet safe")              \
	X(JOURNAL_FAILING, "journal_failing", NULL, "gauge", "1 while the journal cannot be written")                  \
	X(JOURNAL_COMMITS, "journal_commits_total", NULL, "counter", "syncs of the journal")                           \
	X(CACHE_POINTS, "cache_points", NULL, "gauge", "points that are not known to be safe in their files")          \
	X(CACHE_BYTES, "cache_bytes", NULL, "gauge", "memory they take")                                               \
	X(CACHE_MAX_BYTES, "cache_max_bytes", NULL, "gauge", "and may take at most")                                   \
	X(CACHE_DIRTY, "cache_dirty_series", NULL, "gauge", "series with something to be written")                     \
	X(SERIES, "series", NULL, "gauge", "series known since the start")                                             \
	X(SOURCES, "sources", NULL, "gauge", "plugins of hosts known since the start")                                 \
	X(HOSTS, "hosts", NULL, "gauge", "hosts known; all there are once a message came")                             \
	X(FLUSH_FAILING, "flush_failing", NULL, "gauge", "1 while something cannot be written to its file")            \
	X(FLUSH_LAG, "flush_lag_seconds", NULL, "gauge", "no point that is not in its synced file is older")           \
	X(FLUSH_SERIES, "flush_series_written_total", NULL, "counter", "series written to their files")                \
	X(FLUSH_FAILED, "flush_failed_total", NULL, "counter", "series that could not be written, each try counted")   \
	X(FLUSH_REFUSED, "flush_refused_total", NULL, "counter", "series whose points no file could take: kept aside") \
	X(FLUSH_SYNCS, "flush_syncs_total", NULL, "counter", "syncs of the files")                                     \
	X(BROKER_CONNECTED, "broker_connected", NULL, "gauge", "1 while connected to RabbitMQ")                        \
	X(QUEUE_DEPTH, "queue_messages", NULL, "gauge", "messages ready in the queue, asked every 5 seconds")          \
	X(UNACKED, "unacknowledged_messages", NULL, "gauge", "messages delivered and not yet acknowledged")            \
	X(QUOTA_PER_HOST, "series_per_host_limit", NULL, "gauge", "max_series_per_host; 0: none")                      \
	X(QUOTA_TOTAL, "series_limit", NULL, "gauge", "max_series; 0: none")                                           \
	X(QUOTA_PER_MINUTE, "new_series_per_minute_limit", NULL, "gauge", "max_new_series_per_minute; 0: none")        \
	X(QUOTA_COUNTED, "series_counted", NULL, "gauge", "series that count for max_series; 0: not counted")          \
	X(GONE_HOSTS, "gone_hosts", NULL, "gauge", "hosts noted as gone")                                              \
	X(GONE_PLUGINS, "gone_plugins", NULL, "gauge", "plugins noted as gone")                                        \
	X(STALE_FILES, "stale_files", NULL, "gauge", "files without points at the last cleaning")                      \
	X(TRASH_ENTRIES, "trash_entries", NULL, "gauge", "entries of the trash")                                       \
	X(LAST_CLEAN, "last_clean_seconds", NULL, "gauge", "Unix time of the last cleaning since the start, 0 before") \
	X(REJECTED_BYTES, "rejected_bytes", NULL, "gauge", "size of what is kept aside")                               \
	X(REJECTED_MAX_BYTES, "rejected_max_bytes", NULL, "gauge", "and may be at most")                               \
	X(WSP_FREE, "filesystem_free_bytes", "path=\"wsp_path\"", "gauge", "free space of the file system below")      \
	X(JOURNAL_FREE, "filesystem_free_bytes", "path=\"journal_path\"", "gauge", NULL)                               \
	X(WSP_SIZE, "filesystem_size_bytes", "path=\"wsp_path\"", "gauge", "size of the file system below")            \
	X(JOURNAL_SIZE, "filesystem_size_bytes", "path=\"journal_path\"", "gauge", NULL)                               \
	X(RESIDENT, "process_resident_memory_bytes", NULL, "gauge", "memory that is resident")                         \
	X(VIRTUAL, "process_virtual_memory_bytes", NULL, "gauge", "memory that is mapped")                             \
	X(CPU, "process_cpu_seconds_total", NULL, "counter", "processor time, user and system")                        \
	X(OPEN_FDS, "process_open_fds", NULL, "gauge", "open files and sockets")                                       \
	X(MAX_FDS, "process_max_fds", NULL, "gauge", "and how many there may be")                                      \
	X(THREADS, "process_threads", NULL, "gauge", "threads")                                                        \
	X(STARTED, "process_start_time_seconds", NULL, "gauge", "when it was started, Unix seconds")

enum number {
#define NUMBER_ENUM(id, name, label, type, help) NUMBER_##id,
	NUMBER_TABLE(NUMBER_ENUM)
#undef NUMBER_ENUM
		NUMBER_COUNT
};

/* name: without numeter_storage_, unless it begins with process_. help: NULL when the row before has the same name. */
struct number_row {
	const char *name, *label, *type, *help;
};
extern const struct number_row number_rows[NUMBER_COUNT];

struct daemon;

/* Whatever can be counted or measured at one moment. */
struct numbers {
	struct mono at;
	double value[NUMBER_COUNT]; /* NAN: not known now */
	uint64_t counter[COUNTER_COUNT], reason[REASON_COUNT];
	struct histogram_counts histogram[HISTOGRAM_COUNT];
};

/* The daemon's engine is open. Threads: any. */
void numbers_take(struct daemon *d, struct numbers *out);

#endif
