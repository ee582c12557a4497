/* Questions over many plugins and hosts, over true files, an engine with pending points and a store in memory. */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "query/folder.h"
#include "query/query.h"
#include "query/seen_files.h"
#include "values/values_wsp.h"

enum { NOW = 1400003617, YEAR_S = 365 * 86400, REPLY_MAX_BYTES = 1024 * 1024 };

struct world {
	char above[64], root[96], journal[96];
	struct schema schema;
	struct query q;
	struct values *values;
};

static uint32_t version_of(void *argument, const struct series *s)
{
	struct world *w = argument;

	return engine_version(w->q.engine, s);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void open_engine(struct world *w)
{
	struct journal_replayed replayed;

	assert_int_equal(engine_open(&(struct engine_options){ .values = w->values,
							       .journal_path = w->journal,
							       .journal_commit_ms = 1,
							       .journal_commit_bytes = 1,
							       .journal_max_bytes = 1 << 24,
							       .cache_max_bytes = 1 << 24 },
				     &w->q.engine, NULL),
			 RC_OK);
	assert_int_equal(engine_start(w->q.engine, &replayed, NULL), RC_OK);
	w->q.seen = seen_files_new();
}

static void close_engine(struct world *w)
{
	seen_files_free(w->q.seen);
	engine_close(w->q.engine);
}

static int begin(void **state)
{
	struct world *w = must_alloc(sizeof(*w));

	strcpy(w->above, "/tmp/numeter-many-XXXXXX");
	assert_non_null(mkdtemp(w->above));
	snprintf(w->root, sizeof(w->root), "%s/wsps", w->above);
	snprintf(w->journal, sizeof(w->journal), "%s/journal", w->above);
	schema_init(&w->schema);
	assert_int_equal(values_wsp_open(&(struct values_wsp_options){ w->root, &w->schema, WSP_SPARSE, NULL },
					 &w->values, NULL),
			 RC_OK);
	w->q = (struct query){ .meta = meta_memory_open(),
			       .wsp_path = w->root,
			       .md5_digits = 2,
			       .folders = folders_new(),
			       .version = version_of,
			       .version_argument = w };
	open_engine(w);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	close_engine(w);
	meta_close(w->q.meta);
	folders_free(w->q.folders);
	values_close(w->values);
	schema_fini(&w->schema);
	nftw(w->above, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static void put(struct world *w, enum meta_hash hash, const char *host, const char *field, const char *value)
{
	struct meta_write write = { META_SET, { hash, text_of(host), text_of(field) }, text_of(value) };

	assert_int_equal(meta_apply(w->q.meta, &write, 1, NULL), RC_OK);
}

static void add_host(struct world *w, const char *host)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/aa/%s", w->root, host);
	put(w, META_HOSTS, NULL, host, "{}");
	put(w, META_WSP_PATH, NULL, host, path);
}

static struct series series_of(const char *host, char folder[64], const char *plugin, const char *ds)
{
	snprintf(folder, 64, "aa/%s", host);
	return (struct series){ text_of(host), text_of(folder), text_of(plugin), text_of(ds) };
}

/* Into the file, as a flush long ago. */
static void store(struct world *w, const char *host, const char *plugin, const char *ds, int64_t t_s, double value)
{
	char folder[64];
	struct taken p = { (uint32_t)t_s, (uint32_t)t_s, value };
	struct values_batch b = { .series = series_of(host, folder, plugin, ds), .point = &p, .n_points = 1 };

	assert_int_equal(values_write(w->values, &b, 1), RC_OK);
}

/* Accepted, not in a file. */
static void accept_point(struct world *w, const char *host, const char *plugin, const char *ds, int64_t t_s,
			 double value)
{
	char folder[64];
	struct series s = series_of(host, folder, plugin, ds);
	struct registry *r = engine_registry(w->q.engine);
	uint32_t source = registry_source(r, s.host, s.folder, s.plugin, true);
	struct numbered p = { registry_series(r, source, s.ds, true), (uint32_t)t_s, value };
	uint64_t position;

	assert_int_equal(engine_accept(w->q.engine, &p, 1, NOW, &position, NULL), RC_OK);
}

static void check_text(struct buf *got, const char *wanted)
{
	if (!text_is(buf_text(got), wanted))
		fail_msg("got    %.*s\nwanted %s", TEXT_ARG(buf_text(got)), wanted);
	buf_fini(got);
}

/* ---- values ---- */

static enum rc ask(struct world *w, const struct query_values *asked, struct buf *out, struct query_basis *basis,
		   struct why *why)
{
	struct query_plan *plan = NULL;
	enum rc rc = query_plan(&w->q, asked, &plan, why);

	buf_init(out, REPLY_MAX_BYTES);
	if (rc == RC_OK)
		rc = query_values(&w->q, plan, NOW, out, basis, why);
	query_plan_free(plan);
	return rc;
}

static bool holds(struct world *w, const struct query_values *asked, int64_t now_s, const struct query_basis *basis)
{
	struct query_plan *plan = NULL;
	bool yes;

	assert_int_equal(query_plan(&w->q, asked, &plan, NULL), RC_OK);
	yes = query_values_hold(&w->q, plan, now_s, basis);
	query_plan_free(plan);
	return yes;
}

static void every_host_and_plugin_is_answered(void **state)
{
	static const struct text hosts[] = { TEXT_INIT("h1"), TEXT_INIT("h2"), TEXT_INIT("h1"), TEXT_INIT("no/where") };
	static const struct text plugins[] = { TEXT_INIT("load"), TEXT_INIT("df"), TEXT_INIT("..") };
	struct query_values asked = { .host = hosts, .plugin = plugins, .n_hosts = 4, .n_plugins = 3 };
	struct query_basis basis;
	struct buf out;

	struct world *w = *state;

	asked.rest.from = TEXT("-3min");
	add_host(w, "h1");
	add_host(w, "h2");
	/* the info's order, then what it does not name: a file, a series that is nowhere but in the cache */
	put(w, META_INFOS, "h1", "load", "{\"Infos\": {\"z\": {}, \"a\": {}, \"gone\": {}, \"a/b\": {}}}");
	store(w, "h1", "load", "a", NOW - 60, 1);
	store(w, "h1", "load", "file", NOW - 60, 2);
	store(w, "h1", "load", "z", NOW - 60, 3);
	accept_point(w, "h1", "load", "cached", NOW - 60, 4);
	accept_point(w, "h2", "df", "b", NOW - 120, 5);
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	check_text(&out,
		   "{\"now\": 1400003617, \"results\": ["
		   "{\"host\": \"h1\", \"plugin\": \"load\", \"TS_start\": 1400003460, \"TS_step\": 60, \"DATAS\": {"
		   "\"z\": [null, 3.0, null], \"a\": [null, 1.0, null], \"cached\": [null, 4.0, null], "
		   "\"file\": [null, 2.0, null]}}, "
		   "{\"host\": \"h2\", \"plugin\": \"df\", \"TS_start\": 1400003460, \"TS_step\": 60, \"DATAS\": {"
		   "\"b\": [5.0, null, null]}}], "
		   "\"missing\": [{\"host\": \"h1\", \"plugin\": \"df\"}, {\"host\": \"h1\", \"plugin\": \"..\"}, "
		   "{\"host\": \"h2\", \"plugin\": \"load\"}, {\"host\": \"h2\", \"plugin\": \"..\"}, "
		   "{\"host\": \"no/where\", \"plugin\": \"load\"}, {\"host\": \"no/where\", \"plugin\": \"df\"}, "
		   "{\"host\": \"no/where\", \"plugin\": \"..\"}]}");
	asked.rest.ds = TEXT("a,b,nosuch,a");
	asked.n_hosts = 2;
	asked.n_plugins = 2;
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	check_text(&out,
		   "{\"now\": 1400003617, \"results\": ["
		   "{\"host\": \"h1\", \"plugin\": \"load\", \"TS_start\": 1400003460, \"TS_step\": 60, \"DATAS\": {"
		   "\"a\": [null, 1.0, null]}}, "
		   "{\"host\": \"h2\", \"plugin\": \"df\", \"TS_start\": 1400003460, \"TS_step\": 60, \"DATAS\": {"
		   "\"b\": [5.0, null, null]}}], "
		   "\"missing\": [{\"host\": \"h1\", \"plugin\": \"df\"}, {\"host\": \"h2\", \"plugin\": \"load\"}]}");
}

static void several_slots_become_one_as_asked(void **state)
{
	static const struct {
		const char *reduce, *wanted;
	} cases[] = {
		{ NULL, "[2.0, 10.0]" },  { "average", "[2.0, 10.0]" }, { "min", "[1.0, 10.0]" },
		{ "max", "[3.0, 10.0]" }, { "sum", "[6.0, 10.0]" },     { "last", "[3.0, 10.0]" },
	};
	static const struct text host = TEXT_INIT("h"), plugin = TEXT_INIT("load");
	struct query_values asked = { .host = &host, .plugin = &plugin, .n_hosts = 1, .n_plugins = 1 };
	struct query_basis basis;
	char wanted[256];
	struct why why;
	struct buf out;

	struct world *w = *state;

	add_host(w, "h");
	for (int i = 0; i < 4; i++)
		accept_point(w, "h", "load", "v", 1400003280 + i * 60, i == 3 ? 10 : i + 1);
	asked.rest.from = TEXT("1400003220");
	asked.rest.until = TEXT("1400003520");
	asked.rest.max_points = TEXT("2");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		asked.rest.reduce = text_of(cases[i].reduce);
		assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
		snprintf(wanted, sizeof(wanted),
			 "{\"now\": 1400003617, \"results\": [{\"host\": \"h\", \"plugin\": \"load\", \"TS_start\": "
			 "1400003280, \"TS_step\": 180, \"DATAS\": {\"v\": %s}}], \"missing\": []}",
			 cases[i].wanted);
		check_text(&out, wanted);
	}
	/* nothing to join: nothing changes */
	asked.rest.max_points = TEXT_NONE;
	asked.rest.until = TEXT("1400003460");
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	assert_non_null(memmem(out.at, out.n, "[1.0, 2.0, 3.0, 10.0]", 21));
	buf_fini(&out);
	asked.rest.reduce = TEXT("median");
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_REFUSED);
	assert_string_equal(why.text, "reduce: \"median\": expected average, min, max, sum or last");
	buf_fini(&out);
}

