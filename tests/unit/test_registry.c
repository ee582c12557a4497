#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lock.h"
#include "base/mem.h"
#include "cache/index.h"
#include "cache/registry.h"

static void numbers_are_dense_and_found_again(void **state)
{
	struct registry *r = registry_new();
	struct text host = TEXT("web-1.example"), folder = TEXT("0c/web-1example");
	uint32_t cpu, load;
	struct series s;

	(void)state;
	assert_int_equal(registry_n_series(r), 0);
	assert_int_equal(registry_source(r, host, folder, TEXT("cpu"), false), REGISTRY_NONE);
	cpu = registry_source(r, host, folder, TEXT("cpu"), true);
	load = registry_source(r, host, folder, TEXT("load"), true);
	assert_int_equal(cpu, 0);
	assert_int_equal(load, 1);
	assert_int_equal(registry_source(r, host, TEXT_NONE, TEXT("cpu"), false), 0);
	assert_int_equal(registry_source(r, TEXT("web-1.examplec"), folder, TEXT("pu"), false), REGISTRY_NONE);
	assert_int_equal(registry_n_sources(r), 2);

	assert_int_equal(registry_series(r, cpu, TEXT("user"), false), REGISTRY_NONE);
	assert_int_equal(registry_series(r, cpu, TEXT("user"), true), 0);
	assert_int_equal(registry_series(r, load, TEXT("user"), true), 1);
	assert_int_equal(registry_series(r, cpu, TEXT("system"), true), 2);
	assert_int_equal(registry_series(r, cpu, TEXT("user"), true), 0);
	assert_int_equal(registry_n_series(r), 3);
	assert_int_equal(registry_find(r, host, TEXT("cpu"), TEXT("system")), 2);
	assert_int_equal(registry_find(r, host, TEXT("cpu"), TEXT("idle")), REGISTRY_NONE);
	assert_int_equal(registry_find(r, host, TEXT("mem"), TEXT("user")), REGISTRY_NONE);
	assert_int_equal(registry_source_of(r, 2), cpu);

	registry_name(r, 2, &s);
	assert_true(text_is(s.host, "web-1.example") && text_is(s.folder, "0c/web-1example"));
	assert_true(text_is(s.plugin, "cpu") && text_is(s.ds, "system"));
	registry_free(r);
	registry_free(NULL);
}

/* Up to 15 bytes stand in the entry, longer ones elsewhere: every length, and near misses of the same length. */
static void names_of_every_length_are_told_apart(void **state)
{
	struct registry *r = registry_new();
	uint32_t source = registry_source(r, TEXT("h"), TEXT("0/h"), TEXT("p"), true);
	char name[256];

	(void)state;
	memset(name, 'x', sizeof(name));
	for (size_t n = 1; n <= 255; n++)
		assert_int_equal(registry_series(r, source, (struct text){ name, n }, true), n - 1);
	for (size_t n = 255; n >= 1; n--) {
		struct series s;

		assert_int_equal(registry_series(r, source, (struct text){ name, n }, false), n - 1);
		name[n - 1] = 'y';
		assert_int_equal(registry_series(r, source, (struct text){ name, n }, false), REGISTRY_NONE);
		name[n - 1] = 'x';
		registry_name(r, (uint32_t)n - 1, &s);
		assert_true(text_equal(s.ds, (struct text){ name, n }));
	}
	registry_free(r);
}

/* The hint is only a guess: any order, and newcomers in the middle of it, give the same numbers. */
static void any_order_finds_the_same(void **state)
{
	static const char *const asked[] = {
		"c", "b", "a", "a", "d", "b", "e", "a", "c", "c", "e", "d", "b", "f", "a"
	};
	static const uint32_t known[] = { 2, 1, 0, 0, 3, 1, 4, 0, 2, 2, 4, 3, 1, 5, 0 };
	struct registry *r = registry_new();
	uint32_t source = registry_source(r, TEXT("h"), TEXT("0/h"), TEXT("p"), true);

	(void)state;
	assert_int_equal(registry_series(r, source, TEXT("a"), true), 0);
	assert_int_equal(registry_series(r, source, TEXT("b"), true), 1);
	assert_int_equal(registry_series(r, source, TEXT("c"), true), 2);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(registry_series(r, source, TEXT("a"), true), 0);
		assert_int_equal(registry_series(r, source, TEXT("b"), true), 1);
		assert_int_equal(registry_series(r, source, TEXT("c"), true), 2);
	}
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		assert_int_equal(registry_series(r, source, text_of(asked[i]), true), known[i]);
	assert_int_equal(registry_n_series(r), 6);
	registry_free(r);
}

