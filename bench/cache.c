/*
 * What a point costs in memory and time before any file: registry and cache at three sizes, with names as a site has them
 * (25-byte hosts of 150 series, 5 data sources a plugin). One thread, its CPU time; best of the rounds.
 *
 *	cache
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "base/mem.h"
#include "base/rc.h"
#include "cache/cache.h"
#include "cache/registry.h"

enum { ROUNDS = 2, POINTS = 10, DS = 5, PLUGINS = 30 };

struct world {
	struct registry *registry;
	struct cache *cache;
	uint32_t n;
	uint32_t *shuffled; /* all numbers, in no order */
	struct numbered *point;
};

static const struct text ds_name[DS] = { TEXT_INIT("ok"), TEXT_INIT("user"), TEXT_INIT("received"),
					 TEXT_INIT("transmitted"), TEXT_INIT("system_calls") };

static uint32_t source_of(struct world *w, uint32_t number, bool add)
{
	char host[64], folder[64], plugin[32];
	uint32_t n = number / PLUGINS;

	snprintf(host, sizeof(host), "web-%07u.example.org-0", n);
	snprintf(folder, sizeof(folder), "%02x/web-%07uexampleorg-0", n * 37 % 256, n);
	snprintf(plugin, sizeof(plugin), "plugin_%02u", number % PLUGINS);
	return registry_source(w->registry, text_of(host), text_of(folder), text_of(plugin), add);
}

static struct mono cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (struct mono){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}

static double ns_each(struct mono start, uint64_t n)
{
	return (double)(cpu_now().ns - start.ns) / (double)n;
}

static void least(double *best, double ns)
{
	if (*best == 0 || ns < *best)
		*best = ns;
}

static double make_names(struct world *w)
{
	struct mono start = cpu_now();

	for (uint32_t i = 0; i < w->n; i++)
		must(registry_series(w->registry, source_of(w, i / DS, true), ds_name[i % DS], true) == i);
	return ns_each(start, w->n);
}

/* The sources' numbers are at hand, as they are once a message's host and plugin were looked up. */
static double find_in_order(struct world *w)
{
	struct mono start = cpu_now();
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += registry_series(w->registry, i / DS, ds_name[i % DS], false);
	must(sum == (uint64_t)w->n * (w->n - 1) / 2);
	return ns_each(start, w->n);
}

/* Another source each time, and seldom the series behind its last one. */
static double find_shuffled(struct world *w)
{
	struct mono start = cpu_now();
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += registry_series(w->registry, w->shuffled[i] / DS, ds_name[w->shuffled[i] % DS], false);
	must(sum == (uint64_t)w->n * (w->n - 1) / 2);
	return ns_each(start, w->n);
}

static double append(struct world *w, bool shuffled, uint32_t batch)
{
	struct mono start;

	for (uint32_t i = 0; i < w->n; i++)
		w->point[i] = (struct numbered){ shuffled ? w->shuffled[i] : i, 0, i };
	start = cpu_now();
	for (uint32_t t = 1; t <= POINTS; t++) {
		for (uint32_t i = 0; i < w->n; i += batch) {
			uint32_t n = w->n - i < batch ? w->n - i : batch;

			for (uint32_t k = i; k < i + n; k++)
				w->point[k].t_s = 60 * t;
			cache_append(w->cache, w->point + i, n, 60 * t, t);
		}
	}
	return ns_each(start, (uint64_t)w->n * POINTS);
}

static double take_and_settle(struct world *w, const uint32_t *order)
{
	struct mono start = cpu_now();
	struct taken *points = NULL;
	size_t n, capacity = 0;
	uint32_t held_from_s;

	for (uint32_t i = 0; i < w->n; i++) {
		n = 0;
		must(cache_dirty(w->cache, order[i]));
		must(cache_take(w->cache, order[i], &points, &n, &capacity, &held_from_s) && n == POINTS);
		cache_settle(w->cache, order[i]);
	}
	free(points);
	return ns_each(start, w->n);
}

static double resident_mib(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (double)pages * 4096 / (1 << 20);
}

static void shuffle(struct world *w)
{
	uint64_t seed = 1;

	for (uint32_t i = 0; i < w->n; i++)
		w->shuffled[i] = i;
	for (uint32_t i = w->n; i > 1; i--) {
		uint32_t other, kept = w->shuffled[i - 1];

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
		other = (uint32_t)((seed >> 33) % i);
		w->shuffled[i - 1] = w->shuffled[other];
		w->shuffled[other] = kept;
	}
}

static void measure(uint32_t n)
{
	struct world w = { registry_new(), cache_new(UINT64_MAX), n, must_alloc(n * sizeof(uint32_t)),
			   must_alloc(n * sizeof(struct numbered)) };
	double add, hint = 0, hash = 0, order_ms, in_order = 0, shuffled = 0, small = 0, settle = 0, most;
	const uint32_t *order;
	struct cache_stats stats;
	uint64_t fixed;
	struct mono start;
	uint32_t n_order;

	shuffle(&w);
	memset(w.point, 1, n * sizeof(*w.point));
	most = -resident_mib();
	add = make_names(&w);
	start = cpu_now();
	registry_in_path_order(w.registry, &order, &n_order);
	order_ms = ns_each(start, 1000000);
	must(n_order == n);
	cache_stats(w.cache, &stats);
	for (int round = 0; round < ROUNDS; round++) {
		least(&hint, find_in_order(&w));
		least(&hash, find_shuffled(&w));
		least(&in_order, append(&w, false, 4096));
		if (round == 0) {
			most += resident_mib();
			cache_stats(w.cache, &stats);
		}
		least(&settle, take_and_settle(&w, order));
		least(&shuffled, append(&w, true, 4096));
		take_and_settle(&w, order);
		least(&small, append(&w, false, 6));
		take_and_settle(&w, order);
	}
	fixed = registry_bytes(w.registry) + (uint64_t)n * 32;
	printf("%9u %7.0f %7.1f %7.1f %7.0f %9.1f %9.1f %9.1f %9.0f %9.0f %8.1f %8.1f %8.0f\n", n, add, hint, hash,
	       order_ms, in_order, small, shuffled, settle, (double)fixed / n,
	       (double)stats.bytes_used / ((double)n * POINTS), most * (1 << 20) / n, most);
	cache_free(w.cache);
	registry_free(w.registry);
	free(w.shuffled);
	free(w.point);
}

int main(void)
{
	printf("%d points a series; ns unless said. most: resident memory of both with all points pending\n", POINTS);
	printf("%9s %7s %7s %7s %7s %9s %9s %9s %9s %9s %8s %8s %8s\n", "series", "new", "in turn", "any way",
	       "sort ms", "append", "6 a call", "shuffled", "take+", "B/series", "B/point", "most B/s", "most MiB");
	measure(15000);
	measure(300000);
	measure(1000000);
	return 0;
}
