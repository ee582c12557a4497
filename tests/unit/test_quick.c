#include "engine_scratch.h"

#include <stdio.h>

#include "ingest/quick.h"
#include "meta/meta.h"

enum { T0 = 1795342600, PLENTY = 64 * 1024 * 1024 };

struct fixture {
	struct scratch_engine s;
	struct meta *meta;
	struct gone *gone;
	struct store store;
	struct schema schema;
	struct mono now;
	char *rejected;
};

static void open_all(struct fixture *f)
{
	char *rejected;
	struct why why;

	scratch_init(&f->s);
	scratch_open(&f->s, PLENTY, PLENTY);
	scratch_start(&f->s);
	f->meta = meta_memory_open();
	f->gone = gone_new(f->meta);
	schema_init(&f->schema);
	rejected = must_format("%s/rejected", f->s.path);
	assert_int_equal(store_init(&f->store,
				    &(struct ingest_options){ .meta = f->meta,
							      .gone = f->gone,
							      .engine = f->s.engine,
							      .schema = &f->schema,
							      .wsp_path = "/srv/wsps",
							      .md5_digits = 2,
							      .max_future_s = 600,
							      .rejected_path = rejected,
							      .rejected_max_bytes = 1 << 20 },
				    &why),
			 RC_OK);
	f->rejected = rejected;
	f->now = mono_now();
}

static void close_all(struct fixture *f)
{
	store_fini(&f->store);
	gone_free(f->gone);
	meta_close(f->meta);
	free(f->rejected);
	scratch_fini(&f->s);
}

static struct batch *batch_of(enum input input, const char *document)
{
	struct batch *b = batch_new(input);

	assert_true(batch_add_http(b, text_of(document))->decoded);
	b->accepted_s = T0;
	return b;
}

#define DATA(host, ds, t)                                                                                              \
	"{\"hostid\": \"" host "\", \"type\": \"data\", \"plugin\": \"p\", \"message\": {\"TimeStamp\": \"" t          \
	"\", \"Values\": {" ds "}}}"
static const char known[] = DATA("h", "\"a\": 1, \"b\": 2", "1795342600");

/* The long way: what the store thread does. */
static void store_one(struct fixture *f, enum input input, const char *document)
{
	struct batch *b = batch_of(input, document);

	store_round(&f->store, b, T0, f->now);
	assert_int_equal(b->item[0].fate, FATE_STORED);
	batch_free(b);
}

static bool is_quick(struct fixture *f, enum input input, const char *document, struct mono now)
{
	struct batch *b = batch_of(input, document);
	bool quick = quick_accept(&f->store, b, now);

	assert_int_equal(b->item[0].fate, quick ? FATE_STORED : FATE_WAITING);
	assert_int_equal(b->all_wait, quick);
	assert_int_equal(b->all_stored, quick);
	assert_int_equal(b->position > 0, quick);
	batch_free(b);
	return quick;
}

static void data_of_known_series_is_quick(void **state)
{
	struct cache_stats before, after;
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	assert_false(is_quick(&f, INPUT_AMQP, known, f.now));
	store_one(&f, INPUT_AMQP, known);
	cache_stats(engine_cache(f.s.engine), &before);
	assert_true(is_quick(&f, INPUT_AMQP, DATA("h", "\"b\": 3, \"a\": 4", "1795342660"), f.now));
	cache_stats(engine_cache(f.s.engine), &after);
	assert_int_equal(after.n_points - before.n_points, 2);
	close_all(&f);
}