static void a_host_that_moved_gets_new_series(void **state)
{
	struct registry *r = registry_new();
	struct text host = TEXT("h"), plugin = TEXT("p"), ds = TEXT("d");
	uint32_t old = registry_source(r, host, TEXT("0/h"), plugin, true), new;
	uint32_t series = registry_series(r, old, ds, true), *id = NULL;
	size_t n = 0, capacity = 0;
	struct series s;

	(void)state;
	new = registry_source(r, host, TEXT("1/h"), plugin, true);
	assert_int_equal(new, 1);
	assert_int_equal(registry_find(r, host, plugin, ds), REGISTRY_NONE);
	assert_int_equal(registry_series(r, new, ds, true), 1);
	assert_int_equal(registry_find(r, host, plugin, ds), 1);
	assert_int_equal(registry_source(r, host, TEXT("5/h"), plugin, false), new);
	assert_int_equal(registry_source(r, host, TEXT("1/h"), plugin, true), new);
	registry_name(r, series, &s);
	assert_true(text_is(s.folder, "0/h"));
	/* there and back, often: no third one, and the old series are known again */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(registry_source(r, host, TEXT("0/h"), plugin, true), old);
		assert_int_equal(registry_find(r, host, plugin, ds), 0);
		assert_int_equal(registry_source(r, host, TEXT("2/h"), plugin, true), 2);
		assert_int_equal(registry_source(r, host, TEXT("1/h"), plugin, true), new);
		assert_int_equal(registry_find(r, host, plugin, ds), 1);
	}
	assert_int_equal(registry_n_sources(r), 3);
	/* all of them are the plugin's */
	assert_int_equal(registry_series(r, new, TEXT("other"), true), 2);
	registry_series_of(r, host, plugin, &id, &n, &capacity);
	assert_int_equal(n, 3);
	assert_int_equal(id[0] + id[1] + id[2], 0 + 1 + 2);
	registry_series_of(r, host, TEXT("nosuch"), &id, &n, &capacity);
	assert_int_equal(n, 3);
	registry_source_name(r, old, &s);
	assert_true(text_is(s.folder, "0/h") && text_is(s.plugin, "p") && s.ds.s == NULL);
	free(id);
	registry_free(r);
}

static void marks_are_kept_per_source(void **state)
{
	struct registry *r = registry_new();
	uint32_t a = registry_source(r, TEXT("a"), TEXT("0/a"), TEXT("p"), true);
	uint32_t b = registry_source(r, TEXT("b"), TEXT("0/b"), TEXT("p"), true);

	(void)state;
	assert_int_equal(registry_mark(r, a), 0);
	registry_set_mark(r, a, 7);
	assert_int_equal(registry_mark(r, a), 7);
	assert_int_equal(registry_mark(r, b), 0);
	registry_free(r);
}

struct names {
	char host[64], folder[64], plugin[32], ds[32];
};

/* Like a site's: 25-byte hosts, 30 plugins each of 5 data sources of 2 to 12 bytes. */
static void name_of(uint32_t i, struct names *out)
{
	static const char *const ds[] = { "ok", "user", "received", "transmitted", "system_calls" };
	uint32_t host = i / 150;

	snprintf(out->host, sizeof(out->host), "web-%07u.example.org-0", host);
	snprintf(out->folder, sizeof(out->folder), "%02x/web-%07uexampleorg-0", host * 37 % 256, host);
	snprintf(out->plugin, sizeof(out->plugin), "plugin_%02u", i / 5 % 30);
	snprintf(out->ds, sizeof(out->ds), "%s", ds[i % 5]);
}

