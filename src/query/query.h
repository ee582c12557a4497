/*
 * Questions about what is stored, answered as JSON text: hosts, one host, its plugins, one info, values. Each answer is
 * put together from the metadata store and the engine (files and what is on its way to them); no socket here.
 * Source: docs/spec/system.md "REST"; docs/spec/wire.md E.
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"
#include "engine/engine.h"
#include "meta/gone.h"
#include "meta/meta.h"
#include "model/name.h"

/* Changes whenever a read of this series may answer otherwise, the clock aside. Threads: any; cheap. */
typedef uint32_t query_version_fn(void *argument, const struct series *s);

/* Fixed after start; shared by all threads. */
struct query {
	struct meta *meta;         /* borrowed */
	struct gone *gone;         /* borrowed: who is noted there is in no list; NULL: nobody is */
	struct engine *engine;     /* borrowed */
	const char *wsp_path;      /* root that WSP_PATH values must lie below */
	unsigned md5_digits;       /* wsp_path_md5_char */
	bool original_windows;     /* res_windows = original */
	struct folders *folders;   /* borrowed (query/folder.h); NULL: the metadata store is asked each time */
	struct seen_files *seen;   /* borrowed (query/seen_files.h); NULL: files are looked at each time */
	int64_t started_s;         /* Unix seconds: what is newer than this and pending or written, the engine knows */
	query_version_fn *version; /* NULL: values may change unnoticed, no reply holds longer than its making */
	void *version_argument;
};

/*
 * What lists hosts or plugins (hosts, list, categories, last seen) leaves out those noted as gone; who asks for one by name
 * (host, info, data, values) gets what is stored of it.
 *
 * Each appends one JSON document to out. Unknown hosts and plugins, and impossible names, are `{}`; stored text that is
 * not a JSON object (another client wrote it) shows as `{}`.
 * Errors   RC_PEER, RC_DISK · RC_FULL past out's ceiling
 * Threads  any.
 */
CHECKED enum rc query_hosts(const struct query *q, struct buf *out, struct why *why);
CHECKED enum rc query_host(const struct query *q, struct text host, struct buf *out, struct why *why);
CHECKED enum rc query_list(const struct query *q, struct text host, struct buf *out, struct why *why);
CHECKED enum rc query_info(const struct query *q, struct text host, struct text plugin, struct buf *out,
			   struct why *why);

enum { QUERY_MAX_DS = 1000 }; /* different ds in one question */

/* What /data is asked. Either res, or from and perhaps until, is there; a text that is not there has s == NULL. */
struct query_data {
	struct text host, plugin, ds; /* ds: split at `,`, not trimmed */
	struct text res;              /* Daily Weekly Monthly Yearly */
	struct text from, until;      /* Unix seconds, -6h, -30min, -7d, now; until absent: now */
	struct text max_points;       /* at most so many slots: a longer step */
	struct text reduce;           /* how slots are joined for max_points; absent: by each file's aggregation */
};

/*
 * {"TS_start": N, "TS_step": N, "DATAS": {"a": [...], …}}, keys in the order asked, each ds once. Every ds has the same
 * start and count; where steps differ the reply has the coarsest and the finer ones are consolidated by their
 * aggregation. A ds that is missing or damaged is left out.
 * Errors   RC_REFUSED a bad res, from, until, max_points or reduce: why names parameter, value and what was expected
 *          RC_ABSENT unknown host or plugin, or none of the ds can be read · RC_PEER · RC_DISK · RC_FULL
 * Threads  any.
 */
CHECKED enum rc query_data(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
			   struct why *why);

/* What a reply of values hangs on. */
struct query_basis {
	int64_t from_s, until_s; /* it holds at Unix seconds from_s <= now < until_s; from_s == until_s: never again */
	uint64_t versions;
	char folder[FOLDER_MAX_BYTES];
};

/* query_data() that also tells what its reply hangs on. */
CHECKED enum rc query_data_based(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
				 struct query_basis *basis, struct why *why);

/*
 * Would the same question, already answered once, get the same reply now? False also when the metadata store cannot be
 * asked where the host's files are.
 */
bool query_data_holds(const struct query *q, const struct query_data *asked, int64_t now_s,
		      const struct query_basis *basis);

/* ---- many plugins in one question ---- */

enum { QUERY_MAX_PAIRS = 100 }; /* hosts × plugins in one question */

/* What /values is asked. */
struct query_values {
	const struct text *host, *plugin; /* each once counts */
	size_t n_hosts, n_plugins;
	struct query_data rest; /* host and plugin are not looked at; ds.s NULL: every ds that there is */
};

/* The series that a question means just now, and what its answer hangs on but the clock. */
struct query_plan;

/*
 * Errors   RC_REFUSED too many hosts × plugins or ds: why names the limit · RC_PEER · RC_DISK
 * Owner    *out is ended by query_plan_free(); it borrows the texts of asked.
 * Threads  any.
 */
CHECKED enum rc query_plan(const struct query *q, const struct query_values *asked, struct query_plan **out,
			   struct why *why);
void query_plan_free(struct query_plan *p);

/*
 * {"now": N, "results": [{"host", "plugin", "TS_start", "TS_step", "DATAS": {…}}, …], "missing": [{"host", "plugin"}, …]}:
 * host by host, each with its plugins in the order asked; missing: of which no ds can be read. Each result is as
 * query_data() answers it.
 * Errors   RC_REFUSED as query_data() · RC_PEER · RC_DISK · RC_FULL
 */
CHECKED enum rc query_values(const struct query *q, const struct query_plan *p, int64_t now_s, struct buf *out,
			     struct query_basis *basis, struct why *why);
/* Would the question of this plan, answered once before, get the same reply now but for "now"? */
bool query_values_hold(const struct query *q, const struct query_plan *p, int64_t now_s,
		       const struct query_basis *basis);

/* {"category": ["plugin", …], …} of a host, of all hosts when host.s is NULL; both sorted. Errors: as query_hosts(). */
CHECKED enum rc query_categories(const struct query *q, struct text host, struct buf *out, struct why *why);

/*
 * {"now": N, "hosts": {"host": T or null, …}}: the newest time accepted of each host; of one host, when host.s is not
 * NULL, {"now": N, "host": "…", "last": T, "plugins": {"plugin": T or null, …}}. What was not heard of since the start is
 * looked up in its files, to their step, and remembered.
 * Errors   as query_hosts()
 */
CHECKED enum rc query_last_seen(const struct query *q, struct text host, int64_t now_s, struct buf *out,
				struct why *why);

#endif