static void whatever_is_not_usual_goes_the_long_way(void **state)
{
	static const char *const unusual[] = {
		DATA("other", "\"a\": 1", "1795342600"),
		DATA("h", "\"new\": 1", "1795342600"),
		DATA("h", "\"a\": \"x\"", "1795342600"),
		DATA("h", "\"a\": 1", "1795343900"), /* ahead */
		DATA("h", "\"a\": 1", "1700000000"),
		DATA("h", "\"a\": \"U\"", "1795342600"),
		"{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"p\", \"Infos\": {\"a\": {}}}}",
	};
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_HTTP, known);
	assert_true(is_quick(&f, INPUT_HTTP, known, f.now));
	for (size_t i = 0; i < ARRAY_LEN(unusual); i++)
		if (is_quick(&f, INPUT_HTTP, unusual[i], f.now))
			fail_msg("%s", unusual[i]);
	/* nobody has asked the metadata store for a second: it may have been restarted */
	assert_false(is_quick(&f, INPUT_HTTP, known, mono_after_ms(f.now, STORE_CHECK_MS)));
	close_all(&f);
}

/* A guess of the source that follows may be wrong: the points of each message stand where its names say. */
static void messages_in_any_order_find_their_series(void **state)
{
	static const char *const order[] = { "h1", "h2", "h3", "h3", "h1", "h3", "h2", "h2" };
	struct fixture f = { 0 };
	struct batch *b = batch_new(INPUT_HTTP);
	char text[256];

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_HTTP, DATA("h1", "\"a\": 1", "1795342600"));
	store_one(&f, INPUT_HTTP, DATA("h2", "\"a\": 1", "1795342600"));
	store_one(&f, INPUT_HTTP, DATA("h3", "\"a\": 1", "1795342600"));
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		snprintf(text, sizeof(text), DATA("%s", "\"a\": %zu", "%zu"), order[i], T0 + i + 1, i);
		assert_true(batch_add_http(b, text_of(text))->decoded);
	}
	b->accepted_s = T0;
	assert_true(quick_accept(&f.store, b, f.now));
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct registry *r = engine_registry(f.s.engine);
		uint32_t id = registry_find(r, text_of(order[i]), TEXT("p"), TEXT("a")), held_from_s;
		struct taken *point = NULL;
		size_t n = 0, capacity = 0;
		bool there = false;

		cache_read(engine_cache(f.s.engine), id, &point, &n, &capacity, &held_from_s);
		for (size_t k = 0; k < n; k++)
			there = there || (point[k].t_s == T0 + i + 1 && point[k].value == (double)i);
		assert_true(there);
		free(point);
	}
	batch_free(b);
	close_all(&f);
}

static void a_host_that_moved_is_told_of_first(void **state)
{
	struct meta_write move = { META_SET, { META_WSP_PATH, TEXT_NONE, TEXT("h") }, TEXT("/srv/wsps/zz/elsewhere") };
	struct series name;
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_HTTP, known);
	assert_true(is_quick(&f, INPUT_HTTP, known, f.now));
	assert_int_equal(meta_apply(f.meta, &move, 1, NULL), RC_OK);
	store_one(&f, INPUT_HTTP,
		  "{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"MyInfo\", \"ID\": \"h\", "
		  "\"Name\": "
		  "\"h\"}}");
	assert_false(is_quick(&f, INPUT_HTTP, known, f.now));
	store_one(&f, INPUT_HTTP, known);
	assert_true(is_quick(&f, INPUT_HTTP, known, f.now));
	registry_name(engine_registry(f.s.engine),
		      registry_find(engine_registry(f.s.engine), TEXT("h"), TEXT("p"), TEXT("a")), &name);
	assert_true(text_is(name.folder, "zz/elsewhere"));
	close_all(&f);
}

static void note_done(struct batch *b, void *argument)
{
	*(bool *)argument = b->item[0].fate == FATE_FAILED;
}

