/* What other systems keep, read without any file: munin's datafile, paths of .rrd files, rows → slots. */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "import/datafile.h"
#include "import/rrd_name.h"
#include "import/rrd_slots.h"

/* The datafile */

static const char sample[] = "version 2.0.73\n"
			     "g;h.example.org:load.graph_title Load\n"
			     "g;h.example.org:load.graph_order load load other load\n"
			     "g;h.example.org:load.load.label the load\n"
			     "g;h.example.org:load.load.update_rate 300\n"
			     "g;h.example.org:load.load.graph_data_size normal\n"
			     "g;h.example.org:load.other.type DERIVE\n"
			     "g;h.example.org:load.other.graph no\n"
			     "g;h.example.org:load.later.label stands before its service's title\n"
			     "g;h.example.org:address 127.0.0.1\n"
			     "\n"
			     "noise\n"
			     "g;h.example.org:disk.sda.rd.label rd\n"
			     "g;h.example.org:disk.graph_title all\n"
			     "g;h.example.org:disk.sda.graph_title sda\n"
			     "g;h.example.org:disk.sda.graph no\n"
			     "g;h.example.org:disk.sda.label a field of the outer one\n"
			     "a;b;10.0.0.1:load.graph_title of a host in two groups\n"
			     "a;b;10.0.0.1:load.load.type COUNTER";

static const struct datafile_service *service(const struct datafile *d, const char *path, const char *name)
{
	const struct datafile_service *s = d->service;

	while (s != NULL && !(text_is(s->path, path) && text_is(s->name, name)))
		s = s->next;
	assert_non_null(s);
	return s;
}

static const char *rrd_of(const struct datafile_service *s, const char *field, char out[256])
{
	const struct datafile_field *f = s->field;
	struct buf b;

	while (f != NULL && !text_is(f->name, field))
		f = f->next;
	assert_non_null(f);
	buf_init(&b, 255);
	datafile_rrd(s, f, &b);
	memcpy(out, b.at, b.n);
	out[b.n] = '\0';
	buf_fini(&b);
	return out;
}

static void the_datafile_tells_services_fields_and_files(void **state)
{
	const char *path = "g;h.example.org";
	struct datafile d;
	char name[256];

	assert_int_equal(datafile_read(text_of(sample), &d, NULL), RC_OK);
	assert_int_equal(d.n_services, 4);
	assert_true(text_is(service(&d, path, "load")->host, "h.example.org"));
	assert_string_equal(rrd_of(service(&d, path, "load"), "load", name), "g/h.example.org-load-load-g.rrd");
	assert_string_equal(rrd_of(service(&d, path, "load"), "other", name), "g/h.example.org-load-other-d.rrd");
	assert_string_equal(rrd_of(service(&d, path, "load"), "later", name), "g/h.example.org-load-later-g.rrd");
	assert_string_equal(rrd_of(service(&d, path, "disk.sda"), "rd", name), "g/h.example.org-disk-sda-rd-g.rrd");
	assert_string_equal(rrd_of(service(&d, path, "disk"), "sda", name), "g/h.example.org-disk-sda-g.rrd");
	assert_true(text_is(service(&d, "a;b;10.0.0.1", "load")->host, "10.0.0.1"));
	assert_string_equal(rrd_of(service(&d, "a;b;10.0.0.1", "load"), "load", name), "a/b/10.0.0.1-load-load-c.rrd");
	assert_int_equal(d.n_passed_over, 3);
	datafile_fini(&d);
	(void)state;
}

static void an_info_has_what_the_plugin_said(void **state)
{
	struct datafile d;
	struct buf out;

	assert_int_equal(datafile_read(text_of(sample), &d, NULL), RC_OK);
	buf_init(&out, SIZE_MAX);
	assert_true(datafile_info(service(&d, "g;h.example.org", "load"), &out));
	buf_add(&out, "", 1);
	assert_string_equal(out.at,
			    "{\"Plugin\": \"load\", \"Base\": \"1000\", \"Describ\": \"\", \"Title\": \"Load\", "
			    "\"Vlabel\": \"\", \"Order\": \"load other\", \"Infos\": {\"load\": {\"label\": \"the "
			    "load\", \"id\": \"load\"}, \"other\": {\"type\": \"DERIVE\", \"graph\": \"no\", \"id\": "
			    "\"other\"}, \"later\": {\"label\": \"stands before its service's title\", \"id\": "
			    "\"later\"}}}");
	buf_clear(&out);
	assert_false(datafile_info(&(struct datafile_service){ .name = TEXT("p") }, &out)); /* no field */
	assert_int_equal(out.n, 0);
	buf_fini(&out);
	datafile_fini(&d);
	(void)state;
}

