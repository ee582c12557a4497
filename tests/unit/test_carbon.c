/* The loop with true sockets on the loopback, and an engine and an ingest that do as the test says. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/lock.h"
#include "carbon/carbon.h"
#include "carbon/line.h"

enum { DEADLINE_MS = 20000, HOSTS = 64 };

struct engine {
	struct registry *registry;
	struct lock lock;
	/* under lock */
	uint64_t n_accepted;
	struct numbered last[HOSTS]; /* by id */
	enum rc rc;
	/* what came to ingest */
	uint64_t n_points, n_refused;
	char refused[16][LINE_MAX_BYTES + 1];
};

static struct engine *current; /* for ingest_submit() */

struct registry *engine_registry(struct engine *e)
{
	return e->registry;
}

enum rc engine_accept(struct engine *e, const struct numbered *point, size_t n, uint32_t accepted_s, uint64_t *position,
		      struct why *why)
{
	enum rc rc;

	(void)why;
	(void)accepted_s;
	lock_take(&e->lock);
	rc = e->rc;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		e->last[point[i].id % HOSTS] = point[i];
	if (rc == RC_OK)
		*position = e->n_accepted += n;
	lock_give_back(&e->lock);
	return rc;
}

void ingest_submit(struct ingest *in, struct batch *b)
{
	struct engine *e = current;

	(void)in;
	lock_take(&e->lock);
	for (size_t i = 0; i < b->n; i++) {
		struct item *item = &b->item[i];

		item->fate = item->decoded ? FATE_STORED : FATE_REJECTED;
		e->n_points += item->message.n_samples;
		if (!item->decoded && e->n_refused < 16)
			memcpy(e->refused[e->n_refused], item->original.s, item->original.n);
		e->n_refused += !item->decoded;
	}
	lock_give_back(&e->lock);
	b->done(b, b->argument);
}

static uint32_t mark_now(void *argument)
{
	(void)argument;
	return 1;
}

static uint32_t no_forgets(void *argument)
{
	(void)argument;
	return 0;
}

struct fixture {
	struct engine engine;
	struct schema schema;
	struct carbon *carbon;
	size_t max_connections;
};

