/*
 * What one round of storing works on, and its three writers: points, metadata, the kept-aside lines. Used by store.c
 * alone, in this order. All memory is the store's arena, gone with the next round.
 */
#ifndef INGEST_ROUND_H
#define INGEST_ROUND_H

#include "ingest/store.h"

/* One item of this round and what it still needs. */
struct task {
	struct batch *batch;
	struct item *item;
	size_t want;     /* index of its host, SIZE_MAX when it needs none */
	uint32_t source; /* of its points; REGISTRY_NONE: it has none */
	bool failed;
};

/* Everything one round works on; lives in the store's arena. */
struct round {
	struct store *store;
	struct task *task;
	size_t n_tasks;
	struct host_want *want;
	size_t n_wants;
	struct numbered *point; /* those of one accepted_s at a time */
	size_t n_points, n_points_of[INPUT_COUNT];
	int64_t now_s; /* of round_accept_points() */
	struct mono now;
	struct why why;
};

/* This task is not done in this round: its item will be FATE_FAILED. The first why of round and batch stays. */
void round_fail(struct round *r, struct task *t, const struct why *why);

/*
 * Hand the points of every task whose host is known to the engine; n_points: how many there are at most. What the quotas
 * do not let in becomes refused. now_s: Unix seconds.
 */
void round_accept_points(struct round *r, size_t n_points, int64_t now_s, struct mono now);

/* Tell the metadata store everything in one go. generation: its own, read before the hosts were resolved. */
void round_write_meta(struct round *r, uint64_t generation);

/*
 * Who sends again is not gone: the writes that take the hosts and plugins of this round's messages out of what is noted, at
 * most 2 a task, put at out; none twice.
 */
size_t round_gone_writes(struct round *r, const struct gone_view *view, struct meta_write *out);
/* They were accepted. */
void round_say_returned(const struct meta_write *write, size_t n);

/* Append and sync the lines of what was refused. now_s: Unix seconds. */
void round_keep_aside(struct round *r, int64_t now_s);

#endif
