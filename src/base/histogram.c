#include "base/histogram.h"

#include <math.h>
#include <stdatomic.h>

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

const uint64_t histogram_bound_ns[HISTOGRAM_BUCKETS] = {
	MS / 10,  MS / 4,   MS / 2,   MS, MS * 5 / 2, MS * 5, MS * 10, MS * 25, MS * 50,
	MS * 100, MS * 250, MS * 500, S,  S * 5 / 2,  S * 5,  S * 10,  S * 30,  S * 60,
};

static struct {
	atomic_uint_fast64_t n[HISTOGRAM_BUCKETS + 1], sum_ns;
} value[HISTOGRAM_COUNT];

static const struct {
	const char *family, *label, *help;
} row[] = {
#define HISTOGRAM_ROW(id, family, label, help) { family, label, help },
	HISTOGRAM_TABLE(HISTOGRAM_ROW)
#undef HISTOGRAM_ROW
};

void histogram_note(enum histogram h, int64_t ns, uint64_t n)
{
	uint64_t took = ns > 0 ? (uint64_t)ns : 0;
	size_t i = 0;

	while (i < HISTOGRAM_BUCKETS && took > histogram_bound_ns[i])
		i++;
	atomic_fetch_add_explicit(&value[h].n[i], n, memory_order_relaxed);
	atomic_fetch_add_explicit(&value[h].sum_ns, took * n, memory_order_relaxed);
}

void histogram_read(enum histogram h, struct histogram_counts *out)
{
	for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++)
		out->n[i] = atomic_load_explicit(&value[h].n[i], memory_order_relaxed);
	out->sum_ns = atomic_load_explicit(&value[h].sum_ns, memory_order_relaxed);
}

uint64_t histogram_total(const struct histogram_counts *c)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++)
		n += c->n[i];
	return n;
}

void histogram_since(const struct histogram_counts *earlier, const struct histogram_counts *now,
		     struct histogram_counts *out)
{
	*out = *now;
	if (earlier == NULL)
		return;
	for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++)
		out->n[i] -= earlier->n[i];
	out->sum_ns -= earlier->sum_ns;
}

double histogram_average_s(const struct histogram_counts *c)
{
	uint64_t n = histogram_total(c);

	return n == 0 ? NAN : (double)c->sum_ns / (double)n / 1e9;
}

double histogram_quantile_s(const struct histogram_counts *c, double share)
{
	double rank = share * (double)histogram_total(c), below = 0;

	if (histogram_total(c) == 0)
		return NAN;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double n = (double)c->n[i], from = i == 0 ? 0 : (double)histogram_bound_ns[i - 1] / 1e9;
		double to = (double)histogram_bound_ns[i] / 1e9;

		if (n > 0 && below + n >= rank)
			return from + (to - from) * (rank - below) / n;
		below += n;
	}
	return (double)histogram_bound_ns[HISTOGRAM_BUCKETS - 1] / 1e9;
}

const char *histogram_family(enum histogram h)
{
	return row[h].family;
}

const char *histogram_label(enum histogram h)
{
	return row[h].label;
}

const char *histogram_help(enum histogram h)
{
	return row[h].help;
}
