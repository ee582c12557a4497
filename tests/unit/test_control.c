#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "control/client.h"
#include "control/control.h"
#include "control/request.h"
#include "control/socket.h"
#include "wire/reply.h"

enum { ANSWER_MS = 20000, NOBODY = 65534 };

static char folder[] = "/tmp/numeter-control-XXXXXX";
static char path[sizeof(folder) + 8], lock_path[sizeof(folder) + 16];

/* The verbs of these tests. */

struct gate { /* verbs "wait" stand here until it opens */
	struct lock lock;
	struct signal moved;
	unsigned n_waiting;
	bool open;
};

static enum rc run_echo(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct arena a;
	struct text said;
	enum rc rc;

	(void)argument;
	arena_init(&a);
	rc = control_argument_text(&a, request, "text", &said, why);
	if (rc == RC_OK && said.s == NULL)
		buf_add_str(answer, "null");
	else if (rc == RC_OK)
		reply_string(answer, said);
	arena_fini(&a);
	return rc;
}

static enum rc run_wait(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct gate *g = argument;

	(void)request;
	(void)why;
	lock_take(&g->lock);
	g->n_waiting++;
	signal_all(&g->moved);
	while (!g->open)
		signal_wait(&g->moved, &g->lock);
	lock_give_back(&g->lock);
	buf_add_str(answer, "\"waited\"");
	return RC_OK;
}

static enum rc run_fail(void *argument, struct text request, struct buf *answer, struct why *why)
{
	(void)argument;
	(void)request;
	buf_add_str(answer, "{\"half\": ");
	return because(why, RC_DISK, "no \"space\" left");
}

static enum rc run_big(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct text n;
	struct arena a;
	enum rc rc;

	(void)argument;
	arena_init(&a);
	rc = control_argument_text(&a, request, "mb", &n, why);
	buf_add_str(answer, "\"");
	for (long i = rc == RC_OK ? strtol(n.s, NULL, 10) * 1000 : 0; i > 0; i--) {
		char *room = buf_room(answer, 1000);

		if (room == NULL)
			break;
		memset(room, 'x', 1000);
		answer->n += 1000;
	}
	buf_add_str(answer, "\"");
	arena_fini(&a);
	return rc;
}

static const char *const echo_arguments[] = { "text", NULL };
static const char *const big_arguments[] = { "mb", NULL };
static const struct control_verb verb[] = {
	{ .name = "echo", .argument = echo_arguments, .run = run_echo },
	{ .name = "wait", .run = run_wait },
	{ .name = "fail", .run = run_fail },
	{ .name = "big", .argument = big_arguments, .run = run_big },
};
static const struct control_verb *const verbs[] = { &verb[0], &verb[1], &verb[2], &verb[3] };

static struct gate gate;

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	lock_init(&gate.lock);
	signal_init(&gate.moved);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	signal_fini(&gate.moved);
	lock_fini(&gate.lock);
	unlink(lock_path);
	return rmdir(folder);
}

static struct control *start(uint32_t timeout_ms)
{
	struct control_options options = { path, verbs, ARRAY_LEN(verbs), &gate, timeout_ms };
	struct control *c = NULL;
	struct why why = { "" };

	gate.n_waiting = 0;
	gate.open = false;
	if (control_start(&options, &c, &why) != RC_OK)
		fail_msg("%s", why.text);
	return c;
}

