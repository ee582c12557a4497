/*
 * Carbon lines as fast as a server takes them:
 *
 *   carbon_load PORT SERIES TICKS T0 [CONNECTIONS [ORDER [HOW]]]
 *
 * Names are numeter.hNNNNN.pNN.dN, 150 series a host; values have two decimals; tick i is at T0 + 60 i. Each of the
 * CONNECTIONS (default 1) has an equal share of the series, and all are open from the beginning to the end.
 * ORDER    same (default): every tick as the one before · varying: each connection shuffles its series for every tick
 * HOW      rendered (default): lines are made while they are sent · prerendered: all are made before the clock starts
 *          step: a tick is sent for each line on stdin, and a line on stdout says that the kernel took it; for others to
 *          do something between two ticks; the end of stdin ends it early
 * Then it closes its side, waits until the server has closed its own, which it does when it has read everything, and
 * prints one line: {"points": N, "bytes": N, "seconds": S, "cpu_seconds": S}, seconds being from the first byte to then.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SERIES_A_HOST = 150, SERIES_A_PLUGIN = 5, LINE_MOST = 96, SEND_BYTES = 256 * 1024, CONNECTIONS_MOST = 10000 };

enum how { RENDERED, PRERENDERED, STEP };

static struct {
	uint16_t port;
	uint32_t n_series, n_ticks, n_connections;
	long t0;
	bool varying;
	enum how how;
} want = { .n_connections = 1 };

static int connection[CONNECTIONS_MOST];
static uint32_t *order; /* of all series; a connection's share is contiguous */
static uint64_t dice = 88172645463325252;
static uint64_t n_bytes;

/* xorshift64: the same stream in every run */
static uint32_t roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (uint32_t)(dice >> 32);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static char *put_decimal(char *at, uint64_t number, int width)
{
	char digit[20];
	int n = 0;

	do {
		digit[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0 || n < width);
	while (n > 0)
		*at++ = digit[--n];
	return at;
}

static char *put_text(char *at, const char *text)
{
	size_t n = strlen(text);

	memcpy(at, text, n);
	return at + n;
}

static char *put_line(char *at, uint32_t series, uint32_t tick)
{
	uint32_t value = roll();

	at = put_text(at, "numeter.h");
	at = put_decimal(at, series / SERIES_A_HOST, 5);
	at = put_text(at, ".p");
	at = put_decimal(at, series % SERIES_A_HOST / SERIES_A_PLUGIN, 2);
	at = put_text(at, ".d");
	at = put_decimal(at, series % SERIES_A_PLUGIN, 1);
	*at++ = ' ';
	at = put_decimal(at, (value >> 8) % 10000, 1);
	*at++ = '.';
	at = put_decimal(at, value % 100, 2);
	*at++ = ' ';
	at = put_decimal(at, (uint64_t)(want.t0 + 60L * tick), 1);
	*at++ = '\n';
	return at;
}

static void send_all(int fd, const char *bytes, size_t n)
{
	n_bytes += n;
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0)
			die("send");
		bytes += sent;
		n -= (size_t)sent;
	}
}

static uint32_t share_begin(uint32_t c)
{
	return (uint32_t)((uint64_t)want.n_series * c / want.n_connections);
}

static void shuffle(uint32_t *from, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = roll() % i, kept = from[i - 1];

		from[i - 1] = from[k];
		from[k] = kept;
	}
}

/* One connection's share of one tick, handed over in pieces to `taken`; the rest stays in the buffer. */
static void make_share(uint32_t tick, uint32_t c, void (*taken)(uint32_t c, const char *bytes, size_t n))
{
	static char buffer[SEND_BYTES];
	uint32_t begin = share_begin(c), end = share_begin(c + 1);
	char *at = buffer;

	if (want.varying)
		shuffle(order + begin, end - begin);
	for (uint32_t i = begin; i < end; i++) {
		at = put_line(at, order[i], tick);
		if (at > buffer + sizeof(buffer) - LINE_MOST) {
			taken(c, buffer, (size_t)(at - buffer));
			at = buffer;
		}
	}
	if (at > buffer)
		taken(c, buffer, (size_t)(at - buffer));
}

static void send_now(uint32_t c, const char *bytes, size_t n)
{
	send_all(connection[c], bytes, n);
}

/* What was made before the clock starts: pieces in one growing memory. */
static struct piece {
	uint32_t c;
	size_t offset, n;
} * piece;
static size_t n_pieces, piece_capacity, store_bytes, store_capacity;
static char *store;

