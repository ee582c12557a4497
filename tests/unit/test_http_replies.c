/* The server on a Unix socket, over values whose reads are counted: which replies are made anew. */
#include "test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/server.h"
#include "reading_engine.h"

enum { STEP_S = 1 << 22, REPLY_BYTES = 65536, SLOTS = 500 };

#define DAILY "/numeter-storage/data?host=h1&plugin=load&ds=load&res=Daily"

static atomic_int n_fetches, n_reads;
static atomic_uint version;
static char folder[] = "/tmp/numeter-test-XXXXXX", socket_path[64];
static char reply[REPLY_BYTES];
static struct meta *store;

static enum rc fake_fetch(struct values *v, const struct series *s, const struct taken *pending, size_t n_pending,
			  uint32_t held_from_s, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
			  struct why *why)
{
	(void)v, (void)pending, (void)n_pending, (void)held_from_s;
	(void)s;
	(void)from_s;
	(void)now_s;
	(void)why;
	atomic_fetch_add(&n_fetches, 1);
	*out = (struct span){ .start_s = until_s - until_s % STEP_S,
			      .step_s = STEP_S,
			      .n = SLOTS,
			      .aggregation = AGGREGATION_AVERAGE,
			      .value = must_alloc(SLOTS * sizeof(double)) };
	for (size_t i = 0; i < SLOTS; i++)
		out->value[i] = atomic_load(&version);
	return RC_OK;
}

static const struct values_ops fake_ops = { .fetch = fake_fetch };

static enum rc counted_each(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
			    struct why *why)
{
	(void)m;
	atomic_fetch_add(&n_reads, 1);
	return meta_each(store, hash, host, fn, argument, why);
}

static enum rc passed_read(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	(void)m;
	return meta_read(store, read, n, answers, why);
}

static enum rc passed_apply(struct meta *m, const struct meta_write *write, size_t n, struct why *why)
{
	(void)m;
	return meta_apply(store, write, n, why);
}

static const struct meta_ops counted_ops = { .each = counted_each, .read = passed_read, .apply = passed_apply };
static struct meta counted = { .ops = &counted_ops };
static struct values fake = { &fake_ops };
static struct reading_engine reading;

static uint32_t version_now(void *argument, const struct series *s)
{
	(void)argument;
	(void)s;
	return atomic_load(&version);
}

static struct http_server *start(query_version_fn *version_fn)
{
	static struct query q;
	struct config_listen where = { .unix_path = socket_path };
	struct http_options options = { .listen = &where,
					.n_listen = 1,
					.socket_mode = 0600,
					.cors_origin = "https://page.example",
					.n_threads = 2,
					.query = &q };
	struct http_server *s = NULL;
	struct why why = { "" };

	q = (struct query){ .meta = &counted,
			    .engine = reading.engine,
			    .wsp_path = "/srv/wsps",
			    .md5_digits = 2,
			    .version = version_fn };
	if (http_server_start(&options, &s, &why) != RC_OK)
		fail_msg("%s", why.text);
	return s;
}

static void put(enum meta_hash hash, const char *host, const char *field, const char *value)
{
	struct meta_write w = { META_SET, { hash, text_of(host), text_of(field) }, text_of(value) };

	assert_int_equal(meta_apply(&counted, &w, 1, NULL), RC_OK);
}