static void check_answer(struct text request, const char *expected)
{
	struct buf answer;
	struct why why = { "" };

	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	if (control_ask(path, request, ANSWER_MS, &answer, &why) != RC_OK)
		fail_msg("%.*s: %s", TEXT_ARG(request), why.text);
	buf_add(&answer, "", 1);
	assert_string_equal(answer.at, expected);
	buf_fini(&answer);
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* All that comes until the other end closes; a reset counts as the end. */
static void check_rest(int fd, const char *expected)
{
	char got[1024];
	size_t n = 0;
	ssize_t some;

	while ((some = recv(fd, got + n, sizeof(got) - 1 - n, 0)) > 0)
		n += (size_t)some;
	got[n] = '\0';
	assert_string_equal(got, expected);
	close(fd);
}

static const struct {
	const char *request, *answer;
} said[] = {
	{ "{\"verb\": \"echo\", \"text\": \"caf\xC3\xA9 \\u0022\"}", "\"caf\xC3\xA9 \\\"\"" },
	{ "{\"verb\":\"\\u0065cho\"}", "null" },
	{ "{\"verb\": \"echo\", \"text\": null}", "null" },
	{ " {\"text\":\"a\",\"verb\":\"echo\"}\t", "\"a\"" },
	{ "{\"verb\": \"echo\", \"text\": 1}", "{\"error\": \"text: expected a text\", \"rc\": \"refused\"}" },
	{ "{\"verb\": \"echo\", \"txet\": \"a\"}",
	  "{\"error\": \"echo: no argument \\\"txet\\\"\", \"rc\": \"refused\"}" },
	{ "{\"verb\": \"fail\", \"text\": \"a\"}",
	  "{\"error\": \"fail: no argument \\\"text\\\"\", \"rc\": \"refused\"}" },
	{ "{\"verb\": \"ec\"}", "{\"error\": \"no verb \\\"ec\\\"\", \"rc\": \"absent\"}" },
	{ "{\"verb\": \"echoo\"}", "{\"error\": \"no verb \\\"echoo\\\"\", \"rc\": \"absent\"}" },
	{ "{\"verb\": 1}", "{\"error\": \"expected a text \\\"verb\\\"\", \"rc\": \"refused\"}" },
	{ "{}", "{\"error\": \"expected a text \\\"verb\\\"\", \"rc\": \"refused\"}" },
	{ "[\"echo\"]", "{\"error\": \"expected a JSON object\", \"rc\": \"refused\"}" },
	{ "{\"verb\": \"fail\"}", "{\"error\": \"no \\\"space\\\" left\", \"rc\": \"disk\"}" },
	{ "{\"verb\": \"big\", \"mb\": \"70\"}",
	  "{\"error\": \"the answer is over 67108864 bytes\", \"rc\": \"full\"}" },
};

static void a_request_has_one_answer(void **state)
{
	struct control *c = start(0);

	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		check_answer(text_of(said[i].request), said[i].answer);
	control_stop(c);
	(void)state;
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "echo", "{\"verb\": \"echo\"} x", "{\"verb\": \"e\xFF\"}", "{'verb': 'echo'}"
	};
	struct control *c = start(0);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf answer;
		struct why why;

		buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
		assert_int_equal(control_ask(path, text_of(bad[i]), ANSWER_MS, &answer, &why), RC_OK);
		buf_add(&answer, "", 1);
		assert_memory_equal(answer.at, "{\"error\": \"", 11);
		assert_non_null(strstr(answer.at, ", \"rc\": \"refused\"}"));
		buf_fini(&answer);
	}
	control_stop(c);
	(void)state;
}

static void a_long_answer_arrives_whole(void **state)
{
	struct control *c = start(0);
	struct buf answer;
	struct why why;

	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	assert_int_equal(control_ask(path, TEXT("{\"verb\": \"big\", \"mb\": \"3\"}"), ANSWER_MS, &answer, &why),
			 RC_OK);
	assert_int_equal(answer.n, 3000002);
	buf_fini(&answer);
	buf_init(&answer, 1000);
	assert_int_equal(control_ask(path, TEXT("{\"verb\": \"big\", \"mb\": \"3\"}"), ANSWER_MS, &answer, &why),
			 RC_FULL);
	buf_fini(&answer);
	control_stop(c);
	(void)state;
}

/* {"verb": "echo", "text": "xxx…"} of n bytes; the caller frees it. */
static struct text long_request(size_t n)
{
	static const char begin[] = "{\"verb\": \"echo\", \"text\": \"";
	char *s = must_alloc(n + 1);