static void limits_are_named(void **state)
{
	static struct text hosts[101];
	static const struct text plugin = TEXT_INIT("load");
	struct query_values asked = { .host = hosts, .plugin = &plugin, .n_hosts = 100, .n_plugins = 1 };
	static char name[101][8];
	struct query_basis basis;
	struct buf out, ds;
	struct why why;

	struct world *w = *state;

	asked.rest.res = TEXT("Daily");
	for (size_t i = 0; i < 101; i++) {
		snprintf(name[i], sizeof(name[i]), "h%zu", i);
		hosts[i] = text_of(name[i]);
	}
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	buf_fini(&out);
	asked.n_hosts = 101;
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_REFUSED);
	assert_string_equal(why.text, "host and plugin: expected at most 100 hosts × plugins in one question");
	buf_fini(&out);
	hosts[100] = hosts[0];
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_OK);
	buf_fini(&out);
	/* 2 × 501 ds */
	add_host(w, "h0");
	add_host(w, "h1");
	buf_init(&ds, 1 << 16);
	for (int i = 0; i < 501; i++)
		buf_addf(&ds, "d%d,", i);
	asked.rest.ds = buf_text(&ds);
	asked.n_hosts = 2;
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_REFUSED);
	assert_string_equal(why.text, "ds: more than 1000 of all plugins together in one question");
	buf_fini(&out);
	asked.n_hosts = 1;
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_OK);
	buf_fini(&out);
	asked.rest.res = TEXT("daily");
	assert_int_equal(ask(w, &asked, &out, &basis, &why), RC_REFUSED);
	buf_fini(&out);
	buf_fini(&ds);
}

