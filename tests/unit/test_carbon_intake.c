#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "carbon/intake.h"

enum { NOW = 1795342601, MARK = 3, KEEPS_S = 3600 * 8784 };

/* What stands around an intake: a registry, an engine and an ingest that do as the test says. */
struct fixture {
	struct registry *registry;
	struct schema schema;
	struct intake *intake;
	struct intake_place place;
	uint32_t mark, n_forgets;
	enum rc accept_rc;
	struct numbered accepted[64];
	size_t n_accepted;
	struct batch *batch; /* with ingest */
	size_t n_submitted, n_woken;
	char bytes[4 * LINE_MAX_BYTES + INTAKE_SLACK];
};

static enum rc accept_points(void *argument, const struct numbered *point, size_t n, uint32_t accepted_s,
			     struct why *why)
{
	struct fixture *f = argument;

	if (f->accept_rc != RC_OK)
		return because(why, f->accept_rc, "as the test says");
	assert_int_equal(accepted_s, NOW);
	assert_in_range(f->n_accepted + n, 1, ARRAY_LEN(f->accepted));
	memcpy(f->accepted + f->n_accepted, point, n * sizeof(*point));
	f->n_accepted += n;
	return RC_OK;
}

static void submit_batch(void *argument, struct batch *b)
{
	struct fixture *f = argument;

	assert_null(f->batch);
	assert_int_equal(b->input, INPUT_CARBON);
	assert_int_equal(b->accepted_s, NOW);
	f->batch = b;
	f->n_submitted++;
}

static void wake(void *argument)
{
	struct fixture *f = argument;

	f->n_woken++;
}

static uint32_t mark_now(void *argument)
{
	const struct fixture *f = argument;

	return f->mark;
}

static uint32_t n_forgets_now(void *argument)
{
	const struct fixture *f = argument;

	return f->n_forgets;
}

static void open_intake(struct fixture *f, size_t known_max_bytes)
{
	f->intake = intake_new(&(struct intake_options){
		.registry = f->registry,
		.accept = accept_points,
		.submit = submit_batch,
		.wake = wake,
		.mark = mark_now,
		.n_forgets = n_forgets_now,
		.argument = f,
		.schema = &f->schema,
		.max_future_s = 600,
		.known_max_bytes = known_max_bytes,
	});
	intake_begin(f->intake, NOW);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return 1;
	f->registry = registry_new();
	f->mark = MARK;
	f->place = INTAKE_START;
	schema_init(&f->schema);
	open_intake(f, 1 << 20);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	intake_free(f->intake);
	schema_fini(&f->schema);
	registry_free(f->registry);
	free(f);
	return 0;
}

/* A series that ingest has made known and told the metadata store of. */
static uint32_t add_series(struct fixture *f, const char *host, const char *plugin, const char *ds)
{
	uint32_t source = registry_source(f->registry, text_of(host), text_of("00/folder"), text_of(plugin), true);

	registry_set_mark(f->registry, source, f->mark);
	return registry_series(f->registry, source, text_of(ds), true);
}

/* What stands behind them must not matter. */
static size_t give(struct fixture *f, const char *lines)
{
	size_t n = strlen(lines);

	memset(f->bytes, '7', sizeof(f->bytes));
	memcpy(f->bytes, lines, n);
	return intake_take(f->intake, &f->place, f->bytes, n);
}

static void end_round_at(struct fixture *f, int64_t ms)
{
	intake_end(f->intake, (struct mono){ ms * 1000000 });
	intake_begin(f->intake, NOW);
}

static void end_round(struct fixture *f)
{
	end_round_at(f, 0);
}

/* Ingest is done with the batch; `make_known`: it registered the series of its messages. */
static void finish_batch(struct fixture *f, enum fate fate, bool make_known)
{
	struct batch *b = f->batch;

	assert_non_null(b);
	f->batch = NULL;
	for (size_t i = 0; i < b->n; i++) {
		const struct message *m = &b->item[i].message;
		uint32_t source;

		b->item[i].fate = b->item[i].decoded ? fate : FATE_REJECTED;
		if (!make_known || !b->item[i].decoded)
			continue;
		source = registry_source(f->registry, m->host, TEXT("00/folder"), m->plugin, true);
		registry_set_mark(f->registry, source, f->mark);
		for (size_t k = 0; k < m->n_samples; k++)
			registry_series(f->registry, source, m->sample[k].ds, true);
	}
	b->done(b, b->argument);
}

