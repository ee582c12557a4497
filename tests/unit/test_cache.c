#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/cache.h"
#include "cache/eras.h"
#include "cache/registry.h"

enum { CHUNK = 68, NONE = 2000000000 };

struct got {
	struct taken *points;
	size_t n, capacity;
	uint32_t held_from_s;
};

static void append_one(struct cache *c, uint32_t id, uint32_t t_s, double value, uint32_t era)
{
	cache_append(c, &(struct numbered){ id, t_s, value }, 1, t_s + 1, era);
}

static void assert_reads(struct cache *c, uint32_t id, const char *times)
{
	struct got got = { 0 };
	char text[200] = "";

	cache_read(c, id, &got.points, &got.n, &got.capacity, &got.held_from_s);
	for (size_t i = 0; i < got.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u=%g", i == 0 ? "" : " ",
			 got.points[i].t_s, got.points[i].value);
	free(got.points);
	assert_string_equal(text, times);
}

static bool take(struct cache *c, uint32_t id)
{
	struct got got = { 0 };
	bool some = cache_take(c, id, &got.points, &got.n, &got.capacity, &got.held_from_s);

	free(got.points);
	return some;
}

static uint64_t bytes_used(struct cache *c)
{
	struct cache_stats stats;

	cache_stats(c, &stats);
	return stats.bytes_used;
}

static void what_was_never_appended_is_empty(void **state)
{
	struct cache *c = cache_new(1 << 20);
	static const uint32_t ids[] = { 0, 1, 65536, 268435455, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		assert_reads(c, ids[i], "");
		assert_int_equal(cache_version(c, ids[i]), 0);
		assert_false(cache_dirty(c, ids[i]));
		assert_false(take(c, ids[i]));
	}
	assert_int_equal(cache_oldest_era(c, 77), 77);
	cache_append(c, NULL, 0, 1, 1);
	assert_int_equal(cache_oldest_era(c, 77), 77);
	cache_free(c);
	cache_free(NULL);
}

static void points_stay_readable_until_settled(void **state)
{
	struct cache *c = cache_new(1 << 20);
	struct got got = { 0 };

	(void)state;
	append_one(c, 5, 60, 1, 1);
	append_one(c, 5, 120, 2, 1);
	assert_reads(c, 5, "60=1 120=2");
	assert_true(cache_dirty(c, 5));
	assert_false(cache_dirty(c, 4));
	assert_true(cache_take(c, 5, &got.points, &got.n, &got.capacity, &got.held_from_s));
	assert_int_equal(got.n, 2);
	assert_int_equal(got.points[1].t_s, 120);
	assert_int_equal(got.points[1].accepted_s, 121);
	assert_true(got.points[1].value == 2);
	assert_false(cache_dirty(c, 5));
	append_one(c, 5, 180, 3, 1);
	assert_true(cache_dirty(c, 5));
	assert_false(take(c, 5)); /* one at a time */
	assert_reads(c, 5, "60=1 120=2 180=3");
	cache_settle(c, 5);
	assert_reads(c, 5, "180=3");
	/* appended to what the caller has */
	assert_true(cache_take(c, 5, &got.points, &got.n, &got.capacity, &got.held_from_s));
	assert_int_equal(got.n, 3);
	assert_int_equal(got.points[2].t_s, 180);
	cache_settle(c, 5);
	assert_reads(c, 5, "");
	assert_false(cache_dirty(c, 5));
	assert_false(take(c, 5));
	assert_int_equal(bytes_used(c), 0);
	free(got.points);
	cache_free(c);
}

