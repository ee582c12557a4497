#include "storage/numbers.h"

#include <math.h>
#include <sys/statvfs.h>

#include "base/process.h"
#include "storage/daemon.h"

const struct number_row number_rows[NUMBER_COUNT] = {
#define NUMBER_ROW(id, name, label, type, help) { name, label, type, help },
	NUMBER_TABLE(NUMBER_ROW)
#undef NUMBER_ROW
};

static void take_journal(struct journal *journal, double *value)
{
	struct journal_stats s;

	journal_stats(journal, &s);
	value[NUMBER_JOURNAL_BYTES] = (double)s.n_bytes;
	value[NUMBER_JOURNAL_MAX_BYTES] = (double)s.max_bytes;
	value[NUMBER_JOURNAL_SEGMENTS] = (double)s.n_segments;
	value[NUMBER_JOURNAL_UNSYNCED] = (double)(s.appended - s.synced);
	value[NUMBER_JOURNAL_FAILING] = s.failing;
	value[NUMBER_JOURNAL_COMMITS] = (double)s.n_commits;
}

static void take_cache(struct engine *engine, double *value)
{
	const struct registry *registry = engine_registry(engine);
	struct cache_stats s;

	cache_stats(engine_cache(engine), &s);
	value[NUMBER_CACHE_POINTS] = (double)s.n_points;
	value[NUMBER_CACHE_BYTES] = (double)s.bytes_used;
	value[NUMBER_CACHE_MAX_BYTES] = (double)s.max_bytes;
	value[NUMBER_CACHE_DIRTY] = (double)s.n_dirty_series;
	value[NUMBER_SERIES] = registry_n_series(registry);
	value[NUMBER_SOURCES] = registry_n_sources(registry);
}

/* What waits since the replay is as old as it was accepted; everything else is newer than the pass before. */
static double lag_of(struct daemon *d, const struct flush_stats *s, double n_points, struct mono now)
{
	uint32_t oldest_s = engine_oldest_replayed_s(d->engine);

	if (n_points == 0)
		return 0;
	if (!s->whole_pass && oldest_s != 0) {
		int64_t age_s = wall_now().s - oldest_s;

		return age_s > 0 ? (double)age_s : 0;
	}
	return now.ns > s->all_before.ns ? (double)(now.ns - s->all_before.ns) / 1e9 : 0;
}

static void take_flush(struct daemon *d, double *value, struct mono now)
{
	struct flush *flush = atomic_load(&d->shown_flush);
	struct flush_stats s;

	if (flush == NULL) /* not yet */
		return;
	flush_stats(flush, &s);
	value[NUMBER_FLUSH_FAILING] = s.failing;
	value[NUMBER_FLUSH_SERIES] = (double)s.n_series_written;
	value[NUMBER_FLUSH_FAILED] = (double)s.n_failed;
	value[NUMBER_FLUSH_REFUSED] = (double)s.n_refused;
	value[NUMBER_FLUSH_SYNCS] = (double)s.n_syncs;
	value[NUMBER_FLUSH_LAG] = lag_of(d, &s, value[NUMBER_CACHE_POINTS], now);
}

static void take_quota(struct daemon *d, double *value)
{
	struct quota_state q;

	ingest_quota(d->ingest, &q);
	value[NUMBER_QUOTA_PER_HOST] = (double)q.limits.per_host;
	value[NUMBER_QUOTA_TOTAL] = (double)q.limits.total;
	value[NUMBER_QUOTA_PER_MINUTE] = (double)q.limits.per_minute;
	value[NUMBER_QUOTA_COUNTED] = (double)q.n_series;
}

static void take_upkeep(struct daemon *d, double *value)
{
	struct upkeep *upkeep = atomic_load(&d->shown_upkeep);
	struct upkeep_stats s;

	if (upkeep == NULL) /* not yet */
		return;
	upkeep_stats(upkeep, &s);
	value[NUMBER_GONE_HOSTS] = (double)s.n_hosts;
	value[NUMBER_GONE_PLUGINS] = (double)s.n_plugins;
	value[NUMBER_STALE_FILES] = (double)s.n_files;
	value[NUMBER_TRASH_ENTRIES] = (double)s.n_trash;
	value[NUMBER_LAST_CLEAN] = (double)s.cleaned_s;
}

static void take_inputs(struct daemon *d, double *value)
{
	struct ingest_stats s;

	ingest_stats(d->ingest, &s);
	value[NUMBER_HOSTS] = (double)s.n_hosts;
	value[NUMBER_REJECTED_BYTES] = (double)s.rejected_bytes;
	value[NUMBER_REJECTED_MAX_BYTES] = (double)atomic_load(&d->in_force)->rejected_max_bytes;
	if (d->config.rpc_hosts.n == 0)
		return;
	value[NUMBER_BROKER_CONNECTED] = atomic_load(&d->amqp_shown.connected);
	value[NUMBER_UNACKED] = (double)atomic_load(&d->amqp_shown.n_unacked);
	if (atomic_load(&d->amqp_shown.queue_depth) >= 0)
		value[NUMBER_QUEUE_DEPTH] = (double)atomic_load(&d->amqp_shown.queue_depth);
}

static void take_disk(const char *path, double *free_bytes, double *size_bytes)
{
	struct statvfs s;

	if (statvfs(path, &s) != 0)
		return;
	*free_bytes = (double)s.f_bavail * (double)s.f_frsize;
	*size_bytes = (double)s.f_blocks * (double)s.f_frsize;
}

static void take_process(double *value)
{
	struct process_state s;

	process_look(&s);
	value[NUMBER_RESIDENT] = s.resident_bytes;
	value[NUMBER_VIRTUAL] = s.virtual_bytes;
	value[NUMBER_CPU] = s.cpu_s;
	value[NUMBER_OPEN_FDS] = s.n_open_fds;
	value[NUMBER_MAX_FDS] = s.max_fds;
	value[NUMBER_THREADS] = s.n_threads;
	value[NUMBER_STARTED] = s.started_s;
}

void numbers_take(struct daemon *d, struct numbers *out)
{
	double *value = out->value;

	out->at = mono_now();
	for (enum number n = 0; n < NUMBER_COUNT; n++)
		value[n] = NAN;
	take_journal(engine_journal(d->engine), value);
	take_cache(d->engine, value);
	take_flush(d, value, out->at);
	take_upkeep(d, value);
	take_quota(d, value);
	take_inputs(d, value);
	take_disk(d->config.wsp_path, &value[NUMBER_WSP_FREE], &value[NUMBER_WSP_SIZE]);
	take_disk(d->config.journal_path, &value[NUMBER_JOURNAL_FREE], &value[NUMBER_JOURNAL_SIZE]);
	take_process(value);
	for (enum counter c = 0; c < COUNTER_COUNT; c++)
		out->counter[c] = counter_get(c);
	for (enum reason r = 0; r < REASON_COUNT; r++)
		out->reason[r] = reason_counted(r);
	for (enum histogram h = 0; h < HISTOGRAM_COUNT; h++)
		histogram_read(h, &out->histogram[h]);
}