static void start(struct fixture *f)
{
	struct why why = { "" };

	assert_int_equal(carbon_start(
				 &(struct carbon_options){
					 .listen = "127.0.0.1:0",
					 .engine = &f->engine,
					 .schema = &f->schema,
					 .max_future_s = 600,
					 .mark = mark_now,
					 .n_forgets = no_forgets,
					 .max_connections = f->max_connections,
				 },
				 &f->carbon, &why),
			 RC_OK);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint32_t source;
	char host[16];

	if (f == NULL)
		return 1;
	f->engine.registry = registry_new();
	lock_init(&f->engine.lock);
	current = &f->engine;
	schema_init(&f->schema);
	for (int i = 0; i < HOSTS; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		source = registry_source(f->engine.registry, text_of(host), TEXT("00/x"), TEXT("p"), true);
		registry_set_mark(f->engine.registry, source, 1);
		if (registry_series(f->engine.registry, source, TEXT("d"), true) != (uint32_t)i)
			return 1;
	}
	start(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	carbon_stop(f->carbon);
	schema_fini(&f->schema);
	registry_free(f->engine.registry);
	lock_fini(&f->engine.lock);
	free(f);
	return 0;
}

static int dial(const struct fixture *f, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)carbon_port(f->carbon)) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *bytes)
{
	assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

static void set_rc(struct fixture *f, enum rc rc)
{
	lock_take(&f->engine.lock);
	f->engine.rc = rc;
	lock_give_back(&f->engine.lock);
}

/* Wait until a number that the loop changes is there, or fail. */
static void wait_for(struct fixture *f, const uint64_t *number, uint64_t expected)
{
	struct mono deadline = mono_after_ms(mono_now(), DEADLINE_MS);
	uint64_t now;

	do {
		lock_take(&f->engine.lock);
		now = *number;
		lock_give_back(&f->engine.lock);
		if (now >= expected)
			break;
		usleep(1000);
	} while (mono_ms_between(mono_now(), deadline) > 0);
	assert_int_equal(now, expected);
}

static void wait_for_counter(enum counter c, uint64_t expected)
{
	struct mono deadline = mono_after_ms(mono_now(), DEADLINE_MS);

	while (counter_get(c) < expected && mono_ms_between(mono_now(), deadline) > 0)
		usleep(1000);
	assert_int_equal(counter_get(c), expected);
}

static double last_value(struct fixture *f, int host)
{
	double v;

	lock_take(&f->engine.lock);
	v = f->engine.last[host].value;
	lock_give_back(&f->engine.lock);
	return v;
}

static void takes_lines_in_any_pieces(void **state)
{
	static const char lines[] = "h1.p.d 11.5 N\nh2.p.d 12.25 -1\r\nrubbish\nh3.p.d 13 N\n";
	struct fixture *f = *state;
	uint64_t n = 0;

	for (size_t cut = 1; cut < sizeof(lines) - 1; cut++) {
		int fd = dial(f, SOCK_STREAM);

		assert_int_equal(send(fd, lines, cut, MSG_NOSIGNAL), cut);
		usleep(cut % 7 == 0 ? 3000 : 0);
		say(fd, lines + cut);
		close(fd);
		n++;
	}
	wait_for(f, &f->engine.n_accepted, n * 3);
	wait_for(f, &f->engine.n_refused, n);
	assert_true(last_value(f, 1) == 11.5);
	assert_true(last_value(f, 2) == 12.25);
	assert_true(last_value(f, 3) == 13);
	assert_string_equal(f->engine.refused[0], "rubbish");
}

static void goes_on_behind_a_line_without_end(void **state)
{
	struct fixture *f = *state;
	char *flood = malloc(3 * 1024 * 1024 + 1);
	int fd = dial(f, SOCK_STREAM);

	assert_non_null(flood);
	memset(flood, 'x', 3 * 1024 * 1024);
	flood[3 * 1024 * 1024] = '\0';
	say(fd, "h1.p.d 1 N\n");
	say(fd, flood);
	say(fd, "\nh1.p.d 2 N\n");
	wait_for(f, &f->engine.n_accepted, 2);
	assert_int_equal(f->engine.n_refused, 1);
	assert_int_equal(strlen(f->engine.refused[0]), LINE_MAX_BYTES);
	/* what stands behind the last line feed when a connection ends may be a cut number */
	say(fd, "h1.p.d 3 179534");
	close(fd);
	wait_for(f, &f->engine.n_refused, 2);
	assert_string_equal(f->engine.refused[1], "h1.p.d 3 179534");
	assert_true(last_value(f, 1) == 2);
	free(flood);
}

static void takes_datagrams(void **state)
{
	struct fixture *f = *state;
	uint64_t n = counter_get(COUNTER_CARBON_DATAGRAMS);
	int fd = dial(f, SOCK_DGRAM);

	say(fd, "h1.p.d 1 N\nh2.p.d 2 N");
	say(fd, "h3.p.d 3 N\n");
	say(fd, "h4.p.d");
	wait_for(f, &f->engine.n_accepted, 3);
	wait_for(f, &f->engine.n_refused, 1);
	assert_string_equal(f->engine.refused[0], "h4.p.d");
	wait_for_counter(COUNTER_CARBON_DATAGRAMS, n + 3);
	close(fd);
}

static void sends_new_series_to_ingest(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f, SOCK_STREAM);

	say(fd, "new.p.d 1 N\nnew.p.e 1 N\nh1.p.d 1 N\n");
	wait_for(f, &f->engine.n_points, 2);
	wait_for(f, &f->engine.n_accepted, 1);
	close(fd);
}

static void serves_many_connections_in_turn(void **state)
{
	enum { CONNECTIONS = 500, LINES = 40 };
	struct fixture *f = *state;
	uint64_t n = counter_get(COUNTER_CARBON_CONNECTIONS);
	static int fd[CONNECTIONS];
	char line[64];

	for (int i = 0; i < CONNECTIONS; i++)
		fd[i] = dial(f, SOCK_STREAM);
	for (int k = 0; k < LINES; k++)
		for (int i = 0; i < CONNECTIONS; i++) {
			snprintf(line, sizeof(line), "h%d.p.d %d N\n", (i * 7 + k * k) % HOSTS, k);
			say(fd[i], line);
		}
	wait_for(f, &f->engine.n_accepted, (uint64_t)CONNECTIONS * LINES);
	assert_int_equal(counter_get(COUNTER_CARBON_CONNECTIONS) - n, CONNECTIONS);
	for (int i = 0; i < CONNECTIONS; i++)
		close(fd[i]);
}

