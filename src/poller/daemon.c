#include "poller/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/privileges.h"
#include "model/name.h"
#include "poller/compose.h"
#include "poller/schedule.h"

enum { EXIT_BAD = 1, STOP_MS = 1200, COMMIT_BYTES = 256 * 1024, COMMIT_MS = 2000 };

void daemon_warn(void *argument, const char *text)
{
	struct daemon *d = argument;

	fprintf(stderr, "warning: %s\n", text);
	array_grow(&d->warning, &d->warning_capacity, d->n_warnings, sizeof(*d->warning));
	d->warning[d->n_warnings++] = must_strdup(text);
}

static enum rc refuse(const struct daemon *d, const char *key, enum rc rc, const struct why *why)
{
	unsigned line = poller_config_line(&d->config, key);

	if (line == 0)
		fprintf(stderr, "%s: %s: %s\n", d->config_path, key, why->text);
	else
		fprintf(stderr, "%s:%u: %s: %s\n", d->config_path, line, key, why->text);
	log_line(LOG_LEVEL_ERROR, "daemon.refused", "why=\"%s: %s\"", key, why->text);
	return rc;
}

static enum rc log_warnings(struct daemon *d)
{
	for (size_t i = 0; i < d->n_warnings; i++)
		log_line(LOG_LEVEL_WARNING, "config.warning", "%s", d->warning[i]);
	return RC_OK;
}

static enum rc open_log(struct daemon *d)
{
	struct why why;
	enum rc rc = log_open(d->config.log_path, d->config.log_level, d->config.log_level_stdr, &why);

	return rc == RC_OK ? rc : refuse(d, "log_path", rc, &why);
}

/* Signals arrive as data: every thread has them blocked, the main thread reads them from a descriptor. */
static enum rc take_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->leave_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(d->signal_fd >= 0 && d->leave_fd >= 0);
	return RC_OK;
}

/* Whatever signals have come; whether the poller is to end. */
static bool is_to_end(void *argument)
{
	struct daemon *d = argument;
	struct signalfd_siginfo info;
	struct why why;

	while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			log_line(LOG_LEVEL_INFO, "daemon.stopping", "signal=%u", info.ssi_signo);
			d->is_to_end = true;
			continue;
		}
		if (log_reopen(&why) != RC_OK)
			fprintf(stderr, "%s\n", why.text);
		log_line(LOG_LEVEL_INFO, "log.reopened", "pid=%ld", (long)getpid());
	}
	return d->is_to_end;
}

static enum rc take_privileges(struct daemon *d)
{
	const struct poller_config *c = &d->config;
	const char *slash = strrchr(c->log_path == NULL ? "/" : c->log_path, '/');
	char *log = c->log_path == NULL ? NULL : must_strndup(c->log_path, (size_t)(slash - c->log_path));
	const char *const folder[] = { log, c->spool_path };
	struct why why = { "" };
	enum rc rc = privileges_take(c->user, c->group, folder, ARRAY_LEN(folder), &why);

	free(log);
	if (rc == RC_OK)
		return RC_OK;
	return refuse(d, strncmp(why.text, "group:", 6) == 0 ? "group" : "user", rc, &why);
}

static enum rc check_host_id(struct daemon *d)
{
	char unique[300], digits[MD5_HEX_BYTES + 1];
	struct why why;

	if (d->config.host_id != NULL)
		return RC_OK;
	snprintf(unique, sizeof(unique), "%s %lld %ld", d->config.name, (long long)mono_now().ns, (long)getpid());
	name_md5(text_of(unique), digits);
	(void)because(&why, RC_REFUSED, "not set in [MyInfo]: expected a name that no other host has, such as %lld-%s",
		      (long long)wall_now().s, digits);
	return refuse(d, "host_id", RC_REFUSED, &why);
}

static enum rc open_measure(struct daemon *d)
{
	struct reach_wake wake = { d->signal_fd, is_to_end, d };
	const char *slash = strrchr(d->config.spool_path, '/');
	struct why why;
	enum rc rc = measure_new(&d->config, &wake, &d->measure, &why);

	if (rc != RC_OK)
		return refuse(d, "plugins_enable", rc, &why);
	d->counters_path = must_format("%.*s/counters", (int)(slash - d->config.spool_path), d->config.spool_path);
	return RC_OK;
}

static enum rc remember(struct daemon *d)
{
	measure_remember(d->measure, d->counters_path);
	return RC_OK;
}

static enum rc open_spool(struct daemon *d)
{
	struct why why;
	enum rc rc = spool_open(d->config.spool_path, (uint64_t)d->config.spool_max_bytes, &d->spool, &why);

	return rc == RC_OK ? rc : refuse(d, "spool_path", rc, &why);
}

static enum rc open_sink(struct daemon *d)
{
	const struct poller_config *c = &d->config;

	if (c->simulate)
		d->sink = sink_file_new(c);
	else if (c->storage_url.host != NULL || c->storage_url.unix_path != NULL)
		d->sink = sink_http_new(c, &d->leaving, d->leave_fd);
	else
		d->sink = sink_amqp_new(c, &d->leaving);
	d->sender = sender_new(d->spool, d->sink, text_of(c->host_id), &d->leaving, d->leave_fd);
	return RC_OK;
}

