/*
 * The daemon's steps that open what points go through: values, engine, ingest, replay, flush, and two
 * that need no more than these: carbon, control.
 */
#include "base/log.h"
#include "storage/daemon.h"
#include "values/values_wsp.h"

enum rc start_values(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc = values_wsp_open(
		&(struct values_wsp_options){
			.root = c->wsp_path,
			.schema = &c->schema,
			.allocate = c->wsp_sparse ? WSP_SPARSE : WSP_RESERVE,
			.quarantine_path = c->quarantine_path,
		},
		&d->values, &why);

	return rc == RC_OK ? rc : daemon_refuse(d, "wsp_path", rc, &why);
}

/* Called on thread journal: the ends of an outage, once each. */
static void on_committed(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	static struct log_limit failing = { .burst = LOG_BURST }, recovered = { .burst = LOG_BURST };
	struct daemon *d = argument;

	if (rc != RC_OK) {
		d->journal_failed = mono_now();
		d->journal_fails = true;
		log_limited(&failing, LOG_LEVEL_ERROR, "journal.failing",
			    "why=\"%s\": nothing is accepted, tried again", why->text);
	} else if (d->journal_fails) {
		d->journal_fails = false;
		log_limited(&recovered, LOG_LEVEL_INFO, "journal.recovered", "after_s=%lld",
			    (long long)mono_ms_between(d->journal_failed, mono_now()) / 1000);
	}
	(void)position;
}

enum rc start_engine(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc = engine_open(
		&(struct engine_options){
			.values = d->values,
			.journal_path = c->journal_path,
			.journal_commit_ms = (uint32_t)c->journal_commit_ms,
			.journal_commit_bytes = (uint64_t)c->journal_commit_bytes,
			.journal_max_bytes = (uint64_t)c->journal_max_bytes,
			.cache_max_bytes = (uint64_t)c->cache_max_bytes,
			.enough = daemon_is_to_end,
			.argument = d,
		},
		&d->engine, &why);

	if (rc != RC_OK)
		return daemon_refuse(d, "journal_path", rc, &why);
	engine_listen(d->engine, on_committed, d);
	return RC_OK;
}

struct quota_limits daemon_quota(const struct config *c)
{
	return (struct quota_limits){
		.per_host = (uint64_t)c->max_series_per_host,
		.total = (uint64_t)c->max_series,
		.per_minute = (uint64_t)c->max_new_series_per_minute,
	};
}

enum rc start_ingest(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc = ingest_open(
		&(struct ingest_options){
			.meta = d->meta,
			.gone = d->gone,
			.engine = d->engine,
			.schema = &c->schema,
			.wsp_path = c->wsp_path,
			.md5_digits = (unsigned)c->wsp_path_md5_char,
			.max_future_s = c->max_future_s,
			.rejected_path = c->rejected_path,
			.rejected_max_bytes = (uint64_t)c->rejected_max_bytes,
			.quota = daemon_quota(c),
		},
		&d->ingest, &why);

	return rc == RC_OK ? rc : daemon_refuse(d, "rejected_path", rc, &why);
}

enum rc start_replay(struct daemon *d)
{
	struct mono began = mono_now();
	struct journal_replayed r;
	struct why why;
	enum rc rc = engine_start(d->engine, &r, &why);

	if (rc == RC_END)
		return rc;
	if (rc != RC_OK)
		return daemon_refuse(d, "journal_path", rc, &why);
	ingest_start(d->ingest);
	atomic_store(&d->accepts, true);
	log_line(LOG_LEVEL_INFO, "journal.replayed", "points=%llu series=%u segments=%llu took_ms=%lld",
		 (unsigned long long)r.n_points, registry_n_series(engine_registry(d->engine)),
		 (unsigned long long)r.n_segments, (long long)mono_ms_between(began, mono_now()));
	if (r.n_damaged_bytes > 0 || r.n_damaged_files > 0)
		log_line(LOG_LEVEL_WARNING, "journal.damaged",
			 "bytes=%llu unnamed_points=%llu files_kept=%llu why=\"%s\"",
			 (unsigned long long)r.n_damaged_bytes, (unsigned long long)r.n_unnamed,
			 (unsigned long long)r.n_damaged_files, r.why.text);
	return RC_OK;
}

static enum rc keep_refused(void *argument, const struct values_batch *batch, struct why *why)
{
	struct daemon *d = argument;

	return ingest_keep_points(d->ingest, batch, why);
}

enum rc start_flush(struct daemon *d)
{
	d->flush = flush_start(&(struct flush_options){
		.engine = d->engine,
		.interval_s = (uint32_t)d->config.flush_interval_s,
		.coarse_delay_s = (uint32_t)d->config.coarse_delay_s,
		.refused = keep_refused,
		.argument = d,
	});
	atomic_store(&d->shown_flush, d->flush);
	return RC_OK;
}

static uint32_t mark(void *argument)
{
	return ingest_mark(argument);
}

static uint32_t n_forgets(void *argument)
{
	return ingest_n_forgets(argument);
}

enum rc start_carbon(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc;

	if (c->carbon_listen == NULL || c->carbon_listen[0] == '\0')
		return RC_OK;
	rc = carbon_start(
		&(struct carbon_options){
			.listen = c->carbon_listen,
			.engine = d->engine,
			.ingest = d->ingest,
			.schema = &c->schema,
			.max_future_s = c->max_future_s,
			.mark = mark,
			.n_forgets = n_forgets,
			.mark_argument = d->ingest,
		},
		&d->carbon, &why);
	return rc == RC_OK ? rc : daemon_refuse(d, "carbon_listen", rc, &why);
}

enum rc make_control_view(struct daemon *d)
{
	d->control_view = (struct control_view){
		.engine = d->engine,
		.flush = d->flush,
		.meta = d->meta,
		.ingest = d->ingest,
		.upkeep = d->upkeep,
		.query = &d->query,
		.in_force = &d->in_force,
		.reload = d->reload,
		.storage_name = d->config.storage_name,
		.started = mono_now(),
	};
	return RC_OK;
}

enum rc start_control(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc;

	if (c->control_socket == NULL)
		return RC_OK;
	rc = control_start(
		&(struct control_options){
			.path = c->control_socket,
			.verb = control_verbs,
			.n_verbs = control_n_verbs,
			.argument = &d->control_view,
		},
		&d->control, &why);
	return rc == RC_OK ? rc : daemon_refuse(d, "control_socket", rc, &why);
}
