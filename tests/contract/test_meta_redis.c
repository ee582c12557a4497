/*
 * What only the Redis store does: the layout as an administrator sees it, and a server that stops, hangs, comes back
 * empty, refuses. The server is a child of this test; without redis-server it is skipped (77).
 */
#include "unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/lock.h"
#include "base/mem.h"
#include "meta/meta.h"
#include "redis_child.h"

static struct redis_child server;

enum { TIMEOUT_S = 1 };

/* What needs no waiting takes less; slow builds (sanitizers) say by how much more. */
static int64_t fast_ms(void)
{
	const char *slow = getenv("NUMETER_SLOW");

	return 500 * (slow != NULL && atoi(slow) > 0 ? atoi(slow) : 1);
}

static struct meta *open_with(const char *password)
{
	struct meta_redis_options options = {
		.host = "127.0.0.1", .port = server.port, .timeout_s = TIMEOUT_S, .password = password, .db = 2
	};

	return meta_redis_open(&options);
}

static int start(void **state)
{
	child_start(&server, NULL);
	*state = open_with(NULL);
	return 0;
}

static int end(void **state)
{
	meta_close(*state);
	child_end(&server);
	return 0;
}

static enum rc set(struct meta *m, const char *field, struct why *why)
{
	struct meta_write w = { META_SET, { META_HOSTS, TEXT_NONE, text_of(field) }, TEXT_INIT("v") };

	return meta_apply(m, &w, 1, why);
}

static void set_ok(struct meta *m, const char *field)
{
	struct why why = { "" };

	if (set(m, field, &why) != RC_OK)
		fail_msg("%s", why.text);
}

static bool has(struct meta *m, const char *field)
{
	struct meta_read r = { .key = { META_HOSTS, TEXT_NONE, text_of(field) } };
	struct why why = { "" };
	struct buf answers;

	buf_init(&answers, 1000);
	if (meta_read(m, &r, 1, &answers, &why) != RC_OK)
		fail_msg("%s", why.text);
	buf_fini(&answers);
	return r.found;
}

static enum rc count_field(void *argument, struct text field, struct text value)
{
	(void)field;
	(void)value;
	++*(size_t *)argument;
	return RC_OK;
}

/* Every call of the contract, once; asserts that all say the same. */
static enum rc try_all(struct meta *m, struct why *why)
{
	struct meta_read r = { .key = { META_HOSTS, TEXT_NONE, TEXT_INIT("h") } };
	enum rc rc = set(m, "h", why);
	struct buf answers;
	size_t n = 0;

	buf_init(&answers, 1000);
	assert_int_equal(meta_read(m, &r, 1, &answers, NULL), rc);
	assert_int_equal(meta_each(m, META_HOSTS, TEXT_NONE, count_field, &n, NULL), rc);
	assert_int_equal(meta_set_string(m, META_OLD_WSP, TEXT("[]"), NULL), rc);
	assert_int_equal(meta_get_string(m, META_OLD_WSP, &answers, NULL), rc);
	buf_fini(&answers);
	return rc;
}

static int64_t ms_since(struct mono start)
{
	return mono_ms_between(start, mono_now());
}

