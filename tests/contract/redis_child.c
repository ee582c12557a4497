#include "redis_child.h"

#include "unit/test.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, POLL_MS = 10, ARGUMENTS_MAX = 32 };

bool child_is_possible(void)
{
	return system("command -v redis-server redis-cli >/dev/null") == 0;
}

static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static bool answers(const struct redis_child *c)
{
	redisContext *context = redisConnectUnix(c->socket);
	redisReply *reply = context->err != 0 ? NULL : redisCommand(context, "PING");
	bool yes = reply != NULL;

	freeReplyObject(reply);
	redisFree(context);
	return yes;
}

static void run(const struct redis_child *c, const char *const *arguments)
{
	char port[16];
	const char *all[ARGUMENTS_MAX] = { "redis-server", "--bind",       "127.0.0.1", "--port",
					   port,           "--unixsocket", c->socket,   "--dir",
					   c->folder,      "--save",       "",          "--appendonly",
					   "no",           "--loglevel",   "warning",   "--logfile",
					   "/dev/null" };
	size_t n = 0;

	snprintf(port, sizeof(port), "%d", c->port);
	while (all[n] != NULL)
		n++;
	while (arguments != NULL && *arguments != NULL && n + 1 < ARGUMENTS_MAX)
		all[n++] = *arguments++;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(all[0], (char *const *)(uintptr_t)all);
	_exit(127);
}

void child_start(struct redis_child *c, const char *const *arguments)
{
	if (c->folder[0] == '\0') {
		snprintf(c->folder, sizeof(c->folder), "/tmp/numeter-redis-XXXXXX");
		assert_non_null(mkdtemp(c->folder));
		snprintf(c->socket, sizeof(c->socket), "%s/redis.sock", c->folder);
		c->port = free_port();
	}
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0)
		run(c, arguments);
	for (int waited_ms = 0; waited_ms < START_MS; waited_ms += POLL_MS) {
		if (answers(c))
			return;
		assert_int_equal(waitpid(c->pid, NULL, WNOHANG), 0);
		usleep(POLL_MS * 1000);
	}
	fail_msg("redis-server does not answer");
}

void child_stop(struct redis_child *c, int number)
{
	if (c->pid == 0)
		return;
	kill(c->pid, number);
	kill(c->pid, SIGCONT);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	c->pid = 0;
}

void child_end(struct redis_child *c)
{
	child_stop(c, SIGKILL);
	if (c->folder[0] == '\0')
		return;
	unlink(c->socket);
	rmdir(c->folder);
	c->folder[0] = '\0';
}

const char *child_cli(const struct redis_child *c, const char *arguments)
{
	static char output[4096];
	char command[512];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "redis-cli -p %d %s", c->port, arguments);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return output;
}