static void assert_accepted(struct fixture *f, const struct numbered *expected, size_t n)
{
	assert_int_equal(f->n_accepted, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(f->accepted[i].id, expected[i].id);
		assert_int_equal(f->accepted[i].t_s, expected[i].t_s);
		assert_true(f->accepted[i].value == expected[i].value);
	}
	f->n_accepted = 0;
}

static void accepts_points_of_known_series_at_once(void **state)
{
	struct fixture *f = *state;
	uint32_t d = add_series(f, "a.b", "c", "d"), e = add_series(f, "a.b", "c", "e");
	uint32_t x = add_series(f, "x", "carbon", "y");
	uint64_t n_lines = counter_get(COUNTER_CARBON_LINES);
	const char *lines = "a.b.c.d 1.5 1795342560\n"
			    "a.b.c.e -2 1795342560\r\n"
			    "\n"
			    "x.y\t3e2  1795342560.9\n"
			    "a.b.c.d 1.5 1795342620\n"
			    "a.b.c.e 7 -1\n"
			    "x.y 4 1795342620\n"
			    "x.y 5 17953426"; /* goes on in the next read */

	assert_int_equal(give(f, lines), strlen(lines) - strlen("x.y 5 17953426"));
	assert_int_equal(counter_get(COUNTER_CARBON_LINES) - n_lines, 6);
	end_round(f);
	assert_accepted(f,
			(struct numbered[]){ { d, 1795342560, 1.5 },
					     { e, 1795342560, -2 },
					     { x, 1795342560, 300 },
					     { d, 1795342620, 1.5 },
					     { e, NOW, 7 },
					     { x, 1795342620, 4 } },
			6);
	assert_int_equal(f->n_submitted, 0);
}

/* Order of lines, connections and names that begin alike: the value always goes to its own series. */
static void finds_series_in_any_order(void **state)
{
	enum { N = 40, TICKS = 30 };
	struct fixture *f = *state;
	struct intake_place place[2] = { INTAKE_START, INTAKE_START };
	uint32_t id[N];
	unsigned random = 1;
	char name[32];

	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		id[i] = add_series(f, "host", "p", name);
	}
	for (int tick = 0; tick < TICKS; tick++) {
		unsigned order[N];
		char lines[N * 40] = "";
		size_t n = 0;

		for (unsigned i = 0; i < N; i++)
			order[i] = i;
		for (unsigned i = N - 1; tick % 3 == 2 && i > 0; i--) { /* two of three ticks come in order */
			unsigned j = (random = random * 1664525 + 1013904223) >> 8, other = order[j % (i + 1)];

			order[j % (i + 1)] = order[i];
			order[i] = other;
		}
		for (unsigned i = 0; i < N; i++)
			n += (size_t)snprintf(lines + n, sizeof(lines) - n, "host.p.d%u %u %u\n", order[i], order[i],
					      NOW - 60 * (TICKS - (unsigned)tick));
		memcpy(f->bytes, lines, n);
		assert_int_equal(intake_take(f->intake, &place[tick % 2], f->bytes, n), n);
		end_round(f);
		assert_int_equal(f->n_accepted, N);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(f->accepted[i].id, id[order[i]]);
			assert_true(f->accepted[i].value == order[i]);
		}
		f->n_accepted = 0;
	}
	assert_int_equal(f->n_submitted, 0);
}

