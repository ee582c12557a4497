/*
 * Answers that a healthy server seldom gives, from one made up here: a thread behind a Unix socket that plays a script,
 * one line of it for each time that something comes in.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/lock.h"
#include "meta/meta.h"

struct fake {
	const char *const *script; /* NULL at the end: stay silent until the client closes; "" closes at once */
	bool byte_by_byte;
	int n_clients; /* to serve, one after the other, each with the script from its start */
	int listen_fd;
	char folder[40];
	struct sockaddr_un address;
	pthread_t thread;
};

static void play(const struct fake *f, int fd)
{
	const char *const *line = f->script;
	char bytes[65536];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
		size_t step = f->byte_by_byte ? 1 : sizeof(bytes), n;

		if (*line == NULL)
			continue;
		n = strlen(*line);
		if (n == 0)
			return;
		for (size_t at = 0; at < n; at += step)
			if (send(fd, *line + at, n - at < step ? n - at : step, MSG_NOSIGNAL) < 0)
				return;
		line++;
	}
}

static void *run_fake(void *argument)
{
	struct fake *f = argument;

	for (int i = 0; i < f->n_clients; i++) {
		int fd = accept(f->listen_fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		if (i + 1 == f->n_clients)
			shutdown(f->listen_fd, SHUT_RDWR); /* the next one is refused */
		play(f, fd);
		close(fd);
	}
	return NULL;
}

static void fake_start(struct fake *f, const char *const *script, int n_clients, bool byte_by_byte)
{
	*f = (struct fake){ .script = script, .n_clients = n_clients, .byte_by_byte = byte_by_byte };
	snprintf(f->folder, sizeof(f->folder), "/tmp/numeter-pipeline-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->address.sun_family = AF_UNIX;
	snprintf(f->address.sun_path, sizeof(f->address.sun_path), "%s/s", f->folder);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listen_fd >= 0);
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&f->address, sizeof(f->address)), 0);
	assert_int_equal(listen(f->listen_fd, 8), 0);
	thread_start(&f->thread, "fake", run_fake, f);
}

static void fake_end(struct fake *f)
{
	shutdown(f->listen_fd, SHUT_RDWR); /* a client that never came is not waited for */
	pthread_join(f->thread, NULL);
	close(f->listen_fd);
	unlink(f->address.sun_path);
	rmdir(f->folder);
}

/* ---- what is asked ---- */

static enum rc set_one(struct meta *m, struct why *why)
{
	struct meta_write w = { META_SET, { META_HOSTS, TEXT_NONE, TEXT("h") }, TEXT("v") };

	return meta_apply(m, &w, 1, why);
}

static enum rc set_two(struct meta *m, struct why *why)
{
	struct meta_write w = { META_SET, { META_HOSTS, TEXT_NONE, TEXT("h") }, TEXT("v") };

	return meta_apply(m, (struct meta_write[]){ w, w }, 2, why);
}

/* Two fields, of which a found one must be "abc". */
static enum rc read_two(struct meta *m, struct why *why)
{
	struct meta_read r[2] = { { .key = { META_HOSTS, TEXT_NONE, TEXT("h") } } };
	struct buf answers;
	enum rc rc;

	r[1] = r[0];
	buf_init(&answers, 5);
	rc = meta_read(m, r, 2, &answers, why);
	if (rc == RC_OK) {
		assert_true(!r[0].found || text_equal(r[0].value, TEXT("abc")));
		assert_true(!r[1].found || text_equal(r[1].value, TEXT("abc")));
	} else {
		assert_int_equal(answers.n, 0);
	}
	buf_fini(&answers);
	return rc;
}

static enum rc see(void *argument, struct text field, struct text value)
{
	(void)argument;
	assert_true(text_equal(field, TEXT("f")));
	assert_true(text_equal(value, TEXT("v")));
	return RC_OK;
}

static enum rc show_all(struct meta *m, struct why *why)
{
	return meta_each(m, META_HOSTS, TEXT_NONE, see, NULL, why);
}

