#include "storage/reload.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "config/compare.h"
#include "config/listed.h"
#include "storage/daemon.h"
#include "storage/watch.h"
#include "values/values_wsp.h"
#include "wire/reply.h"

enum { MOST_WARNINGS = 20, ANSWER_MAX_BYTES = 1 << 20 };

/* A configuration that was read while running; never changed, freed at the end. */
struct version {
	struct config config;
	struct version *older;
};

struct reload {
	/* fixed after new */
	struct daemon *d;
	int wake_fd;
	/* thread main only */
	struct watch *watch;
	struct version *newest; /* has d->in_force; NULL: that is d->config */
	bool by_signal;
	/* under lock; d->hosts too */
	struct lock lock;
	struct signal signal;
	uint64_t n_asked, n_done;
	bool leaving;
	enum rc rc; /* of the last one */
	struct why why;
	struct buf answer;
};

/* One reload at work. */
struct work {
	struct config config; /* as the file says now */
	struct host_list hosts;
	char *warning[MOST_WARNINGS];
	size_t n_warnings;                     /* those beyond are counted alone */
	struct buf changed, restart;           /* JSON, items of two arrays */
	struct buf changed_keys, restart_keys; /* the same for a log line */
	bool archives;                         /* have changed */
	bool asked;                            /* else: the host-list is another one */
	bool read_hosts, has_list;             /* or tried to, with this outcome; list_state is from before */
	struct watch_state list_state;
	size_t n_added, n_removed;
};

static const struct config *in_force(const struct reload *r)
{
	return atomic_load(&r->d->in_force);
}

static void keep_warning(void *argument, const char *text)
{
	struct work *w = argument;

	if (w->n_warnings < MOST_WARNINGS)
		w->warning[w->n_warnings] = must_strdup(text);
	w->n_warnings++;
}

static void work_init(struct work *w)
{
	*w = (struct work){ 0 };
	buf_init(&w->changed, ANSWER_MAX_BYTES);
	buf_init(&w->restart, ANSWER_MAX_BYTES);
	buf_init(&w->changed_keys, ANSWER_MAX_BYTES);
	buf_init(&w->restart_keys, ANSWER_MAX_BYTES);
}

static void work_fini(struct work *w)
{
	buf_fini(&w->changed);
	buf_fini(&w->restart);
	buf_fini(&w->changed_keys);
	buf_fini(&w->restart_keys);
	for (size_t i = 0; i < w->n_warnings && i < MOST_WARNINGS; i++)
		free(w->warning[i]);
	host_list_fini(&w->hosts);
	config_fini(&w->config);
}

/* What differs. */

static void add_difference(struct buf *json, struct buf *keys, const struct config_difference *d)
{
	buf_add_str(json, json->n == 0 ? "{\"key\": " : ", {\"key\": ");
	reply_string(json, text_of(d->key));
	buf_add_str(json, ", \"was\": ");
	reply_string(json, text_of(d->was));
	buf_add_str(json, ", \"is\": ");
	reply_string(json, text_of(d->is));
	buf_add_str(json, "}");
	buf_addf(keys, "%s%s", keys->n == 0 ? "" : ", ", d->key);
}

static void note_changed(void *argument, const struct config_difference *d)
{
	struct work *w = argument;

	if (!d->reloadable)
		return;
	add_difference(&w->changed, &w->changed_keys, d);
	w->archives = w->archives || strcmp(d->key, "archives") == 0 || strncmp(d->key, "[archives", 9) == 0;
}

static void note_restart(void *argument, const struct config_difference *d)
{
	struct work *w = argument;

	if (d->reloadable)
		return;
	add_difference(&w->restart, &w->restart_keys, d);
	log_line(LOG_LEVEL_WARNING, "reload.needs_restart",
		 "%s: was \"%s\", is now \"%s\" in the file: needs a restart", d->key, d->was, d->is);
}

/* How many keys of a are not in b. */
static size_t count_missing(const struct host_list *a, const struct host_list *b)
{
	static char anything;
	struct map keys;
	size_t n = 0;

	map_init(&keys);
	for (size_t i = 0; i < b->n; i++)
		map_put(&keys, text_of(b->key[i]), &anything);
	for (size_t i = 0; i < a->n; i++)
		n += map_get(&keys, text_of(a->key[i])) == NULL;
	map_fini(&keys, NULL);
	return n;
}