static void a_reply_holds_until_something_changes(void **state)
{
	static const struct text host = TEXT_INIT("h"), plugin = TEXT_INIT("load");
	struct query_values asked = { .host = &host, .plugin = &plugin, .n_hosts = 1, .n_plugins = 1 };
	struct query_basis basis;
	struct buf out;

	struct world *w = *state;

	asked.rest.res = TEXT("Daily");
	add_host(w, "h");
	accept_point(w, "h", "load", "a", NOW - 60, 1);
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	buf_fini(&out);
	assert_true(holds(w, &asked, NOW, &basis));
	assert_true(holds(w, &asked, 1400003639, &basis));
	assert_false(holds(w, &asked, 1400003640, &basis)); /* the next slot */
	accept_point(w, "h", "load", "a", NOW - 120, 1);
	assert_false(holds(w, &asked, NOW, &basis));
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	buf_fini(&out);
	assert_true(holds(w, &asked, NOW, &basis));
	accept_point(w, "h", "load", "b", NOW - 60, 1); /* a ds more */
	assert_false(holds(w, &asked, NOW, &basis));
	assert_int_equal(ask(w, &asked, &out, &basis, NULL), RC_OK);
	buf_fini(&out);
	put(w, META_INFOS, "h", "load", "{\"Infos\": {\"b\": {}, \"a\": {}}}"); /* another order */
	assert_false(holds(w, &asked, NOW, &basis));
}