static void makes_one_message_of_lines_that_belong_together(void **state)
{
	struct fixture *f = *state;
	const struct item *i;

	give(f, "a.b.c.d 1 1795342560\na.b.c.e 2 1795342560\na.b.c.d 3 1795342620\nq 4 1795342560\n");
	end_round(f);
	assert_int_equal(f->n_accepted, 0);
	assert_int_equal(f->n_submitted, 1);
	assert_int_equal(f->batch->n, 3);
	i = &f->batch->item[0];
	assert_true(i->decoded);
	assert_int_equal(i->message.kind, MESSAGE_DATA);
	assert_true(text_is(i->message.host, "a.b"));
	assert_true(text_is(i->message.plugin, "c"));
	assert_int_equal(i->message.t_s, 1795342560);
	assert_int_equal(i->message.n_samples, 2);
	assert_true(text_is(i->message.sample[0].ds, "d") && i->message.sample[0].value == 1);
	assert_true(text_is(i->message.sample[1].ds, "e") && i->message.sample[1].value == 2);
	assert_true(text_is(i->original, "a.b.c.d 1 1795342560\na.b.c.e 2 1795342560"));
	assert_true(text_is(i[1].original, "a.b.c.d 3 1795342620"));
	assert_int_equal(i[1].message.n_samples, 1);
	assert_true(text_is(i[2].message.host, "carbon") && text_is(i[2].message.sample[0].ds, "q"));
	assert_true(intake_busy(f->intake));
	finish_batch(f, FATE_STORED, true);
	assert_int_equal(f->n_woken, 1);
	end_round(f);
	assert_false(intake_busy(f->intake));
	assert_int_equal(intake_n_waiting(f->intake), 0);
}

