/*
 * The daemon's step that looks after what is stored.
 */
#include "storage/daemon.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

static void each_listed(void *argument, upkeep_line_fn *line, void *line_argument)
{
	struct daemon *d = argument;
	struct host_list now = { 0 };

	if (d->config.rpc_hosts.n == 0)
		return; /* without RabbitMQ the list says nothing */
	if (d->reload != NULL)
		reload_copy_hosts(d->reload, &now);
	else
		host_list_copy(&d->hosts, &now);
	for (size_t i = 0; i < now.n; i++)
		line(line_argument, now.key[i]);
	host_list_fini(&now);
}

enum rc open_upkeep(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc = upkeep_new(
		&(struct upkeep_options){
			.meta = d->meta,
			.gone = d->gone,
			.engine = d->engine,
			.flush = d->flush,
			.ingest = d->ingest,
			.wsp_path = c->wsp_path,
			.md5_digits = (unsigned)c->wsp_path_md5_char,
			.trash_path = c->trash_path,
			.clean_time_s = c->wsp_clean_time_h * HOUR_S,
			.gone_s = c->host_gone_days * DAY_S,
			.trash_s = c->trash_days * DAY_S,
			.max_future_s = c->max_future_s,
			.deletes = c->wsp_delete,
			.started_s = d->query.started_s,
			.listed = each_listed,
			.listed_argument = d,
		},
		&d->upkeep, &why);

	if (rc != RC_OK)
		return daemon_refuse(d, "wsp_path", rc, &why);
	atomic_store(&d->shown_upkeep, d->upkeep);
	return RC_OK;
}

enum rc start_upkeep(struct daemon *d)
{
	upkeep_start(d->upkeep);
	return RC_OK;
}