/* ---- categories ---- */

static void plugins_are_grouped_by_category(void **state)
{
	struct world *w = *state;
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_categories(&w->q, TEXT_NONE, &out, NULL), RC_OK);
	check_text(&out, "{}");
	put(w, META_HOSTS, NULL, "h1", "{}");
	put(w, META_HOSTS, NULL, "h2", "{}");
	put(w, META_INFOS, "h1", "df_inode", "{\"Category\": \"Disk\"}");
	put(w, META_INFOS, "h1", "df", "{\"Category\": \"disk\"}");
	put(w, META_INFOS, "h1", "odd\"", "{\"Category\": \"\"}");
	put(w, META_INFOS, "h1", "broken", "[");
	put(w, META_INFOS, "h2", "df", "{\"Category\": \"DISK\"}");
	put(w, META_INFOS, "h2", "cpu", "{\"Category\": \" system\"}");
	put(w, META_INFOS, "h2", "number", "{\"Category\": 1}");
	put(w, META_INFOS, "h3", "gone", "{\"Category\": \"of no host\"}");
	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_categories(&w->q, TEXT_NONE, &out, NULL), RC_OK);
	check_text(&out, "{\"disk\": [\"df\", \"df_inode\"], \"other\": [\"broken\", \"number\", \"odd\\\"\"], "
			 "\"system\": [\"cpu\"]}");
	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_categories(&w->q, TEXT("h2"), &out, NULL), RC_OK);
	check_text(&out, "{\"disk\": [\"df\"], \"other\": [\"number\"], \"system\": [\"cpu\"]}");
	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_categories(&w->q, TEXT("nosuch"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	buf_init(&out, 8);
	assert_int_equal(query_categories(&w->q, TEXT("h2"), &out, NULL), RC_FULL);
	buf_fini(&out);
}

/* ---- last seen ---- */

static void check_seen(struct world *w, const char *host, const char *wanted)
{
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_last_seen(&w->q, text_of(host), NOW, &out, NULL), RC_OK);
	check_text(&out, wanted);
}

