/*
 * What every metadata store must do. The backend is the first argument: memory, sqlite, redis-tcp, redis-unix; the last
 * two find their server in REDIS_PORT and REDIS_SOCKET (tests/support/redis_server.py sets them).
 */
#include "unit/test.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "meta/meta.h"

static const char *backend;
static char folder[64];

/* ---- one fresh, empty store a test ---- */

static struct meta *open_redis(bool over_socket)
{
	const char *port = getenv("REDIS_PORT"), *path = getenv("REDIS_SOCKET");
	struct meta_redis_options options = { .timeout_s = 20, .db = 2 };
	redisContext *c;

	assert_non_null(port);
	assert_non_null(path);
	options.host = over_socket ? path : "127.0.0.1";
	options.port = atoi(port);
	c = redisConnectUnix(path);
	assert_int_equal(c->err, 0);
	freeReplyObject(redisCommand(c, "FLUSHALL"));
	redisFree(c);
	return meta_redis_open(&options);
}

static int open_store(void **state)
{
	struct meta *m = NULL;
	struct why why = { "" };
	char path[80];

	if (strcmp(backend, "memory") == 0) {
		m = meta_memory_open();
	} else if (strcmp(backend, "sqlite") == 0) {
		snprintf(path, sizeof(path), "%s/meta.db", folder);
		unlink(path);
		if (meta_sqlite_open(path, &m, &why) != RC_OK)
			print_error("%s\n", why.text);
	} else {
		m = open_redis(strcmp(backend, "redis-unix") == 0);
	}
	*state = m;
	return m == NULL ? -1 : 0;
}

static int close_store(void **state)
{
	meta_close(*state);
	return 0;
}

/* ---- short forms ---- */

static struct meta_key key(enum meta_hash hash, struct text host, struct text field)
{
	return (struct meta_key){ hash, host, field };
}

static void write_one(struct meta *m, enum meta_verb verb, struct meta_key k, struct text value)
{
	struct meta_write w = { verb, k, value };
	struct why why = { "" };

	if (meta_apply(m, &w, 1, &why) != RC_OK)
		fail_msg("apply: %s", why.text);
}

/* Asserts that the field has this value, or with TEXT_NONE that it is not there. */
static void assert_field(struct meta *m, struct meta_key k, struct text value)
{
	struct meta_read r = { .key = k };
	struct why why = { "" };
	struct buf answers;

	buf_init(&answers, 1 << 20);
	if (meta_read(m, &r, 1, &answers, &why) != RC_OK)
		fail_msg("read: %s", why.text);
	assert_int_equal(r.found, value.s != NULL);
	if (r.found) {
		assert_non_null(r.value.s);
		assert_int_equal(r.value.n, value.n);
		assert_memory_equal(r.value.s, value.s, value.n);
	}
	buf_fini(&answers);
}

static enum rc count_field(void *argument, struct text field, struct text value)
{
	(void)field;
	(void)value;
	++*(size_t *)argument;
	return RC_OK;
}

static size_t count(struct meta *m, enum meta_hash hash, struct text host)
{
	size_t n = 0;

	assert_int_equal(meta_each(m, hash, host, count_field, &n, NULL), RC_OK);
	return n;
}

/* ---- tests ---- */

/* Empty; blanks and line ends; what RESP and SQL give a meaning; NUL; not UTF-8; numbers that must stay as written. */
static const struct text odd[] = {
	TEXT_INIT(""),
	TEXT_INIT(" "),
	TEXT_INIT("\r\n$5\r\nHELLO\r\n*1"),
	TEXT_INIT("'; DROP TABLE hash; --"),
	TEXT_INIT("%s%b%n"),
	TEXT_INIT("\0"),
	TEXT_INIT("a\0b"),
	TEXT_INIT("a\0c"),
	TEXT_INIT("\xff\xfe"),
	TEXT_INIT("caf\xc3\xa9"),
	TEXT_INIT("caf\xe9"),
	TEXT_INIT("007"),
	TEXT_INIT("7"),
	TEXT_INIT("7.0"),
	TEXT_INIT("A"),
	TEXT_INIT("a"),
};

