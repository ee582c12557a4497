#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "query/folder.h"
#include "reading_engine.h"

enum { NOW = 1400003617, REPLY_MAX_BYTES = 1024 * 1024 };

/* ---- an engine that answers as whisper does, without files ---- */

struct fake_series {
	const char *folder, *plugin, *ds;
	uint32_t step_s;
	int64_t retention_s;
	enum aggregation aggregation;
	enum rc rc; /* RC_OK, or what every fetch answers */
};

static const struct fake_series series[] = {
	{ "aa/h1", "load", "load", 60, 86400, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "other", 60, 86400, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "slow", 300, 86400, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "sum", 60, 86400, AGGREGATION_SUM, RC_OK },
	{ "aa/h1", "load", "short", 60, 600, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "odd", 7, 86400, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "q\"\\", 60, 86400, AGGREGATION_AVERAGE, RC_OK },
	{ "aa/h1", "load", "damaged", 60, 86400, AGGREGATION_AVERAGE, RC_DAMAGED },
	{ "aa/h1", "load", "disk", 60, 86400, AGGREGATION_AVERAGE, RC_DISK },
	{ "49/h2", "load", "load", 60, 86400, AGGREGATION_AVERAGE, RC_OK }, /* md5 of h2: 490b… */
};

/* The slot's time modulo 1000; nothing in every seventh minute and after NOW. */
static double value_at(int64_t t_s)
{
	return t_s > NOW || t_s / 60 % 7 == 0 ? NAN : (double)(t_s % 1000);
}

static enum rc fake_fetch(struct values *v, const struct series *s, const struct taken *pending, size_t n_pending,
			  uint32_t held_from_s, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
			  struct why *why)
{
	const struct fake_series *f = NULL;

	(void)v, (void)pending, (void)n_pending, (void)held_from_s;
	for (size_t i = 0; i < ARRAY_LEN(series) && f == NULL; i++)
		if (text_is(s->folder, series[i].folder) && text_is(s->plugin, series[i].plugin) &&
		    text_is(s->ds, series[i].ds))
			f = &series[i];
	if (f == NULL)
		return because(why, RC_ABSENT, "no such series");
	if (f->rc != RC_OK)
		return because(why, f->rc, "fake");
	if (from_s > until_s)
		return because(why, RC_REFUSED, "from > until");
	if (from_s > now_s || until_s < now_s - f->retention_s)
		return because(why, RC_ABSENT, "outside");
	if (from_s < now_s - f->retention_s)
		from_s = now_s - f->retention_s;
	if (until_s > now_s)
		until_s = now_s;
	from_s = from_s - from_s % f->step_s + f->step_s;
	until_s = until_s - until_s % f->step_s + f->step_s;
	if (from_s == until_s)
		until_s += f->step_s;
	*out = (struct span){ from_s, f->step_s, (size_t)((until_s - from_s) / f->step_s), f->aggregation, NULL };
	out->value = must_alloc(out->n * sizeof(double));
	for (size_t i = 0; i < out->n; i++)
		out->value[i] = value_at(from_s + (int64_t)i * f->step_s);
	return RC_OK;
}

static const struct values_ops fake_ops = { .fetch = fake_fetch };

/* ---- a store that is away ---- */

static enum rc away_read(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	(void)m;
	(void)read;
	(void)n;
	(void)answers;
	return because(why, RC_PEER, "away");
}

static enum rc away_each(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
			 struct why *why)
{
	(void)m;
	(void)hash;
	(void)host;
	(void)fn;
	(void)argument;
	return because(why, RC_PEER, "away");
}

static const struct meta_ops away_ops = { .read = away_read, .each = away_each };

/* ---- one query for all tests ---- */

static struct values fake = { &fake_ops };
static struct reading_engine reading;
static struct query q = { .wsp_path = "/srv/wsps", .md5_digits = 2 };

static void put(enum meta_hash hash, const char *host, const char *field, const char *value)
{
	struct meta_write w = { META_SET, { hash, text_of(host), text_of(field) }, text_of(value) };

	assert_int_equal(meta_apply(q.meta, &w, 1, NULL), RC_OK);
}