	memset(s, 'x', n);
	memcpy(s, begin, sizeof(begin) - 1);
	memcpy(s + n - 2, "\"}", 2);
	return (struct text){ s, n };
}

static void a_request_has_a_longest_length(void **state)
{
	struct text fits = long_request(CONTROL_REQUEST_MAX_BYTES - 1), over = long_request(CONTROL_REQUEST_MAX_BYTES),
		    far_over = long_request(2 * (size_t)CONTROL_REQUEST_MAX_BYTES);
	static const char refused[] = "{\"error\": \"the request is over 4194304 bytes\", \"rc\": \"refused\"}";
	struct control *c = start(0);
	struct buf answer;
	struct why why;

	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	assert_int_equal(control_ask(path, fits, ANSWER_MS, &answer, &why), RC_OK);
	assert_int_equal(answer.n, fits.n - strlen("{\"verb\": \"echo\", \"text\": }"));
	buf_fini(&answer);
	check_answer(over, refused);
	check_answer(far_over, refused);
	control_stop(c);
	free((void *)(uintptr_t)fits.s);
	free((void *)(uintptr_t)over.s);
	free((void *)(uintptr_t)far_over.s);
	(void)state;
}

static void a_request_may_come_in_pieces_and_end_without_a_break(void **state)
{
	static const char request[] = "{\"verb\": \"echo\", \"text\": \"ab\"}";
	struct control *c = start(0);
	int fd = dial();

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	check_rest(fd, "\"ab\"\n");
	fd = dial();
	assert_int_equal(send(fd, "{}\n{}\n", 6, MSG_NOSIGNAL), 6);
	check_rest(fd, "{\"error\": \"expected one line\", \"rc\": \"refused\"}\n");
	/* nothing at all: nothing is answered */
	fd = dial();
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	check_rest(fd, "");
	control_stop(c);
	(void)state;
}

static void who_says_nothing_is_sent_away(void **state)
{
	struct control *c = start(50);
	int fd = dial();

	assert_int_equal(send(fd, "{", 1, MSG_NOSIGNAL), 1);
	check_rest(fd, "{\"error\": \"the request did not come in time\", \"rc\": \"peer\"}\n");
	control_stop(c);
	(void)state;
}

static void *ask_wait(void *argument)
{
	(void)argument;
	check_answer(TEXT("{\"verb\": \"wait\"}"), "\"waited\"");
	return NULL;
}

static void wait_for_waiting(unsigned n)
{
	lock_take(&gate.lock);
	while (gate.n_waiting < n)
		signal_wait(&gate.moved, &gate.lock);
	lock_give_back(&gate.lock);
}

static void open_gate(void)
{
	lock_take(&gate.lock);
	gate.open = true;
	signal_all(&gate.moved);
	lock_give_back(&gate.lock);
}

static void a_long_verb_holds_up_no_other(void **state)
{
	struct control *c = start(0);
	pthread_t asker[CONTROL_MAX_CONNECTIONS];

	for (size_t i = 0; i < ARRAY_LEN(asker); i++) {
		if (i == ARRAY_LEN(asker) - 1)
			check_answer(TEXT("{\"verb\": \"echo\"}"), "null");
		thread_start(&asker[i], "asker", ask_wait, NULL);
		wait_for_waiting((unsigned)i + 1);
	}
	/* one more than there is room for */
	check_answer(TEXT("{\"verb\": \"echo\"}"),
		     "{\"error\": \"16 requests are being answered already\", \"rc\": \"full\"}");
	open_gate();
	for (size_t i = 0; i < ARRAY_LEN(asker); i++)
		pthread_join(asker[i], NULL);
	/* and there is room again, as often as one likes */
	for (int i = 0; i < 50; i++)
		check_answer(TEXT("{\"verb\": \"wait\"}"), "\"waited\"");
	control_stop(c);
	(void)state;
}