static enum rc set_string(struct meta *m, struct why *why)
{
	return meta_set_string(m, META_OLD_WSP, TEXT("[]"), why);
}

static enum rc get_string(struct meta *m, struct why *why)
{
	struct buf out;
	enum rc rc;

	buf_init(&out, 5);
	rc = meta_get_string(m, META_OLD_WSP, &out, why);
	buf_fini(&out);
	return rc;
}

#define QUEUED_2 "+OK\r\n+QUEUED\r\n+QUEUED\r\n"

static const struct row {
	enum rc (*ask)(struct meta *m, struct why *why);
	const char *script[4]; /* the first answers SELECT */
	enum rc rc;
	const char *says;
	unsigned lost; /* by how much the generation grows */
} rows[] = {
	{ set_one, { "+OK\r\n", ":1\r\n" }, RC_OK, "", 0 },
	{ set_one, { "+OK\r\n", "-LOADING Redis is loading\r\n" }, RC_PEER, ": LOADING Redis is loading", 0 },
	{ set_one, { "+OK\r\n", "-MISCONF Redis is configured\r\n" }, RC_PEER, ": MISCONF Redis is configured", 0 },
	{ set_one, { "+OK\r\n", "-READONLY You can't write\r\n" }, RC_PEER, ": READONLY You can't write", 1 },
	{ set_one, { "+OK\r\n", "-NOAUTH Authentication required.\r\n" }, RC_PEER, ": NOAUTH Auth", 1 },
	{ set_one, { "+OK\r\n", "-\r\n" }, RC_PEER, ": ", 0 },
	{ set_one, { "+OK\r\n", "" }, RC_PEER, "the server closed the connection", 1 },
	{ set_one, { "+OK\r\n", "HTTP/1.1 400 Bad Request\r\n" }, RC_PEER, "not an answer of Redis", 1 },
	{ set_one, { "+OK\r\n", "$99999999999999999999\r\n" }, RC_PEER, "not an answer of Redis", 1 },
	{ set_one, { "+OK\r\n", "*-5\r\n" }, RC_PEER, "not an answer of Redis", 1 },
	{ set_one, { "-ERR max number of clients reached\r\n" }, RC_PEER, ": ERR max number of clients reached", 0 },
	{ set_one, { "-ERR DB index is out of range\r\n" }, RC_PEER, ": ERR DB index is out of range", 0 },
	{ set_one, { "" }, RC_PEER, "the server closed the connection", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2 "*2\r\n:1\r\n:0\r\n" }, RC_OK, "", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2 "*2\r\n:1\r\n-WRONGTYPE x\r\n" }, RC_PEER, ": WRONGTYPE x", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2 "*1\r\n:1\r\n" }, RC_PEER, "1 of 2 writes", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2 "*-1\r\n" }, RC_PEER, "0 of 2 writes", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2 "-EXECABORT x\r\n" }, RC_PEER, ": EXECABORT x", 0 },
	{ set_two, { "+OK\r\n", "+OK\r\n-OOM x\r\n+QUEUED\r\n-EXECABORT y\r\n" }, RC_PEER, ": OOM x", 0 },
	{ set_two, { "+OK\r\n", "-NOPERM x\r\n:1\r\n:1\r\n-ERR EXEC without MULTI\r\n" }, RC_PEER, ": NOPERM x", 0 },
	{ set_two, { "+OK\r\n", QUEUED_2, "" }, RC_PEER, "no answer for 1 s", 1 },
	{ read_two, { "+OK\r\n", "$-1\r\n$3\r\nabc\r\n" }, RC_OK, "", 0 },
	{ read_two, { "+OK\r\n", "$3\r\nabc\r\n$3\r\nabc\r\n" }, RC_FULL, "does not fit", 0 },
	{ read_two, { "+OK\r\n", "$6\r\nabcdef\r\n$3\r\nabc\r\n" }, RC_FULL, "does not fit", 0 },
	{ read_two, { "+OK\r\n", "-LOADING x\r\n$3\r\nabc\r\n" }, RC_PEER, ": LOADING x", 0 },
	{ read_two, { "+OK\r\n", "$3\r\nabc\r\n:7\r\n" }, RC_PEER, "wrong type", 0 },
	{ show_all, { "+OK\r\n", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n" }, RC_OK, "", 0 },
	{ show_all, { "+OK\r\n", "*0\r\n" }, RC_OK, "", 0 },
	{ show_all, { "+OK\r\n", "*1\r\n$1\r\nf\r\n" }, RC_PEER, "wrong type", 0 },
	{ show_all, { "+OK\r\n", "*2\r\n$1\r\nf\r\n:1\r\n" }, RC_PEER, "other things than texts", 0 },
	{ show_all, { "+OK\r\n", "$-1\r\n" }, RC_PEER, "wrong type", 0 },
	{ show_all, { "+OK\r\n", "-WRONGTYPE x\r\n" }, RC_PEER, ": WRONGTYPE x", 0 },
	{ set_string, { "+OK\r\n", "+OK\r\n" }, RC_OK, "", 0 },
	{ set_string, { "+OK\r\n", "-OOM x\r\n" }, RC_PEER, ": OOM x", 0 },
	{ get_string, { "+OK\r\n", "$2\r\n[]\r\n" }, RC_OK, "", 0 },
	{ get_string, { "+OK\r\n", "$-1\r\n" }, RC_ABSENT, "OLD_WSP is not set", 0 },
	{ get_string, { "+OK\r\n", "$6\r\n[    ]\r\n" }, RC_FULL, "does not fit", 0 },
	{ get_string, { "+OK\r\n", "-WRONGTYPE x\r\n" }, RC_PEER, ": WRONGTYPE x", 0 },
};

static void check_row(const struct row *r, bool byte_by_byte)
{
	struct meta_redis_options options = { .timeout_s = 1 };
	struct why why = { "" };
	struct fake fake;
	struct meta *m;
	enum rc rc;

	fake_start(&fake, r->script, 1, byte_by_byte);
	options.host = fake.address.sun_path;
	m = meta_redis_open(&options);
	rc = r->ask(m, &why);
	if (rc != r->rc || strstr(why.text, r->says) == NULL || meta_generation(m) != 1 + r->lost)
		fail_msg("row %zu: rc %s, generation %u, why: %s", (size_t)(r - rows), rc_name(rc),
			 (unsigned)meta_generation(m), why.text);
	meta_close(m);
	fake_end(&fake);
}

static void makes_the_right_error_of_every_answer(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i], false);
	(void)state;
}