static void shows_the_documented_layout(void **state)
{
	const struct text host = TEXT("my host"), info = TEXT("{\"Plugin\": \"df\", \"Infos\": {}}");
	const struct meta_write write[] = {
		{ META_SET, { META_HOSTS, TEXT_NONE, host }, TEXT("{\"ID\": \"caf\xc3\xa9\"}") },
		{ META_SET, { META_HOST_ID, TEXT_NONE, host }, TEXT("0c") },
		{ META_SET, { META_WSP_PATH, TEXT_NONE, host }, TEXT("/srv/wsps/0c/myhost") },
		{ META_SET, { META_INFOS, host, TEXT("df") }, info },
		{ META_SET, { META_DELETED_HOSTS, TEXT_NONE, TEXT("gone") }, TEXT("/srv/wsps/aa/gone") },
		{ META_SET, { META_DELETED_PLUGINS, TEXT_NONE, TEXT("gone@df") }, TEXT("/srv/wsps/aa/gone/df") },
	};
	static const struct {
		const char *asked, *shown;
	} row[] = {
		{ "-n 2 HGETALL HOSTS", "my host\n{\"ID\": \"caf\xc3\xa9\"}\n" },
		{ "-n 2 hget \"INFOS@my host\" df", "{\"Plugin\": \"df\", \"Infos\": {}}\n" },
		{ "-n 2 hget \"WSP_PATH\" 'my host'", "/srv/wsps/0c/myhost\n" },
		{ "-n 2 HGETALL HOST_ID", "my host\n0c\n" },
		{ "-n 2 HGETALL DELETED_HOSTS", "gone\n/srv/wsps/aa/gone\n" },
		{ "-n 2 HGETALL DELETED_PLUGINS", "gone@df\n/srv/wsps/aa/gone/df\n" },
		{ "-n 2 TYPE OLD_WSP", "string\n" },
		{ "-n 2 GET OLD_WSP", "[]\n" },
		{ "-n 2 GET LAST_WSP_CLEAN", "1395342600\n" },
		{ "-n 2 DBSIZE", "8\n" },
		{ "-n 0 DBSIZE", "0\n" },
	};

	assert_int_equal(meta_apply(*state, write, ARRAY_LEN(write), NULL), RC_OK);
	assert_int_equal(meta_set_string(*state, META_OLD_WSP, TEXT("[]"), NULL), RC_OK);
	assert_int_equal(meta_set_string(*state, META_LAST_WSP_CLEAN, TEXT("1395342600"), NULL), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_string_equal(child_cli(&server, row[i].asked), row[i].shown);
}

static void sees_what_another_client_writes_at_once(void **state)
{
	assert_false(has(*state, "other"));
	assert_string_equal(child_cli(&server, "-n 2 HSET HOSTS other x"), "1\n");
	assert_true(has(*state, "other"));
	assert_string_equal(child_cli(&server, "-n 2 HDEL HOSTS other"), "1\n");
	assert_false(has(*state, "other"));
}

static void fails_fast_while_the_server_is_down_and_works_again(void **state)
{
	struct why why = { "" };
	struct mono begin;

	set_ok(*state, "before");
	child_stop(&server, SIGTERM);
	begin = mono_now();
	for (int i = 0; i < 20; i++)
		assert_int_equal(try_all(*state, &why), RC_PEER);
	assert_true(ms_since(begin) < fast_ms());
	assert_non_null(strstr(why.text, "redis 127.0.0.1:"));
	assert_non_null(strstr(why.text, "Connection refused"));
	assert_int_equal(meta_generation(*state), 2); /* one connection was lost; what never came to be is none */
	child_start(&server, NULL);
	set_ok(*state, "after");
	assert_true(has(*state, "after"));
	assert_false(has(*state, "before")); /* it came back empty, and the generation has said so */
	assert_int_equal(meta_generation(*state), 2);
}

static void does_not_show_a_restart_between_two_calls(void **state)
{
	for (uint64_t round = 1; round < 4; round++) {
		set_ok(*state, "before");
		assert_int_equal(meta_generation(*state), round);
		child_stop(&server, round % 2 == 0 ? SIGTERM : SIGKILL);
		child_start(&server, NULL);
		if (round != 2)
			assert_int_equal(try_all(*state, NULL), RC_OK);
		assert_int_equal(meta_generation(*state), round + 1); /* in round 2 noticed without a call */
		assert_false(has(*state, "before"));
	}
}

static void *set_one(void *argument)
{
	return set(argument, "x", NULL) == RC_OK ? argument : NULL;
}

/* While the server holds back its answers, each caller needs a connection of its own. */
static void drops_every_idle_connection_with_a_lost_one(void **state)
{
	pthread_t thread[3];

	set_ok(*state, "x");
	assert_string_equal(child_cli(&server, "CLIENT PAUSE 300 ALL"), "OK\n");
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		thread_start(&thread[i], "set", set_one, *state);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++) {
		void *result;

		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, *state);
	}
	assert_string_equal(child_cli(&server, "CLIENT KILL TYPE normal SKIPME yes"), "3\n");
	set_ok(*state, "y");
	assert_int_equal(meta_generation(*state), 2);
	assert_true(has(*state, "x"));
	assert_string_equal(child_cli(&server, "CLIENT KILL TYPE normal SKIPME yes"), "1\n");
}