static void the_last_time_is_that_of_the_newest_point(void **state)
{
	struct world *w = *state;

	w->q.started_s = NOW - 3600;
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {}}");
	check_seen(w, "h", "{\"now\": 1400003617, \"host\": \"h\", \"last\": null, \"plugins\": {}}");
	add_host(w, "h");
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"h\": null}}");
	put(w, META_INFOS, "h", "load", "{}");
	check_seen(w, "h", "{\"now\": 1400003617, \"host\": \"h\", \"last\": null, \"plugins\": {\"load\": null}}");
	accept_point(w, "h", "load", "a", NOW - 5, 1);
	accept_point(w, "h", "load", "b", NOW - 300, 1);
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"h\": 1400003612}}");
	check_seen(w, "h",
		   "{\"now\": 1400003617, \"host\": \"h\", \"last\": 1400003612, \"plugins\": {\"load\": 1400003612}}");
	/* a plugin without info counts for its host */
	accept_point(w, "h", "new", "a", NOW - 1, 1);
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"h\": 1400003616}}");
	check_seen(w, "h",
		   "{\"now\": 1400003617, \"host\": \"h\", \"last\": 1400003616, \"plugins\": {\"load\": 1400003612}}");
}

static void what_was_seen_before_the_start_is_read_from_files(void **state)
{
	struct world *w = *state;

	w->q.started_s = NOW - 60;
	add_host(w, "old");
	add_host(w, "late");
	put(w, META_INFOS, "old", "load", "{}");
	put(w, META_INFOS, "late", "load", "{}");
	store(w, "old", "load", "a", NOW - YEAR_S, 1);
	store(w, "old", "load", "b", NOW - YEAR_S - 7200, 1);
	store(w, "late", "load", "a", NOW - 3600, 1);
	/* it comes now, but is older than what the file has */
	accept_point(w, "late", "load", "a", NOW - 7200, 1);
	check_seen(
		w, "old",
		"{\"now\": 1400003617, \"host\": \"old\", \"last\": 1368467580, \"plugins\": {\"load\": 1368467580}}");
	check_seen(
		w, "late",
		"{\"now\": 1400003617, \"host\": \"late\", \"last\": 1399999980, \"plugins\": {\"load\": 1399999980}}");
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"late\": 1399999980, \"old\": 1368467580}}");
	/* from then on it is known without files */
	store(w, "old", "load", "a", NOW - YEAR_S + 7200, 1);
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"late\": 1399999980, \"old\": 1368467580}}");
	accept_point(w, "old", "load", "a", NOW, 1);
	check_seen(
		w, "old",
		"{\"now\": 1400003617, \"host\": \"old\", \"last\": 1400003617, \"plugins\": {\"load\": 1400003617}}");
}

static void pending_points_are_known_after_a_restart(void **state)
{
	struct world *w = *state;

	w->q.started_s = NOW + 10;
	add_host(w, "h");
	put(w, META_INFOS, "h", "load", "{}");
	accept_point(w, "h", "load", "a", NOW - 5, 1);
	close_engine(w);
	open_engine(w);
	check_seen(w, NULL, "{\"now\": 1400003617, \"hosts\": {\"h\": 1400003612}}");
	check_seen(w, "h",
		   "{\"now\": 1400003617, \"host\": \"h\", \"last\": 1400003612, \"plugins\": {\"load\": 1400003612}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_host_and_plugin_is_answered, begin, end),
		cmocka_unit_test_setup_teardown(several_slots_become_one_as_asked, begin, end),
		cmocka_unit_test_setup_teardown(limits_are_named, begin, end),
		cmocka_unit_test_setup_teardown(a_reply_holds_until_something_changes, begin, end),
		cmocka_unit_test_setup_teardown(plugins_are_grouped_by_category, begin, end),
		cmocka_unit_test_setup_teardown(the_last_time_is_that_of_the_newest_point, begin, end),
		cmocka_unit_test_setup_teardown(what_was_seen_before_the_start_is_read_from_files, begin, end),
		cmocka_unit_test_setup_teardown(pending_points_are_known_after_a_restart, begin, end),
	};

	if (log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_CRITICAL, NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