static enum rc start_sender(struct daemon *d)
{
	sender_start(d->sender);
	log_line(LOG_LEVEL_INFO, "daemon.started", "version=%s pid=%ld host_id=%s to=%s waiting_bytes=%llu",
		 NUMETER_VERSION, (long)getpid(), d->config.host_id, d->sink->class->name,
		 (unsigned long long)spool_state(d->spool).waiting_bytes);
	return RC_OK;
}

enum rc daemon_check(struct daemon *d)
{
	enum rc rc;

	d->signal_fd = -1;
	rc = check_host_id(d);
	if (rc == RC_OK)
		rc = open_measure(d);
	measure_free(d->measure);
	free(d->counters_path);
	d->measure = NULL;
	d->counters_path = NULL;
	return rc;
}

/* One poll */

static void commit(struct daemon *d)
{
	static struct log_limit limit;
	struct why why;

	if (spool_commit(d->spool, &why) != RC_OK)
		log_limited(&limit, LOG_LEVEL_ERROR, "spool.unwritten", "why=\"%s\" messages wait in memory", why.text);
	d->uncommitted_bytes = 0;
	d->committed_at = mono_now();
}

/* A tick that is long or large is not kept in memory to its end. */
static void into_spool(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	struct daemon *d = argument;

	spool_add(d->spool,
		  &(struct parcel){ .kind = kind, .host = text_of(d->config.host_id), .plugin = plugin, .text = text });
	d->n_messages++;
	d->uncommitted_bytes += text.n;
	if (d->uncommitted_bytes > COMMIT_BYTES || mono_ms_between(d->committed_at, mono_now()) > COMMIT_MS)
		commit(d);
}

static void note_tick(const struct measure_count *count, enum rc rc, const struct why *why, struct mono begin)
{
	static struct log_limit limit;

	if (rc == RC_PEER)
		log_limited(&limit, LOG_LEVEL_WARNING, "munin.away", "why=\"%s\"", why->text);
	log_line(LOG_LEVEL_INFO, "tick.done", "plugins=%zu failed=%zu values=%zu infos=%d took_ms=%lld",
		 count->n_plugins, count->n_failed, count->n_values, count->is_refresh,
		 (long long)mono_ms_between(begin, mono_now()));
}

/* Errors: of measure_tick(). What came is in the spool in any case. */
static enum rc poll_once(struct daemon *d, struct why *why)
{
	static struct log_limit counters_limit;
	struct mono begin = mono_now();
	struct measure_count count;
	struct why cause;
	enum rc rc;

	d->committed_at = begin;
	rc = measure_tick(d->measure, begin, into_spool, d, &count, why);
	d->n_ticks++;
	note_tick(&count, rc, why, begin);
	commit(d);
	if (measure_keep(d->measure, d->counters_path, &cause) != RC_OK)
		log_limited(&counters_limit, LOG_LEVEL_WARNING, "counters.unwritten", "why=\"%s\"", cause.text);
	return rc;
}

/* The timer */

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t set_timer(struct daemon *d)
{
	int64_t period_s = d->config.poller_time_s;
	int64_t due_ns = schedule_next_ns(wall_ns(), period_s, schedule_delay_ns(text_of(d->config.host_id), period_s));
	struct itimerspec at = { .it_value = { due_ns / 1000000000, due_ns % 1000000000 } };

	/* the kernel wakes us as well when somebody sets the clock */
	must(timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) == 0);
	return due_ns;
}

/* Until the tick is due, the clock was set or a signal came. True: it is due. */
static bool await_timer(struct daemon *d)
{
	struct pollfd p[2] = { { d->timer_fd, POLLIN, 0 }, { d->signal_fd, POLLIN, 0 } };
	uint64_t n_expired;

	if (poll(p, 2, -1) < 0)
		return false;
	if (p[1].revents != 0 && is_to_end(d))
		return false;
	return p[0].revents != 0 && read(d->timer_fd, &n_expired, sizeof(n_expired)) > 0;
}

static void run(struct daemon *d)
{
	struct why why;

	notify_ready();
	while (!d->is_to_end) {
		int64_t due_ns = set_timer(d);

		if (!await_timer(d))
			continue;
		if (schedule_is_missed(due_ns, wall_ns(), d->config.poller_time_s)) {
			d->n_missed++;
			log_line(LOG_LEVEL_INFO, "tick.missed", "late_s=%lld",
				 (long long)((wall_ns() - due_ns) / 1000000000));
			continue;
		}
		(void)!poll_once(d, &why); /* it is logged, and the next one comes */
	}
}

/* The disk took nothing, and nobody else did. */
static void tell_lost(struct daemon *d)
{
	uint64_t n;

	if (d->spool == NULL)
		return;
	commit(d); /* perhaps now */
	n = spool_state(d->spool).memory_bytes;
	if (n > 0)
		log_line(LOG_LEVEL_WARNING, "daemon.lost", "bytes=%llu why=\"neither written nor sent\"",
			 (unsigned long long)n);
}