static void keeps_any_bytes_in_fields_and_values(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		write_one(*state, META_SET, key(META_HOSTS, TEXT_NONE, odd[i]), odd[ARRAY_LEN(odd) - 1 - i]);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		assert_field(*state, key(META_HOSTS, TEXT_NONE, odd[i]), odd[ARRAY_LEN(odd) - 1 - i]);
	assert_int_equal(count(*state, META_HOSTS, TEXT_NONE), ARRAY_LEN(odd));
}

static void keeps_hosts_with_odd_names_apart(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		write_one(*state, META_SET, key(META_INFOS, odd[i], TEXT("df")), odd[i]);
		write_one(*state, META_SET, key(META_INFOS, odd[i], odd[i]), TEXT("own"));
	}
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		assert_field(*state, key(META_INFOS, odd[i], TEXT("df")), odd[i]);
		assert_field(*state, key(META_INFOS, odd[i], odd[i]), TEXT("own"));
		assert_int_equal(count(*state, META_INFOS, odd[i]), 2);
	}
	assert_int_equal(count(*state, META_INFOS, TEXT("caf")), 0);
}

static void keeps_the_hashes_apart(void **state)
{
	static const struct text value[] = { TEXT_INIT("hosts"), TEXT_INIT("id"),   TEXT_INIT("path"),
					     TEXT_INIT("infos"), TEXT_INIT("gone"), TEXT_INIT("plugins") };

	/* A host called like a hash, and a host given where none belongs: it is not looked at. */
	for (int h = META_HOSTS; h <= META_DELETED_PLUGINS; h++)
		write_one(*state, META_SET, key((enum meta_hash)h, TEXT("HOSTS"), TEXT("f")), value[h]);
	for (int h = META_HOSTS; h <= META_DELETED_PLUGINS; h++) {
		assert_field(*state, key((enum meta_hash)h, TEXT("HOSTS"), TEXT("f")), value[h]);
		assert_int_equal(count(*state, (enum meta_hash)h, TEXT("HOSTS")), 1);
		if (h != META_INFOS)
			assert_field(*state, key((enum meta_hash)h, TEXT("other"), TEXT("f")), value[h]);
	}
	assert_field(*state, key(META_INFOS, TEXT("other"), TEXT("f")), TEXT_NONE);
}

static void sets_and_deletes(void **state)
{
	struct meta_key k = key(META_WSP_PATH, TEXT_NONE, TEXT("myhost"));

	assert_field(*state, k, TEXT_NONE);
	write_one(*state, META_DELETE, k, TEXT_NONE);
	write_one(*state, META_SET_IF_ABSENT, k, TEXT("/a"));
	assert_field(*state, k, TEXT("/a"));
	write_one(*state, META_SET_IF_ABSENT, k, TEXT("/b"));
	assert_field(*state, k, TEXT("/a"));
	write_one(*state, META_SET, k, TEXT("/a longer one"));
	assert_field(*state, k, TEXT("/a longer one"));
	write_one(*state, META_SET, k, TEXT(""));
	assert_field(*state, k, TEXT(""));
	write_one(*state, META_SET_IF_ABSENT, k, TEXT("/c")); /* empty is not absent */
	assert_field(*state, k, TEXT(""));
	write_one(*state, META_DELETE, k, TEXT_NONE);
	assert_field(*state, k, TEXT_NONE);
	assert_int_equal(count(*state, META_WSP_PATH, TEXT_NONE), 0);
}

static void keeps_the_order_within_one_call(void **state)
{
	const struct meta_key a = key(META_HOST_ID, TEXT_NONE, TEXT("a")), b = key(META_HOST_ID, TEXT_NONE, TEXT("b"));
	const struct meta_key c = key(META_HOST_ID, TEXT_NONE, TEXT("c"));
	const struct meta_write write[] = {
		{ META_SET, a, TEXT_INIT("1") },           { META_SET, a, TEXT_INIT("2") },
		{ META_SET_IF_ABSENT, a, TEXT_INIT("3") }, { META_SET, b, TEXT_INIT("4") },
		{ META_DELETE, b, { NULL, 0 } },           { META_SET_IF_ABSENT, b, TEXT_INIT("5") },
		{ META_SET, c, TEXT_INIT("6") },           { META_DELETE, c, { NULL, 0 } },
	};

	for (int again = 0; again < 2; again++) {
		assert_int_equal(meta_apply(*state, write, ARRAY_LEN(write), NULL), RC_OK);
		assert_field(*state, a, TEXT("2"));
		assert_field(*state, b, TEXT("5"));
		assert_field(*state, c, TEXT_NONE);
	}
}