static void takes_answers_in_any_pieces(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strstr(rows[i].says, "no answer") == NULL) /* those wait a second each */
			check_row(&rows[i], true);
	(void)state;
}

/* The second call meets a hung-up connection: once more over a new one, and only once. */
static void tries_a_stale_connection_once_more(void **state)
{
	static const char *const script[] = { "+OK\r\n", ":1\r\n", "" };

	for (int n_clients = 1; n_clients < 3; n_clients++) {
		struct meta_redis_options options = { .timeout_s = 1 };
		struct fake fake;
		struct meta *m;

		fake_start(&fake, script, n_clients, false);
		options.host = fake.address.sun_path;
		m = meta_redis_open(&options);
		assert_int_equal(set_one(m, NULL), RC_OK);
		assert_int_equal(meta_generation(m), 1);
		/* The fake closes when it is asked again; a client too many is refused. */
		assert_int_equal(set_one(m, NULL), n_clients == 2 ? RC_OK : RC_PEER);
		assert_int_equal(meta_generation(m), 2);
		meta_close(m);
		fake_end(&fake);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_right_error_of_every_answer),
		cmocka_unit_test(takes_answers_in_any_pieces),
		cmocka_unit_test(tries_a_stale_connection_once_more),
	};

	return cmocka_run_group_tests_name("meta_pipeline", tests, NULL, NULL);
}
