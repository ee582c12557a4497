#include "storage/gauges.h"

#include "storage/daemon.h"

static void add(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	buf_addf(out, "# HELP numeter_storage_%s %s\n# TYPE numeter_storage_%s %s\nnumeter_storage_%s %.17g\n", name,
		 help, name, type, name, value);
}

static void add_journal(struct buf *out, struct journal *journal)
{
	struct journal_stats s;

	journal_stats(journal, &s);
	add(out, "journal_bytes", "gauge", "disk space the journal takes", (double)s.n_bytes);
	add(out, "journal_max_bytes", "gauge", "and may take at most", (double)s.max_bytes);
	add(out, "journal_segments", "gauge", "segments of the journal", (double)s.n_segments);
	add(out, "journal_unsynced_points", "gauge", "points accepted and not yet safe",
	    (double)(s.appended - s.synced));
	add(out, "journal_failing", "gauge", "1 while the journal cannot be written", s.failing);
	add(out, "journal_commits_total", "counter", "syncs of the journal", (double)s.n_commits);
	add(out, "journal_commit_seconds_total", "counter", "time they took", (double)s.commit_ns_sum / 1e9);
}

static void add_cache(struct buf *out, struct engine *engine)
{
	struct cache_stats s;

	cache_stats(engine_cache(engine), &s);
	add(out, "cache_points", "gauge", "points that are not known to be safe in their files", (double)s.n_points);
	add(out, "cache_bytes", "gauge", "memory they take", (double)s.bytes_used);
	add(out, "cache_max_bytes", "gauge", "and may take at most", (double)s.max_bytes);
	add(out, "cache_dirty_series", "gauge", "series with something to be written", (double)s.n_dirty_series);
	add(out, "series", "gauge", "series known since the start", registry_n_series(engine_registry(engine)));
}

static void add_quota(struct buf *out, struct ingest *ingest)
{
	struct quota_state q;

	ingest_quota(ingest, &q);
	add(out, "series_per_host_limit", "gauge", "max_series_per_host; 0: none", (double)q.limits.per_host);
	add(out, "series_limit", "gauge", "max_series; 0: none", (double)q.limits.total);
	add(out, "new_series_per_minute_limit", "gauge", "max_new_series_per_minute; 0: none",
	    (double)q.limits.per_minute);
	add(out, "series_counted", "gauge", "series that count for max_series; 0: not counted", (double)q.n_series);
}

static void add_flush(struct buf *out, struct flush *flush)
{
	struct flush_stats s;

	flush_stats(flush, &s);
	add(out, "flush_failing", "gauge", "1 while something cannot be written to its file", s.failing);
	add(out, "flush_series_written_total", "counter", "series written to their files", (double)s.n_series_written);
	add(out, "flush_failed_total", "counter", "series that could not be written, each try counted",
	    (double)s.n_failed);
	add(out, "flush_refused_total", "counter", "series whose points no file could take: kept aside",
	    (double)s.n_refused);
	add(out, "flush_syncs_total", "counter", "syncs of the files", (double)s.n_syncs);
	add(out, "flush_sync_seconds_total", "counter", "time they took", (double)s.sync_ns_sum / 1e9);
}

void gauges_add(void *argument, struct buf *out)
{
	struct daemon *d = argument;
	struct flush *flush = atomic_load(&d->shown_flush);

	add_journal(out, engine_journal(d->engine));
	add_cache(out, d->engine);
	add_quota(out, d->ingest);
	if (flush != NULL) /* not before the replay is over */
		add_flush(out, flush);
}
