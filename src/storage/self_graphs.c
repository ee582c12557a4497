#include "storage/self_graphs.h"

#include <inttypes.h>
#include <math.h>

#include "wire/reply.h"

enum how {
	RATE,    /* of a counter, per second */
	LEVEL,   /* of a number */
	PERCENT, /* of a number of seconds: its growth, per second */
	AVERAGE, /* of a histogram, seconds */
	MOST,    /* its 95th percentile */
};

/* One data source. draw: as munin has it, LINE1 when NULL. */
struct ds {
	const char *name, *label, *draw;
	enum how how;
	unsigned of; /* a counter, number or histogram */
};

static const struct ds messages[] = {
	{ "amqp", "RabbitMQ", "AREASTACK", RATE, COUNTER_MESSAGES_AMQP },
	{ "http", "HTTP ingest", "AREASTACK", RATE, COUNTER_MESSAGES_HTTP },
	{ "carbon", "carbon lines", "AREASTACK", RATE, COUNTER_CARBON_LINES },
	{ "self", "itself", "AREASTACK", RATE, COUNTER_MESSAGES_SELF },
};

static const struct ds points[] = {
	{ "amqp", "RabbitMQ", "AREASTACK", RATE, COUNTER_POINTS_AMQP },
	{ "http", "HTTP ingest", "AREASTACK", RATE, COUNTER_POINTS_HTTP },
	{ "carbon", "carbon", "AREASTACK", RATE, COUNTER_POINTS_CARBON },
	{ "self", "itself", "AREASTACK", RATE, COUNTER_POINTS_SELF },
	{ "stored", "written to files", "LINE1", RATE, COUNTER_POINTS_STORED },
};

static const struct ds journal[] = {
	{ "bytes", "in use", "AREA", LEVEL, NUMBER_JOURNAL_BYTES },
	{ "max", "limit", "LINE1", LEVEL, NUMBER_JOURNAL_MAX_BYTES },
};

static const struct ds cache[] = {
	{ "bytes", "in use", "AREA", LEVEL, NUMBER_CACHE_BYTES },
	{ "max", "limit", "LINE1", LEVEL, NUMBER_CACHE_MAX_BYTES },
};

static const struct ds pending[] = {
	{ "points", "points", "AREA", LEVEL, NUMBER_CACHE_POINTS },
	{ "series", "series with pending points", "LINE1", LEVEL, NUMBER_CACHE_DIRTY },
};

static const struct ds lag[] = {
	{ "lag", "at most this old", "AREA", LEVEL, NUMBER_FLUSH_LAG },
};

static const struct ds latency[] = {
	{ "amqp", "message to acknowledgement", NULL, AVERAGE, HISTOGRAM_ACCEPT_AMQP },
	{ "http", "ingest to answer", NULL, AVERAGE, HISTOGRAM_ACCEPT_HTTP },
	{ "journal", "journal commit", NULL, AVERAGE, HISTOGRAM_JOURNAL_COMMIT },
	{ "batch", "writing one batch of files", NULL, AVERAGE, HISTOGRAM_FLUSH_BATCH },
	{ "sync", "syncing the files", NULL, AVERAGE, HISTOGRAM_FLUSH_SYNC },
	{ "metadata", "metadata call", NULL, AVERAGE, HISTOGRAM_METADATA },
};

static const struct ds latency_95[] = {
	{ "amqp", "message to acknowledgement", NULL, MOST, HISTOGRAM_ACCEPT_AMQP },
	{ "http", "ingest to answer", NULL, MOST, HISTOGRAM_ACCEPT_HTTP },
	{ "journal", "journal commit", NULL, MOST, HISTOGRAM_JOURNAL_COMMIT },
	{ "batch", "writing one batch of files", NULL, MOST, HISTOGRAM_FLUSH_BATCH },
	{ "sync", "syncing the files", NULL, MOST, HISTOGRAM_FLUSH_SYNC },
	{ "metadata", "metadata call", NULL, MOST, HISTOGRAM_METADATA },
};

static const struct ds http[] = {
	{ "requests", "requests", "AREA", RATE, COUNTER_HTTP_REQUESTS },
	{ "errors", "answered with 5xx", "LINE1", RATE, COUNTER_HTTP_ERRORS },
};