static void the_last_of_one_time_wins(void **state)
{
	struct cache *c = cache_new(1 << 20);
	static const struct numbered twice[] = { { 3, 60, 4 }, { 3, 60, 5 }, { 3, 120, 6 }, { 3, 60, 7 } };

	(void)state;
	append_one(c, 3, 60, 1, 1);
	append_one(c, 3, 60, 2, 1);
	assert_reads(c, 3, "60=2");
	assert_int_equal(cache_version(c, 3), 2);
	assert_true(take(c, 3));
	append_one(c, 3, 60, 3, 1); /* the taken one is on its way */
	assert_reads(c, 3, "60=2 60=3");
	cache_append(c, twice, ARRAY_LEN(twice), 9, 1);
	assert_reads(c, 3, "60=2 60=5 120=6 60=7");
	cache_give_back(c, 3);
	append_one(c, 3, 60, 8, 1);
	assert_reads(c, 3, "60=2 60=5 120=6 60=8");
	assert_true(take(c, 3));
	cache_give_back(c, 3);
	append_one(c, 3, 60, 9, 1); /* a point given back is as if never taken */
	assert_reads(c, 3, "60=2 60=5 120=6 60=9");
	cache_free(c);
}

static void versions_change_with_what_is_read(void **state)
{
	struct cache *c = cache_new(1 << 20);
	uint32_t version;

	(void)state;
	append_one(c, 1, 60, 1, 1);
	assert_int_equal(cache_version(c, 1), 1);
	assert_true(take(c, 1));
	assert_int_equal(cache_version(c, 1), 1);
	cache_give_back(c, 1);
	version = cache_version(c, 1);
	assert_int_not_equal(version, 1);
	assert_true(take(c, 1));
	assert_int_equal(cache_version(c, 1), version);
	cache_settle(c, 1);
	assert_int_not_equal(cache_version(c, 1), version);
	assert_int_equal(cache_version(c, 0), 0);
	cache_free(c);
}

static void eras_are_needed_until_settled(void **state)
{
	struct cache *c = cache_new(1 << 20);

	(void)state;
	append_one(c, 1, 60, 1, 10);
	append_one(c, 2, 60, 1, 12);
	append_one(c, 1, 120, 1, 17);
	assert_int_equal(cache_oldest_era(c, NONE), 10);
	assert_true(take(c, 1));
	assert_int_equal(cache_oldest_era(c, NONE), 10);
	append_one(c, 1, 180, 1, 20);
	cache_settle(c, 1);
	assert_int_equal(cache_oldest_era(c, NONE), 12);
	assert_true(take(c, 2));
	cache_give_back(c, 2);
	assert_int_equal(cache_oldest_era(c, NONE), 12);
	assert_true(take(c, 2));
	append_one(c, 2, 120, 1, 30);
	cache_give_back(c, 2);
	assert_int_equal(cache_oldest_era(c, NONE), 12);
	assert_true(take(c, 2));
	cache_settle(c, 2);
	assert_int_equal(cache_oldest_era(c, NONE), 20);
	assert_true(take(c, 1));
	cache_settle(c, 1);
	assert_int_equal(cache_oldest_era(c, NONE), NONE);
	cache_free(c);
}

static void held_slots_keep_their_era(void **state)
{
	struct cache *c = cache_new(1 << 20);
	struct got got = { 0 };
	struct cache_stats stats;

	(void)state;
	append_one(c, 1, 60, 1, 10);
	assert_true(take(c, 1));
	cache_set_held(c, 1, 3600);
	assert_true(cache_dirty(c, 1));
	cache_settle(c, 1);
	assert_int_equal(cache_oldest_era(c, NONE), 10);
	assert_int_equal(bytes_used(c), 0);
	assert_true(cache_dirty(c, 1));
	cache_stats(c, &stats);
	assert_int_equal(stats.n_dirty_series, 1);
	cache_read(c, 1, &got.points, &got.n, &got.capacity, &got.held_from_s);
	assert_int_equal(got.n, 0);
	assert_int_equal(got.held_from_s, 3600);

	append_one(c, 1, 120, 1, 14);
	assert_true(take(c, 1));
	cache_settle(c, 1);
	assert_int_equal(cache_oldest_era(c, NONE), 10);

	/* nothing but held-back slots can be taken too */
	got.held_from_s = 0;
	assert_true(cache_take(c, 1, &got.points, &got.n, &got.capacity, &got.held_from_s));
	assert_int_equal(got.n, 0);
	assert_int_equal(got.held_from_s, 3600);
	assert_false(take(c, 1));
	append_one(c, 1, 180, 1, 15);
	cache_set_held(c, 1, 0);
	assert_int_equal(cache_oldest_era(c, NONE), 10);
	cache_settle(c, 1);
	assert_int_equal(cache_oldest_era(c, NONE), 15);
	assert_reads(c, 1, "180=1");
	assert_true(take(c, 1));
	cache_settle(c, 1);
	assert_false(cache_dirty(c, 1));
	assert_int_equal(cache_oldest_era(c, NONE), NONE);
	free(got.points);
	cache_free(c);
}

