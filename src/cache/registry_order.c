/*
 * Path order: sources are sorted by their texts, once each; series only by the place of their source, and by name within
 * it. What is sorted stays; newcomers are sorted among themselves and merged in.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "cache/registry_state.h"

typedef int before_fn(const struct registry *r, uint32_t a, uint32_t b);

static int compare_text(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.s, b.s, n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* Hosts that share a folder (which the rule for folders excludes) come one after the other. */
static int compare_sources(const struct registry *r, uint32_t a, uint32_t b)
{
	const struct source_entry *left = registry_source_entry(r, a), *right = registry_source_entry(r, b);
	int order = compare_text(registry_folder_of(left), registry_folder_of(right));

	if (order == 0)
		order = compare_text(registry_plugin_of(left), registry_plugin_of(right));
	return order != 0 ? order : (a > b) - (a < b);
}

static int compare_series(const struct registry *r, uint32_t a, uint32_t b)
{
	const struct series_entry *left = registry_series_entry(r, a), *right = registry_series_entry(r, b);
	uint32_t left_rank = r->order.rank[left->source], right_rank = r->order.rank[right->source];

	if (left_rank != right_rank)
		return left_rank < right_rank ? -1 : 1;
	return compare_text(registry_ds_of(left), registry_ds_of(right));
}

static int by_source(const void *a, const void *b, void *registry)
{
	return compare_sources(registry, *(const uint32_t *)a, *(const uint32_t *)b);
}

static int by_series(const void *a, const void *b, void *registry)
{
	return compare_series(registry, *(const uint32_t *)a, *(const uint32_t *)b);
}

static int by_key(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* How many of the n sorted ones come before x: looked for from the end, in steps that double. */
static size_t place(const struct registry *r, before_fn *compare, const uint32_t *sorted, size_t n, uint32_t x)
{
	size_t low, high = n, step = 1;

	while (step <= n && compare(r, sorted[n - step], x) > 0) {
		high = n - step;
		step *= 2;
	}
	low = step <= n ? n - step + 1 : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(r, sorted[middle], x) > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Both sorted; there is room for both in `sorted`. */
static void merge(const struct registry *r, before_fn *compare, uint32_t *sorted, size_t n, const uint32_t *fresh,
		  size_t n_fresh)
{
	while (n_fresh > 0) {
		size_t at = place(r, compare, sorted, n, fresh[n_fresh - 1]);

		memmove(sorted + at + n_fresh, sorted + at, (n - at) * sizeof(*sorted));
		sorted[at + n_fresh - 1] = fresh[n_fresh - 1];
		n = at;
		n_fresh--;
	}
}

static void take_sources(struct registry *r, uint32_t n)
{
	struct registry_order *o = &r->order;
	uint32_t n_fresh = n - o->n_sources, *fresh = must_alloc(n_fresh * sizeof(*fresh));

	for (uint32_t i = 0; i < n_fresh; i++)
		fresh[i] = o->n_sources + i;
	qsort_r(fresh, n_fresh, sizeof(*fresh), by_source, r);
	o->source = must_realloc(o->source, n * sizeof(*o->source));
	o->rank = must_realloc(o->rank, n * sizeof(*o->rank));
	merge(r, compare_sources, o->source, o->n_sources, fresh, n_fresh);
	for (uint32_t i = 0; i < n; i++)
		o->rank[o->source[i]] = i;
	o->n_sources = n;
	free(fresh);
}

/* Numbers first, texts only within a source. */
static void sort_series(struct registry *r, uint32_t *fresh, uint32_t first, uint32_t n)
{
	uint64_t *key = must_alloc(n * sizeof(*key));
	uint32_t end;

	for (uint32_t i = 0; i < n; i++)
		key[i] = (uint64_t)r->order.rank[registry_source_of(r, first + i)] << 32 | (first + i);
	qsort(key, n, sizeof(*key), by_key);
	for (uint32_t i = 0; i < n; i++)
		fresh[i] = (uint32_t)key[i];
	for (uint32_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && key[end] >> 32 == key[i] >> 32;)
			end++;
		if (end - i > 1)
			qsort_r(fresh + i, end - i, sizeof(*fresh), by_series, r);
	}
	free(key);
}

static void take_series(struct registry *r, uint32_t n)
{
	struct registry_order *o = &r->order;
	uint32_t n_fresh = n - o->n_series, *fresh = must_alloc(n_fresh * sizeof(*fresh));

	sort_series(r, fresh, o->n_series, n_fresh);
	o->series = must_realloc(o->series, n * sizeof(*o->series));
	merge(r, compare_series, o->series, o->n_series, fresh, n_fresh);
	o->n_series = n;
	free(fresh);
}

void registry_in_path_order(struct registry *r, const uint32_t **id, uint32_t *n)
{
	/* in this order: the sources of all these series are among those counted then */
	uint32_t n_series = registry_n_series(r), n_sources = registry_n_sources(r);
	struct registry_order *o = &r->order;
	uint64_t before = (uint64_t)o->n_sources * 8 + (uint64_t)o->n_series * 4;

	if (n_series > o->n_series) {
		if (n_sources > o->n_sources)
			take_sources(r, n_sources);
		take_series(r, n_series);
	}
	atomic_fetch_add_explicit(&r->n_bytes, (uint64_t)o->n_sources * 8 + (uint64_t)o->n_series * 4 - before,
				  memory_order_relaxed);
	*id = o->series;
	*n = o->n_series;
}

void registry_order_fini(struct registry_order *o)
{
	free(o->source);
	free(o->rank);
	free(o->series);
	*o = (struct registry_order){ 0 };
}