/* The host-list counts where there is an input from RabbitMQ. */
static bool has_hosts(const struct reload *r)
{
	return r->d->config.rpc_hosts.n > 0;
}

static void watch_hosts(struct reload *r, struct watch_state seen)
{
	watch_free(r->watch);
	r->watch = has_hosts(r) ? watch_new(in_force(r)->host_list_file, seen) : NULL;
}

/* Who stands on the list is remembered; that it cannot be is no reason not to take his messages. */
static void remember_hosts(const struct reload *r, const struct host_list *hosts)
{
	char *path = must_format("%s/" LISTED_NAME, r->d->config.wsp_path);
	struct why why;

	if (listed_add(path, hosts, NULL, &why) != RC_OK)
		log_line(LOG_LEVEL_WARNING, "hosts.not_remembered", "why=\"%s\"", why.text);
	free(path);
}

void reload_read_listed(const struct reload *r, struct map *out)
{
	char *path = must_format("%s/" LISTED_NAME, r->d->config.wsp_path);
	struct why why;

	if (listed_read(path, out, &why) != RC_OK)
		log_line(LOG_LEVEL_WARNING, "hosts.not_remembered", "why=\"%s\"", why.text);
	free(path);
}

/* Taking over */

static enum rc read_list(const struct reload *r, struct work *w, const char *path, struct why *why)
{
	enum rc rc;

	if (!has_hosts(r))
		return RC_OK;
	w->read_hosts = true;
	w->list_state = watch_look(path);
	rc = host_list_read(path, &w->hosts, keep_warning, w, why);
	w->has_list = rc == RC_OK;
	return rc;
}

/* Read both files, and open the log file, which is the last that may fail. Nothing is taken over before. */
static enum rc prepare(struct reload *r, struct work *w, struct why *why)
{
	const struct daemon *d = r->d;
	unsigned line;
	enum rc rc = config_read(d->config_path, &w->config, keep_warning, w, why);

	if (rc == RC_OK)
		rc = read_list(r, w, w->config.host_list_file, why);
	if (rc != RC_OK)
		return rc;
	rc = log_change(w->config.log_path, w->config.log_level, w->config.log_level_stdr, why);
	if (rc == RC_OK)
		return rc;
	why_prepend(why, "log_path");
	line = config_line(&w->config, "log_path");
	if (line != 0)
		why_prepend(why, "%s:%u", d->config_path, line);
	else
		why_prepend(why, "%s", d->config_path);
	return rc;
}

static void take_config(struct reload *r, struct work *w)
{
	struct daemon *d = r->d;
	struct version *v;
	const struct config *c;

	if (w->changed.n == 0)
		return;
	v = must_alloc(sizeof(*v));
	*v = (struct version){ w->config, r->newest };
	w->config = (struct config){ 0 }; /* handed over */
	r->newest = v;
	c = &v->config;
	atomic_store(&d->in_force, c);
	if (w->archives)
		values_wsp_use_schema(d->values, &c->schema);
	ingest_change(d->ingest, &(struct ingest_options){
					 .schema = &c->schema,
					 .max_future_s = c->max_future_s,
					 .rejected_max_bytes = (uint64_t)c->rejected_max_bytes,
					 .quota = daemon_quota(c),
				 });
	carbon_change(d->carbon, &c->schema, c->max_future_s);
	http_server_change(d->http, c->http_cors_origin, c->http_ingest_token);
}

static void take_hosts(struct reload *r, struct work *w)
{
	struct host_list before;

	if (!w->read_hosts)
		return;
	if (!w->asked && w->hosts.n == 0 && r->d->hosts.n > 0) {
		log_line(LOG_LEVEL_WARNING, "hosts.kept",
			 "hosts=%zu: the host-list has become empty: the one before counts, until one with hosts "
			 "comes, or "
			 "SIGHUP or numeterctl reload says that it is meant",
			 r->d->hosts.n);
		return;
	}
	w->n_added = count_missing(&w->hosts, &r->d->hosts);
	w->n_removed = count_missing(&r->d->hosts, &w->hosts);
	if (w->n_added == 0 && w->n_removed == 0)
		return;
	remember_hosts(r, &w->hosts);
	amqp_input_set_hosts(r->d->amqp, &w->hosts);
	lock_take(&r->lock);
	before = r->d->hosts;
	r->d->hosts = w->hosts;
	lock_give_back(&r->lock);
	w->hosts = before;
}