/* The source that came next when nobody had moved is the old folder's now. */
static void a_guess_is_not_an_old_folder(void **state)
{
	struct meta_write move = { META_SET, { META_WSP_PATH, TEXT_NONE, TEXT("h") }, TEXT("/srv/wsps/zz/elsewhere") };
	struct batch *b = batch_of(INPUT_HTTP, DATA("first", "\"a\": 1", "1795342600"));
	struct taken *point = NULL;
	size_t n = 0, capacity = 0;
	struct fixture f = { 0 };
	uint32_t held_from_s;
	struct registry *r;

	(void)state;
	open_all(&f);
	r = engine_registry(f.s.engine);
	store_one(&f, INPUT_HTTP, DATA("first", "\"a\": 1", "1795342600"));
	store_one(&f, INPUT_HTTP, known);
	assert_true(registry_source_is(r, 1, TEXT("h"), TEXT("p")));
	assert_int_equal(meta_apply(f.meta, &move, 1, NULL), RC_OK);
	store_one(&f, INPUT_HTTP, DATA("h", "\"a\": 1", "1795342600"));
	store_one(&f, INPUT_HTTP,
		  "{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"MyInfo\", \"ID\": \"h\", "
		  "\"Name\": \"h\"}}");
	store_one(&f, INPUT_HTTP, known);
	store_one(&f, INPUT_HTTP, DATA("first", "\"a\": 1", "1795342600"));
	assert_true(registry_source_is(r, 2, TEXT("h"), TEXT("p")));
	assert_true(batch_add_http(b, text_of(DATA("h", "\"a\": 7", "1795342660")))->decoded);
	assert_true(quick_accept(&f.store, b, f.now));
	cache_read(engine_cache(f.s.engine), registry_series(r, 2, TEXT("a"), false), &point, &n, &capacity,
		   &held_from_s);
	assert_true(n > 0 && point[n - 1].value == 7);
	free(point);
	batch_free(b);
	close_all(&f);
}

static void nothing_waits_for_a_replay_that_is_stopped(void **state)
{
	struct taken point = { T0, T0, 1 };
	struct values_batch refused = { .series = { TEXT("h"), TEXT("h"), TEXT("p"), TEXT("a") },
					.point = &point,
					.n_points = 1,
					.reason = REASON_FILE };
	struct fixture f = { 0 };
	struct batch *b = batch_of(INPUT_HTTP, known);
	struct ingest *in;
	bool failed = false;

	(void)state;
	open_all(&f);
	assert_int_equal(ingest_open(&f.store.options, &in, NULL), RC_OK);
	assert_int_equal(ingest_keep_points(in, &refused, NULL), RC_PEER);
	b->done = note_done;
	b->argument = &failed;
	ingest_submit(in, b);
	ingest_close(in); /* was never started */
	assert_true(failed);
	batch_free(b);
	ingest_release(in);
	close_all(&f);
}

static void put(struct fixture *f, enum meta_hash hash, const char *field, const char *value)
{
	struct meta_write w = { value == NULL ? META_DELETE : META_SET,
				{ hash, TEXT_NONE, text_of(field) },
				text_of(value) };

	assert_int_equal(meta_apply(f->meta, &w, 1, NULL), RC_OK);
}

static bool has(struct fixture *f, enum meta_hash hash, const char *field)
{
	struct meta_read r = { .key = { hash, TEXT_NONE, text_of(field) } };
	struct buf answer;

	buf_init(&answer, 1 << 16);
	assert_int_equal(meta_read(f->meta, &r, 1, &answer, NULL), RC_OK);
	buf_fini(&answer);
	return r.found;
}

static void a_host_that_was_forgotten_is_told_of_again(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_AMQP, known);
	store_one(&f, INPUT_AMQP, DATA("k", "\"a\": 1", "1795342600"));
	put(&f, META_HOSTS, "h", NULL);
	assert_true(is_quick(&f, INPUT_AMQP, known, f.now));
	store_forget(&f.store, &(struct ingest_forget){ .host = TEXT("h"), .all = true });
	assert_false(is_quick(&f, INPUT_AMQP, known, f.now));
	assert_true(
		is_quick(&f, INPUT_AMQP, DATA("k", "\"a\": 1", "1795342600"), f.now)); /* the others are as they were */
	store_one(&f, INPUT_AMQP, known);
	assert_true(has(&f, META_HOSTS, "h"));
	assert_true(is_quick(&f, INPUT_AMQP, known, f.now));
	close_all(&f);
}