static void what_is_no_datafile_is_refused(void **state)
{
	static const char *const bad[] = { "", "\n", "versions 2\n", "g;h:load.graph_title x\n", "\xff\xfe" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct datafile d;

		assert_int_equal(datafile_read(text_of(bad[i]), &d, NULL), RC_REFUSED);
		datafile_fini(&d);
	}
	(void)state;
}

/* Paths */

static void assert_series(const struct series *s, const char *host, const char *plugin, const char *ds)
{
	assert_true(text_is(s->host, host) && text_is(s->plugin, plugin) && text_is(s->ds, ds));
}

static void names_of_munins_files(void **state)
{
	static const char *const bad[] = { "",           "x.rrd",         "g/h-load-load-x.rrd", "g/h-load-g.rrd",
					   "g/h--g.rrd", "g/h-load-.rrd", "a-b-c/d.rrd",         "-p-f-g.rrd" };
	struct series s;

	assert_true(rrd_name_munin(TEXT("g/web-1.example.org-if_eth0-up-c.rrd"), TEXT_NONE, &s));
	assert_series(&s, "web-1.example.org", "if_eth0", "up");
	assert_true(rrd_name_munin(TEXT("a.b/c/db-disk-sda-rd-g.rrd"), TEXT_NONE, &s));
	assert_series(&s, "db", "disk-sda", "rd");
	assert_true(rrd_name_munin(TEXT("g/my-db-disk-rd-g.rrd"), TEXT("g/my-db"), &s));
	assert_series(&s, "my-db", "disk", "rd");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(rrd_name_munin(text_of(bad[i]), TEXT_NONE, &s));
	(void)state;
}

static void names_of_other_files(void **state)
{
	struct arena a;
	struct series s;

	arena_init(&a);
	assert_true(rrd_name_plain(TEXT("web1/load/load.rrd"), TEXT("shortterm"), false, &a, &s));
	assert_series(&s, "web1", "load", "load.shortterm");
	assert_true(rrd_name_plain(TEXT("web1/cpu-0/cpu-user.rrd"), TEXT("value"), true, &a, &s));
	assert_series(&s, "web1", "cpu-0", "cpu-user");
	assert_true(rrd_name_plain(TEXT("web1/memory.rrd"), TEXT("used"), false, &a, &s));
	assert_series(&s, "web1", "memory", "used");
	assert_true(rrd_name_plain(TEXT("web1/a/b/c.rrd"), TEXT("x"), true, &a, &s));
	assert_series(&s, "web1", "a-b", "c");
	assert_false(rrd_name_plain(TEXT("top.rrd"), TEXT("x"), true, &a, &s));
	arena_fini(&a);
	(void)state;
}

/* Rows → slots. Two data sources; the second's values are those of the first plus a million. */

enum { N_DS = 2 };

static struct rrdfile_archive rows(uint32_t step_s, int64_t last_end_s, size_t n, const double *value)
{
	struct rrdfile_archive a = { .step_s = step_s,
				     .n_rows = n,
				     .first_end_s = last_end_s - (int64_t)(n - 1) * step_s,
				     .xff = 0.5,
				     .value = malloc(n * N_DS * sizeof(double)) };

	for (size_t i = 0; i < n; i++) {
		a.value[i * N_DS] = value[i];
		a.value[i * N_DS + 1] = value[i] + 1e6;
	}
	return a;
}

