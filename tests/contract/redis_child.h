/*
 * A Redis server as a child of the test: a free port of 127.0.0.1 and a Unix socket in a temporary folder. It dies with
 * the test.
 */
#ifndef TESTS_CONTRACT_REDIS_CHILD_H
#define TESTS_CONTRACT_REDIS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_child {
	pid_t pid; /* 0: stopped */
	int port;  /* kept over stop and start */
	char folder[40], socket[64];
};

/* redis-server is installed. */
bool child_is_possible(void);
/* Start it empty and wait until it answers; arguments (NULL at the end) are those of redis-server. */
void child_start(struct redis_child *c, const char *const *arguments);
/* Send the signal (SIGTERM, SIGKILL) and wait until it is gone; harmless when it is. */
void child_stop(struct redis_child *c, int number);
/* Stop it and remove its folder. */
void child_end(struct redis_child *c);

/* Ask as an administrator does: the output of `redis-cli -p PORT …`, a borrowed static text. */
const char *child_cli(const struct redis_child *c, const char *arguments);

#endif