static void *stop(void *argument)
{
	control_stop(argument);
	return NULL;
}

/* A verb that runs is waited for and its answer sent; one that has not come is not. */
static void stopping_ends_what_runs(void **state)
{
	struct control *c = start(0);
	pthread_t asker, stopper;
	struct buf answer;
	struct why why;
	int silent;

	thread_start(&asker, "asker", ask_wait, NULL);
	wait_for_waiting(1);
	silent = dial();
	thread_start(&stopper, "stopper", stop, c);
	check_rest(silent, "");
	open_gate();
	pthread_join(asker, NULL);
	pthread_join(stopper, NULL);
	buf_init(&answer, 1000);
	assert_int_equal(control_ask(path, TEXT("{}"), ANSWER_MS, &answer, &why), RC_ABSENT);
	buf_fini(&answer);
	assert_int_equal(access(path, F_OK), -1);
	(void)state;
}

/* Those who wait to be let in are sent away at once, however long a verb still runs. */
static void stopping_lets_nobody_wait_at_the_door(void **state)
{
	const struct timeval longest = { .tv_sec = ANSWER_MS / 4000 };
	struct control *c = start(0);
	pthread_t asker, stopper;
	int silent[CONTROL_MAX_CONNECTIONS - 2];

	thread_start(&asker, "asker", ask_wait, NULL);
	wait_for_waiting(1);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		silent[i] = dial();
	thread_start(&stopper, "stopper", stop, c);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		char byte;

		assert_int_equal(setsockopt(silent[i], SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)), 0);
		errno = 0;
		assert_true(recv(silent[i], &byte, 1, 0) <= 0);
		assert_true(errno == 0 || errno == ECONNRESET);
		close(silent[i]);
	}
	open_gate();
	pthread_join(asker, NULL);
	pthread_join(stopper, NULL);
	(void)state;
}

static void only_we_can_open_it(void **state)
{
	mode_t before = umask(0777);
	struct control *c = start(0);
	struct stat st;

	umask(before);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(st.st_uid, geteuid());
	control_stop(c);
	(void)state;
}

static void a_live_daemon_keeps_its_socket(void **state)
{
	struct control_options options = { path, verbs, ARRAY_LEN(verbs), NULL, 0 };
	struct control *first = start(0), *second = NULL;
	struct why why;
	char pid[16];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	assert_int_equal(control_start(&options, &second, &why), RC_REFUSED);
	assert_null(second);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, pid));
	check_answer(TEXT("{\"verb\": \"echo\"}"), "null");
	control_stop(first);
	(void)state;
}

/* Leave a socket at path as one that ended without removing it does; listening: as one that still serves it. */
static int leave_socket(bool listening)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_dead_daemons_socket_is_replaced(void **state)
{
	struct control *c;

	close(leave_socket(false));
	c = start(0);
	check_answer(TEXT("{\"verb\": \"echo\"}"), "null");
	control_stop(c);
	assert_int_equal(access(path, F_OK), -1);
	(void)state;
}

static void what_is_anothers_stays(void **state)
{
	struct control_options options = { path, verbs, ARRAY_LEN(verbs), NULL, 0 };
	struct control *c = NULL;
	struct why why;
	int fd = leave_socket(true);

	assert_int_equal(control_start(&options, &c, &why), RC_REFUSED);
	assert_non_null(strstr(why.text, "another program listens there"));
	close(fd);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(control_start(&options, &c, &why), RC_REFUSED);
	assert_non_null(strstr(why.text, "no socket"));
	assert_int_equal(unlink(path), 0);
	/* nor is one removed at the end that came in place of ours */
	c = start(0);
	assert_int_equal(unlink(path), 0);
	fd = leave_socket(true);
	control_stop(c);
	assert_int_equal(unlink(path), 0);
	close(fd);
	(void)state;
}