static int fill(void **state)
{
	reading_engine_open(&reading, &fake);
	q.engine = reading.engine;
	q.meta = meta_memory_open();
	put(META_HOSTS, NULL, "h1", "{\"ID\": \"h1\",  \"Name\":\"one\"}");
	put(META_WSP_PATH, NULL, "h1", "/srv/wsps/aa/h1");
	put(META_INFOS, "h1", "load", "{\"Plugin\": \"load\", \"Title\": \"\\u00e9\"}");
	put(META_INFOS, "h1", "bro\"ken", "{\"Plugin\": ");
	put(META_INFOS, "h1", "list", "[1, 2]");
	put(META_HOSTS, NULL, "broken", "not JSON");
	put(META_WSP_PATH, NULL, "h2", "/elsewhere/aa/h1");
	(void)state;
	return 0;
}

static int empty(void **state)
{
	meta_close(q.meta);
	reading_engine_close(&reading);
	(void)state;
	return 0;
}

static struct query_data data_of(const char *host, const char *plugin, const char *ds, const char *from)
{
	return (struct query_data){
		.host = text_of(host), .plugin = text_of(plugin), .ds = text_of(ds), .from = text_of(from)
	};
}

static void check_text(struct buf *got, const char *wanted)
{
	if (!text_is(buf_text(got), wanted))
		fail_msg("got    %.*s\nwanted %s", TEXT_ARG(buf_text(got)), wanted);
	buf_clear(got);
}

static void metadata_is_handed_out_verbatim(void **state)
{
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_host(&q, TEXT("h1"), &out, NULL), RC_OK);
	check_text(&out, "{\"ID\": \"h1\",  \"Name\":\"one\"}");
	assert_int_equal(query_info(&q, TEXT("h1"), TEXT("load"), &out, NULL), RC_OK);
	check_text(&out, "{\"Plugin\": \"load\", \"Title\": \"\\u00e9\"}");
	buf_fini(&out);
	(void)state;
}

