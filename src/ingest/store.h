/*
 * One round of storing: batches of decoded messages → hosts, points, infos, the kept-aside lines → every item's fate.
 * One attempt and never a wait: who handed a failed item over decides when to try again. Safe to repeat.
 */
#ifndef INGEST_STORE_H
#define INGEST_STORE_H

#include "ingest/heard.h"
#include "ingest/hosts.h"
#include "ingest/infos.h"
#include "ingest/ingest.h"
#include "ingest/quota.h"
#include "ingest/rejected.h"

enum { STORE_CHECK_MS = 1000 }; /* the metadata store is asked something this often while data comes */

struct store {
	struct ingest_options options;
	struct hosts hosts;
	struct infos infos;
	struct heard *heard;
	struct rejected rejected;
	struct arena arena;
	uint64_t round;      /* counts them, from 1 */
	bool failing;        /* the last round left something undone */
	struct mono checked; /* when the metadata store was last asked anything */
	struct quota quota;  /* has its own rules */
	/* any thread: what store_change() changes, see also quick.h */
	_Atomic(const struct schema *) schema;
	_Atomic(int64_t) longest_s;  /* of any retention */
	_Atomic(int64_t) shortest_s; /* the least that any retention keeps */
	_Atomic(int64_t) max_future_s;
	atomic_uint_fast64_t rejected_max_bytes;
	/* any thread, see quick.h and ingest_stats() */
	_Atomic(int64_t) asked_ns; /* the same, monotonic */
	atomic_uint moves;         /* hosts.n_moves */
	atomic_size_t n_hosts;     /* in hosts.by_name */
	_Atomic(uint64_t) rejected_bytes;
	_Atomic(uint32_t) n_forgets; /* calls of store_forget() whose marks are taken */
};

CHECKED enum rc store_init(struct store *s, const struct ingest_options *options, struct why *why);
void store_fini(struct store *s);
/* Go on by these options, of which only those count that ingest_change() names. Threads: any, one at a time. */
void store_change(struct store *s, const struct ingest_options *options);

/*
 * What a source is marked with (registry_mark()) when the metadata store has been told of its host and info: it changes
 * when the store was away, or a host got another folder. Threads: any.
 */
uint32_t store_mark(const struct store *s, uint64_t generation);

/* n messages of this input are counted. Threads: any. */
void store_count_messages(enum input input, uint64_t n);
/* n points of this input were accepted. Threads: any. */
void store_count_points(enum input input, uint64_t n);
/* The item has its last fate: count it, as a message and what is in it. Threads: any. */
void store_count(enum input input, const struct item *i);

/* Between two rounds. */
void store_forget(struct store *s, const struct ingest_forget *what);

/* Try every item of the list of batches that is waiting or failed. now_s: Unix seconds, for the kept-aside lines. */
void store_round(struct store *s, struct batch *first, int64_t now_s, struct mono now);

#endif