static void gives_up_on_a_silent_server(void **state)
{
	struct why why = { "" };
	struct mono begin;
	int64_t ms;

	set_ok(*state, "x");
	kill(server.pid, SIGSTOP);
	begin = mono_now();
	assert_int_equal(set(*state, "y", &why), RC_PEER);
	ms = ms_since(begin);
	assert_true(ms >= TIMEOUT_S * 1000 - 10 && ms < TIMEOUT_S * 1000 + fast_ms());
	assert_non_null(strstr(why.text, "no answer for 1 s"));
	assert_int_equal(meta_generation(*state), 2);
	/* It takes connections and is silent on them too: one caller waits for that, the next ones do not. */
	assert_int_equal(set(*state, "y", &why), RC_PEER);
	begin = mono_now();
	assert_int_equal(try_all(*state, &why), RC_PEER);
	assert_true(ms_since(begin) < fast_ms());
	assert_non_null(strstr(why.text, "no answer for 1 s"));
	kill(server.pid, SIGCONT);
	begin = mono_now();
	while (set(*state, "z", &why) != RC_OK && ms_since(begin) < 5000)
		usleep(20 * 1000);
	assert_true(has(*state, "z"));
}

static void says_which_refusal(void **state)
{
	static const struct {
		const char *before, *says, *after;
		uint64_t lost; /* connections */
	} row[] = {
		{ "CONFIG SET maxmemory 1", "OOM", "CONFIG SET maxmemory 0", 0 },
		{ "REPLICAOF 127.0.0.1 1", "READONLY", "REPLICAOF NO ONE", 1 },
		{ "-n 2 SET HOSTS x", "WRONGTYPE", "-n 2 DEL HOSTS", 0 },
		{ "ACL SETUSER default -hset", "NOPERM", "ACL SETUSER default +hset", 0 },
	};
	const struct meta_write write[] = {
		{ META_SET, { META_HOST_ID, TEXT_NONE, TEXT("h") }, TEXT("0c") },
		{ META_SET, { META_HOSTS, TEXT_NONE, TEXT("h") }, TEXT("v") },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t generation;

		for (size_t n = 1; n <= ARRAY_LEN(write); n++) {
			struct why why = { "" };

			set_ok(*state, "before");
			generation = meta_generation(*state);
			child_cli(&server, "-n 2 FLUSHDB");
			child_cli(&server, row[i].before);
			assert_int_equal(meta_apply(*state, write + 2 - n, n, &why), RC_PEER);
			assert_int_equal(strncmp(why.text, "redis 127.0.0.1:", 16), 0);
			if (strstr(why.text, row[i].says) == NULL)
				fail_msg("%s: %s", row[i].says, why.text);
			child_cli(&server, row[i].after);
			assert_int_equal(meta_generation(*state), generation + row[i].lost);
			assert_int_equal(meta_apply(*state, write, ARRAY_LEN(write), NULL), RC_OK);
			assert_true(has(*state, "h"));
		}
	}
}

/* Memory runs out in the middle of a transaction of many goes. */
static void does_nothing_of_a_transaction_that_fails(void **state)
{
	enum { N = 20000 };
	struct meta_write *write = must_alloc(N * sizeof(*write));
	char(*name)[16] = must_alloc(N * sizeof(*name));
	struct text value = { must_alloc(1000), 1000 };
	struct why why = { "" };

	for (size_t i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "%zu", i);
		write[i] = (struct meta_write){ META_SET, { META_HOSTS, TEXT_NONE, text_of(name[i]) }, value };
	}
	child_cli(&server, "CONFIG SET maxmemory 10mb");
	assert_int_equal(meta_apply(*state, write, N, &why), RC_PEER);
	assert_non_null(strstr(why.text, "OOM"));
	assert_string_equal(child_cli(&server, "-n 2 DBSIZE"), "0\n");
	child_cli(&server, "CONFIG SET maxmemory 0");
	assert_int_equal(meta_apply(*state, write, N, NULL), RC_OK);
	assert_string_equal(child_cli(&server, "-n 2 HLEN HOSTS"), "20000\n");
	assert_int_equal(meta_generation(*state), 1); /* the connection was never lost */
	free((char *)(uintptr_t)value.s);
	free(name);
	free(write);
}

