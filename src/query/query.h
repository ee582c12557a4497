/*
 * Questions about what is stored, answered as JSON text: hosts, one host, its plugins, one info, values. Each answer is
 * put together from the metadata store and the values engine; no socket here.
 * Source: docs/spec/system.md "REST".
 */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"
#include "meta/meta.h"
#include "values/values.h"

struct query {
	struct meta *meta;     /* borrowed */
	struct values *values; /* borrowed */
	const char *wsp_path;  /* root that WSP_PATH values must lie below */
	unsigned md5_digits;   /* wsp_path_md5_char */
	bool original_windows; /* res_windows = original */
	int64_t longest_s;     /* of any archive configured */
};

/* Each appends one JSON document to out. Unknown hosts and plugins, and impossible names, are `{}`.
 * Errors: RC_PEER, RC_DISK; RC_FULL past out's ceiling. */
CHECKED enum rc query_hosts(const struct query *q, struct buf *out, struct why *why);
CHECKED enum rc query_host(const struct query *q, struct text host, struct buf *out, struct why *why);
CHECKED enum rc query_list(const struct query *q, struct text host, struct buf *out, struct why *why);
CHECKED enum rc query_info(const struct query *q, struct text host, struct text plugin, struct buf *out,
			   struct why *why);

/* What /data is asked. Either res, or from and until, is there. */
struct query_data {
	struct text host, plugin, ds; /* ds: comma list as asked */
	struct text res;              /* Daily Weekly Monthly Yearly */
	struct text from, until;      /* Unix seconds or -6h, -30min, -7d, now; until absent: now */
};
/*
 * {"TS_start": N, "TS_step": N, "DATAS": {"a": [...], …}}
 * Errors   RC_REFUSED a bad res, from or until: why names parameter, value and what was expected
 *          RC_ABSENT unknown host or plugin, or none of the ds exists · RC_PEER · RC_DISK
 */
CHECKED enum rc query_data(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
			   struct why *why);

#endif