static void takes_and_reads_nothing(void **state)
{
	struct buf answers;

	buf_init(&answers, 0);
	assert_int_equal(meta_apply(*state, NULL, 0, NULL), RC_OK);
	assert_int_equal(meta_read(*state, NULL, 0, &answers, NULL), RC_OK);
	assert_int_equal(count(*state, META_HOSTS, TEXT_NONE), 0);
	assert_int_equal(count(*state, META_INFOS, TEXT("nobody")), 0);
}

/* Found, empty, absent in turn, in one call, behind what the buffer had. */
static void reads_many(void **state)
{
	enum { N = 9000 };
	struct meta_write *write = must_alloc(N * sizeof(*write));
	struct meta_read *read = must_alloc(N * sizeof(*read));
	char(*name)[16] = must_alloc(N * sizeof(*name));
	struct buf answers;

	buf_init(&answers, 1 << 20);
	buf_add_str(&answers, "before");
	for (size_t i = 0; i < N; i++) {
		struct meta_key k = key(i % 2 == 0 ? META_WSP_PATH : META_HOST_ID, TEXT_NONE, TEXT_NONE);

		snprintf(name[i], sizeof(name[i]), "host%zu", i);
		k.field = text_of(name[i]);
		write[i] =
			(struct meta_write){ i % 3 == 2 ? META_DELETE : META_SET, k, i % 3 == 1 ? TEXT("") : k.field };
		read[i].key = k;
	}
	assert_int_equal(meta_apply(*state, write, N, NULL), RC_OK);
	assert_int_equal(meta_read(*state, read, N, &answers, NULL), RC_OK);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(read[i].found, i % 3 != 2);
		if (i % 3 == 2)
			continue;
		assert_non_null(read[i].value.s);
		assert_true(text_equal(read[i].value, i % 3 == 0 ? read[i].key.field : TEXT("")));
	}
	assert_memory_equal(answers.at, "before", 6);
	buf_fini(&answers);
	free(name);
	free(read);
	free(write);
}

static void says_full_past_the_ceiling(void **state)
{
	const struct meta_key k[] = { key(META_HOSTS, TEXT_NONE, TEXT("a")), key(META_HOSTS, TEXT_NONE, TEXT("b")),
				      key(META_HOSTS, TEXT_NONE, TEXT("c")) };
	static const struct text value[] = { TEXT_INIT("12345"), TEXT_INIT("abcde"), TEXT_INIT("ABCDE") };
	struct meta_read read[3] = { { .key = k[0] }, { .key = k[1] }, { .key = k[2] } };
	struct buf answers;

	for (size_t i = 0; i < 3; i++)
		write_one(*state, META_SET, k[i], value[i]);
	for (size_t max = 0; max < 15; max++) {
		buf_init(&answers, max);
		assert_int_equal(meta_read(*state, read, 3, &answers, NULL), RC_FULL);
		assert_int_equal(answers.n, 0);
		buf_fini(&answers);
		assert_field(*state, k[2], value[2]); /* what was not taken does not turn up later */
	}
	buf_init(&answers, 15);
	assert_int_equal(meta_read(*state, read, 3, &answers, NULL), RC_OK);
	assert_true(text_equal(buf_text(&answers), TEXT("12345abcdeABCDE")));
	for (size_t i = 0; i < 3; i++)
		assert_true(text_equal(read[i].value, value[i]));
	buf_fini(&answers);
}

static void keeps_a_large_value(void **state)
{
	enum { N = 1 << 20 };
	struct meta_key k = key(META_INFOS, TEXT("h"), TEXT("large"));
	struct text value = { must_alloc(N), N };

	for (size_t i = 0; i < N; i++)
		((char *)(uintptr_t)value.s)[i] = (char)(i * 2654435761u >> 13);
	write_one(*state, META_SET, k, value);
	assert_field(*state, k, value);
	free((char *)(uintptr_t)value.s);
}

