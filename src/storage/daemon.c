#include "storage/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "http/access_log.h"
#include "query/folder.h"
#include "query/seen_files.h"
#include "storage/gauges.h"
#include "values/wsp_adopt.h"

enum { EXIT_BAD = 1 };

void daemon_warn(void *argument, const char *text)
{
	struct daemon *d = argument;

	fprintf(stderr, "warning: %s\n", text);
	array_grow(&d->warning, &d->warning_capacity, d->n_warnings, sizeof(*d->warning));
	d->warning[d->n_warnings++] = must_strdup(text);
}

static enum rc log_warnings(struct daemon *d)
{
	for (size_t i = 0; i < d->n_warnings; i++)
		log_line(LOG_LEVEL_WARNING, "config.warning", "%s", d->warning[i]);
	return RC_OK;
}

enum rc daemon_refuse(const struct daemon *d, const char *key, enum rc rc, const struct why *why)
{
	unsigned line = config_line(&d->config, key);

	if (line == 0)
		fprintf(stderr, "%s: %s: %s\n", d->config_path, key, why->text);
	else
		fprintf(stderr, "%s:%u: %s: %s\n", d->config_path, line, key, why->text);
	log_line(LOG_LEVEL_ERROR, "daemon.refused", "why=\"%s\"", why->text);
	return rc;
}

/* "/run/numeter/socket" → "/run/numeter"; NULL: none, or the root itself. The caller frees it. */
static char *folder_of(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	return slash == NULL || slash == path ? NULL : must_strndup(path, (size_t)(slash - path));
}

static enum rc take_privileges(struct daemon *d)
{
	const struct config *c = &d->config;
	char *log = folder_of(c->log_path), *control = folder_of(c->control_socket),
	     *sqlite = folder_of(c->sqlite_path);
	const char *const folder[] = { log, control, sqlite, c->wsp_path, c->journal_path, c->rejected_path };
	struct why why = { "" };
	enum rc rc = privileges_take(c->user, c->group, folder, ARRAY_LEN(folder), &why);
	unsigned line = config_line(c, strncmp(why.text, "group:", 6) == 0 ? "group" : "user");

	free(log);
	free(control);
	free(sqlite);
	if (rc == RC_OK)
		return RC_OK;
	if (rc == RC_DISK)
		return daemon_refuse(d, "user", rc, &why);
	if (line == 0)
		fprintf(stderr, "%s: %s\n", d->config_path, why.text);
	else
		fprintf(stderr, "%s:%u: %s\n", d->config_path, line, why.text);
	return rc;
}

static enum rc open_log(struct daemon *d)
{
	struct why why;
	enum rc rc = log_open(d->config.log_path, d->config.log_level, d->config.log_level_stdr, &why);

	return rc == RC_OK ? rc : daemon_refuse(d, "log_path", rc, &why);
}

static enum rc read_hosts(struct daemon *d)
{
	struct why why;
	enum rc rc;

	if (d->config.rpc_hosts.n == 0)
		return RC_OK;
	d->hosts_state = watch_look(d->config.host_list_file);
	rc = host_list_read(d->config.host_list_file, &d->hosts, daemon_warn, d, &why);
	return rc == RC_OK ? rc : daemon_refuse(d, "host_list_file", rc, &why);
}

static enum rc open_meta(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc = RC_OK;

	if (c->metadata == CONFIG_METADATA_REDIS)
		d->meta = meta_redis_open(&(struct meta_redis_options){
			.host = c->redis_host,
			.port = (int)c->redis_port,
			.timeout_s = (int)c->redis_timeout_s,
			.password = c->redis_password,
			.db = (int)c->redis_db,
			.leaving = &d->leaving,
		});
	else
		rc = meta_sqlite_open(c->sqlite_path, &d->meta, &why);
	if (rc != RC_OK)
		return daemon_refuse(d, "metadata", rc, &why);
	d->gone = gone_new(d->meta);
	return RC_OK;
}

static uint32_t version_of(void *argument, const struct series *s)
{
	const struct daemon *d = argument;
	const struct flush *flush = atomic_load(&d->shown_flush);

	/* of all series at once: files are seldom changed past the engine */
	return engine_version(d->engine, s) + wsp_adopt_changes() + (flush == NULL ? 0 : flush_n_alone(flush));
}

static enum rc make_query(struct daemon *d)
{
	const struct config *c = &d->config;

