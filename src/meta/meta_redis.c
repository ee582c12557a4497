/*
 * The contract on a Redis server: each call is one request, pipelined over one connection of the pool. Every request may
 * be repeated without harm.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "meta/backend.h"
#include "meta/pool.h"

struct meta_redis {
	struct meta meta;
	struct pool *pool; /* fixed after open */
};

static enum rc run(struct meta *meta, pool_request_fn *fn, void *request, struct why *why)
{
	return pool_run(((struct meta_redis *)meta)->pool, fn, request, why);
}

/* ---- answers ---- */

/*
 * Take every answer that is due; the first refusal, also inside EXEC's answer, is the error. *n_done: of how many writes
 * EXEC told the outcome.
 */
static enum rc take_accepted(struct pipeline *l, size_t *n_done, struct why *why)
{
	enum rc rc = RC_OK;

	while (pipeline_n_due(l) > 0) {
		redisReply *reply = NULL;
		enum rc taken = pipeline_take(l, &reply, rc == RC_OK ? why : NULL);

		if (taken != RC_OK)
			return taken;
		if (reply->type == REDIS_REPLY_ERROR && rc == RC_OK)
			rc = pipeline_refusal(l, reply, why);
		if (reply->type == REDIS_REPLY_ARRAY)
			*n_done = reply->elements;
		for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements && rc == RC_OK; i++) {
			if (reply->element[i]->type == REDIS_REPLY_ERROR)
				rc = pipeline_refusal(l, reply->element[i], why);
		}
		freeReplyObject(reply);
	}
	return rc;
}

/* The answer to a GET or HGET. *found false when there is no such field. */
static enum rc take_value(struct pipeline *l, bool *found, redisReply **out, struct why *why)
{
	redisReply *reply = NULL;
	enum rc rc = pipeline_take(l, &reply, why);

	if (rc != RC_OK)
		return rc;
	*found = reply->type == REDIS_REPLY_STRING;
	if (*found) {
		*out = reply;
		return RC_OK;
	}
	if (reply->type != REDIS_REPLY_NIL)
		rc = pipeline_refusal(l, reply, why);
	freeReplyObject(reply);
	return rc;
}

/* ---- requests ---- */

struct apply_request {
	const struct meta_write *write;
	size_t n;
};

static void add_write(struct pipeline *l, const struct meta_write *w, struct buf *name)
{
	buf_clear(name);
	meta_hash_name(w->key.hash, w->key.host, name);
	switch (w->verb) {
	case META_SET:
		pipeline_add(l, (struct text[]){ TEXT("HSET"), buf_text(name), w->key.field, w->value }, 4);
		return;
	case META_SET_IF_ABSENT:
		pipeline_add(l, (struct text[]){ TEXT("HSETNX"), buf_text(name), w->key.field, w->value }, 4);
		return;
	case META_DELETE:
		pipeline_add(l, (struct text[]){ TEXT("HDEL"), buf_text(name), w->key.field }, 3);
		return;
	}
	must(!"a verb of enum meta_verb");
}

/*
 * MULTI … EXEC in goes of limited size: the server keeps what it has queued, we only what is on its way. A refusal
 * before EXEC was sent ends in DISCARD; after it the server itself has done nothing (EXECABORT).
 */
static enum rc apply_request(struct pipeline *l, void *argument, struct why *why)
{
	const struct apply_request *r = argument;
	bool transaction = r->n > 1;
	enum rc rc = RC_OK;
	size_t i = 0, n_done = 0;
	struct buf name;

	backend_name_init(&name);
	if (transaction)
		pipeline_add(l, (struct text[]){ TEXT("MULTI") }, 1);
	while (i < r->n && rc == RC_OK) {
		while (i < r->n && !pipeline_is_filled(l))
			add_write(l, &r->write[i++], &name);
		if (i == r->n && transaction)
			pipeline_add(l, (struct text[]){ TEXT("EXEC") }, 1);
		rc = take_accepted(l, &n_done, why);
	}
	if (transaction && rc == RC_OK && n_done != r->n)
		rc = because(why, RC_PEER, "redis: EXEC answered for %zu of %zu writes", n_done, r->n);
	if (transaction && i < r->n && !pipeline_is_lost(l)) {
		pipeline_add(l, (struct text[]){ TEXT("DISCARD") }, 1);
		pipeline_skip(l);
	}
	buf_fini(&name);
	return rc;
}

struct read_request {
	struct meta_read *read;
	size_t n;
	struct buf *answers;
};

static enum rc take_read(struct pipeline *l, struct meta_read *read, struct buf *answers, struct why *why)
{
	redisReply *reply = NULL;
	enum rc rc = take_value(l, &read->found, &reply, why);

	if (rc == RC_OK && read->found) {
		rc = backend_answer(read, (struct text){ reply->str, reply->len }, answers, why);
		freeReplyObject(reply);
	}
	return rc;
}