static void the_last_folder_is_made(void **state)
{
	struct control_options options = { NULL, verbs, ARRAY_LEN(verbs), NULL, 0 };
	char *below = must_format("%s/run", folder), *socket_path = must_format("%s/run/s", folder),
	     *lock = must_format("%s/run/s.lock", folder), *deeper = must_format("%s/no/run/s", folder);
	struct control *c = NULL;
	struct why why;

	options.path = deeper;
	assert_int_equal(control_start(&options, &c, &why), RC_DISK);
	assert_non_null(strstr(why.text, deeper));
	options.path = socket_path;
	assert_int_equal(control_start(&options, &c, &why), RC_OK);
	control_stop(c);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(rmdir(below), 0);
	free(below);
	free(socket_path);
	free(lock);
	free(deeper);
	(void)state;
}

static void root_and_our_user_may(void **state)
{
	uid_t uid = 1, me = geteuid();
	struct why why;
	pid_t pid = 0;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(control_socket_check_peer(pair[0], me, &uid, &pid, &why), RC_OK);
	assert_int_equal(uid, me);
	assert_int_equal(pid, getpid());
	/* root is let in by a daemon of any user, others only by their own */
	assert_int_equal(control_socket_check_peer(pair[0], me + 1, &uid, &pid, &why), me == 0 ? RC_OK : RC_REFUSED);
	close(pair[0]);
	close(pair[1]);
	(void)state;
}

static void another_user_is_refused(void **state)
{
	struct control *c;
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	c = start(0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0); /* the file's mode is the first guard: this test is of the second */
	child = fork();
	if (child == 0) {
		static const char expected[] = "{\"error\": \"user 65534 may not: only root and the daemon's own user, "
					       "0\", \"rc\": \"refused\"}";
		struct buf answer;
		struct why why;

		if (setuid(NOBODY) != 0)
			_exit(2);
		buf_init(&answer, 1000);
		if (control_ask(path, TEXT("{\"verb\": \"echo\"}"), ANSWER_MS, &answer, &why) != RC_OK)
			_exit(3);
		_exit(text_is(buf_text(&answer), expected) ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	control_stop(c);
	(void)state;
}

static void a_client_says_what_is_missing(void **state)
{
	struct buf answer;
	struct why why;
	int fd;

	buf_init(&answer, 1000);
	assert_int_equal(control_ask(path, TEXT("{}"), ANSWER_MS, &answer, &why), RC_ABSENT);
	assert_string_equal(why.text, strerror(ENOENT));
	close(leave_socket(false));
	assert_int_equal(control_ask(path, TEXT("{}"), ANSWER_MS, &answer, &why), RC_ABSENT);
	assert_string_equal(why.text, strerror(ECONNREFUSED));
	assert_int_equal(unlink(path), 0);
	fd = leave_socket(true);
	assert_int_equal(control_ask(path, TEXT("{}"), 50, &answer, &why), RC_PEER);
	assert_string_equal(why.text, "no answer in 50 ms");
	close(fd);
	assert_int_equal(unlink(path), 0);
	buf_fini(&answer);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_one_answer),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(a_long_answer_arrives_whole),
		cmocka_unit_test(a_request_has_a_longest_length),
		cmocka_unit_test(a_request_may_come_in_pieces_and_end_without_a_break),
		cmocka_unit_test(who_says_nothing_is_sent_away),
		cmocka_unit_test(a_long_verb_holds_up_no_other),
		cmocka_unit_test(stopping_ends_what_runs),
		cmocka_unit_test(stopping_lets_nobody_wait_at_the_door),
		cmocka_unit_test(only_we_can_open_it),
		cmocka_unit_test(a_live_daemon_keeps_its_socket),
		cmocka_unit_test(a_dead_daemons_socket_is_replaced),
		cmocka_unit_test(what_is_anothers_stays),
		cmocka_unit_test(the_last_folder_is_made),
		cmocka_unit_test(root_and_our_user_may),
		cmocka_unit_test(another_user_is_refused),
		cmocka_unit_test(a_client_says_what_is_missing),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
