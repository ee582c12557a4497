#include "storage/amqp_input.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "storage/amqp_loads.h"
#include "storage/leaving.h"

enum {
	IDLE_MS = 500,
	GATHER_MS = 2,
	RECONNECT_FIRST_MS = 50,
	RECONNECT_MOST_MS = 700, /* bound again within a second of the broker's answer */
	ASK_UNBIND_MS = 30000,
};

struct amqp_input {
	/* fixed after start */
	struct amqp_input_options options;
	pthread_t thread;
	int wake_fd; /* written when a load is done, and by stop */
	/* any thread */
	atomic_bool stopping;
	/* under lock */
	struct lock lock;
	struct host_list new_hosts;
	bool has_new_hosts;
	/* thread amqp only */
	struct host_list hosts;
	struct broker *broker;
	struct loads loads;
	int64_t pause_ms;
	struct mono tended;
	bool tend_at_once;
	bool said_away;         /* the broker's absence was logged */
	struct map listed;      /* the keys of hosts; the values mean nothing */
	struct map unlisted;    /* likewise keys known from before that are no longer listed */
	struct leaving leaving; /* those that are to be among these soon */
	const char **unbind;    /* the keys of unlisted, borrowed from it */
	bool knows_unbind;
	struct mono ask_unbind; /* not before */
};