static void lets_more_connections_wait(void **state)
{
	struct fixture *f = *state;
	int fd[4];

	carbon_stop(f->carbon);
	f->max_connections = 2;
	start(f);
	for (int i = 0; i < 4; i++) {
		fd[i] = dial(f, SOCK_STREAM);
		say(fd[i], "h1.p.d 1 N\n");
	}
	wait_for(f, &f->engine.n_accepted, 2);
	usleep(20000);
	wait_for(f, &f->engine.n_accepted, 2);
	close(fd[0]);
	wait_for(f, &f->engine.n_accepted, 3);
	close(fd[1]);
	wait_for(f, &f->engine.n_accepted, 4);
	close(fd[2]);
	close(fd[3]);
}

/* A full journal: the sender is held back by TCP, and nothing is lost. */
static void stops_reading_while_nothing_is_accepted(void **state)
{
	static const char line[] = "h5.p.d 5 N\n";
	enum { LINE_BYTES = sizeof(line) - 1, CHUNK_LINES = 5000, MOST_BYTES = 64 * 1024 * 1024 };
	static char chunk[CHUNK_LINES * LINE_BYTES];
	const struct timeval briefly = { .tv_usec = 300000 }, forever = { 0 };
	struct fixture *f = *state;
	uint64_t n_stalls = counter_get(COUNTER_CARBON_STALLS), sent = 0;
	int fd = dial(f, SOCK_STREAM);

	for (size_t i = 0; i < CHUNK_LINES; i++)
		memcpy(chunk + i * LINE_BYTES, line, LINE_BYTES);
	set_rc(f, RC_FULL);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &briefly, sizeof(briefly)), 0);
	for (;;) {
		size_t begin = sent % LINE_BYTES;
		ssize_t n = send(fd, chunk + begin, sizeof(chunk) - begin, MSG_NOSIGNAL);

		if (n < 0)
			break; /* held back */
		sent += (uint64_t)n;
		assert_true(sent < MOST_BYTES);
	}
	assert_int_equal(counter_get(COUNTER_CARBON_STALLS) - n_stalls, 1);
	lock_take(&f->engine.lock);
	assert_int_equal(f->engine.n_accepted, 0);
	lock_give_back(&f->engine.lock);
	set_rc(f, RC_OK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever)), 0);
	say(fd, line + sent % LINE_BYTES);
	sent += LINE_BYTES - sent % LINE_BYTES;
	wait_for(f, &f->engine.n_accepted, sent / LINE_BYTES);
	assert_int_equal(f->engine.n_refused, 0);
	close(fd);
}

static void says_that_an_address_is_in_use(void **state)
{
	struct fixture *f = *state;
	struct carbon *second = NULL;
	struct why why = { "" };
	char listen[64], expected[128];

	snprintf(listen, sizeof(listen), "127.0.0.1:%d", carbon_port(f->carbon));
	snprintf(expected, sizeof(expected), "listen on %s: Address already in use", listen);
	assert_int_equal(carbon_start(&(struct carbon_options){ .listen = listen,
								.engine = &f->engine,
								.schema = &f->schema,
								.mark = mark_now,
								.n_forgets = no_forgets },
				      &second, &why),
			 RC_REFUSED);
	assert_string_equal(why.text, expected);
	assert_null(second);
}

static void hands_over_what_was_read_before_it_ends(void **state)
{
	struct fixture *f = *state;
	uint64_t n_lines = counter_get(COUNTER_CARBON_LINES);
	int fd = dial(f, SOCK_STREAM);

	set_rc(f, RC_FULL);
	say(fd, "h6.p.d 6 N\nh6.p.d 7 N\n");
	wait_for_counter(COUNTER_CARBON_LINES, n_lines + 2);
	set_rc(f, RC_OK);
	carbon_stop(f->carbon);
	f->carbon = NULL;
	assert_int_equal(f->engine.n_accepted, 2);
	assert_true(last_value(f, 6) == 7);
	close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(takes_lines_in_any_pieces),
		CASE(goes_on_behind_a_line_without_end),
		CASE(takes_datagrams),
		CASE(sends_new_series_to_ingest),
		CASE(serves_many_connections_in_turn),
		CASE(lets_more_connections_wait),
		CASE(stops_reading_while_nothing_is_accepted),
		CASE(says_that_an_address_is_in_use),
		CASE(hands_over_what_was_read_before_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