static void unknown_impossible_and_broken_are_empty_objects(void **state)
{
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_host(&q, TEXT("nosuch"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_host(&q, TEXT(""), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_host(&q, TEXT("h1\0x"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_host(&q, TEXT("broken"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_list(&q, TEXT("nosuch"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_list(&q, TEXT("\xff"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_info(&q, TEXT("h1"), TEXT("list"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_info(&q, TEXT("h1"), TEXT("a/b"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	buf_fini(&out);
	(void)state;
}

static bool has(const struct buf *b, const char *part)
{
	return b->n > 0 && memmem(b->at, b->n, part, strlen(part)) != NULL;
}

static void whole_hashes_are_objects(void **state)
{
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_hosts(&q, &out, NULL), RC_OK);
	assert_true(has(&out, "\"h1\": {\"ID\": \"h1\",  \"Name\":\"one\"}"));
	assert_true(has(&out, "\"broken\": {}"));
	assert_int_equal(out.n, strlen("{\"h1\": {\"ID\": \"h1\",  \"Name\":\"one\"}, \"broken\": {}}"));
	buf_clear(&out);
	assert_int_equal(query_list(&q, TEXT("h1"), &out, NULL), RC_OK);
	assert_true(has(&out, "\"load\": {\"Plugin\": \"load\", \"Title\": \"\\u00e9\"}"));
	assert_true(has(&out, "\"bro\\\"ken\": {}"));
	assert_true(has(&out, "\"list\": {}"));
	buf_fini(&out);
	(void)state;
}

static void what_is_gone_is_in_no_list_and_answers_by_name(void **state)
{
	struct buf out;

	q.gone = gone_new(q.meta);
	put(META_DELETED_HOSTS, NULL, "broken", "/srv/wsps/aa/broken");
	put(META_DELETED_PLUGINS, NULL, "h1@load", "/srv/wsps/aa/h1/load");
	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_hosts(&q, &out, NULL), RC_OK);
	check_text(&out, "{\"h1\": {\"ID\": \"h1\",  \"Name\":\"one\"}}");
	assert_int_equal(query_list(&q, TEXT("h1"), &out, NULL), RC_OK);
	assert_false(has(&out, "load"));
	assert_true(has(&out, "\"list\": {}"));
	buf_clear(&out);
	assert_int_equal(query_info(&q, TEXT("h1"), TEXT("load"), &out, NULL), RC_OK);
	check_text(&out, "{\"Plugin\": \"load\", \"Title\": \"\\u00e9\"}");
	put(META_DELETED_HOSTS, NULL, "h1", "/srv/wsps/aa/h1");
	assert_int_equal(query_list(&q, TEXT("h1"), &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_categories(&q, TEXT_NONE, &out, NULL), RC_OK);
	check_text(&out, "{}");
	assert_int_equal(query_last_seen(&q, TEXT("h1"), 1400000000, &out, NULL), RC_OK);
	check_text(&out, "{\"now\": 1400000000, \"host\": \"h1\", \"last\": null, \"plugins\": {}}");
	assert_int_equal(query_host(&q, TEXT("h1"), &out, NULL), RC_OK);
	check_text(&out, "{\"ID\": \"h1\",  \"Name\":\"one\"}");
	buf_fini(&out);
	gone_free(q.gone);
	q.gone = NULL;
	(void)state;
}

static void a_ceiling_and_a_store_that_is_away_are_told(void **state)
{
	struct meta away = { .ops = &away_ops };
	struct query cut_off = q;
	struct query_data asked = data_of("h1", "load", "load", "-1h");
	struct buf out;

	cut_off.meta = &away;
	buf_init(&out, 10);
	assert_int_equal(query_hosts(&q, &out, NULL), RC_FULL);
	buf_clear(&out);
	assert_int_equal(query_host(&q, TEXT("h1"), &out, NULL), RC_FULL);
	buf_clear(&out);
	assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_FULL);
	buf_fini(&out);
	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_hosts(&cut_off, &out, NULL), RC_PEER);
	assert_int_equal(query_host(&cut_off, TEXT("h1"), &out, NULL), RC_PEER);
	assert_int_equal(query_list(&cut_off, TEXT("h1"), &out, NULL), RC_PEER);
	assert_int_equal(query_data(&cut_off, &asked, NOW, &out, NULL), RC_PEER);
	buf_fini(&out);
	(void)state;
}

static void data_of_one_step(void **state)
{
	static const struct {
		const char *ds, *from, *wanted;
	} cases[] = {
		/* the slots after NOW - 180 up to the one that holds NOW */
		{ "load", "-3min",
		  "{\"TS_start\": 1400003460, \"TS_step\": 60, \"DATAS\": {\"load\": [460.0, 520.0, 580.0]}}" },
		{ "other,load,other", "-1min",
		  "{\"TS_start\": 1400003580, \"TS_step\": 60, \"DATAS\": {\"other\": [580.0], \"load\": [580.0]}}" },
		{ ",load,,nosuch, load,a/b,.,\xff,damaged", "now",
		  "{\"TS_start\": 1400003640, \"TS_step\": 60, \"DATAS\": {\"load\": [null]}}" },
		{ "q\"\\", "-1min",
		  "{\"TS_start\": 1400003580, \"TS_step\": 60, \"DATAS\": {\"q\\\"\\\\\": [580.0]}}" },
		/* a shorter retention starts later: the same start and count for all */
		{ "short,load", "-12min",
		  "{\"TS_start\": 1400002920, \"TS_step\": 60, \"DATAS\": {"
		  "\"short\": [null, null, 40.0, 100.0, 160.0, null, 280.0, 340.0, 400.0, 460.0, 520.0, 580.0], "
		  "\"load\": [920.0, 980.0, 40.0, 100.0, 160.0, null, 280.0, 340.0, 400.0, 460.0, 520.0, 580.0]}}" },
	};
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = data_of("h1", "load", cases[i].ds, cases[i].from);
		struct why why = { "" };

		if (query_data(&q, &asked, NOW, &out, &why) != RC_OK)
			fail_msg("%s: %s", cases[i].ds, why.text);
		check_text(&out, cases[i].wanted);
	}
	buf_fini(&out);
	(void)state;
}

static void check_data(const char *host, const char *ds, const char *from, const char *until, const char *wanted)
{
	struct query_data asked = data_of(host, "load", ds, from);
	struct why why = { "" };
	struct buf out;

	asked.until = text_of(until);
	buf_init(&out, REPLY_MAX_BYTES);
	if (query_data(&q, &asked, NOW, &out, &why) != RC_OK)
		fail_msg("%s: %s", ds, why.text);
	check_text(&out, wanted);
	buf_fini(&out);
}

static void data_of_several_steps_has_the_coarsest(void **state)
{
	check_data("h1", "slow", "-20min", NULL,
		   "{\"TS_start\": 1400002500, \"TS_step\": 300, \"DATAS\": {\"slow\": [500.0, null, 100.0, 400.0]}}");
	check_data("h1", "load,slow,sum", "-20min", NULL,
		   "{\"TS_start\": 1400002500, \"TS_step\": 300, \"DATAS\": {\"load\": [620.0, 700.0, 220.0, 490.0], "
		   "\"slow\": [500.0, null, 100.0, 400.0], \"sum\": [3100.0, 2800.0, 880.0, 1960.0]}}");
	/* neither divides the other: the least common multiple */
	check_data("h1", "load,odd", "-30min", NULL,
		   "{\"TS_start\": 1400001960, \"TS_step\": 420, \"DATAS\": {\"load\": [170.0, 590.0, 510.0, 430.0], "
		   "\"odd\": [198.0, 618.0, 430.15686274509807, 447.5]}}");
	/* a span inside one long slot is that slot, as for the coarse one alone */
	check_data("h1", "slow", "1400003000", "1400003060",
		   "{\"TS_start\": 1400003100, \"TS_step\": 300, \"DATAS\": {\"slow\": [100.0]}}");
	check_data("h1", "slow,load", "1400003000", "1400003060",
		   "{\"TS_start\": 1400003100, \"TS_step\": 300, \"DATAS\": {\"slow\": [100.0], \"load\": [220.0]}}");
	check_data("h1", "slow,load", "now", NULL,
		   "{\"TS_start\": 1400003700, \"TS_step\": 300, \"DATAS\": {\"slow\": [null], \"load\": [null]}}");
	(void)state;
}

static void data_older_than_a_file_is_unknown_not_absent(void **state)
{
	check_data("h1", "short", "-3h", "-2h",
		   "{\"TS_start\": 1399996380, \"TS_step\": 60, \"DATAS\": {\"short\": [null]}}");
	check_data("h1", "short", "0", "0", "{\"TS_start\": 0, \"TS_step\": 60, \"DATAS\": {\"short\": [null]}}");
	(void)state;
}

static void a_folder_outside_the_tree_is_not_followed(void **state)
{
	check_data("h2", "load", "-1min", NULL,
		   "{\"TS_start\": 1400003580, \"TS_step\": 60, \"DATAS\": {\"load\": [580.0]}}");
	put(META_WSP_PATH, NULL, "h3", "/srv/wsps/../wsps/aa/h1");
	struct query_data asked = data_of("h3", "load", "load", "-1min");
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_ABSENT);
	buf_fini(&out);
	(void)state;
}

static void data_that_is_not_there(void **state)
{
	static const struct {
		const char *host, *plugin, *ds, *from;
		enum rc rc;
	} cases[] = {
		{ "nosuch", "load", "load", "-1h", RC_ABSENT },
		{ "", "load", "load", "-1h", RC_ABSENT },
		{ "\xff", "load", "load", "-1h", RC_ABSENT },
		{ "h1", "nosuch", "load", "-1h", RC_ABSENT },
		{ "h1", "", "load", "-1h", RC_ABSENT },
		{ "h1", ".", "load", "-1h", RC_ABSENT },
		{ "h1", "..", "load", "-1h", RC_ABSENT },
		{ "h1", "../h1/load", "load", "-1h", RC_ABSENT },
		{ "h1", "load", "", "-1h", RC_ABSENT },
		{ "h1", "load", ",", "-1h", RC_ABSENT },
		{ "h1", "load", "a\nb", "-1h", RC_ABSENT },
		{ "h1", "load", "nosuch", "-1h", RC_ABSENT },
		{ "h1", "load", "damaged", "-1h", RC_ABSENT },
		{ "h1", "load", "load,disk", "-1h", RC_DISK },
		/* a bad parameter is told before an unknown name */
		{ "nosuch", "load", "load", "soon", RC_REFUSED },
	};
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = data_of(cases[i].host, cases[i].plugin, cases[i].ds, cases[i].from);
		struct why why = { "" };
		enum rc rc = query_data(&q, &asked, NOW, &out, &why);

		if (rc != cases[i].rc || why.text[0] == '\0')
			fail_msg("case %zu: %s, %s", i, rc_name(rc), why.text);
	}
	buf_fini(&out);
	(void)state;
}

static void too_many_ds_are_refused(void **state)
{
	struct query_data asked = data_of("h1", "load", NULL, "-1h");
	struct buf list, out;

	buf_init(&list, REPLY_MAX_BYTES);
	buf_init(&out, REPLY_MAX_BYTES);
	for (int i = 0; i <= QUERY_MAX_DS; i++)
		buf_addf(&list, "d%d,", i);
	asked.ds = buf_text(&list);
	assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_REFUSED);
	buf_fini(&list);
	buf_fini(&out);
	(void)state;
}

static void more_slots_than_asked_for_are_joined(void **state)
{
	static const char *const bad[] = { "", "x", "0", "-1", "1.5", "1e3x", "99999999999" };
	struct query_data asked = data_of("h1", "load", "load,sum", "-12min");
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	asked.max_points = TEXT("4");
	assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_OK);
	check_text(&out, "{\"TS_start\": 1400002920, \"TS_step\": 180, \"DATAS\": {"
			 "\"load\": [646.6666666666666, 130.0, 340.0, 520.0], "
			 "\"sum\": [1940.0, 260.0, 1020.0, 1560.0]}}");
	asked.max_points = TEXT("12");
	assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_OK);
	assert_true(has(&out, "\"TS_step\": 60"));
	buf_clear(&out);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		asked.max_points = text_of(bad[i]);
		assert_int_equal(query_data(&q, &asked, NOW, &out, NULL), RC_REFUSED);
	}
	buf_fini(&out);
	(void)state;
}

/* ---- what is remembered, and what a reply hangs on ---- */

/* Counts the reads of another store. */
struct counted {
	struct meta meta;
	struct meta *inner;
	int n_reads;
};

static enum rc counted_read(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	struct counted *c = (struct counted *)m;

	c->n_reads++;
	return meta_read(c->inner, read, n, answers, why);
}

static enum rc counted_apply(struct meta *m, const struct meta_write *write, size_t n, struct why *why)
{
	return meta_apply(((struct counted *)m)->inner, write, n, why);
}

static const struct meta_ops counted_ops = { .read = counted_read, .apply = counted_apply };

static void a_folder_is_asked_for_once_a_second(void **state)
{
	struct counted counted = { .meta = { .ops = &counted_ops }, .inner = q.meta };
	struct meta_write write = { META_SET, { META_WSP_PATH, TEXT_NONE, TEXT("h1") }, TEXT("/srv/wsps/bb/h1") };
	struct query remembering = q;
	char folder[FOLDER_MAX_BYTES];
	struct timespec second = { 1, 0 };

	remembering.meta = &counted.meta;
	remembering.folders = folders_new();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(folder_find(&remembering, TEXT("h1"), folder, NULL), RC_OK);
		assert_string_equal(folder, "aa/h1");
	}
	assert_int_equal(counted.n_reads, 1);
	assert_int_equal(folder_find(&remembering, TEXT("nosuch"), folder, NULL), RC_ABSENT);
	assert_int_equal(counted.n_reads, 2);
	/* our own write is seen at once */
	assert_int_equal(meta_apply(&counted.meta, &write, 1, NULL), RC_OK);
	assert_int_equal(folder_find(&remembering, TEXT("h1"), folder, NULL), RC_OK);
	assert_string_equal(folder, "bb/h1");
	/* another client's within a second */
	put(META_WSP_PATH, NULL, "h1", "/srv/wsps/aa/h1");
	nanosleep(&second, NULL);
	assert_int_equal(folder_find(&remembering, TEXT("h1"), folder, NULL), RC_OK);
	assert_string_equal(folder, "aa/h1");
	assert_int_equal(counted.n_reads, 4);
	for (int i = 0; i < 40000; i++) { /* more than are remembered */
		char host[16];

		snprintf(host, sizeof(host), "n%d", i);
		put(META_WSP_PATH, NULL, host, "/srv/wsps/cc/n");
		assert_int_equal(folder_find(&remembering, text_of(host), folder, NULL), RC_OK);
	}
	folders_free(remembering.folders);
	(void)state;
}

static uint32_t version_of_other, version_of_rest;

static uint32_t fake_version(void *argument, const struct series *s)
{
	assert_ptr_equal(argument, &version_of_rest);
	return text_is(s->ds, "other") ? version_of_other : version_of_rest;
}

static void a_reply_holds_while_nothing_can_have_changed(void **state)
{
	static const struct {
		const char *ds, *from, *until;
		int64_t holds_s; /* from NOW on */
	} cases[] = {
		{ "load", "-1h", NULL, 23 }, /* NOW is 37 s into its minute */
		{ "load,other", "-1d", NULL, 23 },
		{ "slow", "-1h", NULL, 60 }, /* 217 s into its slot: 83 s more, a minute at most */
		{ "slow,load", "-1h", NULL, 23 },
		{ "load", "-70s", NULL, 23 }, /* from is 27 s into its own: 33 s more */
		{ "load", "-100s", NULL, 3 }, /* 57 s */
		{ "load", "-1h", "-100s", 3 },
		{ "load", "1400000000", NULL, 1 }, /* a fixed end */
		{ "load", "-1h", "1400003000", 1 },
	};
	struct query versioned = q;
	struct query_basis basis;
	struct buf out;

	versioned.version = fake_version;
	versioned.version_argument = &version_of_rest;
	buf_init(&out, REPLY_MAX_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query_data asked = data_of("h1", "load", cases[i].ds, cases[i].from);
		bool has_other = strstr(cases[i].ds, "other") != NULL;

		asked.until = text_of(cases[i].until);
		assert_int_equal(query_data_based(&versioned, &asked, NOW, &out, &basis, NULL), RC_OK);
		if (basis.until_s - NOW != cases[i].holds_s)
			fail_msg("case %zu: holds %d s", i, (int)(basis.until_s - NOW));
		assert_true(query_data_holds(&versioned, &asked, NOW, &basis));
		assert_true(query_data_holds(&versioned, &asked, basis.until_s - 1, &basis));
		assert_false(query_data_holds(&versioned, &asked, basis.until_s, &basis));
		assert_false(query_data_holds(&versioned, &asked, NOW - 1, &basis));
		version_of_other++;
		assert_int_equal(query_data_holds(&versioned, &asked, NOW, &basis), !has_other);
		version_of_other--;
		assert_true(query_data_holds(&versioned, &asked, NOW, &basis));
		version_of_rest++;
		assert_false(query_data_holds(&versioned, &asked, NOW, &basis));
		version_of_rest--;
		put(META_WSP_PATH, NULL, "h1", "/srv/wsps/bb/h1");
		assert_false(query_data_holds(&versioned, &asked, NOW, &basis));
		put(META_WSP_PATH, NULL, "h1", "/srv/wsps/aa/h1");
	}
	buf_fini(&out);
	(void)state;
}

static void without_versions_a_reply_does_not_hold(void **state)
{
	struct query_data asked = data_of("h1", "load", "load", "-1h");
	struct query_basis basis;
	struct buf out;

	buf_init(&out, REPLY_MAX_BYTES);
	assert_int_equal(query_data_based(&q, &asked, NOW, &out, &basis, NULL), RC_OK);
	assert_false(query_data_holds(&q, &asked, NOW, &basis));
	buf_fini(&out);
	(void)state;
}

/* Does the reply really stay the same as long as it is said to hold? */
static void replies_are_the_same_while_they_hold(void **state)
{
	static const char *const from[] = { "-1h", "-61s", "-7min", "-26h", "1400000000" };
	struct query versioned = q;

	versioned.version = fake_version;
	versioned.version_argument = &version_of_rest;
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		struct query_data asked = data_of("h1", "load", "load,slow,short", from[i]);

		for (int64_t now_s = NOW - 200; now_s < NOW - 80; now_s += 7) {
			struct query_basis basis;
			struct buf out, later;

			buf_init(&out, REPLY_MAX_BYTES);
			buf_init(&later, REPLY_MAX_BYTES);
			assert_int_equal(query_data_based(&versioned, &asked, now_s, &out, &basis, NULL), RC_OK);
			assert_int_equal(query_data(&q, &asked, basis.until_s - 1, &later, NULL), RC_OK);
			assert_true(text_equal(buf_text(&out), buf_text(&later)));
			buf_fini(&out);
			buf_fini(&later);
		}
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_is_handed_out_verbatim),
		cmocka_unit_test(unknown_impossible_and_broken_are_empty_objects),
		cmocka_unit_test(whole_hashes_are_objects),
		cmocka_unit_test(what_is_gone_is_in_no_list_and_answers_by_name),
		cmocka_unit_test(a_ceiling_and_a_store_that_is_away_are_told),
		cmocka_unit_test(data_of_one_step),
		cmocka_unit_test(data_of_several_steps_has_the_coarsest),
		cmocka_unit_test(data_older_than_a_file_is_unknown_not_absent),
		cmocka_unit_test(a_folder_outside_the_tree_is_not_followed),
		cmocka_unit_test(data_that_is_not_there),
		cmocka_unit_test(too_many_ds_are_refused),
		cmocka_unit_test(more_slots_than_asked_for_are_joined),
		cmocka_unit_test(a_folder_is_asked_for_once_a_second),
		cmocka_unit_test(a_reply_holds_while_nothing_can_have_changed),
		cmocka_unit_test(without_versions_a_reply_does_not_hold),
		cmocka_unit_test(replies_are_the_same_while_they_hold),
	};

	return cmocka_run_group_tests(tests, fill, empty);
}
