/*
 * Counters and histograms as Prometheus text, exposition format 0.0.4. Gauges are the caller's.
 */
#include <inttypes.h>

#include "base/counter.h"
#include "base/histogram.h"
#include "http/request.h"
#include "model/reason.h"

static void add_counters(struct buf *out)
{
	for (enum counter c = 0; c < COUNTER_COUNT; c++)
		buf_addf(out,
			 "# HELP numeter_storage_%s_total %s\n# TYPE numeter_storage_%s_total counter\n"
			 "numeter_storage_%s_total %" PRIu64 "\n",
			 counter_name(c), counter_help(c), counter_name(c), counter_name(c), counter_get(c));
}

/* le in seconds, as short as it reads back. */
static void add_histogram(struct buf *out, enum histogram h)
{
	const char *label = histogram_label(h), *family = histogram_family(h), *comma = label != NULL ? "," : "";
	struct histogram_counts c;
	uint64_t n = 0;

	histogram_read(h, &c);
	if (label == NULL)
		label = "";
	if (histogram_help(h) != NULL)
		buf_addf(out, "# HELP numeter_storage_%s_seconds %s\n# TYPE numeter_storage_%s_seconds histogram\n",
			 family, histogram_help(h), family);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += c.n[i];
		buf_addf(out, "numeter_storage_%s_seconds_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", family, label, comma,
			 (double)histogram_bound_ns[i] / 1e9, n);
	}
	n += c.n[HISTOGRAM_BUCKETS];
	buf_addf(out, "numeter_storage_%s_seconds_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", family, label, comma, n);
	buf_addf(out, "numeter_storage_%s_seconds_sum%s%s%s %.9f\n", family, *label ? "{" : "", label,
		 *label ? "}" : "", (double)c.sum_ns / 1e9);
	buf_addf(out, "numeter_storage_%s_seconds_count%s%s%s %" PRIu64 "\n", family, *label ? "{" : "", label,
		 *label ? "}" : "", n);
}

static void add_reasons(struct buf *out)
{
	buf_add_str(out, "# HELP numeter_storage_rejected_total messages and values kept aside, by reason\n"
			 "# TYPE numeter_storage_rejected_total counter\n");
	for (enum reason i = REASON_NONE + 1; i < REASON_COUNT; i++)
		buf_addf(out, "numeter_storage_rejected_total{reason=\"%s\"} %" PRIu64 "\n", reason_code(i),
			 reason_counted(i));
}

void handle_metrics(struct request *r, struct answer *a)
{
	const struct http_options *o = &r->server->options;

	a->content_type = "text/plain; version=0.0.4; charset=utf-8";
	a->validated = false;
	buf_add_str(&a->body, "# HELP numeter_storage_build_info the running program\n"
			      "# TYPE numeter_storage_build_info gauge\n"
			      "numeter_storage_build_info{version=\"" NUMETER_VERSION "\"} 1\n");
	add_counters(&a->body);
	add_reasons(&a->body);
	for (enum histogram h = 0; h < HISTOGRAM_COUNT; h++)
		add_histogram(&a->body, h);
	if (o->gauges != NULL)
		o->gauges(o->gauges_argument, &a->body);
}