static const struct ds http_answer[] = {
	{ "data", "/data", NULL, MOST, HISTOGRAM_HTTP_DATA },
	{ "values", "/values", NULL, MOST, HISTOGRAM_HTTP_VALUES },
	{ "list", "hosts, lists and infos", NULL, MOST, HISTOGRAM_HTTP_LIST },
	{ "graph", "pictures", NULL, MOST, HISTOGRAM_HTTP_GRAPH },
	{ "ingest", "ingest", NULL, MOST, HISTOGRAM_HTTP_INGEST },
	{ "other", "all others", NULL, MOST, HISTOGRAM_HTTP_OTHER },
};

static const struct ds queue[] = {
	{ "ready", "ready in the queue", "AREASTACK", LEVEL, NUMBER_QUEUE_DEPTH },
	{ "unacknowledged", "not acknowledged", "AREASTACK", LEVEL, NUMBER_UNACKED },
};

static const struct ds known[] = {
	{ "series", "series", "LINE1", LEVEL, NUMBER_SERIES },
	{ "plugins", "plugins of hosts", "LINE1", LEVEL, NUMBER_SOURCES },
	{ "hosts", "hosts", "LINE1", LEVEL, NUMBER_HOSTS },
};

static const struct ds memory[] = {
	{ "resident", "resident", "AREA", LEVEL, NUMBER_RESIDENT },
};

static const struct ds cpu[] = {
	{ "cpu", "user and system", "AREA", PERCENT, NUMBER_CPU },
};

static const struct ds disk[] = {
	{ "wsp", "wsp_path", "LINE1", LEVEL, NUMBER_WSP_FREE },
	{ "journal", "journal_path", "LINE1", LEVEL, NUMBER_JOURNAL_FREE },
	{ "rejected", "kept aside (in use)", "LINE1", LEVEL, NUMBER_REJECTED_BYTES },
};

/* ds NULL: the reasons of what was kept aside. */
static const struct graph {
	const char *name, *title, *vlabel, *base, *describ;
	const struct ds *ds;
	size_t n;
} graphs[] = {
#define GRAPH(ds) ds, ARRAY_LEN(ds)
	{ "numeter_messages", "Messages taken", "per second", "1000", "By input; a carbon line counts as one.",
	  GRAPH(messages) },
	{ "numeter_points", "Points", "per second", "1000", "Accepted, by input, and written to their files.",
	  GRAPH(points) },
	{ "numeter_rejected", "Kept aside", "per second", "1000",
	  "Messages and values that could not be used, by reason.", NULL, 0 },
	{ "numeter_queue", "RabbitMQ queue", "messages", "1000", "What waits at RabbitMQ, and what it handed out.",
	  GRAPH(queue) },
	{ "numeter_journal", "Journal", "bytes", "1024", "Disk space of what is not known to be in files.",
	  GRAPH(journal) },
	{ "numeter_cache", "Cache", "bytes", "1024", "Memory of what is not known to be in files.", GRAPH(cache) },
	{ "numeter_pending", "Pending points", "count", "1000", "Not known to be safe in their files.",
	  GRAPH(pending) },
	{ "numeter_flush_lag", "Flush lag", "seconds", "1000", "No point that is not in its synced file is older.",
	  GRAPH(lag) },
	{ "numeter_latency", "Latencies, average", "seconds", "1000", "How long things took on average.",
	  GRAPH(latency) },
	{ "numeter_latency_95", "Latencies, 95th percentile", "seconds", "1000",
	  "19 of 20 were as quick as this, or quicker.", GRAPH(latency_95) },
	{ "numeter_http", "HTTP requests", "per second", "1000", "Answered, and of these with an error of ours.",
	  GRAPH(http) },
	{ "numeter_http_answer", "HTTP answers, 95th percentile", "seconds", "1000",
	  "From a request's headers to its answer, by kind.", GRAPH(http_answer) },
	{ "numeter_known", "Series, plugins and hosts", "count", "1000", "What is known since the start.",
	  GRAPH(known) },
	{ "numeter_memory", "Memory", "bytes", "1024", "Of the daemon.", GRAPH(memory) },
	{ "numeter_cpu", "Processor time", "%", "1000", "Of the daemon; 100 is one processor.", GRAPH(cpu) },
	{ "numeter_disk", "Disk space", "bytes", "1024",
	  "Free where files and journal lie; in use by what is kept aside.", GRAPH(disk) },
#undef GRAPH
};

size_t self_n_graphs(void)
{
	return ARRAY_LEN(graphs);
}

const char *self_graph_name(size_t g)
{
	return graphs[g].name;
}