static void wake(struct amqp_input *in)
{
	uint64_t one = 1;

	if (write(in->wake_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it wakes anyway */
	}
}

/* Whether anything came. */
static enum rc receive(struct amqp_input *in, bool *any, struct why *why)
{
	struct broker_delivery d;
	enum rc rc = RC_OK;

	*any = false;
	while (rc == RC_OK && loads_have_room(&in->loads)) {
		rc = broker_receive(in->broker, &d, why);
		if (rc == RC_OK) {
			loads_add(&in->loads, &d);
			*any = true;
		}
	}
	return rc == RC_END ? RC_OK : rc;
}

/* To be unbound: AMQP cannot list bindings, so all that may have been bound once and is not listed now. */
static void note_unlisted_key(struct amqp_input *in, struct text key)
{
	if (map_get(&in->listed, key) == NULL && !leaving_has(&in->leaving, key) &&
	    !text_is(key, in->options.broker.queue) && key.n <= 255 && memchr(key.s, '\0', key.n) == NULL)
		map_put(&in->unlisted, key, in);
}

/* Hosts that were stored once. */
static enum rc note_unlisted(void *argument, struct text name, struct text hash)
{
	(void)hash;
	note_unlisted_key(argument, name);
	return RC_OK;
}

static void list_unlisted(struct amqp_input *in)
{
	size_t at = 0, n = 0;
	struct text key;
	void *value;

	in->unbind = must_realloc(in->unbind, (in->unlisted.n + 1) * sizeof(*in->unbind));
	while (map_next(&in->unlisted, &at, &key, &value))
		in->unbind[n++] = key.s; /* ends with NUL */
}

/*
 * Asked of the metadata store until it answers once, every 30 s at most. The list is made anew only when it has grown, and
 * then gone through from its beginning: it has no order.
 */
static void find_unlisted(struct amqp_input *in, struct mono now)
{
	size_t n_before = in->unlisted.n;

	if (in->knows_unbind || mono_ms_between(now, in->ask_unbind) > 0)
		return;
	in->ask_unbind = mono_after_ms(now, ASK_UNBIND_MS);
	note_unlisted_key(in, TEXT("#")); /* from a time when the list held `*` */
	in->knows_unbind = meta_each(in->options.meta, META_HOST_ID, TEXT_NONE, note_unlisted, in, NULL) == RC_OK;
	if (in->unlisted.n == n_before)
		return;
	list_unlisted(in);
	broker_unbind_again(in->broker);
}

static void note_left(void *argument, struct text key)
{
	note_unlisted_key(argument, key);
}

/* Whose time has come are unbound. */
static void unbind_leaving(struct amqp_input *in, struct mono now)
{
	if (leaving_take(&in->leaving, now, note_left, in) == 0)
		return;
	list_unlisted(in);
	broker_unbind_again(in->broker);
}

/* The keys of hosts are what is listed. */
static void note_listed(struct amqp_input *in)
{
	for (size_t i = 0; i < in->hosts.n; i++) {
		map_put(&in->listed, text_of(in->hosts.key[i]), in);
		map_remove(&in->unlisted, text_of(in->hosts.key[i]));
		leaving_keep(&in->leaving, text_of(in->hosts.key[i]));
		if (strcmp(in->hosts.key[i], "#") == 0)
			in->knows_unbind = true; /* every host is taken: nothing to find */
	}
}

/* New keys first: they are bound before all others are bound again, and nothing is unbound before that. */
static void put_new_first(struct host_list *hosts, const struct map *known)
{
	char **key = must_alloc((hosts->n + 1) * sizeof(*key));
	size_t n = 0;

	for (int is_known = 0; is_known < 2; is_known++)
		for (size_t i = 0; i < hosts->n; i++)
			if ((map_get(known, text_of(hosts->key[i])) != NULL) == (is_known == 1))
				key[n++] = hosts->key[i];
	free(hosts->key);
	hosts->key = key;
	hosts->capacity = hosts->n;
}

/* Take over a host-list that was set meanwhile; a connection binds by it at once, or the next one when it is made. */
static void take_new_hosts(struct amqp_input *in)
{
	struct host_list hosts = { 0 }, before = in->hosts;
	struct mono due = mono_after_ms(mono_now(), in->options.unbind_delay_s * 1000);
	bool has_new;

	lock_take(&in->lock);
	has_new = in->has_new_hosts;
	if (has_new)
		hosts = in->new_hosts;
	in->new_hosts = (struct host_list){ 0 };
	in->has_new_hosts = false;
	lock_give_back(&in->lock);
	if (!has_new)
		return;
	put_new_first(&hosts, &in->listed);
	in->hosts = hosts;
	if (map_get(&in->listed, TEXT("#")) != NULL) { /* who came by it was not asked for so far */
		in->knows_unbind = false;
		in->ask_unbind = (struct mono){ 0 };
	}
	map_fini(&in->listed, NULL);
	map_init(&in->listed);
	note_listed(in);
	for (size_t i = 0; i < before.n; i++)
		if (map_get(&in->listed, text_of(before.key[i])) == NULL)
			leaving_add(&in->leaving, text_of(before.key[i]), due);
	list_unlisted(in);
	host_list_fini(&before);
	broker_rebind(in->broker);
	in->tend_at_once = true;
}

static struct broker_keys keys_of(const struct amqp_input *in)
{
	return (struct broker_keys){
		.bind = (const char *const *)in->hosts.key,
		.n_bind = in->hosts.n,
		.unbind = in->unbind,
		.n_unbind = in->unlisted.n,
	};
}

static void say_away(struct amqp_input *in, const struct why *why)
{
	amqp_shown_away(in->options.shown, why);
	static struct log_limit limit = { .burst = LOG_BURST };

	if (!in->said_away)
		log_limited(&limit, LOG_LEVEL_ERROR, "broker.away", "why=\"%s\": trying again until it answers",
			    why->text);
	in->said_away = true;
}

/* What the broker's client noticed and no return code says. When the connection is lost that is said instead. */
static void log_notes(struct amqp_input *in, enum rc rc)
{
	struct broker_note note;

	while (broker_take_note(in->broker, &note))
		log_line(rc != RC_OK    ? LOG_LEVEL_DEBUG
			 : note.warning ? LOG_LEVEL_WARNING
					: LOG_LEVEL_INFO,
			 "broker.note", "\"%s\"", note.what.text);
}

static void wait_for(struct amqp_input *in, int fd, int64_t ms)
{
	struct pollfd fds[2] = {
		{ .fd = in->wake_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	uint64_t count;

	poll(fds, ARRAY_LEN(fds), (int)ms);
	if ((fds[0].revents & POLLIN) != 0 && read(in->wake_fd, &count, sizeof(count)) < 0) {
		/* woken by nothing */
	}
}

/*
 * Sleep until something is to be done. While messages come, for a moment whatever happens: waking for each of the small
 * pieces in which a broker sends costs more than all the rest of reading them.
 */
static void wait_for_work(struct amqp_input *in, bool streaming)
{
	bool reads = loads_have_room(&in->loads) && !atomic_load(&in->stopping);

	if (streaming && reads)
		poll(NULL, 0, GATHER_MS);
	else
		wait_for(in, reads ? broker_fd(in->broker) : -1, IDLE_MS);
}

static void show(struct amqp_input *in)
{
	struct amqp_shown *s = in->options.shown;

	atomic_store_explicit(&s->queue_depth, broker_queue_depth(in->broker), memory_order_relaxed);
	atomic_store_explicit(&s->n_unacked, in->loads.n_open + broker_n_read_ahead(in->broker), memory_order_relaxed);
}

static void connect_once(struct amqp_input *in)
{
	static struct log_limit bound = { .burst = LOG_BURST }, back = { .burst = LOG_BURST };
	struct broker_keys keys;
	struct why why = { "" };
	enum rc rc;

	find_unlisted(in, mono_now());
	unbind_leaving(in, mono_now());
	keys = keys_of(in);
	rc = broker_connect(in->broker, &keys, &why);
	log_notes(in, rc);
	if (rc != RC_OK) {
		say_away(in, &why);
		in->pause_ms = in->pause_ms == 0 ? RECONNECT_FIRST_MS : in->pause_ms * 2;
		if (in->pause_ms > RECONNECT_MOST_MS)
			in->pause_ms = RECONNECT_MOST_MS;
		wait_for(in, -1, in->pause_ms);
		return;
	}
	counter_add(COUNTER_BROKER_CONNECTS, 1);
	log_limited(&bound, LOG_LEVEL_INFO, "broker.bound", "server=%s exchange=%s queue=%s keys=%zu",
		    broker_server_name(in->broker), in->options.broker.exchange, in->options.broker.queue, keys.n_bind);
	if (in->said_away)
		log_limited(&back, LOG_LEVEL_WARNING, "broker.back", "server=%s", broker_server_name(in->broker));
	in->said_away = false;
	in->pause_ms = 0;
	atomic_store(&in->options.shown->connected, true);
	in->tended = mono_now();
}

/* One turn with a live connection. */
static enum rc turn(struct amqp_input *in, bool *streaming, struct why *why)
{
	struct mono now = mono_now();
	enum rc rc = receive(in, streaming, why);

	if (rc == RC_OK)
		rc = loads_settle(&in->loads, why);
	if (rc == RC_OK && (in->tend_at_once || mono_ms_between(in->tended, now) >= IDLE_MS)) {
		struct broker_keys keys;

		in->tend_at_once = false;
		find_unlisted(in, now);
		unbind_leaving(in, now);
		keys = keys_of(in);
		in->tended = now;
		rc = broker_tend(in->broker, &keys, now, why);
	}
	if (rc != RC_OK)
		return rc;
	loads_drop_dead(&in->loads);
	loads_hand_over(&in->loads, now);
	return RC_OK;
}

/* What is in ingest is waited for; the rest is not acknowledged and comes again. */
static void finish(struct amqp_input *in)
{
	struct why why = { "" };

	while (loads_in_ingest(&in->loads)) {
		if (loads_settle(&in->loads, &why) != RC_OK)
			log_line(LOG_LEVEL_WARNING, "broker.unacknowledged", "why=\"%s\": the broker sends them again",
				 why.text);
		if (loads_in_ingest(&in->loads))
			wait_for(in, -1, IDLE_MS);
	}
}

static void *run(void *argument)
{
	struct amqp_input *in = argument;
	struct why why = { "" };
	enum rc rc;

	while (!atomic_load(&in->stopping)) {
		bool streaming = false;

		take_new_hosts(in);
		if (!broker_connected(in->broker)) {
			loads_drop_dead(&in->loads);
			(void)!loads_settle(&in->loads, &why);
			connect_once(in);
			continue;
		}
		rc = turn(in, &streaming, &why);
		log_notes(in, rc);
		if (rc != RC_OK) {
			say_away(in, &why);
		} else {
			show(in);
			wait_for_work(in, streaming);
		}
	}
	finish(in);
	loads_fini(&in->loads);
	return NULL;
}

struct amqp_input *amqp_input_start(const struct amqp_input_options *options)
{
	struct amqp_input *in = must_alloc(sizeof(*in));
	struct text key;
	size_t at = 0;
	void *value;

	in->options = *options;
	in->broker = broker_new(&options->broker);
	in->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(in->wake_fd >= 0);
	lock_init(&in->lock);
	map_init(&in->listed);
	map_init(&in->unlisted);
	leaving_init(&in->leaving);
	host_list_copy(options->hosts, &in->hosts);
	note_listed(in);
	while (map_next(options->formerly, &at, &key, &value))
		note_unlisted_key(in, key);
	list_unlisted(in);
	in->options.hosts = NULL;
	in->options.formerly = NULL;
	loads_init(&in->loads, options->ingest, in->broker, in->wake_fd);
	thread_start(&in->thread, "amqp", run, in);
	return in;
}

void amqp_input_set_hosts(struct amqp_input *in, const struct host_list *hosts)
{
	struct host_list copy, unused;

	if (in == NULL)
		return;
	host_list_copy(hosts, &copy);
	lock_take(&in->lock);
	unused = in->new_hosts;
	in->new_hosts = copy;
	in->has_new_hosts = true;
	lock_give_back(&in->lock);
	host_list_fini(&unused);
	wake(in);
}

void amqp_input_stop(struct amqp_input *in)
{
	if (in == NULL)
		return;
	atomic_store(&in->stopping, true);
	wake(in);
	must(pthread_join(in->thread, NULL) == 0);
	broker_free(in->broker);
	free(in->unbind);
	map_fini(&in->listed, NULL);
	map_fini(&in->unlisted, NULL);
	leaving_fini(&in->leaving);
	host_list_fini(&in->hosts);
	host_list_fini(&in->new_hosts);
	lock_fini(&in->lock);
	close(in->wake_fd);
	free(in);
}
