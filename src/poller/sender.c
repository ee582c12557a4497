#include "poller/sender.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

enum { BATCH_BYTES = 64 * 1024, IDLE_MS = 5000, PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 15000 };

struct sender {
	/* fixed after new */
	struct spool *spool;
	struct sink *sink;
	const atomic_bool *leaving;
	int wake_fd;
	unsigned spread; /* 0 to 255, by hostID */
	bool started;
	pthread_t thread;
	/* any thread */
	_Atomic uint64_t n_sent;
	/* under lock */
	struct lock lock;
	struct signal ended;
	bool has_ended;
	/* the sending thread only */
	struct buf batch;
	struct parcel parcel[SINK_MAX_BATCH];
	int64_t pause_ms;
	bool said_stuck;
	uint64_t n_dropped_said, n_damaged_said;
};

struct sender *sender_new(struct spool *spool, struct sink *sink, struct text host_id, const atomic_bool *leaving,
			  int wake_fd)
{
	struct sender *s = must_alloc(sizeof(*s));

	s->spool = spool;
	s->sink = sink;
	s->leaving = leaving;
	s->wake_fd = wake_fd;
	s->spread = (unsigned)text_hash(host_id, 0) & 0xFFU;
	buf_init(&s->batch, SIZE_MAX);
	lock_init(&s->lock);
	signal_init(&s->ended);
	return s;
}

uint64_t sender_n_sent(const struct sender *s)
{
	return atomic_load(&s->n_sent);
}

/* What cannot be undone is told when it happens. */
static void tell_losses(struct sender *s)
{
	struct spool_state state = spool_state(s->spool);
	static struct log_limit dropped, damaged;

	if (state.dropped > s->n_dropped_said)
		log_limited(&dropped, LOG_LEVEL_WARNING, "spool.dropped",
			    "messages=%llu why=\"the spool is full: the oldest went unsent\"",
			    (unsigned long long)state.dropped);
	if (state.damaged_bytes > s->n_damaged_said)
		log_limited(&damaged, LOG_LEVEL_WARNING, "spool.damaged", "bytes=%llu why=\"passed over\"",
			    (unsigned long long)state.damaged_bytes);
	s->n_dropped_said = state.dropped;
	s->n_damaged_said = state.damaged_bytes;
}

/* One batch. Errors: RC_END nothing to send, or leaving; else of spool and sink. */
static enum rc send_batch(struct sender *s, struct why *why)
{
	size_t n = 0, n_done = 0;
	struct text rest;
	uint64_t at;
	enum rc rc = spool_read(s->spool, BATCH_BYTES, &s->batch, &at, why);

	tell_losses(s);
	if (rc != RC_OK)
		return rc;
	rest = buf_text(&s->batch);
	while (n < SINK_MAX_BATCH && spool_take_record(&rest, &s->parcel[n]) == RC_OK)
		n++;
	rc = s->sink->class->send(s->sink, s->parcel, n, &n_done, why);
	for (size_t i = 0; i < n_done; i++)
		at += spool_record_bytes(&s->parcel[i]);
	if (n_done > 0)
		spool_done(s->spool, at);
	atomic_fetch_add(&s->n_sent, n_done);
	return rc;
}

enum rc sender_drain(struct sender *s, struct why *why)
{
	enum rc rc;

	do {
		rc = send_batch(s, why);
	} while (rc == RC_OK);
	return rc == RC_END && !atomic_load(s->leaving) ? RC_OK : rc;
}

static void tell_state(struct sender *s, enum rc rc, const struct why *why)
{
	if (rc == RC_OK && s->said_stuck)
		log_line(LOG_LEVEL_WARNING, "sender.sends_again", "to=%s", s->sink->class->name);
	if (rc != RC_OK && !s->said_stuck)
		log_line(LOG_LEVEL_WARNING, "sender.waits", "to=%s why=\"%s\" messages are kept", s->sink->class->name,
			 why->text);
	else if (rc != RC_OK)
		log_line(LOG_LEVEL_DEBUG, "sender.waits", "to=%s why=\"%s\"", s->sink->class->name, why->text);
	s->said_stuck = rc != RC_OK;
}

/* Longer from time to time, and not the same for all pollers of a broker that went away. */
static int64_t next_pause_ms(struct sender *s)
{
	int64_t ms = s->pause_ms == 0 ? PAUSE_FIRST_MS : s->pause_ms * 2;

	s->pause_ms = ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
	return s->pause_ms * 3 / 4 + s->pause_ms * (int64_t)s->spread / 512;
}

static void pause_for(const struct sender *s, int64_t ms)
{
	struct pollfd p = { s->wake_fd, POLLIN, 0 };

	(void)!poll(&p, 1, (int)ms);
}

static void *run(void *argument)
{
	struct sender *s = argument;
	struct why why = { "" };

	while (!atomic_load(s->leaving)) {
		enum rc rc = send_batch(s, &why);

		if (rc == RC_END) {
			if (s->sink->class->tend != NULL)
				s->sink->class->tend(s->sink);
			spool_wait(s->spool, mono_after_ms(mono_now(), IDLE_MS));
			continue;
		}
		tell_state(s, rc, &why);
		if (rc == RC_OK)
			s->pause_ms = 0;
		else
			pause_for(s, next_pause_ms(s));
	}
	lock_take(&s->lock);
	s->has_ended = true;
	signal_all(&s->ended);
	lock_give_back(&s->lock);
	return NULL;
}

static bool wait_for_end(struct sender *s, int64_t timeout_ms)
{
	struct mono deadline = mono_after_ms(mono_now(), timeout_ms);
	bool has_ended;

	lock_take(&s->lock);
	while (!s->has_ended && signal_wait_until(&s->ended, &s->lock, deadline))
		;
	has_ended = s->has_ended;
	lock_give_back(&s->lock);
	return has_ended;
}

void sender_start(struct sender *s)
{
	s->started = true;
	thread_start(&s->thread, "send", run, s);
}

bool sender_stop(struct sender *s, int64_t timeout_ms)
{
	if (s == NULL)
		return true;
	if (s->started && !wait_for_end(s, timeout_ms))
		return false;
	if (s->started)
		must(pthread_join(s->thread, NULL) == 0);
	signal_fini(&s->ended);
	lock_fini(&s->lock);
	buf_fini(&s->batch);
	free(s);
	return true;
}
