/*
 * How long things took, in one table of histograms: family, label and help. `/metrics`, the storage's own graphs and
 * tests read this table; rows of one family stand together. A histogram only grows, from nothing at start.
 *
 * Noting is two relaxed additions and no lock: it is done once a batch, a commit, a request or a call, never once a
 * point.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_TABLE(X)                                                                                             \
	X(ACCEPT_AMQP, "acceptance", "input=\"amqp\"", "from taking a message to its acknowledgement or answer")       \
	X(ACCEPT_HTTP, "acceptance", "input=\"http\"", NULL)                                                           \
	X(JOURNAL_COMMIT, "journal_commit", NULL, "writing and syncing one group of the journal")                      \
	X(FLUSH_BATCH, "flush_batch", NULL, "writing the points of up to 512 neighbouring series to their files")      \
	X(FLUSH_SYNC, "flush_sync", NULL, "syncing the files and letting go of what they hold")                        \
	X(METADATA, "metadata_call", NULL, "one call to the metadata store, its answer taken")                         \
	X(HTTP_DATA, "http_answer", "route=\"data\"", "from a request's headers to its answer, by kind of route")      \
	X(HTTP_VALUES, "http_answer", "route=\"values\"", NULL)                                                        \
	X(HTTP_LIST, "http_answer", "route=\"list\"", NULL)                                                            \
	X(HTTP_GRAPH, "http_answer", "route=\"graph\"", NULL)                                                          \
	X(HTTP_INGEST, "http_answer", "route=\"ingest\"", NULL)                                                        \
	X(HTTP_OTHER, "http_answer", "route=\"other\"", NULL)

enum histogram {
#define HISTOGRAM_ENUM(id, family, label, help) HISTOGRAM_##id,
	HISTOGRAM_TABLE(HISTOGRAM_ENUM)
#undef HISTOGRAM_ENUM
		HISTOGRAM_COUNT
};

enum { HISTOGRAM_BUCKETS = 18 }; /* and one for what is longer than all bounds */

/* The upper bounds in nanoseconds, included, rising: 0.1 ms to a minute. */
extern const uint64_t histogram_bound_ns[HISTOGRAM_BUCKETS];

/* n things took so long, each; a negative time counts as none at all. Threads: any. */
void histogram_note(enum histogram h, int64_t ns, uint64_t n);

/* How often what lies between two bounds came: n[i] above bound i - 1, up to bound i. */
struct histogram_counts {
	uint64_t n[HISTOGRAM_BUCKETS + 1];
	uint64_t sum_ns;
};
void histogram_read(enum histogram h, struct histogram_counts *out);

uint64_t histogram_total(const struct histogram_counts *c);
/* What came between two looks; earlier may be NULL: since the start. */
void histogram_since(const struct histogram_counts *earlier, const struct histogram_counts *now,
		     struct histogram_counts *out);
/* Seconds; NAN when nothing came. */
double histogram_average_s(const struct histogram_counts *c);
/*
 * The time that a share (0 to 1) of all did not exceed, straight between two bounds, as Prometheus' histogram_quantile();
 * of what is longer than all bounds the last bound. NAN when nothing came.
 */
double histogram_quantile_s(const struct histogram_counts *c, double share);

const char *histogram_family(enum histogram h); /* "journal_commit": of numeter_storage_journal_commit_seconds */
const char *histogram_label(enum histogram h);  /* `input="amqp"`, NULL: none */
const char *histogram_help(enum histogram h);   /* of the family; NULL: the row before belongs to it, too */

#endif