	d->query = (struct query){
		.meta = d->meta,
		.gone = d->gone,
		.engine = d->engine,
		.wsp_path = c->wsp_path,
		.md5_digits = (unsigned)c->wsp_path_md5_char,
		.original_windows = c->res_windows == CONFIG_RES_ORIGINAL,
		.folders = folders_new(),
		.seen = seen_files_new(),
		.started_s = wall_now().s,
		.version = version_of,
		.version_argument = d,
	};
	return RC_OK;
}

static enum rc start_http(struct daemon *d)
{
	const struct config *c = &d->config;
	struct why why;
	enum rc rc;

	if (c->n_http_listen == 0)
		return RC_OK;
	rc = access_log_open(c->access_log, &why);
	if (rc != RC_OK)
		return daemon_refuse(d, "access_log", rc, &why);
	rc = http_server_start(
		&(struct http_options){
			.listen = c->http_listen,
			.n_listen = c->n_http_listen,
			.socket_mode = (unsigned)c->http_socket_mode,
			.cors_origin = c->http_cors_origin,
			.ingest_enabled = c->http_ingest,
			.ingest_token = c->http_ingest_token,
			.ingest_max_bytes = (size_t)c->http_ingest_max_bytes,
			.query = &d->query,
			.ingest = d->ingest,
			.gauges = gauges_add,
			.gauges_argument = d,
			.ready = ready_tell,
			.ready_argument = d,
		},
		&d->http, &why);
	return rc == RC_OK ? rc : daemon_refuse(d, "http_listen", rc, &why);
}

static enum rc start_reload(struct daemon *d)
{
	d->reload = reload_new(d);
	return RC_OK;
}

static enum rc start_amqp(struct daemon *d)
{
	const struct config *c = &d->config;
	struct broker_server *server;
	struct map formerly;

	if (c->rpc_hosts.n == 0)
		return RC_OK;
	map_init(&formerly);
	reload_read_listed(d->reload, &formerly);
	server = must_alloc(c->rpc_hosts.n * sizeof(*server));
	for (size_t i = 0; i < c->rpc_hosts.n; i++)
		server[i] = (struct broker_server){
			c->rpc_hosts.at[i].host,
			c->rpc_hosts.at[i].port != 0 ? c->rpc_hosts.at[i].port
			: c->rpc_ssl                 ? 5671
						     : 5672,
		};
	d->amqp = amqp_input_start(&(struct amqp_input_options){
		.broker = {
			.server = server,
			.n_servers = c->rpc_hosts.n,
			.user = c->rpc_user,
			.password = c->rpc_password,
			.vhost = c->rpc_vhost,
			.exchange = c->rpc_exchange,
			.queue = c->storage_name,
			.prefetch = (int)c->rpc_prefetch,
			.durable = c->rpc_durable,
			.quorum = c->rpc_quorum,
			.ssl = c->rpc_ssl,
			.ssl_verify = c->rpc_ssl_verify,
			.ssl_ca = c->rpc_ssl_ca,
			.ssl_cert = c->rpc_ssl_cert,
			.ssl_key = c->rpc_ssl_key,
			.heartbeat_s = 30,
		},
		.hosts = &d->hosts,
		.formerly = &formerly,
		.ingest = d->ingest,
		.meta = d->meta,
		.shown = &d->amqp_shown,
		.unbind_delay_s = c->unbind_delay_s,
	});
	free(server);
	map_fini(&formerly, NULL);
	return RC_OK;
}

static enum rc start_self(struct daemon *d)
{
	struct why why;
	enum rc rc = d->config.self_metrics ? self_start(d, &d->self, &why) : RC_OK;

	return rc == RC_OK ? rc : daemon_refuse(d, "self_metrics", rc, &why);
}

/* Signals arrive as data: every thread has them blocked, the main loop reads them from a descriptor. */
static enum rc take_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	must(d->signal_fd >= 0);
	return RC_OK;
}

static enum rc say_started(struct daemon *d)
{
	log_line(LOG_LEVEL_INFO, "daemon.started", "version=%s pid=%ld storage_name=%s files=%lu", NUMETER_VERSION,
		 (long)getpid(), d->config.storage_name, privileges_raise_files());
	return RC_OK;
}

/* Waits for one. */
static void take_signal(struct daemon *d)
{
	struct signalfd_siginfo info;
	ssize_t n = read(d->signal_fd, &info, sizeof(info));
	struct why why;

	if (n != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		log_line(LOG_LEVEL_INFO, "daemon.stopping", "signal=%u", info.ssi_signo);
		d->is_to_end = true;
		return;
	}
	if (log_reopen(&why) != RC_OK)
		fprintf(stderr, "%s\n", why.text);
	if (access_log_reopen(&why) != RC_OK)
		log_line(LOG_LEVEL_ERROR, "access_log.not_reopened", "why=\"%s\": the old file is written on",
			 why.text);
	log_line(LOG_LEVEL_INFO, "log.reopened", "pid=%ld", (long)getpid());
	d->is_to_reload = true;
}