static void keeps_strings(void **state)
{
	struct buf out;

	for (int s = META_OLD_WSP; s <= META_LAST_WSP_CLEAN; s++) {
		buf_init(&out, 1000);
		assert_int_equal(meta_get_string(*state, (enum meta_string)s, &out, NULL), RC_ABSENT);
		assert_int_equal(out.n, 0);
		buf_fini(&out);
	}
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		assert_int_equal(meta_set_string(*state, META_OLD_WSP, odd[i], NULL), RC_OK);
		buf_init(&out, 1000);
		buf_add_str(&out, "x");
		assert_int_equal(meta_get_string(*state, META_OLD_WSP, &out, NULL), RC_OK);
		assert_int_equal(out.n, odd[i].n + 1);
		assert_memory_equal(out.at + 1, odd[i].s, odd[i].n);
		buf_fini(&out);
	}
	assert_int_equal(meta_set_string(*state, META_LAST_WSP_CLEAN, TEXT("1395342600"), NULL), RC_OK);
	buf_init(&out, 9);
	assert_int_equal(meta_get_string(*state, META_LAST_WSP_CLEAN, &out, NULL), RC_FULL);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

struct seen {
	unsigned char *times; /* of the field "host<i>" */
	size_t n, n_fields, stop_after;
	enum rc stop_with;
};

static enum rc see(void *argument, struct text field, struct text value)
{
	struct seen *s = argument;
	char name[32];
	size_t i;

	assert_true(field.n > 4 && field.n < sizeof(name));
	memcpy(name, field.s, field.n);
	name[field.n] = '\0';
	i = strtoul(name + 4, NULL, 10);
	assert_true(i < s->n_fields);
	assert_true(text_equal(value, field));
	s->times[i]++;
	return ++s->n == s->stop_after ? s->stop_with : RC_OK;
}

/* Far more than fits one go of a pipeline or one page, in one call. */
static void shows_each_of_100000_fields_once(void **state)
{
	enum { N = 100000 };
	struct meta_write *write = must_alloc(N * sizeof(*write));
	char(*name)[16] = must_alloc(N * sizeof(*name));
	struct seen seen = { .times = must_alloc(N), .n_fields = N };
	struct why why = { "" };

	for (size_t i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "host%zu", i);
		write[i] =
			(struct meta_write){ META_SET, key(META_HOSTS, TEXT_NONE, text_of(name[i])), text_of(name[i]) };
	}
	if (meta_apply(*state, write, N, &why) != RC_OK)
		fail_msg("apply: %s", why.text);
	assert_int_equal(meta_each(*state, META_HOSTS, TEXT_NONE, see, &seen, NULL), RC_OK);
	assert_int_equal(seen.n, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(seen.times[i], 1);
	free(seen.times);
	free(name);
	free(write);
}

static void stops_when_told(void **state)
{
	static const struct {
		enum rc says, answer;
	} row[] = { { RC_END, RC_OK }, { RC_REFUSED, RC_REFUSED }, { RC_FULL, RC_FULL }, { RC_ABSENT, RC_ABSENT } };
	unsigned char times[10] = { 0 };

	for (size_t i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "host%zu", i);
		write_one(*state, META_SET, key(META_HOSTS, TEXT_NONE, text_of(name)), text_of(name));
	}
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct seen seen = { .times = times, .n_fields = 10, .stop_after = 4, .stop_with = row[i].says };

		assert_int_equal(meta_each(*state, META_HOSTS, TEXT_NONE, see, &seen, NULL), row[i].answer);
		assert_int_equal(seen.n, 4);
	}
	assert_int_equal(count(*state, META_HOSTS, TEXT_NONE), 10);
}

static enum rc delete_it(void *argument, struct text field, struct text value)
{
	(void)value;
	write_one(argument, META_SET, key(META_DELETED_HOSTS, TEXT_NONE, field), value);
	assert_field(argument, key(META_HOSTS, TEXT_NONE, field), value);
	write_one(argument, META_DELETE, key(META_HOSTS, TEXT_NONE, field), TEXT_NONE);
	return RC_OK;
}

