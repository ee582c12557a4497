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
#include "meta/meta.h"
#include "model/name.h"

/* Changes whenever a read of this series may answer otherwise, the clock aside. Threads: any; cheap. */
typedef uint32_t query_version_fn(void *argument, const struct series *s);

/* Fixed after start; shared by all threads. */
struct query {
	struct meta *meta;         /* borrowed */
	struct engine *engine;     /* borrowed */
	const char *wsp_path;      /* root that WSP_PATH values must lie below */
	unsigned md5_digits;       /* wsp_path_md5_char */
	bool original_windows;     /* res_windows = original */
	struct folders *folders;   /* borrowed (query/folder.h); NULL: the metadata store is asked each time */
	query_version_fn *version; /* NULL: values may change unnoticed, no reply holds longer than its making */
	void *version_argument;
};

/*
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
	struct text max_points;       /* at most so many slots: a longer step, joined by each file's aggregation */
};

/*
 * {"TS_start": N, "TS_step": N, "DATAS": {"a": [...], …}}, keys in the order asked, each ds once. Every ds has the same
 * start and count; where steps differ the reply has the coarsest and the finer ones are consolidated by their
 * aggregation. A ds that is missing or damaged is left out.
 * Errors   RC_REFUSED a bad res, from or until: why names parameter, value and what was expected
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

#endif