static bool any_reason(const struct numbers *now)
{
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (now->reason[r] > 0)
			return true;
	return false;
}

/* A part that is not used has no numbers at all. */
static bool has_something(const struct graph *p, const struct numbers *now)
{
	if (p->ds == NULL)
		return any_reason(now);
	for (size_t i = 0; i < p->n; i++)
		if (p->ds[i].how != LEVEL || !isnan(now->value[p->ds[i].of]))
			return true;
	return false;
}

static void add_member(struct buf *out, const char *comma, const char *key, const char *value)
{
	buf_addf(out, "%s\"%s\": ", comma, key);
	reply_string(out, text_of(value));
}

static void add_ds_info(struct buf *out, const char *comma, const char *name, const char *label, const char *draw)
{
	buf_addf(out, "%s\"%s\": {", comma, name);
	add_member(out, "", "id", name);
	add_member(out, ", ", "label", label);
	add_member(out, ", ", "type", "GAUGE");
	add_member(out, ", ", "min", "0");
	add_member(out, ", ", "draw", draw != NULL ? draw : "LINE1");
	buf_add_str(out, "}");
}

/* All of them, whether they came yet or not: an info that forgets one hides its past. */
static void add_reason_infos(struct buf *out)
{
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		add_ds_info(out, r == REASON_NONE + 1 ? "" : ", ", reason_code(r), reason_help(r), "AREASTACK");
}

bool self_graph_info(size_t g, const struct numbers *now, struct buf *out)
{
	const struct graph *p = &graphs[g];

	if (!has_something(p, now))
		return false;
	add_member(out, "{", "Plugin", p->name);
	add_member(out, ", ", "Title", p->title);
	add_member(out, ", ", "Describ", p->describ);
	add_member(out, ", ", "Base", p->base);
	add_member(out, ", ", "Vlabel", p->vlabel);
	add_member(out, ", ", "Category", "numeter");
	buf_add_str(out, ", \"Order\": \"");
	for (size_t i = 0; i < p->n; i++)
		buf_addf(out, "%s%s", i == 0 ? "" : " ", p->ds[i].name);
	buf_add_str(out, "\", \"Infos\": {");
	if (p->ds == NULL)
		add_reason_infos(out);
	for (size_t i = 0; i < p->n; i++)
		add_ds_info(out, i == 0 ? "" : ", ", p->ds[i].name, p->ds[i].label, p->ds[i].draw);
	buf_add_str(out, "}}");
	return true;
}

static double value_of(const struct ds *ds, const struct numbers *before, const struct numbers *now, double seconds)
{
	struct histogram_counts c;

	switch (ds->how) {
	case RATE:
		return (double)(now->counter[ds->of] - before->counter[ds->of]) / seconds;
	case LEVEL:
		return now->value[ds->of];
	case PERCENT:
		return (now->value[ds->of] - before->value[ds->of]) / seconds * 100;
	case AVERAGE:
		histogram_since(&before->histogram[ds->of], &now->histogram[ds->of], &c);
		return histogram_average_s(&c);
	case MOST:
		histogram_since(&before->histogram[ds->of], &now->histogram[ds->of], &c);
		return histogram_quantile_s(&c, 0.95);
	}
	return NAN;
}

static void add_value(struct buf *out, bool *any, const char *name, double value)
{
	buf_addf(out, "%s\"%s\": ", *any ? ", " : "", name);
	*any = true;
	if (isfinite(value))
		reply_number(out, value);
	else
		buf_add_str(out, "\"U\"");
}

bool self_graph_values(size_t g, const struct numbers *before, const struct numbers *now, int64_t t_s, struct buf *out)
{
	double seconds = (double)(now->at.ns - before->at.ns) / 1e9;
	const struct graph *p = &graphs[g];
	bool any = false;

	if (seconds <= 0 || !has_something(p, now))
		return false;
	buf_addf(out, "{\"TimeStamp\": \"%" PRId64 "\", \"Plugin\": \"%s\", \"Values\": {", t_s, p->name);
	for (enum reason r = REASON_NONE + 1; p->ds == NULL && r < REASON_COUNT; r++)
		if (now->reason[r] > 0)
			add_value(out, &any, reason_code(r), (double)(now->reason[r] - before->reason[r]) / seconds);
	for (size_t i = 0; i < p->n; i++)
		add_value(out, &any, p->ds[i].name, value_of(&p->ds[i], before, now, seconds));
	buf_add_str(out, "}}");
	return true;
}