static void may_be_called_from_each(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		write_one(*state, META_SET, key(META_HOSTS, TEXT_NONE, odd[i]), odd[i]);
	assert_int_equal(meta_each(*state, META_HOSTS, TEXT_NONE, delete_it, *state, NULL), RC_OK);
	assert_int_equal(count(*state, META_HOSTS, TEXT_NONE), 0);
	assert_int_equal(count(*state, META_DELETED_HOSTS, TEXT_NONE), ARRAY_LEN(odd));
}

enum { N_THREADS = 8, N_ROUNDS = 60 };

struct worker {
	pthread_t thread;
	struct meta *meta;
	int number;
	const char *failed; /* cmocka asserts on the main thread only */
};

/* Two fields that are always written together; every reader must see them equal. */
static const char *work(struct worker *w, int round)
{
	struct meta_read read[2] = { 0 };
	struct text value;
	struct buf answers;
	char name[16], text[16];
	size_t n = 0;
	bool right;

	snprintf(name, sizeof(name), "host%d", w->number);
	snprintf(text, sizeof(text), "%d", round);
	value = text_of(text);
	read[0].key = key(META_WSP_PATH, TEXT_NONE, text_of(name));
	read[1].key = key(META_INFOS, text_of(name), TEXT("df"));
	if (meta_apply(w->meta,
		       (struct meta_write[]){ { META_SET, read[0].key, value }, { META_SET, read[1].key, value } }, 2,
		       NULL) != RC_OK)
		return "apply";
	buf_init(&answers, 1000);
	right = meta_read(w->meta, read, 2, &answers, NULL) == RC_OK && read[0].found && read[1].found &&
		text_equal(read[0].value, value) && text_equal(read[1].value, value);
	buf_fini(&answers);
	if (!right)
		return "read what was written";
	if (meta_each(w->meta, META_WSP_PATH, TEXT_NONE, count_field, &n, NULL) != RC_OK || n < 1 || n > N_THREADS)
		return "each";
	return meta_generation(w->meta) == 1 ? NULL : "generation";
}

static void *run_worker(void *argument)
{
	struct worker *w = argument;

	for (int round = 0; round < N_ROUNDS && w->failed == NULL; round++)
		w->failed = work(w, round);
	return NULL;
}

static void serves_eight_threads_at_once(void **state)
{
	struct worker worker[N_THREADS];

	for (int i = 0; i < N_THREADS; i++) {
		worker[i] = (struct worker){ .meta = *state, .number = i };
		thread_start(&worker[i].thread, "worker", run_worker, &worker[i]);
	}
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(worker[i].thread, NULL), 0);
	for (int i = 0; i < N_THREADS; i++)
		if (worker[i].failed != NULL)
			fail_msg("worker %d: %s", i, worker[i].failed);
	assert_int_equal(count(*state, META_WSP_PATH, TEXT_NONE), N_THREADS);
}

static void begins_with_one_generation(void **state)
{
	assert_int_equal(meta_generation(*state), 1);
	write_one(*state, META_SET, key(META_HOSTS, TEXT_NONE, TEXT("h")), TEXT("v"));
	assert_int_equal(meta_generation(*state), 1);
}

int main(int argc, char **argv)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
	const struct CMUnitTest tests[] = {
		STORE_TEST(keeps_any_bytes_in_fields_and_values),
		STORE_TEST(keeps_hosts_with_odd_names_apart),
		STORE_TEST(keeps_the_hashes_apart),
		STORE_TEST(sets_and_deletes),
		STORE_TEST(keeps_the_order_within_one_call),
		STORE_TEST(takes_and_reads_nothing),
		STORE_TEST(reads_many),
		STORE_TEST(says_full_past_the_ceiling),
		STORE_TEST(keeps_a_large_value),
		STORE_TEST(keeps_strings),
		STORE_TEST(shows_each_of_100000_fields_once),
		STORE_TEST(stops_when_told),
		STORE_TEST(may_be_called_from_each),
		STORE_TEST(serves_eight_threads_at_once),
		STORE_TEST(begins_with_one_generation),
	};
	char command[80];
	int failed;

	backend = argc > 1 ? argv[1] : "memory";
	snprintf(folder, sizeof(folder), "/tmp/numeter-meta-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 99;
	failed = cmocka_run_group_tests_name(backend, tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) != 0 ? 99 : failed;
}