/* The whole answer in `reply`; its status. */
static int ask(const char *target, const char *headers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char request[512];
	size_t n = 0;
	ssize_t got;

	strcpy(address.sun_path, socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	n = (size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
			     target, headers);
	assert_int_equal(write(fd, request, n), n);
	for (n = 0; (got = read(fd, reply + n, REPLY_BYTES - 1 - n)) > 0;)
		n += (size_t)got;
	reply[n] = '\0';
	close(fd);
	return atoi(reply + strlen("HTTP/1.1 "));
}

static void check_header(const char *line)
{
	if (strstr(reply, line) == NULL)
		fail_msg("no \"%s\" in %.600s", line, reply);
}

static void values_are_read_again_only_when_they_may_differ(void **state)
{
	struct http_server *s = start(version_now);
	int before = n_fetches;
	char etag[64], header[128], first[REPLY_BYTES];

	assert_int_equal(ask(DAILY, ""), 200);
	check_header("[0.0, 0.0");
	strcpy(first, strstr(reply, "\r\n\r\n"));
	assert_int_equal(sscanf(strstr(reply, "ETag: "), "ETag: %63s", etag), 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(DAILY, ""), 200);
		check_header(etag);
		check_header("Vary: Origin");
		check_header("Cache-Control: no-cache");
		assert_string_equal(strstr(reply, "\r\n\r\n"), first);
	}
	snprintf(header, sizeof(header), "If-None-Match: %s\r\n", etag);
	assert_int_equal(ask(DAILY, header), 304);
	check_header(etag);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(DAILY, "Accept-Encoding: gzip\r\n"), 200);
		check_header("Content-Encoding: gzip");
		check_header(etag);
	}
	assert_int_equal(ask(DAILY, "Origin: https://page.example\r\n"), 200);
	check_header("Access-Control-Allow-Origin: https://page.example");
	assert_string_equal(strstr(reply, "\r\n\r\n"), first);
	assert_int_equal(n_fetches - before, 1);
	/* parameters in another order are the same question, other ones are not */
	assert_int_equal(ask("/numeter-storage/data?res=Daily&ds=load&plugin=load&host=h1", ""), 200);
	assert_int_equal(n_fetches - before, 1);
	assert_int_equal(ask("/numeter-storage/data?res=Weekly&ds=load&plugin=load&host=h1", ""), 200);
	assert_int_equal(n_fetches - before, 2);
	atomic_fetch_add(&version, 1);
	assert_int_equal(ask(DAILY, header), 200);
	check_header("[1.0, 1.0");
	assert_int_equal(n_fetches - before, 3);
	/* the host moved: perhaps other files */
	put(META_WSP_PATH, NULL, "h1", "/srv/wsps/bb/h1");
	assert_int_equal(ask(DAILY, ""), 200);
	assert_int_equal(n_fetches - before, 4);
	http_server_stop(s);
	(void)state;
}

/* How often values were read for this question. */
static int fetches_of(const char *target)
{
	int before = n_fetches;

	assert_int_equal(ask(target, ""), 200);
	return n_fetches - before;
}

static void questions_that_come_once_drive_out_only_each_other(void **state)
{
	enum { MANY = 3000 };
	struct http_server *s = start(version_now);
	char target[256];
	int64_t minute;
	int early, late, twice, from = 10000;

	(void)state;
	do { /* no reply outlives its minute */
		from += MANY;
		minute = wall_now().s / 60;
		(void)fetches_of(DAILY);
		twice = fetches_of(DAILY);
		for (int i = 0; i < MANY; i++) {
			snprintf(target, sizeof(target), DAILY "&max_points=%d", from + i);
			(void)fetches_of(target);
		}
		twice += fetches_of(DAILY);
		late = fetches_of(target);
		snprintf(target, sizeof(target), DAILY "&max_points=%d", from);
		early = fetches_of(target);
		early += 10 * fetches_of(target);
	} while (wall_now().s / 60 != minute);
	assert_int_equal(twice, 0);
	assert_int_equal(late, 0);
	assert_int_equal(early, 1); /* made again, and then kept */
	http_server_stop(s);
}

static void without_versions_values_are_always_read(void **state)
{
	struct http_server *s = start(NULL);
	int before = n_fetches;

	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(DAILY, ""), 200);
	assert_int_equal(n_fetches - before, 3);
	http_server_stop(s);
	(void)state;
}

static void metadata_is_read_once_until_we_write(void **state)
{
	struct http_server *s = start(version_now);
	int before = n_reads;

	for (int i = 0; i < 5; i++)
		assert_int_equal(ask("/numeter-storage/hosts", ""), 200);
	assert_in_range(n_reads - before, 1, 3); /* a slow run may last longer than it holds */
	put(META_HOSTS, NULL, "h2", "{\"ID\": \"h2\"}");
	assert_int_equal(ask("/numeter-storage/hosts", ""), 200);
	check_header("\"h2\": {\"ID\": \"h2\"}");
	http_server_stop(s);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_again_only_when_they_may_differ),
		cmocka_unit_test(questions_that_come_once_drive_out_only_each_other),
		cmocka_unit_test(without_versions_values_are_always_read),
		cmocka_unit_test(metadata_is_read_once_until_we_write),
	};
	int failed;

	if (mkdtemp(folder) == NULL)
		return EXIT_FAILURE;
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	store = meta_memory_open();
	reading_engine_open(&reading, &fake);
	put(META_HOSTS, NULL, "h1", "{\"ID\": \"h1\"}");
	put(META_WSP_PATH, NULL, "h1", "/srv/wsps/aa/h1");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	meta_close(store);
	reading_engine_close(&reading);
	rmdir(folder);
	return failed;
}