static void full_is_said_at_the_limit(void **state)
{
	struct cache *c = cache_new(10 * CHUNK);
	struct cache_stats stats;

	(void)state;
	for (uint32_t i = 0; i < 37; i++) {
		assert_false(cache_full(c));
		append_one(c, 9, 60 * (i + 1), i, 1);
		assert_int_equal(bytes_used(c), CHUNK * (i / 4 + 1));
	}
	assert_true(cache_full(c));
	append_one(c, 8, 60, 1, 1); /* taken all the same */
	cache_stats(c, &stats);
	assert_int_equal(stats.n_points, 38);
	assert_int_equal(stats.n_dirty_series, 2);
	assert_int_equal(stats.bytes_used, 11 * CHUNK);
	assert_int_equal(stats.max_bytes, 10 * CHUNK);
	assert_true(take(c, 9));
	assert_true(cache_full(c));
	cache_settle(c, 9);
	assert_false(cache_full(c));
	assert_int_equal(bytes_used(c), CHUNK);
	cache_free(c);
}

/* Chunks are used again: rounds of filling and settling take no more memory than the first. */
static void chunks_are_recycled(void **state)
{
	enum { SERIES = 3000, ROUNDS = 20 };
	struct cache *c = cache_new(UINT64_MAX);
	struct cache_stats first, stats;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < 60; i++)
			for (uint32_t id = 0; id < SERIES; id++)
				append_one(c, id * 3, i + 1, i, round);
		cache_stats(c, &stats);
		assert_int_equal(stats.bytes_used, (uint64_t)SERIES * 15 * CHUNK);
		if (round == 0)
			first = stats;
		assert_int_equal(stats.bytes_taken, first.bytes_taken);
		for (uint32_t id = 0; id < SERIES; id++) {
			assert_true(take(c, id * 3));
			cache_settle(c, id * 3);
		}
		assert_int_equal(bytes_used(c), 0);
		assert_int_equal(cache_oldest_era(c, NONE), NONE);
	}
	cache_free(c);
}

static void eras_beyond_the_table_count_as_older_ones(void **state)
{
	struct cache *c = cache_new(1 << 20);

	(void)state;
	for (uint32_t i = 0; i < ERAS_MAX + 500; i++)
		append_one(c, i, 60, 1, 100 + 3 * i);
	for (uint32_t i = 0; i < ERAS_MAX + 500; i++) {
		uint32_t oldest = cache_oldest_era(c, NONE);

		if (i < ERAS_MAX)
			assert_int_equal(oldest, 100 + 3 * i);
		else
			assert_int_equal(oldest, 100 + 3 * (ERAS_MAX - 1));
		assert_true(take(c, i));
		cache_settle(c, i);
	}
	assert_int_equal(cache_oldest_era(c, NONE), NONE);
	/* older than all that are held */
	for (uint32_t i = 0; i < ERAS_MAX; i++)
		append_one(c, i, 60, 1, 100 + i);
	append_one(c, 5000, 60, 1, 50);
	assert_int_equal(cache_oldest_era(c, NONE), 50);
	cache_free(c);
}

/* The reference: what the header says, in the simplest way. */
struct model_point {
	struct taken p;
	uint32_t era;
};

struct model {
	struct model_point *point;
	size_t n, capacity, n_taken;
	bool is_taken;
	uint32_t held_from_s, held_era; /* of what is held back */
	uint32_t new_era, taken_era;    /* oldest of its part, points replaced meanwhile included */
	uint32_t version;               /* the cache's, when last looked at */
};