/* Backwards. A sender that hangs in a server's answer is left behind: all that it has is in the spool. */
static void stop(struct daemon *d)
{
	uint64_t one = 1, n_sent = d->sender == NULL ? 0 : sender_n_sent(d->sender);
	bool ended;

	notify_stopping();
	atomic_store(&d->leaving, true);
	if (d->leave_fd >= 0 && write(d->leave_fd, &one, sizeof(one)) < 0)
		log_line(LOG_LEVEL_DEBUG, "daemon.wake", "why=\"%s\"", strerror(errno));
	if (d->spool != NULL)
		spool_wake(d->spool);
	ended = sender_stop(d->sender, STOP_MS);
	tell_lost(d);
	log_line(LOG_LEVEL_INFO, "daemon.stopped", "ticks=%llu missed=%llu messages=%llu sent=%llu",
		 (unsigned long long)d->n_ticks, (unsigned long long)d->n_missed, (unsigned long long)d->n_messages,
		 (unsigned long long)n_sent);
	if (!ended)
		_exit(EXIT_SUCCESS);
	sink_free(d->sink);
	spool_close(d->spool);
	measure_free(d->measure);
	free(d->counters_path);
	for (size_t i = 0; i < 3; i++) {
		int fd = (const int[]){ d->signal_fd, d->timer_fd, d->leave_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	log_close();
}

typedef enum rc step_fn(struct daemon *d);

static enum rc take_steps(struct daemon *d, step_fn *const *step, size_t n)
{
	enum rc rc = RC_OK;

	d->signal_fd = d->timer_fd = d->leave_fd = -1;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = step[i](d);
	return rc;
}

static enum rc open_timer(struct daemon *d)
{
	d->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	must(d->timer_fd >= 0);
	return RC_OK;
}

int daemon_serve(struct daemon *d)
{
	static step_fn *const steps[] = {
		take_signals, check_host_id, take_privileges, open_measure, open_log,     log_warnings,
		open_spool,   remember,      open_sink,       open_timer,   start_sender,
	};
	enum rc rc = take_steps(d, steps, ARRAY_LEN(steps));

	if (rc == RC_OK)
		run(d);
	stop(d);
	return rc == RC_OK ? EXIT_SUCCESS : EXIT_BAD;
}

static void tell_away(const struct daemon *d, const struct why *why)
{
	fprintf(stderr, "numeter-poller: munin-node at %s:%lld: %s\n", d->config.munin_host,
		(long long)d->config.munin_port, why->text);
}

/* Nobody reads signals any more: they end the process, and what it has is in the spool. */
static void release_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	must(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

int daemon_once(struct daemon *d)
{
	static step_fn *const steps[] = {
		take_signals, check_host_id, take_privileges, open_measure, open_log,
		log_warnings, open_spool,    remember,        open_sink,
	};
	enum rc rc = take_steps(d, steps, ARRAY_LEN(steps)), sent;
	struct why why = { "" };

	if (rc != RC_OK)
		goto out;
	rc = poll_once(d, &why);
	if (rc != RC_OK && rc != RC_END)
		tell_away(d, &why);
	if (rc == RC_END || is_to_end(d)) {
		fprintf(stderr, "numeter-poller: ended by a signal; what is not sent is kept in %s\n",
			d->config.spool_path);
		rc = RC_END;
	} else {
		release_signals();
		sent = sender_drain(d->sender, &why);
		if (sent != RC_OK)
			fprintf(stderr, "numeter-poller: not all is sent: %s; it is kept in %s\n", why.text,
				d->config.spool_path);
		rc = rc == RC_OK ? sent : rc;
	}
out:
	stop(d);
	return rc == RC_OK ? EXIT_SUCCESS : EXIT_BAD;
}

static void onto_stdout(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	struct daemon *d = argument;
	struct parcel p = { .kind = kind, .host = text_of(d->config.host_id), .plugin = plugin, .text = text };
	struct buf line;

	buf_init(&line, SIZE_MAX);
	compose_line(&line, &p);
	(void)!fwrite(line.at, 1, line.n, stdout);
	buf_fini(&line);
}

/* What goes wrong with a plugin is for the person who looks. */
static enum rc log_to_stderr(struct daemon *d)
{
	(void)d;
	return log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_WARNING, NULL);
}

int daemon_print(struct daemon *d)
{
	static step_fn *const steps[] = { take_signals, check_host_id, log_to_stderr, open_measure, remember };
	struct measure_count count;
	struct why why;
	enum rc rc = take_steps(d, steps, ARRAY_LEN(steps));

	if (rc == RC_OK) {
		rc = measure_tick(d->measure, mono_now(), onto_stdout, d, &count, &why);
		if (rc != RC_OK)
			tell_away(d, &why);
		if (fflush(stdout) != 0)
			rc = RC_DISK;
	}
	stop(d);
	return rc == RC_OK ? EXIT_SUCCESS : EXIT_BAD;
}
