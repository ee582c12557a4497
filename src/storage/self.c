#include "storage/self.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "model/name.h"
#include "storage/daemon.h"
#include "storage/self_graphs.h"
#include "wire/reply.h"

enum { INFOS_EVERY_MS = 300000, MESSAGE_BYTES = 64 * 1024 };

struct self {
	/* fixed after start */
	struct daemon *daemon;
	char *host;
	int64_t step_s;
	pthread_t thread;
	struct batch *batch; /* ingest's while out */
	/* any thread */
	atomic_bool out;       /* the batch is with ingest */
	atomic_bool infos_due; /* some could not be stored */
	struct lock lock;
	struct signal wake;
	bool stopping; /* under lock */
	/* thread self only */
	struct numbers before, now;
	struct mono infos_at;
	bool said_rejected; /* the info of what is kept aside was sent */
};

static int64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the wall clock comes to the next step. False: it is to end. */
static bool sleep_a_step(struct self *s)
{
	int64_t step_ms = s->step_s * 1000;
	struct mono until = mono_after_ms(mono_now(), step_ms - wall_ms() % step_ms);
	bool stopping;

	lock_take(&s->lock);
	while (!s->stopping && signal_wait_until(&s->wake, &s->lock, until))
		;
	stopping = s->stopping;
	lock_give_back(&s->lock);
	return !stopping;
}

/* Called on thread store or journal. */
static void on_done(struct batch *b, void *argument)
{
	struct self *s = argument;

	for (size_t i = 0; i < b->n; i++)
		if (b->item[i].fate == FATE_FAILED)
			atomic_store(&s->infos_due, true);
	atomic_store(&s->out, false);
}

/* {"hostid", "type", "plugin", "message"} around a payload. */
static void add_message(struct self *s, const char *type, const char *plugin, struct text payload)
{
	struct buf text;

	buf_init(&text, 2 * MESSAGE_BYTES);
	buf_add_str(&text, "{\"hostid\": ");
	reply_string(&text, text_of(s->host));
	buf_addf(&text, ", \"type\": \"%s\", \"plugin\": \"%s\", \"message\": %.*s}", type, plugin, TEXT_ARG(payload));
	(void)batch_add_http(s->batch, buf_text(&text));
	buf_fini(&text);
}

static void add_myinfo(struct self *s)
{
	struct buf text;

	buf_init(&text, MESSAGE_BYTES);
	buf_add_str(&text, "{\"Plugin\": \"MyInfo\", \"ID\": ");
	reply_string(&text, text_of(s->host));
	buf_add_str(&text, ", \"Name\": ");
	reply_string(&text, text_of(s->host));
	buf_add_str(&text, ", \"Description\": \"numeter-storage about itself\"}");
	add_message(s, "info", "MyInfo", buf_text(&text));
	buf_fini(&text);
}

static void add_infos(struct self *s)
{
	struct buf text;

	buf_init(&text, MESSAGE_BYTES);
	add_myinfo(s);
	for (size_t g = 0; g < self_n_graphs(); g++) {
		buf_clear(&text);
		if (self_graph_info(g, &s->now, &text))
			add_message(s, "info", self_graph_name(g), buf_text(&text));
	}
	buf_fini(&text);
}

static void add_values(struct self *s, int64_t t_s)
{
	struct buf text;

	buf_init(&text, MESSAGE_BYTES);
	for (size_t g = 0; g < self_n_graphs(); g++) {
		buf_clear(&text);
		if (self_graph_values(g, &s->before, &s->now, t_s, &text))
			add_message(s, "data", self_graph_name(g), buf_text(&text));
	}
	buf_fini(&text);
}

static bool any_rejected(const struct numbers *now)
{
	for (enum reason r = 0; r < REASON_COUNT; r++)
		if (now->reason[r] > 0)
			return true;
	return false;
}

/* The first thing that is kept aside brings a graph of its own. */
static bool are_infos_due(const struct self *s)
{
	return atomic_load(&s->infos_due) || any_rejected(&s->now) != s->said_rejected ||
	       mono_ms_between(s->infos_at, s->now.at) >= INFOS_EVERY_MS;
}

static void hand_over(struct self *s, bool with_values)
{
	int64_t t_s = wall_now().s;

	batch_reset(s->batch);
	s->batch->accepted_s = t_s;
	if (are_infos_due(s)) {
		atomic_store(&s->infos_due, false);
		s->infos_at = s->now.at;
		s->said_rejected = any_rejected(&s->now);
		add_infos(s);
	}
	if (with_values)
		add_values(s, t_s);
	if (s->batch->n == 0)
		return;
	atomic_store(&s->out, true);
	ingest_submit(s->daemon->ingest, s->batch);
}

static void *run(void *argument)
{
	struct self *s = argument;

	numbers_take(s->daemon, &s->now);
	hand_over(s, false); /* the host is seen at once */
	s->before = s->now;
	while (sleep_a_step(s)) {
		if (atomic_load(&s->out))
			continue; /* the one before is not stored yet: the next speaks for a longer time */
		numbers_take(s->daemon, &s->now);
		hand_over(s, true);
		s->before = s->now;
	}
	return NULL;
}

/* The finest step of any of its series. */
static int64_t step_of(const struct self *s)
{
	struct text host = text_of(s->host);
	int64_t step_s = INT64_MAX;

	for (size_t g = 0; g < self_n_graphs(); g++) {
		const struct retention *r =
			schema_pick(&s->daemon->config.schema, host, text_of(self_graph_name(g)), TEXT("lag"));

		if (r->archive[0].step_s < step_s)
			step_s = r->archive[0].step_s;
	}
	return step_s;
}

enum rc self_start(struct daemon *d, struct self **out, struct why *why)
{
	struct self *s = must_alloc(sizeof(*s));
	enum rc rc;

	s->daemon = d;
	s->host = must_format("%s.numeter-storage", d->config.storage_name);
	rc = name_check_host(text_of(s->host), why);
	if (rc != RC_OK) {
		why_prepend(why, "the storage's own host \"%s\"", s->host);
		free(s->host);
		free(s);
		return rc;
	}
	s->step_s = step_of(s);
	s->batch = batch_new(INPUT_SELF);
	s->batch->done = on_done;
	s->batch->argument = s;
	atomic_init(&s->infos_due, true);
	lock_init(&s->lock);
	signal_init(&s->wake);
	thread_start(&s->thread, "self", run, s);
	*out = s;
	return RC_OK;
}

void self_stop(struct self *s)
{
	if (s == NULL)
		return;
	lock_take(&s->lock);
	s->stopping = true;
	signal_all(&s->wake);
	lock_give_back(&s->lock);
	must(pthread_join(s->thread, NULL) == 0);
}

void self_free(struct self *s)
{
	if (s == NULL)
		return;
	must(!atomic_load(&s->out));
	batch_free(s->batch);
	signal_fini(&s->wake);
	lock_fini(&s->lock);
	free(s->host);
	free(s);
}