static enum rc read_request(struct pipeline *l, void *argument, struct why *why)
{
	struct read_request *r = argument;
	size_t before = r->answers->n, asked = 0, answered = 0;
	enum rc rc = RC_OK;
	struct buf name;

	backend_name_init(&name);
	while (answered < r->n && rc == RC_OK) {
		for (; asked < r->n && !pipeline_is_filled(l); asked++) {
			buf_clear(&name);
			meta_hash_name(r->read[asked].key.hash, r->read[asked].key.host, &name);
			pipeline_add(l, (struct text[]){ TEXT("HGET"), buf_text(&name), r->read[asked].key.field }, 3);
		}
		for (; answered < asked && rc == RC_OK; answered++)
			rc = take_read(l, &r->read[answered], r->answers, why);
	}
	buf_fini(&name);
	if (rc == RC_OK) {
		backend_settle(r->read, r->n, r->answers, before);
	} else {
		pipeline_skip(l);
		r->answers->n = before;
	}
	return rc;
}

struct all_request {
	struct text name;
	redisReply *all; /* fields and values in turn */
};

/*
 * HGETALL, not HSCAN: one round trip, a view of one moment, no field twice. It costs us one copy of the hash (tens of MB
 * for 100,000 hosts) and the server less than 0.1 s then; a thousand hosts are 300 KB.
 */
static enum rc all_request(struct pipeline *l, void *argument, struct why *why)
{
	struct all_request *r = argument;
	redisReply *reply = NULL;
	enum rc rc;

	pipeline_add(l, (struct text[]){ TEXT("HGETALL"), r->name }, 2);
	rc = pipeline_take(l, &reply, why);
	if (rc != RC_OK)
		return rc;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements % 2 == 0) {
		r->all = reply;
		return RC_OK;
	}
	rc = pipeline_refusal(l, reply, why);
	freeReplyObject(reply);
	return rc;
}

struct string_request {
	struct text name, value; /* value: to be set */
	struct buf *out;         /* or where to put what is there */
};

static enum rc set_request(struct pipeline *l, void *argument, struct why *why)
{
	const struct string_request *r = argument;
	size_t n_done;

	pipeline_add(l, (struct text[]){ TEXT("SET"), r->name, r->value }, 3);
	return take_accepted(l, &n_done, why);
}

static enum rc get_request(struct pipeline *l, void *argument, struct why *why)
{
	const struct string_request *r = argument;
	redisReply *reply = NULL;
	bool found;
	enum rc rc;

	pipeline_add(l, (struct text[]){ TEXT("GET"), r->name }, 2);
	rc = take_value(l, &found, &reply, why);
	if (rc != RC_OK)
		return rc;
	if (!found)
		return because(why, RC_ABSENT, "%.*s is not set", TEXT_ARG(r->name));
	rc = backend_hand_out((struct text){ reply->str, reply->len }, r->out, why);
	freeReplyObject(reply);
	return rc;
}

/* ---- the contract ---- */

static enum rc apply(struct meta *meta, const struct meta_write *write, size_t n, struct why *why)
{
	return run(meta, apply_request, &(struct apply_request){ write, n }, why);
}

static enum rc read_fields(struct meta *meta, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	return run(meta, read_request, &(struct read_request){ read, n, answers }, why);
}

static enum rc each(struct meta *meta, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
		    struct why *why)
{
	struct all_request r = { 0 };
	struct buf name;
	enum rc rc;

	backend_name_init(&name);
	meta_hash_name(hash, host, &name);
	r.name = buf_text(&name);
	rc = run(meta, all_request, &r, why);
	buf_fini(&name);
	for (size_t i = 0; rc == RC_OK && i < r.all->elements; i += 2) {
		const redisReply *field = r.all->element[i], *value = r.all->element[i + 1];

		if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
			rc = because(why, RC_PEER, "redis: HGETALL answered with other things than texts");
		else
			rc = fn(argument, (struct text){ field->str, field->len },
				(struct text){ value->str, value->len });
	}
	freeReplyObject(r.all);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc set_string(struct meta *meta, enum meta_string key, struct text value, struct why *why)
{
	struct string_request r = { .name = text_of(meta_string_name(key)), .value = value };

	return run(meta, set_request, &r, why);
}

static enum rc get_string(struct meta *meta, enum meta_string key, struct buf *out, struct why *why)
{
	struct string_request r = { .name = text_of(meta_string_name(key)), .out = out };

	return run(meta, get_request, &r, why);
}

static uint64_t generation(struct meta *meta)
{
	return pool_generation(((struct meta_redis *)meta)->pool);
}

static void close_redis(struct meta *meta)
{
	struct meta_redis *m = (struct meta_redis *)meta;

	pool_free(m->pool);
	free(m);
}

struct meta *meta_redis_open(const struct meta_redis_options *options)
{
	static const struct meta_ops ops = {
		apply, read_fields, each, set_string, get_string, generation, close_redis
	};
	struct meta_redis *m = must_alloc(sizeof(*m));

	m->meta.ops = &ops;
	m->pool = pool_new(options);
	return &m->meta;
}
