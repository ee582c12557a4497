#include "test.h"

#include <stdio.h>
#include <string.h>

#include "ingest/infos.h"

/* A metadata store, and the writes of a round that have not reached it yet. */
static struct meta *meta;
static struct infos infos;
static struct arena arena;
static struct meta_write pending[64];
static size_t n_pending;

static int set_up(void **state)
{
	(void)state;
	meta = meta_memory_open();
	infos_init(&infos, meta);
	arena_init(&arena);
	n_pending = 0;
	infos_begin_round(&infos);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	infos_fini(&infos);
	meta_close(meta);
	return 0;
}

static void data(const char *ds)
{
	struct text t = text_of(ds);
	enum rc rc = infos_saw_ds(&infos, TEXT("h"), TEXT("p"), &t, 1, &arena, &pending[n_pending], NULL);

	if (rc == RC_OK)
		n_pending++;
	else
		assert_int_equal(rc, RC_END);
}

static void real_info(const char *text)
{
	pending[n_pending++] = (struct meta_write){ META_SET, { META_INFOS, TEXT("h"), TEXT("p") }, text_of(text) };
	infos_saw_real(&infos, TEXT("h"), TEXT("p"), true);
}

static void end_round(void)
{
	assert_int_equal(meta_apply(meta, pending, n_pending, NULL), RC_OK);
	n_pending = 0;
	infos_begin_round(&infos);
}

static const char *stored(void)
{
	static char value[100000];
	struct meta_read r = { .key = { META_INFOS, TEXT("h"), TEXT("p") } };
	struct buf answer;

	buf_init(&answer, sizeof(value));
	assert_int_equal(meta_read(meta, &r, 1, &answer, NULL), RC_OK);
	snprintf(value, sizeof(value), "%.*s", r.found ? (int)r.value.n : 0, r.found ? r.value.s : "");
	buf_fini(&answer);
	return value;
}

static void every_ds_of_one_round_is_listed(void **state)
{
	(void)state;
	data("x");
	data("y");
	data("z");
	end_round();
	assert_non_null(strstr(stored(),
			       "\"Infos\": {\"x\": {\"id\": \"x\"}, \"y\": {\"id\": \"y\"}, \"z\": {\"id\": \"z\"}}"));
	data("x");
	assert_int_equal(n_pending, 0);
	data("w");
	end_round();
	assert_non_null(strstr(stored(), "\"z\": {\"id\": \"z\"}, \"w\": {\"id\": \"w\"}}"));
}

static void a_real_info_of_the_same_round_stays(void **state)
{
	(void)state;
	real_info("{\"Plugin\": \"p\", \"Title\": \"real\", \"Infos\": {\"a\": {\"id\": \"a\"}}}");
	data("a");
	data("b");
	end_round();
	assert_non_null(strstr(stored(), "real"));
	data("c");
	assert_int_equal(n_pending, 0);
}

static void a_real_info_replaces_a_made_up_one(void **state)
{
	(void)state;
	data("a");
	real_info("{\"Plugin\": \"p\", \"Title\": \"real\", \"Infos\": {\"a\": {\"id\": \"a\"}}}");
	end_round();
	assert_non_null(strstr(stored(), "real"));
	data("b");
	assert_int_equal(n_pending, 0);
}

static void what_another_client_wrote_is_left_alone(void **state)
{
	(void)state;
	data("a");
	end_round();
	pending[n_pending++] =
		(struct meta_write){ META_SET,
				     { META_INFOS, TEXT("h"), TEXT("p") },
				     TEXT("{\"Plugin\": \"p\", \"Infos\": {\"a\": {}}, \"by\": \"hand\"}") };
	end_round();
	data("b");
	assert_int_equal(n_pending, 0);
	assert_non_null(strstr(stored(), "hand"));
}

static void thousands_of_ds_are_listed_once_each(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2000; i++) {
			char ds[16];

			snprintf(ds, sizeof(ds), "d%d", i);
			data(arena_text(&arena, text_of(ds)).s);
			if (n_pending == 60)
				end_round();
		}
		end_round();
	}
	assert_non_null(strstr(stored(), "{\"d0\": {\"id\": \"d0\"}, \"d1\""));
	assert_non_null(strstr(stored(), "\"d1999\": {\"id\": \"d1999\"}}"));
	assert_null(strstr(strstr(stored(), "\"d77\":") + 1, "\"d77\":"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_ds_of_one_round_is_listed),      T(a_real_info_of_the_same_round_stays),
		T(a_real_info_replaces_a_made_up_one),   T(what_another_client_wrote_is_left_alone),
		T(thousands_of_ds_are_listed_once_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