static void assert_slots(const struct rrdfile *r, uint32_t step_s, int64_t newest_s, const double *expected, uint32_t n)
{
	const struct retention how = { .aggregation = AGGREGATION_AVERAGE, .xff = 0.5F };
	const struct archive a = { step_s, n };
	double value[64];

	assert_true(n <= ARRAY_LEN(value));
	assert_int_equal(rrd_slots_newest_s(r, &a), newest_s);
	for (size_t ds = 0; ds < N_DS; ds++) {
		size_t n_known = 0;

		(void)rrd_slots_fill(r, ds, &how, &a, value);
		for (size_t i = 0; i < n; i++) {
			if (isnan(expected[i]))
				assert_true(isnan(value[i]));
			else
				assert_true(value[i] == expected[i] + (ds == 1 ? 1e6 : 0));
			n_known += !isnan(expected[i]);
		}
		assert_int_equal(rrd_slots_fill(r, ds, &how, &a, value), n_known);
	}
}

static void a_row_is_one_slot_of_each_archive(void **state)
{
	static const double fine[] = { 1, 2, NAN, 4, 5 }, coarse[] = { 10, NAN, 30 };
	struct rrdfile_archive archive[] = { rows(10, 1200, 5, fine), rows(60, 1200, 3, coarse) };
	struct rrdfile r = { .n_ds = N_DS, .n_archives = 2, .archive = archive };

	/* rows of 10 s begin at 1150 … 1190, of 60 s at 1020, 1080, 1140 */
	assert_slots(&r, 10, 1190, (const double[]){ 30, 1, 2, NAN, 4, 5 }, 6);
	assert_slots(&r, 60, 1140, (const double[]){ NAN, 10, NAN, 30 }, 4);
	/* finer than both: each where it begins, and of the coarser what begins before the finer reach back to */
	assert_slots(&r, 5, 1190, (const double[]){ 30, NAN, 1, NAN, 2, NAN, NAN, NAN, 4, NAN, 5 }, 11);
	/* between: pairs of 10 s, half known is enough */
	assert_slots(&r, 20, 1180, (const double[]){ NAN, 10, NAN, NAN, NAN, NAN, NAN, 1, 2, 4.5 }, 10);
	/* coarser than both: of 10 s too few are known, of 60 s half */
	assert_slots(&r, 120, 1080, (const double[]){ 10, 30 }, 2);
	for (size_t i = 0; i < ARRAY_LEN(archive); i++)
		free(archive[i].value);
	(void)state;
}

static void steps_that_fit_nowhere_are_told(void **state)
{
	static const double none[] = { NAN };
	struct rrdfile_archive archive[] = { rows(70, 7000, 1, none) };
	struct rrdfile r = { .n_ds = N_DS, .n_archives = 1, .archive = archive };
	struct retention how = { .archive = { { 60, 10 } }, .n_archives = 1 };
	uint32_t step_s = 0;

	assert_false(rrd_slots_fits(&r, &how, &step_s));
	assert_int_equal(step_s, 70);
	how.archive[0].step_s = 7;
	assert_true(rrd_slots_fits(&r, &how, &step_s));
	how.archive[0].step_s = 140;
	assert_true(rrd_slots_fits(&r, &how, &step_s));
	free(archive[0].value);
	(void)state;
}

static void the_files_own_archives(void **state)
{
	static const double none[16] = { NAN };
	struct rrdfile_archive archive[] = { rows(10, 7200, 12, none), rows(10, 7200, 4, none),
					     rows(60, 7200, 16, none) };
	struct rrdfile r = { .n_ds = N_DS, .n_archives = 3, .archive = archive };
	struct retention how;

	assert_int_equal(rrd_slots_retention(&r, &how, NULL), RC_OK);
	assert_int_equal(how.n_archives, 2);
	assert_true(how.archive[0].step_s == 10 && how.archive[0].n_points == 12);
	assert_true(how.archive[1].step_s == 60 && how.archive[1].n_points == 16);
	archive[2].step_s = 55;
	assert_int_equal(rrd_slots_retention(&r, &how, NULL), RC_REFUSED);
	for (size_t i = 0; i < ARRAY_LEN(archive); i++)
		free(archive[i].value);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_datafile_tells_services_fields_and_files),
		cmocka_unit_test(an_info_has_what_the_plugin_said),
		cmocka_unit_test(what_is_no_datafile_is_refused),
		cmocka_unit_test(names_of_munins_files),
		cmocka_unit_test(names_of_other_files),
		cmocka_unit_test(a_row_is_one_slot_of_each_archive),
		cmocka_unit_test(steps_that_fit_nowhere_are_told),
		cmocka_unit_test(the_files_own_archives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