/* A point never overtakes an older one of its series that is still on its way through ingest. */
static void keeps_the_order_while_a_series_is_made_known(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	give(f, "a.b.c 1 1795342560\n");
	end_round(f);
	id = add_series(f, "a", "b", "c"); /* known already, but its batch is not back */
	give(f, "a.b.c 2 1795342560\n");
	end_round(f);
	assert_int_equal(f->n_accepted, 0);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	assert_int_equal(f->n_submitted, 2);
	assert_int_equal(f->batch->n, 1);
	assert_true(f->batch->item[0].message.sample[0].value == 2);
	give(f, "a.b.c 3 1795342560\n");
	end_round(f);
	assert_int_equal(f->n_accepted, 0);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	assert_true(f->batch->item[0].message.sample[0].value == 3);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	give(f, "a.b.c 4 1795342560\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ id, 1795342560, 4 }, 1);
	assert_int_equal(f->n_submitted, 3);
}

static void tells_a_metadata_store_that_lost_everything_again(void **state)
{
	struct fixture *f = *state;
	uint32_t id = add_series(f, "a", "b", "c");

	give(f, "a.b.c 1 1795342560\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ id, 1795342560, 1 }, 1);
	f->mark++;
	end_round(f);
	give(f, "a.b.c 2 1795342620\n");
	end_round(f);
	assert_int_equal(f->n_accepted, 0);
	assert_int_equal(f->batch->n, 1);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	give(f, "a.b.c 3 1795342620\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ id, 1795342620, 3 }, 1);
	/* somebody else told it: nothing to do */
	f->mark++;
	add_series(f, "a", "b", "c");
	end_round(f);
	give(f, "a.b.c 4 1795342620\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ id, 1795342620, 4 }, 1);
	assert_int_equal(f->n_submitted, 1);
}

static void asks_again_when_something_is_to_be_forgotten(void **state)
{
	struct fixture *f = *state;
	uint32_t id = add_series(f, "a", "b", "c"), other = add_series(f, "x", "y", "z");

	give(f, "a.b.c 1 1795342560\nx.y.z 1 1795342560\n");
	end_round(f);
	f->n_accepted = 0;
	registry_set_mark(f->registry, registry_source_of(f->registry, id), 0);
	f->n_forgets++;
	end_round(f);
	give(f, "a.b.c 2 1795342620\nx.y.z 2 1795342620\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ other, 1795342620, 2 }, 1);
	assert_int_equal(f->batch->n, 1);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	give(f, "a.b.c 3 1795342620\n");
	end_round(f);
	assert_accepted(f, &(struct numbered){ id, 1795342620, 3 }, 1);
	assert_int_equal(f->n_submitted, 1);
}

/* Times are judged in one place: what any series might refuse goes there. */
static void leaves_odd_times_to_ingest(void **state)
{
	static const struct {
		int64_t t_s;
		bool at_once;
	} row[] = {
		{ NOW, true }, { NOW + 600, true },      { NOW + 601, false }, { NOW - KEEPS_S + 1, true },
		{ 5, false },  { NOW - KEEPS_S, false }, { -60, false },       { 5000000000, false },
	};
	struct fixture *f = *state;

	add_series(f, "a", "b", "c");
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char line[64];

		snprintf(line, sizeof(line), "a.b.c 1 %lld\n", (long long)row[i].t_s);
		for (int k = 0; k < 2; k++) { /* the first time by the long way, then by the short one */
			give(f, line);
			end_round(f);
			assert_int_equal(f->n_accepted, row[i].at_once);
			assert_int_equal(f->batch != NULL, !row[i].at_once);
			f->n_accepted = 0;
			if (f->batch == NULL)
				continue;
			assert_int_equal(f->batch->item[0].message.t_s, row[i].t_s);
			finish_batch(f, FATE_STORED, false);
			end_round(f);
		}
	}
}

static void keeps_bad_lines_aside_and_goes_on(void **state)
{
	static const struct {
		const char *original;
		enum reason reason;
		const char *detail;
	} row[] = {
		{ "rubbish", REASON_CARBON_LINE, "not three fields: \"rubbish\"" },
		{ "a.b.c x 1", REASON_VALUE, "no number: \"x\"" },
		{ "a.b.c 1 x", REASON_TIMESTAMP, "no Unix seconds: \"x\"" },
		{ "a..c 1 1", REASON_CARBON_LINE, "a name with an empty part: \"a..c\"" },
		{ "a.b/x.c 1 1", REASON_PLUGIN_NAME, "name \"b/x\" holds a /" },
		{ "cut", REASON_CARBON_LINE, "the connection ended within this line" },
	};
	struct fixture *f = *state;
	uint32_t id = add_series(f, "a", "b", "c");
	uint64_t n_lines = counter_get(COUNTER_CARBON_LINES), n_bad = counter_get(COUNTER_CARBON_BAD_LINES);
	uint64_t n_unknown = counter_get(COUNTER_POINTS_UNKNOWN);

	give(f, "rubbish\na.b.c 1 1795342560\na.b.c x 1\na.b.c 1 x\na..c 1 1\na.b/x.c 1 1\na.b.c nan 1795342560\n"
		"a.b.c 2 1795342620\n");
	intake_refuse(f->intake, TEXT("cut"), "the connection ended within this line");
	end_round(f);
	assert_accepted(f, (struct numbered[]){ { id, 1795342560, 1 }, { id, 1795342620, 2 } }, 2);
	assert_int_equal(f->batch->n, ARRAY_LEN(row));
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_false(f->batch->item[i].decoded);
		assert_true(text_is(f->batch->item[i].original, row[i].original));
		assert_int_equal(f->batch->item[i].refusal.reason, row[i].reason);
		assert_string_equal(f->batch->item[i].refusal.detail, row[i].detail);
	}
	assert_int_equal(counter_get(COUNTER_CARBON_LINES) - n_lines, 9);
	assert_int_equal(counter_get(COUNTER_CARBON_BAD_LINES) - n_bad, ARRAY_LEN(row));
	assert_int_equal(counter_get(COUNTER_POINTS_UNKNOWN) - n_unknown, 1);
	finish_batch(f, FATE_STORED, false);
	end_round(f);
}

static void keeps_points_that_cannot_be_accepted_yet(void **state)
{
	struct fixture *f = *state;
	uint32_t id = add_series(f, "a", "b", "c");
	int64_t ms = -1;

	f->accept_rc = RC_FULL;
	give(f, "a.b.c 1 1795342560\n");
	assert_false(intake_stalled(f->intake));
	assert_false(intake_due(f->intake, (struct mono){ 0 }, &ms));
	end_round(f);
	assert_true(intake_stalled(f->intake));
	assert_true(intake_due(f->intake, (struct mono){ 0 }, &ms));
	assert_int_equal(ms, 50);
	f->accept_rc = RC_DISK;
	end_round(f);
	assert_true(intake_stalled(f->intake));
	assert_int_equal(intake_n_waiting(f->intake), 1);
	f->accept_rc = RC_OK;
	end_round(f);
	assert_false(intake_stalled(f->intake));
	assert_accepted(f, &(struct numbered){ id, 1795342560, 1 }, 1);
	end_round(f);
	assert_int_equal(f->n_accepted, 0);
}

/* Metadata store away: the batch comes again after a pause, and the next one stays behind it. */
static void tries_failed_batches_again_in_order(void **state)
{
	struct fixture *f = *state;
	struct batch *first;
	int64_t ms = -1;

	give(f, "a.b.c 1 1795342560\n");
	end_round(f);
	first = f->batch;
	finish_batch(f, FATE_FAILED, false);
	end_round_at(f, 1000);
	give(f, "a.b.c 2 1795342560\n");
	end_round_at(f, 1000);
	assert_null(f->batch);
	assert_true(intake_due(f->intake, (struct mono){ INT64_C(1100) * 1000000 }, &ms));
	assert_int_equal(ms, 150);
	end_round_at(f, 1249);
	assert_null(f->batch);
	end_round_at(f, 1250);
	assert_ptr_equal(f->batch, first);
	finish_batch(f, FATE_FAILED, false);
	end_round_at(f, 1300);
	assert_true(intake_due(f->intake, (struct mono){ INT64_C(1300) * 1000000 }, &ms));
	assert_int_equal(ms, 500);
	assert_int_equal(intake_n_waiting(f->intake), 2);
	end_round_at(f, 1800);
	finish_batch(f, FATE_STORED, true);
	end_round_at(f, 1801);
	assert_ptr_not_equal(f->batch, first);
	assert_true(f->batch->item[0].message.sample[0].value == 2);
	finish_batch(f, FATE_STORED, true);
	end_round_at(f, 1802);
	assert_int_equal(intake_n_waiting(f->intake), 0);
}

static void reads_no_more_than_may_wait(void **state)
{
	struct fixture *f = *state;
	char line[64];
	size_t n = 0;

	give(f, "first.b.c 1 1795342560\n");
	end_round(f);
	while (!intake_stalled(f->intake)) {
		snprintf(line, sizeof(line), "h%zu.b.c 1 1795342560\n", n++);
		give(f, line);
		assert_in_range(n, 1, 64 * 1024);
	}
	assert_in_range(n, 1000, 64 * 1024);
	end_round(f);
	assert_true(intake_stalled(f->intake));
	finish_batch(f, FATE_STORED, true);
	end_round(f);
	assert_false(intake_stalled(f->intake));
	assert_int_equal(f->batch->n, n);
	finish_batch(f, FATE_STORED, true);
	end_round(f);
}

/* Without room in the table of names everything works, only slower. */
static void works_without_the_table_of_names(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	intake_free(f->intake);
	open_intake(f, 0);
	id = add_series(f, "a", "b", "c");
	for (int i = 0; i < 2; i++) {
		give(f, "a.b.c 1 1795342560\nx.b.c 2 1795342560\na.b.c nan 1795342560\na.b.c 3 1795342620\n");
		end_round(f);
		assert_accepted(f, (struct numbered[]){ { id, 1795342560, 1 }, { id, 1795342620, 3 } }, 2);
		assert_int_equal(f->batch->n, 1);
		finish_batch(f, FATE_STORED, false);
		end_round(f);
	}
	assert_int_equal(intake_bytes(f->intake), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(accepts_points_of_known_series_at_once),
		CASE(finds_series_in_any_order),
		CASE(makes_one_message_of_lines_that_belong_together),
		CASE(keeps_the_order_while_a_series_is_made_known),
		CASE(tells_a_metadata_store_that_lost_everything_again),
		CASE(asks_again_when_something_is_to_be_forgotten),
		CASE(leaves_odd_times_to_ingest),
		CASE(keeps_bad_lines_aside_and_goes_on),
		CASE(keeps_points_that_cannot_be_accepted_yet),
		CASE(tries_failed_batches_again_in_order),
		CASE(reads_no_more_than_may_wait),
		CASE(works_without_the_table_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
