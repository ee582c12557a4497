/*
 * What taking a carbon line costs: from the bytes of a read to numbered points in groups, without sockets and engine.
 * 41-byte lines, names like numeter.h00001.p01.d1. Three ways:
 *
 *	in order     every line is the expected one
 *	shuffled     another order every tick: each name is found by its hash
 *	no names     in order, but without the table of names: split and looked up in the registry
 *
 *	carbon_parse [SERIES [TICKS]]      default 15,000 and 300,000 series; CPU time, best and median of the ticks
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "carbon/intake.h"

enum { NOW = 1795342601, READ_BYTES = 256 * 1024, MARK = 1 };

struct sink {
	uint64_t n_points;
	double sum;
};

static enum rc accept_points(void *argument, const struct numbered *point, size_t n, uint32_t accepted_s,
			     struct why *why)
{
	struct sink *s = argument;

	(void)accepted_s;
	(void)why;
	s->n_points += n;
	for (size_t i = 0; i < n; i += 64)
		s->sum += point[i].value;
	return RC_OK;
}

static void submit_batch(void *argument, struct batch *b)
{
	(void)argument;
	(void)b;
	must_failed("a series that is not known", __FILE__, __LINE__);
}

static void wake(void *argument)
{
	(void)argument;
}

static uint32_t mark_now(void *argument)
{
	(void)argument;
	return MARK;
}

static uint32_t no_forgets(void *argument)
{
	(void)argument;
	return 0;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned next_random(void)
{
	static unsigned r = 1;

	r = r * 1664525 + 1013904223;
	return r >> 8;
}

/* One tick's lines; returns how many bytes. */
static size_t print_tick(char *into, const unsigned *order, unsigned n_series, unsigned tick)
{
	size_t n = 0;

	for (unsigned i = 0; i < n_series; i++) {
		unsigned j = order[i], r = next_random();

		n += (size_t)sprintf(into + n, "numeter.h%05u.p%02u.d%u %u.%02u %u\n", j / 150, (j % 150) / 5, j % 5,
				     r % 10000, (r >> 14) % 100, NOW - 3600 + 60 * tick);
	}
	return n;
}

static void shuffle(unsigned *order, unsigned n)
{
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned j = (next_random() << 8 ^ next_random()) % (i + 1), other = order[j];

		order[j] = order[i];
		order[i] = other;
	}
}

static void take_all(struct intake *in, struct intake_place *place, char *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		size_t piece = n - at < READ_BYTES ? n - at : READ_BYTES, taken;

		taken = intake_take(in, place, bytes + at, piece);
		must(taken > 0);
		at += taken;
	}
}

static int by_value(const void *left, const void *right)
{
	const double *l = left, *r = right;

	return (*l > *r) - (*l < *r);
}

static void measure(const char *name, struct registry *registry, unsigned n_series, unsigned n_ticks, bool shuffled,
		    size_t known_max_bytes)
{
	struct schema schema;
	struct sink sink = { 0 };
	struct intake_place place = INTAKE_START;
	unsigned *order = must_alloc(n_series * sizeof(*order));
	char *bytes = must_alloc((size_t)n_series * 64 + INTAKE_SLACK);
	double *ns = must_alloc(n_ticks * sizeof(*ns));
	struct intake *in;
	size_t n_bytes = 0;

	schema_init(&schema);
	in = intake_new(&(struct intake_options){
		.registry = registry,
		.accept = accept_points,
		.submit = submit_batch,
		.wake = wake,
		.mark = mark_now,
		.n_forgets = no_forgets,
		.argument = &sink,
		.schema = &schema,
		.max_future_s = 600,
		.known_max_bytes = known_max_bytes,
	});
	for (unsigned i = 0; i < n_series; i++)
		order[i] = i;
	for (unsigned tick = 0; tick < n_ticks + 2; tick++) { /* the first two make names and order known */
		double begin;

		if (shuffled)
			shuffle(order, n_series);
		n_bytes = print_tick(bytes, order, n_series, tick);
		begin = cpu_ns();
		intake_begin(in, NOW);
		take_all(in, &place, bytes, n_bytes);
		intake_end(in, (struct mono){ 0 });
		if (tick >= 2)
			ns[tick - 2] = (cpu_ns() - begin) / n_series;
	}
	must(sink.n_points == (uint64_t)n_series * (n_ticks + 2) && sink.sum > 0);
	qsort(ns, n_ticks, sizeof(*ns), by_value);
	printf("%8u series  %-9s %6.1f ns a line (median %.1f), %.1f bytes a line, names %.1f bytes a series\n",
	       n_series, name, ns[0], ns[n_ticks / 2], (double)n_bytes / n_series, (double)intake_bytes(in) / n_series);
	intake_free(in);
	schema_fini(&schema);
	free(order);
	free(bytes);
	free(ns);
}

static struct registry *registry_of(unsigned n_series)
{
	struct registry *r = registry_new();
	char host[32], plugin[8], ds[8];

	for (unsigned i = 0; i < n_series; i++) {
		uint32_t source;

		snprintf(host, sizeof(host), "numeter.h%05u", i / 150);
		snprintf(plugin, sizeof(plugin), "p%02u", (i % 150) / 5);
		snprintf(ds, sizeof(ds), "d%u", i % 5);
		source = registry_source(r, text_of(host), text_of("00/folder"), text_of(plugin), true);
		registry_set_mark(r, source, MARK);
		registry_series(r, source, text_of(ds), true);
	}
	return r;
}

static void measure_all(unsigned n_series, unsigned n_ticks)
{
	struct registry *r = registry_of(n_series);

	measure("in order", r, n_series, n_ticks, false, SIZE_MAX);
	measure("shuffled", r, n_series, n_ticks, true, SIZE_MAX);
	measure("no names", r, n_series, n_ticks, false, 0);
	registry_free(r);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		measure_all((unsigned)atoi(argv[1]), argc > 2 ? (unsigned)atoi(argv[2]) : 11);
		return 0;
	}
	measure_all(15000, 41);
	measure_all(300000, 7);
	return 0;
}