bool daemon_is_to_end(void *argument)
{
	struct daemon *d = argument;
	struct pollfd p = { d->signal_fd, POLLIN, 0 };

	while (!d->is_to_end && poll(&p, 1, 0) > 0)
		take_signal(d);
	return d->is_to_end;
}

/* The supervisor is told that we live as long as signals are read and the engine's locks can be had. */
static void run(struct daemon *d)
{
	int most_ms = notify_watchdog_ms();

	notify_ready();
	while (!d->is_to_end) {
		if (d->is_to_reload)
			reload_want(d->reload);
		d->is_to_reload = false;
		reload_wait(d->reload, d->signal_fd, most_ms);
		daemon_is_to_end(d);
		(void)engine_pressure(d->engine);
		notify_watchdog();
	}
}

/* Backwards: inputs first, what they write to last. */
static void stop(struct daemon *d)
{
	notify_stopping();
	atomic_store(&d->leaving, true);
	self_stop(d->self);
	reload_leave(d->reload);
	amqp_input_stop(d->amqp);
	carbon_stop(d->carbon);
	upkeep_stop(d->upkeep);
	flush_stop(d->flush); /* whoever waits for a flush is told */
	control_stop(d->control);
	http_server_stop(d->http);
	upkeep_free(d->upkeep);
	access_log_close();
	folders_free(d->query.folders);
	seen_files_free(d->query.seen);
	ingest_close(d->ingest);
	engine_close(d->engine);
	ingest_release(d->ingest);
	self_free(d->self);
	flush_free(d->flush);
	values_close(d->values);
	gone_free(d->gone);
	meta_close(d->meta);
	log_line(LOG_LEVEL_INFO, "daemon.stopped", "messages=%llu points=%llu rejected=%llu",
		 (unsigned long long)(counter_get(COUNTER_MESSAGES_AMQP) + counter_get(COUNTER_MESSAGES_HTTP)),
		 (unsigned long long)counter_get(COUNTER_POINTS_STORED),
		 (unsigned long long)counter_get(COUNTER_MESSAGES_REJECTED));
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	reload_free(d->reload);
	host_list_fini(&d->hosts);
	amqp_shown_fini(&d->amqp_shown);
	readiness_fini(&d->readiness);
	log_close();
}

typedef enum rc step(struct daemon *d);

static enum rc take_steps(struct daemon *d, step *const *steps, size_t n)
{
	enum rc rc = RC_OK;

	atomic_store(&d->in_force, &d->config);
	amqp_shown_init(&d->amqp_shown);
	readiness_init(&d->readiness);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = steps[i](d);
	return rc;
}

/* What would be a line in the log file is one on stderr. */
static enum rc log_to_stderr(struct daemon *d)
{
	struct why why;

	(void)d;
	return log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_WARNING, &why);
}

enum rc daemon_open_alone(struct daemon *d)
{
	static step *const steps[] = {
		take_privileges, log_to_stderr, read_hosts,  open_meta,    start_values, start_engine,
		start_ingest,    make_query,    start_flush, start_replay, open_upkeep,  make_control_view,
	};

	return take_steps(d, steps, ARRAY_LEN(steps));
}

enum rc daemon_open_files(struct daemon *d)
{
	static step *const steps[] = { take_privileges, log_to_stderr, open_meta, start_values, make_control_view };

	return take_steps(d, steps, ARRAY_LEN(steps));
}

void daemon_close_alone(struct daemon *d)
{
	stop(d);
}

int daemon_serve(struct daemon *d)
{
	static step *const steps[] = {
		take_signals, take_privileges, open_log,          read_hosts,    log_warnings,
		say_started,  open_meta,       start_values,      start_reload,  start_engine,
		start_ingest, make_query,      start_http,        start_flush, /* writes what the replay brings */
		start_replay, open_upkeep,     make_control_view, start_control, start_carbon,
		start_amqp,   start_upkeep,    start_self,
	};
	enum rc rc = take_steps(d, steps, ARRAY_LEN(steps));

	if (rc == RC_OK)
		run(d);
	stop(d);
	return rc == RC_OK || d->is_to_end ? EXIT_SUCCESS : EXIT_BAD;
}
