/*
 * Lines in, points out. Points of known series are accepted in groups, at once; what needs more (a series that is new, a
 * metadata store that lost its content, a time to be judged, a bad line to be kept aside) goes through ingest in batches.
 * No sockets and no clock here.
 *
 * What cannot be accepted yet is kept and tried again; meanwhile nothing new may be given: intake_stalled().
 *
 * Order: lines of one series are accepted in the order in which they came, also while some of them are in a batch; of
 * lines that the table of names has no room for, those in a batch may come after those behind them.
 */
#ifndef CARBON_INTAKE_H
#define CARBON_INTAKE_H

#include "cache/registry.h"
#include "carbon/known.h"
#include "carbon/line.h"
#include "ingest/ingest.h"

enum { INTAKE_SLACK = KNOWN_SLACK + LINE_SLACK };

struct intake_options {
	struct registry *registry;
	/* engine_accept() and ingest_submit() with what they need; `wake` is called on thread `store` */
	enum rc (*accept)(void *argument, const struct numbered *point, size_t n, uint32_t accepted_s, struct why *why);
	void (*submit)(void *argument, struct batch *b);
	void (*wake)(void *argument);
	/* the registry_mark() of a source that the metadata store, as it is now, has been told of */
	uint32_t (*mark)(void *argument);
	/* changes when sources may have lost their mark */
	uint32_t (*n_forgets)(void *argument);
	void *argument;
	const struct schema *schema;
	int64_t max_future_s;
	size_t known_max_bytes;
};

struct intake;

/* Owner: options' pointers are borrowed until intake_free(), before which intake_busy() must be false. */
struct intake *intake_new(const struct intake_options *options);
void intake_free(struct intake *in);

/* Other limits of time from the next round on; schema is borrowed for the call. Threads: any. */
void intake_change(struct intake *in, const struct schema *schema, int64_t max_future_s);

/* Where in the order of names a connection stands. */
struct intake_place {
	uint32_t last; /* handle of its last name */
	int8_t wrong;  /* how often the expected line was another one of late: above a limit none is expected */
};
#define INTAKE_START ((struct intake_place){ KNOWN_NONE, 0 })

/* A new round: what comes until intake_end() is accepted at now_s, Unix seconds. */
void intake_begin(struct intake *in, int64_t now_s);
/*
 * Take the whole lines of bytes[0..n); INTAKE_SLACK bytes behind them may be read (not judged).
 * Returns  how many bytes were taken: up to behind the last line feed
 */
size_t intake_take(struct intake *in, struct intake_place *place, const char *bytes, size_t n);
/* Keep a line aside that the caller found bad: `what` says why. At most LINE_MAX_BYTES of it are kept. */
void intake_refuse(struct intake *in, struct text line, const char *what);
/* Hand everything over. */
void intake_end(struct intake *in, struct mono now);

/* Take no more: what was taken could not all be handed over. Asked between calls of intake_take(). */
bool intake_stalled(const struct intake *in);
/* When intake_end() should be called at the latest though nothing came; false: no need. */
bool intake_due(const struct intake *in, struct mono now, int64_t *ms);
/* Something is with ingest. */
bool intake_busy(const struct intake *in);
/* Lines that were taken and are neither accepted nor kept aside. */
size_t intake_n_waiting(const struct intake *in);
size_t intake_bytes(const struct intake *in);

#endif