static void keep(uint32_t c, const char *bytes, size_t n)
{
	if (n_pieces == piece_capacity) {
		piece_capacity = piece_capacity ? 2 * piece_capacity : 1024;
		piece = realloc(piece, piece_capacity * sizeof(*piece));
	}
	if (store_bytes + n > store_capacity) {
		store_capacity = 2 * store_capacity + SEND_BYTES;
		store = realloc(store, store_capacity);
	}
	if (!piece || !store)
		die("realloc");
	piece[n_pieces++] = (struct piece){ c, store_bytes, n };
	memcpy(store + store_bytes, bytes, n);
	store_bytes += n;
}

static void make_tick(uint32_t tick, void (*taken)(uint32_t c, const char *bytes, size_t n))
{
	for (uint32_t c = 0; c < want.n_connections; c++)
		make_share(tick, c, taken);
}

static void send_steps(void)
{
	char line[64];

	for (uint32_t i = 0; i < want.n_ticks && fgets(line, sizeof(line), stdin); i++) {
		make_tick(i, send_now);
		printf("%u\n", i);
		fflush(stdout);
	}
}

static void send_everything(void)
{
	if (want.how == STEP) {
		send_steps();
	} else if (want.how == PRERENDERED) {
		for (size_t i = 0; i < n_pieces; i++)
			send_all(connection[piece[i].c], store + piece[i].offset, piece[i].n);
	} else {
		for (uint32_t i = 0; i < want.n_ticks; i++)
			make_tick(i, send_now);
	}
}

static void connect_all(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(want.port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (uint32_t c = 0; c < want.n_connections; c++) {
		connection[c] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connection[c] < 0)
			die("socket");
		if (connect(connection[c], (const struct sockaddr *)&address, sizeof(address)) < 0)
			die("connect");
	}
}

static void wait_until_read(void)
{
	char answer[256];

	for (uint32_t c = 0; c < want.n_connections; c++)
		shutdown(connection[c], SHUT_WR);
	for (uint32_t c = 0; c < want.n_connections; c++) {
		while (read(connection[c], answer, sizeof(answer)) > 0)
			;
		close(connection[c]);
	}
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t number(const char *text, uint32_t most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < 1 || n > most) {
		fprintf(stderr, "carbon_load: %s is not a number from 1 to %u\n", text, most);
		exit(2);
	}
	return (uint32_t)n;
}

static bool is_other(const char *text, const char *usual, const char *other)
{
	if (strcmp(text, usual) != 0 && strcmp(text, other) != 0) {
		fprintf(stderr, "carbon_load: %s or %s, not %s\n", usual, other, text);
		exit(2);
	}
	return strcmp(text, other) == 0;
}

static void read_arguments(int n, char **argument)
{
	if (n < 5 || n > 8) {
		fprintf(stderr, "usage: carbon_load PORT SERIES TICKS T0 [CONNECTIONS [same|varying "
				"[rendered|prerendered|step]]]\n");
		exit(2);
	}
	want.port = (uint16_t)number(argument[1], UINT16_MAX);
	want.n_series = number(argument[2], 100000000);
	want.n_ticks = number(argument[3], 100000000);
	want.t0 = (long)number(argument[4], UINT32_MAX);
	if (n > 5)
		want.n_connections = number(argument[5], CONNECTIONS_MOST);
	if (n > 6)
		want.varying = is_other(argument[6], "same", "varying");
	if (n > 7 && strcmp(argument[7], "step") == 0)
		want.how = STEP;
	else if (n > 7)
		want.how = is_other(argument[7], "rendered", "prerendered") ? PRERENDERED : RENDERED;
}

int main(int n, char **argument)
{
	double begun, ended;

	read_arguments(n, argument);
	order = malloc(want.n_series * sizeof(*order));
	if (!order)
		die("malloc");
	for (uint32_t i = 0; i < want.n_series; i++)
		order[i] = i;
	for (uint32_t i = 0; want.how == PRERENDERED && i < want.n_ticks; i++)
		make_tick(i, keep);
	connect_all();
	begun = seconds(CLOCK_MONOTONIC);
	send_everything();
	wait_until_read();
	ended = seconds(CLOCK_MONOTONIC);
	printf("{\"points\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n",
	       (unsigned long long)want.n_series * want.n_ticks, (unsigned long long)n_bytes, ended - begun,
	       seconds(CLOCK_PROCESS_CPUTIME_ID));
	free(order);
	free(piece);
	free(store);
	return 0;
}