static uint32_t add(struct registry *r, uint32_t i, bool really)
{
	struct names n;

	name_of(i, &n);
	return registry_series(r, registry_source(r, text_of(n.host), text_of(n.folder), text_of(n.plugin), really),
			       text_of(n.ds), really);
}

static void two_hundred_thousand_stay_small_and_known(void **state)
{
	enum { N = 200000 };
	struct registry *r = registry_new();
	const uint32_t *order;
	uint32_t n;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(add(r, i, true), i);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t at = (uint32_t)((uint64_t)i * 104729 % N);

		assert_int_equal(add(r, at, false), at);
	}
	registry_in_path_order(r, &order, &n);
	assert_int_equal(n, N);
	print_message("%.1f bytes a series\n", (double)registry_bytes(r) / N);
	assert_true(registry_bytes(r) <= 128 * (uint64_t)N);
	registry_free(r);
}

static int compare(struct text a, struct text b)
{
	int order = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool in_order(const struct registry *r, uint32_t a, uint32_t b)
{
	struct series left, right;
	int order;

	registry_name(r, a, &left);
	registry_name(r, b, &right);
	order = compare(left.folder, right.folder);
	if (order == 0)
		order = compare(left.plugin, right.plugin);
	if (order == 0)
		order = compare(left.ds, right.ds);
	return order < 0;
}

/* Newcomers in shuffled order, in portions of all sizes: each time all are there once and in order. */
static void path_order_takes_newcomers_in(void **state)
{
	static const uint32_t portions[] = { 1, 0, 1, 3, 700, 1, 5, 2000, 1, 290, 9000, 0, 1 };
	enum { N = 12007 };
	struct registry *r = registry_new();
	uint32_t done = 0, n;
	const uint32_t *order;

	(void)state;
	registry_in_path_order(r, &order, &n);
	assert_int_equal(n, 0);
	for (size_t p = 0; p < ARRAY_LEN(portions); p++) {
		bool *seen;

		for (uint32_t i = 0; i < portions[p] && done < N; i++, done++)
			add(r, (uint32_t)((uint64_t)done * 7919 % N), true);
		registry_in_path_order(r, &order, &n);
		assert_int_equal(n, done);
		assert_int_equal(n, registry_n_series(r));
		seen = must_alloc(n + 1);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(order[i] < n && !seen[order[i]]);
			seen[order[i]] = true;
			assert_true(i == 0 || in_order(r, order[i - 1], order[i]));
		}
		free(seen);
	}
	assert_int_equal(done, 12003);
	registry_free(r);
}

/* A byte order, not one of words: "a" before "a-b" before "a/b" before "ab"; series that end where others go on. */
static void path_order_is_of_bytes(void **state)
{
	static const struct {
		struct text folder, plugin, ds;
	} expected[] = {
		{ TEXT_INIT("0/a"), TEXT_INIT("p"), TEXT_INIT("d") },
		{ TEXT_INIT("0/a"), TEXT_INIT("p"), TEXT_INIT("d1") },
		{ TEXT_INIT("0/a"), TEXT_INIT("p-q"), TEXT_INIT("a") },
		{ TEXT_INIT("0/a-b"), TEXT_INIT("p"), TEXT_INIT("a") },
		{ TEXT_INIT("0/ab"), TEXT_INIT("A"), TEXT_INIT("a_name_longer_than_an_entry") },
		{ TEXT_INIT("0/ab"), TEXT_INIT("A"), TEXT_INIT("b") },
		{ TEXT_INIT("0/ab"), TEXT_INIT("a"), TEXT_INIT("b") },
		{ TEXT_INIT("0/\xc3\xa4"), TEXT_INIT("a"), TEXT_INIT("b") },
	};
	struct registry *r = registry_new();
	const uint32_t *order;
	uint32_t n;

	(void)state;
	for (size_t i = ARRAY_LEN(expected); i-- > 0;) {
		struct text host = { expected[i].folder.s + 2, expected[i].folder.n - 2 };
		uint32_t source = registry_source(r, host, expected[i].folder, expected[i].plugin, true);

		registry_series(r, source, expected[i].ds, true);
	}
	registry_in_path_order(r, &order, &n);
	assert_int_equal(n, ARRAY_LEN(expected));
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(order[i], n - 1 - i);
	registry_free(r);
}

