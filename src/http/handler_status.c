/*
 * What whoever looks at the graphs should know of the storage: how many series there are, and whether new ones are refused.
 */
#include <inttypes.h>

#include "http/request.h"

enum { RECENT_S = 300 };

void handle_status(struct request *r, struct answer *a)
{
	static const enum reason reasons[] = { REASON_SERIES_PER_HOST, REASON_SERIES_TOTAL, REASON_SERIES_RATE };
	const struct http_server *s = r->server;
	int64_t now_s = wall_now().s;
	struct quota_state q;
	size_t n_recent = 0;

	ingest_quota(s->options.ingest, &q);
	a->validated = false;
	buf_addf(&a->body,
		 "{\"series\": %" PRIu32 ", \"limits\": {\"max_series_per_host\": %" PRIu64 ", \"max_series\": %" PRIu64
		 ", \"max_new_series_per_minute\": %" PRIu64 "}, \"refused\": {",
		 registry_n_series(engine_registry(s->query.engine)), q.limits.per_host, q.limits.total,
		 q.limits.per_minute);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		buf_addf(&a->body, "%s\"%s\": {\"count\": %" PRIu64 ", \"last\": %" PRId64 "}", i == 0 ? "" : ", ",
			 reason_code(reasons[i]), reason_counted(reasons[i]), q.refused_s[i]);
	buf_add_str(&a->body, "}, \"refusing\": [");
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (q.refused_s[i] != 0 && now_s - q.refused_s[i] < RECENT_S)
			buf_addf(&a->body, "%s\"%s\"", n_recent++ == 0 ? "" : ", ", reason_code(reasons[i]));
	buf_add_str(&a->body, "]}");
}
