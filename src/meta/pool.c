#include "meta/pool.h"

#include <stdlib.h>

#include "base/instant.h"
#include "base/lock.h"
#include "base/mem.h"

enum {
	IDLE_MAX = 16,        /* pipelines kept for the next call */
	SLOW_MS = 250,        /* a failed connect that took longer made its caller wait */
	SLOW_PAUSE_MS = 1000, /* then nobody else waits, and this long nobody tries */
};

struct idle_pipeline {
	struct pipeline *pipeline;
	uint64_t generation; /* when it was made */
};

struct pool {
	/* fixed after new */
	struct meta_redis_options options;
	char *server; /* for why */
	struct lock lock;
	/* under lock */
	struct idle_pipeline idle[IDLE_MAX];
	size_t n_idle;
	uint64_t generation;
	bool slow;    /* the last connect failed after a long wait */
	bool probing; /* somebody waits again, to see whether the server is back */
	struct mono not_before;
	struct why slow_why;
};

static void close_all(struct idle_pipeline *pipeline, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pipeline_close(pipeline[i].pipeline);
}

/* The pipeline that was made at `generation` is lost: forget the idle ones with it. Moves them to `gone`, to be closed. */
static size_t grow_generation(struct pool *p, uint64_t generation, struct idle_pipeline gone[IDLE_MAX])
{
	size_t n = 0;

	lock_must_hold(&p->lock);
	if (generation == p->generation) {
		p->generation++;
		n = p->n_idle;
		memcpy(gone, p->idle, n * sizeof(*gone));
		p->n_idle = 0;
	}
	return n;
}

static void give_back(struct pool *p, struct idle_pipeline used)
{
	struct idle_pipeline gone[IDLE_MAX + 1];
	size_t n_gone = 0;

	lock_take(&p->lock);
	if (pipeline_is_lost(used.pipeline))
		n_gone = grow_generation(p, used.generation, gone);
	if (!pipeline_is_lost(used.pipeline) && used.generation == p->generation && p->n_idle < IDLE_MAX)
		p->idle[p->n_idle++] = used;
	else
		gone[n_gone++] = used;
	lock_give_back(&p->lock);
	close_all(gone, n_gone);
}

static bool take_idle(struct pool *p, struct idle_pipeline *out)
{
	bool any;

	lock_take(&p->lock);
	any = p->n_idle > 0;
	if (any)
		*out = p->idle[--p->n_idle];
	lock_give_back(&p->lock);
	return any;
}

/* A new pipeline. While the server lets connects time out, one caller at a time waits for it; the others fail at once. */
static enum rc connect_new(struct pool *p, struct idle_pipeline *out, struct why *why)
{
	struct mono start = mono_now(), end;
	struct why cause = { "" };
	enum rc rc = RC_OK;

	lock_take(&p->lock);
	if (p->slow && (p->probing || mono_ms_between(start, p->not_before) > 0))
		rc = because(why, RC_PEER, "%s", p->slow_why.text);
	else
		p->probing = p->slow;
	out->generation = p->generation;
	lock_give_back(&p->lock);
	if (rc != RC_OK)
		return rc;

	rc = pipeline_open(&p->options, p->server, &out->pipeline, &cause);
	end = mono_now();

	lock_take(&p->lock);
	p->probing = false;
	p->slow = rc != RC_OK && mono_ms_between(start, end) >= SLOW_MS;
	p->not_before = mono_after_ms(end, SLOW_PAUSE_MS);
	p->slow_why = cause;
	lock_give_back(&p->lock);
	return rc == RC_OK ? RC_OK : because(why, rc, "%s", cause.text);
}

enum rc pool_run(struct pool *p, pool_request_fn *fn, void *request, struct why *why)
{
	for (bool again = false;; again = true) {
		struct idle_pipeline used;
		bool pooled = take_idle(p, &used), hung_up;
		enum rc rc = RC_OK;

		if (!pooled)
			rc = connect_new(p, &used, why);
		if (rc != RC_OK)
			return rc;
		rc = fn(used.pipeline, request, why);
		hung_up = pipeline_was_hung_up(used.pipeline);
		give_back(p, used);
		if (!(hung_up && pooled) || again)
			return rc;
	}
}

uint64_t pool_generation(struct pool *p)
{
	struct idle_pipeline idle;
	uint64_t now;

	/* One is enough: all of them went through the same server. */
	if (take_idle(p, &idle)) {
		(void)pipeline_is_alive(idle.pipeline);
		give_back(p, idle);
	}
	lock_take(&p->lock);
	now = p->generation;
	lock_give_back(&p->lock);
	return now;
}

struct pool *pool_new(const struct meta_redis_options *options)
{
	struct pool *p = must_alloc(sizeof(*p));

	p->options = *options;
	p->options.host = must_strdup(options->host);
	p->options.password = must_strdup(options->password == NULL ? "" : options->password);
	if (options->host[0] == '/')
		p->server = must_format("redis %s", options->host);
	else
		p->server = must_format("redis %s:%d", options->host, options->port);
	p->generation = 1;
	lock_init(&p->lock);
	return p;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	close_all(p->idle, p->n_idle);
	lock_fini(&p->lock);
	free((char *)(uintptr_t)p->options.host);
	free((char *)(uintptr_t)p->options.password);
	free(p->server);
	free(p);
}