static void knows_the_password_and_never_tells_it(void **state)
{
	/* The last server has no AUTH and quotes what it was sent. */
	static const char *const servers[][4] = { { "--requirepass", "s3cret-word", NULL },
						  { NULL },
						  { "--rename-command", "AUTH", "", NULL } };
	static const struct {
		size_t server;
		const char *password, *says; /* says NULL: accepted */
	} row[] = {
		{ 0, "s3cret-word", NULL },
		{ 0, "s3cret-wrong", "WRONGPASS" },
		{ 0, NULL, "NOAUTH" },
		{ 0, "", "NOAUTH" },
		{ 1, NULL, NULL },
		{ 1, "", NULL },
		{ 1, "s3cret-word", "AUTH" },
		{ 2, "s3cret-word", "ERR" },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct why why = { "" };
		struct meta *m;

		child_stop(&server, SIGKILL);
		child_start(&server, servers[row[i].server]);
		m = open_with(row[i].password);
		assert_int_equal(try_all(m, &why), row[i].says == NULL ? RC_OK : RC_PEER);
		if (row[i].says != NULL && strstr(why.text, row[i].says) == NULL)
			fail_msg("%s is not in: %s", row[i].says, why.text);
		assert_null(strstr(why.text, "s3cr"));
		meta_close(m);
	}
	(void)state;
}

static void needs_only_the_documented_rights(void **state)
{
	const struct meta_write write[] = {
		{ META_SET_IF_ABSENT, { META_INFOS, TEXT("h"), TEXT("df") }, TEXT("{}") },
		{ META_DELETE, { META_DELETED_PLUGINS, TEXT_NONE, TEXT("h@df") }, TEXT_NONE },
		{ META_SET, { META_DELETED_HOSTS, TEXT_NONE, TEXT("h") }, TEXT("x") },
		{ META_SET, { META_WSP_PATH, TEXT_NONE, TEXT("h") }, TEXT("x") },
		{ META_SET, { META_HOST_ID, TEXT_NONE, TEXT("h") }, TEXT("x") },
	};
	struct why why = { "" };

	child_cli(&server,
		  "ACL SETUSER default -@all +auth +select +hset +hsetnx +hdel +hget +hgetall +set +get +multi "
		  "+exec +discard resetkeys '~HOSTS' '~HOST_ID' '~WSP_PATH' '~INFOS@*' '~DELETED_*' '~OLD_WSP' "
		  "'~LAST_WSP_CLEAN'");
	if (try_all(*state, &why) != RC_OK || meta_apply(*state, write, ARRAY_LEN(write), &why) != RC_OK ||
	    meta_set_string(*state, META_LAST_WSP_CLEAN, TEXT("1"), &why) != RC_OK)
		fail_msg("%s", why.text);
}

static void opens_without_a_server(void **state)
{
	static const struct {
		const char *host;
		int port;
		const char *says;
	} row[] = { { "/nowhere/redis.sock", 0, "redis /nowhere/redis.sock: connect: No such file or directory" },
		    { "127.0.0.1", 1, "redis 127.0.0.1:1: connect: Connection refused" } };

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct meta_redis_options options = { .host = row[i].host, .port = row[i].port, .timeout_s = 1 };
		struct meta *m = meta_redis_open(&options);
		struct why why = { "" };

		assert_int_equal(meta_generation(m), 1);
		assert_int_equal(try_all(m, &why), RC_PEER);
		assert_string_equal(why.text, row[i].says);
		assert_int_equal(meta_generation(m), 1);
		meta_close(m);
	}
	(void)state;
}

int main(void)
{
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		SERVER_TEST(shows_the_documented_layout),
		SERVER_TEST(sees_what_another_client_writes_at_once),
		SERVER_TEST(fails_fast_while_the_server_is_down_and_works_again),
		SERVER_TEST(does_not_show_a_restart_between_two_calls),
		SERVER_TEST(drops_every_idle_connection_with_a_lost_one),
		SERVER_TEST(gives_up_on_a_silent_server),
		SERVER_TEST(says_which_refusal),
		SERVER_TEST(does_nothing_of_a_transaction_that_fails),
		SERVER_TEST(knows_the_password_and_never_tells_it),
		SERVER_TEST(needs_only_the_documented_rights),
		cmocka_unit_test(opens_without_a_server),
	};

	if (!child_is_possible()) {
		print_message("skipped: redis-server or redis-cli is not installed\n");
		return 77;
	}
	return cmocka_run_group_tests_name("meta-redis", tests, NULL, NULL);
}