static void the_heir_has_the_folder(void **state)
{
	struct fixture f = { 0 };
	const struct host *heir;

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_AMQP, known);
	store_forget(&f.store, &(struct ingest_forget){
				       .host = TEXT("h"), .all = true, .heir = TEXT("new"), .folder = TEXT("25/h") });
	heir = hosts_entry(&f.store.hosts, TEXT("new"));
	assert_true(text_is((struct text){ heir->folder, heir->n_folder }, "25/h"));
	assert_false(hosts_knows(&f.store.hosts, TEXT("h")));
	close_all(&f);
}

static void who_sends_again_is_not_gone(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	store_one(&f, INPUT_AMQP, known);
	put(&f, META_DELETED_HOSTS, "h", "/srv/wsps/25/h");
	put(&f, META_DELETED_HOSTS, "k", "/srv/wsps/13/k");
	put(&f, META_DELETED_PLUGINS, "h@p", "/srv/wsps/25/h/p");
	put(&f, META_DELETED_PLUGINS, "h@q", "/srv/wsps/25/h/q");
	store_forget(&f.store, &(struct ingest_forget){ .host = TEXT("h") });
	assert_false(is_quick(&f, INPUT_AMQP, known, f.now));
	store_one(&f, INPUT_AMQP, known);
	assert_false(has(&f, META_DELETED_HOSTS, "h"));
	assert_false(has(&f, META_DELETED_PLUGINS, "h@p"));
	assert_true(has(&f, META_DELETED_HOSTS, "k"));
	assert_true(has(&f, META_DELETED_PLUGINS, "h@q"));
	assert_true(is_quick(&f, INPUT_AMQP, known, f.now));
	store_one(&f, INPUT_AMQP,
		  "{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"q\", \"Infos\": {\"a\": {}}}}");
	assert_false(has(&f, META_DELETED_PLUGINS, "h@q"));
	store_one(&f, INPUT_AMQP,
		  "{\"hostid\": \"k\", \"type\": \"info\", \"plugin\": \"MyInfo\", \"message\": {\"Plugin\": "
		  "\"MyInfo\", \"ID\": \"k\", \"Name\": \"k\"}}");
	assert_false(has(&f, META_DELETED_HOSTS, "k"));
	close_all(&f);
}

static void infos_and_unknown_values_are_heard(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	open_all(&f);
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT_NONE), 0);
	store_one(&f, INPUT_AMQP,
		  "{\"hostid\": \"h\", \"type\": \"info\", \"message\": {\"Plugin\": \"q\", \"Infos\": {\"a\": {}}}}");
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT("q")), T0);
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT_NONE), T0);
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT("p")), 0);
	store_one(&f, INPUT_AMQP, known); /* the engine knows of that */
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT("p")), 0);
	store_one(&f, INPUT_AMQP, DATA("h", "\"a\": \"U\"", "1795342600"));
	assert_int_equal(heard_of(f.store.heard, TEXT("h"), TEXT("p")), T0);
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_of_known_series_is_quick),
		cmocka_unit_test(whatever_is_not_usual_goes_the_long_way),
		cmocka_unit_test(a_host_that_moved_is_told_of_first),
		cmocka_unit_test(a_guess_is_not_an_old_folder),
		cmocka_unit_test(messages_in_any_order_find_their_series),
		cmocka_unit_test(nothing_waits_for_a_replay_that_is_stopped),
		cmocka_unit_test(a_host_that_was_forgotten_is_told_of_again),
		cmocka_unit_test(the_heir_has_the_folder),
		cmocka_unit_test(who_sends_again_is_not_gone),
		cmocka_unit_test(infos_and_unknown_values_are_heard),
	};

	return cmocka_run_group_tests_name("quick", tests, NULL, NULL);
}