static void say_warnings(const struct work *w)
{
	for (size_t i = 0; i < w->n_warnings && i < MOST_WARNINGS; i++)
		log_line(LOG_LEVEL_WARNING, "config.warning", "%s", w->warning[i]);
	if (w->n_warnings > MOST_WARNINGS)
		log_line(LOG_LEVEL_WARNING, "config.warning", "and %zu more", w->n_warnings - MOST_WARNINGS);
}

/* Append what came of it. */
static void tell(const struct reload *r, const struct work *w, struct buf *out)
{
	buf_addf(out,
		 "{\"changed\": [%.*s], \"needs_restart\": [%.*s], \"hosts\": %zu, \"hosts_added\": %zu, "
		 "\"hosts_removed\": %zu, \"warnings\": [",
		 TEXT_ARG(buf_text(&w->changed)), TEXT_ARG(buf_text(&w->restart)), r->d->hosts.n, w->n_added,
		 w->n_removed);
	for (size_t i = 0; i < w->n_warnings && i < MOST_WARNINGS; i++) {
		buf_add_str(out, i == 0 ? "" : ", ");
		reply_string(out, text_of(w->warning[i]));
	}
	buf_add_str(out, "]}");
}

/* The configuration is no good, or the list that it names. Nobody asked: a list that can be read is taken all the same. */
static void take_hosts_alone(struct reload *r, struct work *w, const struct why *why)
{
	const char *path = in_force(r)->host_list_file;
	struct why list_why;

	if (w->read_hosts && !w->has_list && strcmp(w->config.host_list_file, path) == 0) {
		log_line(LOG_LEVEL_ERROR, "reload.refused", "why=\"%s\": all stays as it is", why->text);
		watch_seen(r->watch, w->list_state);
		return;
	}
	log_line(LOG_LEVEL_ERROR, "reload.refused", "why=\"%s\": the configuration stays as it is", why->text);
	host_list_fini(&w->hosts);
	if (read_list(r, w, path, &list_why) != RC_OK) {
		log_line(LOG_LEVEL_ERROR, "reload.refused", "why=\"%s\": the host-list stays as it is", list_why.text);
	} else {
		take_hosts(r, w);
		log_line(LOG_LEVEL_INFO, "hosts.reloaded", "hosts=%zu hosts_added=%zu hosts_removed=%zu", r->d->hosts.n,
			 w->n_added, w->n_removed);
	}
	watch_seen(r->watch, w->list_state);
}

static void take_all(struct reload *r, struct work *w)
{
	const struct config *before = in_force(r);

	say_warnings(w);
	config_compare(&r->d->config, &w->config, note_restart, w);
	config_compare(before, &w->config, note_changed, w);
	take_config(r, w);
	take_hosts(r, w);
	if (strcmp(before->host_list_file, in_force(r)->host_list_file) != 0)
		watch_hosts(r, w->list_state);
	else
		watch_seen(r->watch, w->list_state);
	log_line(LOG_LEVEL_INFO, "reload.done",
		 "changed=\"%.*s\" needs_restart=\"%.*s\" hosts=%zu hosts_added=%zu hosts_removed=%zu",
		 TEXT_ARG(buf_text(&w->changed_keys)), TEXT_ARG(buf_text(&w->restart_keys)), r->d->hosts.n, w->n_added,
		 w->n_removed);
}

/* What is refused when somebody asked does not count as seen: the watch comes back to a list that changed. */
static enum rc reload(struct reload *r, bool asked, struct buf *answer, struct why *why)
{
	struct work w;
	enum rc rc;

	work_init(&w);
	w.asked = asked;
	if (log_reopen(why) != RC_OK) /* whatever the files say: it may have been moved away */
		fprintf(stderr, "%s\n", why->text);
	rc = prepare(r, &w, why);
	if (rc == RC_OK) {
		take_all(r, &w);
		tell(r, &w, answer);
	} else if (asked) {
		log_line(LOG_LEVEL_ERROR, "reload.refused", "why=\"%s\": all stays as it is", why->text);
	} else {
		take_hosts_alone(r, &w, why);
	}
	work_fini(&w);
	return rc;
}