/* Hashes that meet in one place, at the table's end too, and tables that grow under them. */
static void index_keeps_numbers_of_equal_hashes_apart(void **state)
{
	static const uint32_t hashes[] = { 0, 1, UINT32_MAX, UINT32_MAX - 1, UINT32_C(1) << 31 };
	enum { EACH = 3000 };
	struct index x;

	(void)state;
	index_init(&x);
	for (uint32_t i = 0; i < EACH * ARRAY_LEN(hashes); i++)
		index_add(&x, hashes[i % ARRAY_LEN(hashes)], i);
	index_replace(&x, UINT32_MAX, 2, 1000000);
	for (uint32_t h = 0; h < ARRAY_LEN(hashes); h++) {
		const struct index_table *t = index_table(&x);
		uint32_t at = index_home(t, hashes[h]), id, n = 0;
		uint64_t sum = 0;

		while ((id = index_next(t, hashes[h], &at)) != INDEX_NONE) {
			sum += id;
			n++;
		}
		assert_int_equal(n, EACH);
		assert_int_equal(sum, (uint64_t)EACH * h + (uint64_t)EACH * (EACH - 1) / 2 * ARRAY_LEN(hashes) +
					      (hashes[h] == UINT32_MAX ? 1000000 - 2 : 0));
	}
	index_fini(&x);
}

enum { RACE_SERIES = 30000, RACERS = 3 };

struct race {
	struct registry *r;
	uint32_t *id; /* of this thread, by what was asked */
	uint32_t first;
	bool wrong;
};

static void *adds_all(void *argument)
{
	struct race *race = argument;

	for (uint32_t i = 0; i < RACE_SERIES; i++) {
		uint32_t which = (i + race->first) % RACE_SERIES, n;
		struct names expected;
		struct series s;

		name_of(which, &expected);
		race->id[which] = add(race->r, which, true);
		n = registry_n_series(race->r);
		registry_name(race->r, race->id[which], &s);
		if (race->id[which] >= n || !text_is(s.host, expected.host) || !text_is(s.plugin, expected.plugin) ||
		    !text_is(s.ds, expected.ds) || !text_is(s.folder, expected.folder))
			race->wrong = true;
		registry_name(race->r, n - 1, &s); /* somebody else's, just given out */
		if (s.ds.n < 2 || registry_find(race->r, s.host, s.plugin, s.ds) == n)
			race->wrong = true;
	}
	return NULL;
}

static void threads_that_add_the_same_agree(void **state)
{
	struct registry *r = registry_new();
	struct race race[RACERS];
	pthread_t thread[RACERS];
	const uint32_t *order;
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < RACERS; i++) {
		race[i] = (struct race){ r, must_alloc(RACE_SERIES * sizeof(uint32_t)), i * 2000, false };
		thread_start(&thread[i], "adds", adds_all, &race[i]);
	}
	while (n < RACE_SERIES)
		registry_in_path_order(r, &order, &n);
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(registry_n_series(r), RACE_SERIES);
	assert_int_equal(registry_n_sources(r), RACE_SERIES / 5);
	for (uint32_t i = 1; i < n; i++)
		assert_true(in_order(r, order[i - 1], order[i]));
	for (int i = 0; i < RACERS; i++) {
		assert_false(race[i].wrong);
		assert_memory_equal(race[i].id, race[0].id, RACE_SERIES * sizeof(uint32_t));
	}
	for (int i = 0; i < RACERS; i++)
		free(race[i].id);
	registry_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_dense_and_found_again),
		cmocka_unit_test(names_of_every_length_are_told_apart),
		cmocka_unit_test(any_order_finds_the_same),
		cmocka_unit_test(a_host_that_moved_gets_new_series),
		cmocka_unit_test(marks_are_kept_per_source),
		cmocka_unit_test(two_hundred_thousand_stay_small_and_known),
		cmocka_unit_test(path_order_takes_newcomers_in),
		cmocka_unit_test(path_order_is_of_bytes),
		cmocka_unit_test(index_keeps_numbers_of_equal_hashes_apart),
		cmocka_unit_test(threads_that_add_the_same_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
