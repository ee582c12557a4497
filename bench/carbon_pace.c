/*
 * Carbon lines at a steady rate, until it is ended:
 *
 *   carbon_pace PORT RATE CONNECTIONS < NAMES
 *
 * RATE points a second, the NAMES (one a line) in turn, time now, values of two decimals. Every 5 ms one of the CONNECTIONS
 * sends what is due. What could not be sent in time, because the server did not take it, is not sent later: what was
 * really taken is for the server to say.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	TICK_NS = 5000000,
	SECOND_NS = 1000000000,
	NAME_MOST = 200,
	LINE_MOST = NAME_MOST + 32,
	CONNECTIONS_MOST = 1000
};

static char (*name)[NAME_MOST];
static size_t n_names, capacity;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_names(void)
{
	char line[NAME_MOST];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (n_names == capacity) {
			capacity = capacity ? 2 * capacity : 1024;
			name = realloc(name, capacity * sizeof(*name));
			if (!name)
				die("realloc");
		}
		memcpy(name[n_names++], line, sizeof(line));
	}
	if (n_names == 0) {
		fprintf(stderr, "carbon_pace: no names on stdin\n");
		exit(2);
	}
}

static int dial(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	return fd;
}

static void send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0)
			die("send");
		bytes += sent;
		n -= (size_t)sent;
	}
}

static uint32_t number(const char *text, uint32_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > most) {
		fprintf(stderr, "carbon_pace: %s is not a number from 1 to %u\n", text, most);
		exit(2);
	}
	return (uint32_t)n;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

int main(int n, char **argument)
{
	uint32_t n_connections, per_tick;
	int fd[CONNECTIONS_MOST];
	size_t next = 0;
	int64_t due;
	char *lines;

	if (n != 4) {
		fprintf(stderr, "usage: carbon_pace PORT RATE CONNECTIONS < NAMES\n");
		return 2;
	}
	per_tick = number(argument[2], 100000000) / (SECOND_NS / TICK_NS);
	n_connections = number(argument[3], CONNECTIONS_MOST);
	read_names();
	lines = malloc((size_t)(per_tick + 1) * LINE_MOST);
	if (!lines)
		die("malloc");
	for (uint32_t i = 0; i < n_connections; i++)
		fd[i] = dial((uint16_t)number(argument[1], UINT16_MAX));
	due = now_ns();
	for (uint32_t tick = 0;; tick++) {
		char stamp[32], *at = lines;
		int n_stamp = snprintf(stamp, sizeof(stamp), "%u.%02u %lld\n", tick % 1000, tick % 100,
				       (long long)time(NULL));
		struct timespec t;

		for (uint32_t i = 0; i < per_tick; i++) {
			size_t n_name = strlen(name[next]);

			memcpy(at, name[next], n_name);
			at[n_name] = ' ';
			memcpy(at + n_name + 1, stamp, (size_t)n_stamp);
			at += n_name + 1 + (size_t)n_stamp;
			next = (next + 1) % n_names;
		}
		send_all(fd[tick % n_connections], lines, (size_t)(at - lines));
		due += TICK_NS;
		if (now_ns() - due > SECOND_NS)
			due = now_ns();
		t = (struct timespec){ due / SECOND_NS, due % SECOND_NS };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
}