enum { MODEL_SERIES = 48, MODEL_STEPS = 60000 };

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

/* Neighbours, stripes and blocks apart. */
static uint32_t model_id(uint32_t i)
{
	return i % 4 + i / 4 % 4 * 1024 + i / 16 * 65530;
}

static void model_append(struct model *m, uint32_t t_s, double value, uint32_t accepted_s, uint32_t era)
{
	struct model_point p = { { t_s, accepted_s, value }, era };

	if (m->n == m->n_taken)
		m->new_era = era;
	if (m->n > m->n_taken && m->point[m->n - 1].p.t_s == t_s) {
		m->point[m->n - 1] = p;
		return;
	}
	array_grow(&m->point, &m->capacity, m->n, sizeof(*m->point));
	m->point[m->n++] = p;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void model_take(struct model *m)
{
	m->taken_era = m->n > 0 ? m->new_era : NONE;
	if (m->held_from_s != 0)
		m->taken_era = least(m->taken_era, m->held_era);
	m->held_era = m->taken_era;
	m->n_taken = m->n;
	m->is_taken = true;
}

static void model_settle(struct model *m)
{
	for (size_t i = m->n_taken; i < m->n; i++)
		m->point[i - m->n_taken] = m->point[i];
	m->n -= m->n_taken;
	m->n_taken = 0;
	m->is_taken = false;
}

static void model_give_back(struct model *m)
{
	if (m->n_taken > 0)
		m->new_era = m->n > m->n_taken ? least(m->new_era, m->taken_era) : m->taken_era;
	m->n_taken = 0;
	m->is_taken = false;
}

static uint32_t model_oldest(const struct model *all)
{
	uint32_t oldest = NONE, truth = NONE;

	for (size_t i = 0; i < MODEL_SERIES; i++) {
		const struct model *m = &all[i];

		if (m->n > m->n_taken)
			oldest = least(oldest, m->new_era);
		if (m->is_taken)
			oldest = least(oldest, m->taken_era);
		if (m->held_from_s != 0)
			oldest = least(oldest, m->held_era);
		for (size_t k = 0; k < m->n; k++)
			truth = least(truth, m->point[k].era);
	}
	assert_true(oldest <= truth);
	return oldest;
}

static void assert_series_equal(struct cache *c, uint32_t id, const struct model *m)
{
	static struct got got;

	got.n = 0;
	cache_read(c, id, &got.points, &got.n, &got.capacity, &got.held_from_s);
	assert_int_equal(got.n, m->n);
	for (size_t i = 0; i < got.n; i++)
		assert_memory_equal(&got.points[i], &m->point[i].p, sizeof(*got.points));
	assert_int_equal(got.held_from_s, m->held_from_s);
	assert_int_equal(cache_dirty(c, id), m->n > m->n_taken || m->held_from_s != 0);
	free(got.points);
	got = (struct got){ 0 };
}

static void assert_all_equal(struct cache *c, struct model *all)
{
	uint64_t n_points = 0, n_dirty = 0, least_chunks = 0, some = 0;
	struct cache_stats stats;

	for (uint32_t i = 0; i < MODEL_SERIES; i++) {
		assert_series_equal(c, model_id(i), &all[i]);
		n_points += all[i].n;
		n_dirty += all[i].n > all[i].n_taken || all[i].held_from_s != 0;
		least_chunks += (all[i].n + 3) / 4;
		some += all[i].n > 0;
	}
	cache_stats(c, &stats);
	assert_int_equal(stats.n_points, n_points);
	assert_int_equal(stats.n_dirty_series, n_dirty);
	assert_int_equal(stats.bytes_used % CHUNK, 0);
	assert_true(stats.bytes_used / CHUNK >= least_chunks && stats.bytes_used / CHUNK <= least_chunks + some);
}

static void assert_changed(struct cache *c, uint32_t i, struct model *m, bool changed)
{
	uint32_t version = cache_version(c, model_id(i));

	assert_int_equal(version != m->version, changed);
	m->version = version;
}

static void step_append(struct cache *c, struct model *all, uint32_t era)
{
	uint32_t n = 1 + below(below(4) == 0 ? 200 : 6), accepted_s = 1000 + below(50), i = below(MODEL_SERIES);
	struct numbered point[200];
	bool touched[MODEL_SERIES] = { false };

	for (uint32_t k = 0; k < n; k++) {
		i = below(3) == 0 ? below(MODEL_SERIES) : i;
		point[k] = (struct numbered){ model_id(i), below(5), below(1000) };
		model_append(&all[i], point[k].t_s, point[k].value, accepted_s, era);
		touched[i] = true;
	}
	cache_append(c, point, n, accepted_s, era);
	for (i = 0; i < MODEL_SERIES; i++)
		assert_changed(c, i, &all[i], touched[i]);
}

static void step_take(struct cache *c, uint32_t id, struct model *m)
{
	struct got got = { 0 };
	bool expected = !m->is_taken && (m->n > 0 || m->held_from_s != 0);

	assert_int_equal(cache_take(c, id, &got.points, &got.n, &got.capacity, &got.held_from_s), expected);
	assert_int_equal(got.n, expected ? m->n : 0);
	for (size_t i = 0; i < got.n; i++)
		assert_memory_equal(&got.points[i], &m->point[i].p, sizeof(*got.points));
	assert_int_equal(got.held_from_s, expected ? m->held_from_s : 0);
	free(got.points);
	if (expected)
		model_take(m);
}

static void all_orders_do_as_the_model(void **state)
{
	struct cache *c = cache_new(1 << 30);
	struct model *all = must_alloc(MODEL_SERIES * sizeof(*all));
	uint32_t era = 5;

	(void)state;
	for (uint32_t step = 0; step < MODEL_STEPS; step++) {
		uint32_t i = below(MODEL_SERIES), id = model_id(i), what = below(12);
		struct model *m = &all[i];
		bool changes = false;

		if (what < 2) {
			era += below(4) == 0 ? below(40) : 0;
			step_append(c, all, era);
		} else if (what < 6 && !m->is_taken) {
			step_take(c, id, m);
		} else if (what < 7 && m->is_taken) {
			m->held_from_s = below(2) == 0 ? 0 : 1 + below(9);
			cache_set_held(c, id, m->held_from_s);
		} else if (what < 10 && m->is_taken) {
			cache_settle(c, id);
			model_settle(m);
			changes = true;
		} else if (what < 11 && m->is_taken) {
			cache_give_back(c, id);
			model_give_back(m);
			changes = true;
		} else {
			step_take(c, id, m);
		}
		assert_changed(c, i, m, changes);
		assert_series_equal(c, id, m);
		assert_int_equal(cache_oldest_era(c, NONE), model_oldest(all));
		if (step % 64 == 0)
			assert_all_equal(c, all);
	}
	for (uint32_t i = 0; i < MODEL_SERIES; i++) {
		if (!all[i].is_taken && !take(c, model_id(i)))
			continue;
		cache_set_held(c, model_id(i), 0);
		cache_settle(c, model_id(i));
		if (take(c, model_id(i)))
			cache_settle(c, model_id(i));
	}
	assert_int_equal(bytes_used(c), 0);
	assert_int_equal(cache_oldest_era(c, NONE), NONE);
	for (uint32_t i = 0; i < MODEL_SERIES; i++)
		free(all[i].point);
	free(all);
	cache_free(c);
}

/*
 * Everybody at once: two that append (odd times, even times), two that take and settle or give back, one that reads. Each
 * point is settled once; a reader sees each writer's points in order and never a time twice.
 */
enum { BUSY_SERIES = 1500, BUSY_TICKS = 300, WRITERS = 2, TAKERS = 2 };

struct busy {
	struct cache *c;
	_Atomic int n_writing;
	_Atomic bool wrong;
	_Atomic uint8_t settled[BUSY_SERIES][WRITERS * BUSY_TICKS];
};

struct worker {
	struct busy *busy;
	uint32_t number;
};

static uint32_t busy_id(uint32_t i)
{
	return i * 47; /* some in each stripe */
}

static void *writes(void *argument)
{
	const struct worker *w = argument;
	struct numbered *point = must_alloc(BUSY_SERIES * sizeof(*point));

	for (uint32_t tick = 0; tick < BUSY_TICKS; tick++) {
		for (uint32_t i = 0; i < BUSY_SERIES; i++)
			point[i] = (struct numbered){ busy_id((i + w->number * 700) % BUSY_SERIES),
						      tick * WRITERS + w->number, w->number };
		cache_append(w->busy->c, point, BUSY_SERIES, tick, 100 + tick / 10);
	}
	free(point);
	atomic_fetch_sub(&w->busy->n_writing, 1);
	return NULL;
}

static void note_settled(struct busy *b, uint32_t i, const struct got *got)
{
	for (size_t k = 0; k < got->n; k++)
		if (got->points[k].t_s >= WRITERS * BUSY_TICKS ||
		    atomic_fetch_add(&b->settled[i][got->points[k].t_s], 1) != 0)
			atomic_store(&b->wrong, true);
}

static void *takes(void *argument)
{
	const struct worker *w = argument;
	struct busy *b = w->busy;
	struct got got = { 0 };
	uint32_t round = 0, left = 1;

	while (left > 0) {
		bool last = atomic_load(&b->n_writing) == 0;

		left = last ? 0 : 1;
		for (uint32_t i = 0; i < BUSY_SERIES; i++) {
			uint32_t id = busy_id(w->number % 2 == 0 ? i : BUSY_SERIES - 1 - i), oldest;

			got.n = 0;
			if (!cache_dirty(b->c, id))
				continue;
			left++;
			if (!cache_take(b->c, id, &got.points, &got.n, &got.capacity, &got.held_from_s))
				continue;
			oldest = cache_oldest_era(b->c, NONE);
			if (got.n == 0 || oldest > 100 + got.points[0].accepted_s / 10)
				atomic_store(&b->wrong, true);
			if ((round + i) % 5 == 0) {
				cache_give_back(b->c, id);
			} else {
				note_settled(b, id / 47, &got);
				cache_settle(b->c, id);
			}
		}
		round++;
	}
	free(got.points);
	return NULL;
}

static bool is_consistent(const struct got *got)
{
	uint32_t next[WRITERS] = { 0 };

	for (size_t i = 0; i < got->n; i++) {
		uint32_t t_s = got->points[i].t_s, writer = t_s % WRITERS;

		if (t_s < next[writer] || got->points[i].value != writer || got->points[i].accepted_s != t_s / WRITERS)
			return false;
		next[writer] = t_s + WRITERS;
	}
	return true;
}

static void *reads(void *argument)
{
	const struct worker *w = argument;
	struct busy *b = w->busy;
	struct got got = { 0 };
	struct cache_stats stats;

	while (atomic_load(&b->n_writing) > 0) {
		for (uint32_t i = 0; i < BUSY_SERIES; i++) {
			uint32_t before = cache_version(b->c, busy_id(i));

			got.n = 0;
			cache_read(b->c, busy_id(i), &got.points, &got.n, &got.capacity, &got.held_from_s);
			if (!is_consistent(&got) || (before == 0 && cache_version(b->c, busy_id(i)) == 0 && got.n > 0))
				atomic_store(&b->wrong, true);
		}
		cache_stats(b->c, &stats);
		(void)cache_full(b->c);
	}
	free(got.points);
	return NULL;
}

static void no_point_is_lost_or_doubled_by_threads(void **state)
{
	static struct busy b;
	struct worker worker[WRITERS + TAKERS + 1];
	pthread_t thread[ARRAY_LEN(worker)];
	struct cache_stats stats;

	(void)state;
	b.c = cache_new(1 << 30);
	atomic_init(&b.n_writing, WRITERS);
	for (uint32_t i = 0; i < ARRAY_LEN(worker); i++) {
		worker[i] = (struct worker){ &b, i };
		thread_start(&thread[i], "busy",
			     i < WRITERS            ? writes
			     : i < WRITERS + TAKERS ? takes
						    : reads,
			     &worker[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(worker); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_false(b.wrong);
	for (uint32_t i = 0; i < BUSY_SERIES; i++) {
		struct got got = { 0 };

		if (cache_take(b.c, busy_id(i), &got.points, &got.n, &got.capacity, &got.held_from_s)) {
			note_settled(&b, i, &got);
			cache_settle(b.c, busy_id(i));
		}
		free(got.points);
		for (uint32_t t = 0; t < WRITERS * BUSY_TICKS; t++)
			assert_int_equal(b.settled[i][t], 1);
	}
	cache_stats(b.c, &stats);
	assert_int_equal(stats.n_points, 0);
	assert_int_equal(stats.n_dirty_series, 0);
	assert_int_equal(stats.bytes_used, 0);
	assert_int_equal(cache_oldest_era(b.c, NONE), NONE);
	cache_free(b.c);
}

/* The bound, by the modules' own account: 256 bytes a series and 24 a pending point. */
static void memory_is_within_the_bound(void **state)
{
	enum { SERIES = 200000, POINTS = 10 };
	struct registry *r = registry_new();
	struct cache *c = cache_new(UINT64_MAX);
	struct numbered *point = must_alloc(SERIES * sizeof(*point));
	struct cache_stats one, all;
	const uint32_t *order;
	uint32_t n;

	(void)state;
	for (uint32_t i = 0; i < SERIES; i++) {
		static const char *const ds[] = { "ok", "user", "received", "transmitted", "system_calls" };
		char host[64], folder[64], plugin[32];
		uint32_t source;

		snprintf(host, sizeof(host), "web-%07u.example.org-0", i / 150);
		snprintf(folder, sizeof(folder), "%02x/web-%07uexampleorg-0", i / 150 % 256, i / 150);
		snprintf(plugin, sizeof(plugin), "plugin_%02u", i / 5 % 30);
		source = registry_source(r, text_of(host), text_of(folder), text_of(plugin), true);
		point[i] = (struct numbered){ registry_series(r, source, text_of(ds[i % 5]), true), 0, i };
	}
	registry_in_path_order(r, &order, &n);
	for (uint32_t t = 1; t <= POINTS; t++) {
		for (uint32_t i = 0; i < SERIES; i++)
			point[i].t_s = 60 * t;
		cache_append(c, point, SERIES, 60 * t, t);
		cache_stats(c, t == 1 ? &one : &all);
	}
	print_message("%.1f bytes a series, %.1f a point of %d\n",
		      (double)(registry_bytes(r) + one.bytes_taken - one.bytes_used) / SERIES,
		      (double)(all.bytes_taken - one.bytes_taken + one.bytes_used) / ((double)SERIES * POINTS), POINTS);
	assert_int_equal(all.n_points, (uint64_t)SERIES * POINTS);
	assert_true(registry_bytes(r) + one.bytes_taken - one.bytes_used <= 256 * (uint64_t)SERIES);
	assert_true(all.bytes_taken - one.bytes_taken + one.bytes_used <= 24 * (uint64_t)SERIES * POINTS);
	free(point);
	cache_free(c);
	registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_never_appended_is_empty),
		cmocka_unit_test(points_stay_readable_until_settled),
		cmocka_unit_test(the_last_of_one_time_wins),
		cmocka_unit_test(versions_change_with_what_is_read),
		cmocka_unit_test(eras_are_needed_until_settled),
		cmocka_unit_test(held_slots_keep_their_era),
		cmocka_unit_test(full_is_said_at_the_limit),
		cmocka_unit_test(chunks_are_recycled),
		cmocka_unit_test(eras_beyond_the_table_count_as_older_ones),
		cmocka_unit_test(all_orders_do_as_the_model),
		cmocka_unit_test(no_point_is_lost_or_doubled_by_threads),
		cmocka_unit_test(memory_is_within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