/* One reload for all that asked for it by now. */
static void run(struct reload *r)
{
	struct why why = { "" };
	struct buf answer;
	bool asked = r->by_signal;
	uint64_t n_asked;
	enum rc rc;

	r->by_signal = false;
	lock_take(&r->lock);
	n_asked = r->n_asked;
	asked = asked || n_asked > r->n_done;
	lock_give_back(&r->lock);
	buf_init(&answer, ANSWER_MAX_BYTES);
	rc = reload(r, asked, &answer, &why);
	lock_take(&r->lock);
	buf_fini(&r->answer);
	r->answer = answer;
	r->rc = rc;
	r->why = why;
	r->n_done = n_asked;
	signal_all(&r->signal);
	lock_give_back(&r->lock);
}

/* Outside */

struct reload *reload_new(struct daemon *d)
{
	struct reload *r = must_alloc(sizeof(*r));

	r->d = d;
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(r->wake_fd >= 0);
	lock_init(&r->lock);
	signal_init(&r->signal);
	buf_init(&r->answer, ANSWER_MAX_BYTES);
	watch_hosts(r, d->hosts_state);
	if (has_hosts(r))
		remember_hosts(r, &d->hosts);
	return r;
}

void reload_leave(struct reload *r)
{
	if (r == NULL)
		return;
	lock_take(&r->lock);
	r->leaving = true;
	signal_all(&r->signal);
	lock_give_back(&r->lock);
}

void reload_free(struct reload *r)
{
	if (r == NULL)
		return;
	for (struct version *v = r->newest, *older; v != NULL; v = older) {
		older = v->older;
		config_fini(&v->config);
		free(v);
	}
	watch_free(r->watch);
	buf_fini(&r->answer);
	close(r->wake_fd);
	signal_fini(&r->signal);
	lock_fini(&r->lock);
	free(r);
}

void reload_want(struct reload *r)
{
	if (r != NULL)
		r->by_signal = true;
}

static bool is_asked(struct reload *r)
{
	bool asked;

	lock_take(&r->lock);
	asked = r->n_asked > r->n_done;
	lock_give_back(&r->lock);
	return asked;
}

void reload_wait(struct reload *r, int signal_fd, int most_ms)
{
	struct pollfd p[] = { { signal_fd, POLLIN, 0 }, { watch_fd(r->watch), POLLIN, 0 }, { r->wake_fd, POLLIN, 0 } };
	int wait_ms = watch_due_ms(r->watch, mono_now());
	uint64_t count;

	if (most_ms >= 0 && (wait_ms < 0 || wait_ms > most_ms))
		wait_ms = most_ms;
	if (!r->by_signal)
		poll(p, ARRAY_LEN(p), wait_ms);
	if ((p[0].revents & POLLIN) != 0)
		return;
	if (read(r->wake_fd, &count, sizeof(count)) < 0) {
		/* nobody asked */
	}
	watch_read(r->watch, mono_now());
	if (r->by_signal || is_asked(r) || watch_changed(r->watch, mono_now())) {
		notify_reloading();
		run(r);
		notify_ready();
	}
}

enum rc reload_ask(struct reload *r, struct buf *answer, struct why *why)
{
	uint64_t one = 1, mine;
	enum rc rc;

	lock_take(&r->lock);
	mine = ++r->n_asked;
	lock_give_back(&r->lock);
	if (write(r->wake_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it wakes anyway */
	}
	lock_take(&r->lock);
	while (r->n_done < mine && !r->leaving)
		signal_wait(&r->signal, &r->lock);
	rc = r->n_done < mine ? because(why, RC_PEER, "the daemon is ending") : r->rc;
	if (rc == RC_OK)
		buf_add_text(answer, buf_text(&r->answer));
	else if (r->n_done >= mine)
		*why = r->why;
	lock_give_back(&r->lock);
	return rc;
}

void reload_copy_hosts(struct reload *r, struct host_list *out)
{
	lock_take(&r->lock);
	host_list_copy(&r->d->hosts, out);
	lock_give_back(&r->lock);
}
