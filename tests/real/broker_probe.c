/*
 * A driver of broker.h for tests/real/test_broker.py: the loop a daemon would have, told by lines on stdin what to do,
 * telling by lines on stdout what happens.
 *
 * options  server=HOST:PORT … NAME=VALUE of struct broker_options · numbered_keys=N · numbered_unbinds=N (host-000000.example.org …) · bench=N (ack N by 1000, tell how long)
 * stdin    bind KEY… [/ UNBIND…] · reverse (the keys to unbind, and begin with them again) · ack TAG · acks TAG (and all up to it) · auto (acks each) · hold · go (receive or not)
 *          tend off|on · publish KEY BODY · flood KEY N BYTES (N publishes) · skip MS (the clock given to tend)
 * stdout   connected SERVER · lost WHY · warning TEXT · info TEXT · bound · published RC · flooded OK_OF_N · bench MS ·
 *          message TAG REDELIVERED BYTES FULL_BYTES CONTENT_TYPE COMPRESSION REPLY_TO CORRELATION_ID HEX
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "broker/broker.h"

enum { MAX_KEYS = 200000, PAUSE_MS = 100, TICK_MS = 100 };

static struct broker_options options = {
	.user = "guest",
	.password = "guest",
	.vhost = "/",
	.exchange = "numeter",
	.queue = "storage",
	.prefetch = 2000,
	.ssl_verify = true,
	.heartbeat_s = 30,
};
static struct broker_server server[8];
static char *key[MAX_KEYS], *no_key[MAX_KEYS];
static struct broker_keys keys;
static struct broker *broker;
static bool automatic, held, not_tended, done;
static int64_t skipped_ms;
static uint64_t bench_left;
static struct mono bench_start;

static void set_option(char *arg)
{
	char *value = strchr(arg, '=');

	must(value != NULL);
	*value++ = '\0';
	if (strcmp(arg, "server") == 0) {
		char *port = strrchr(value, ':');

		*port++ = '\0';
		server[options.n_servers++] = (struct broker_server){ value, atoi(port) };
	} else if (strcmp(arg, "user") == 0) {
		options.user = value;
	} else if (strcmp(arg, "password") == 0) {
		options.password = value;
	} else if (strcmp(arg, "vhost") == 0) {
		options.vhost = value;
	} else if (strcmp(arg, "exchange") == 0) {
		options.exchange = value;
	} else if (strcmp(arg, "queue") == 0) {
		options.queue = value;
	} else if (strcmp(arg, "prefetch") == 0) {
		options.prefetch = atoi(value);
	} else if (strcmp(arg, "heartbeat") == 0) {
		options.heartbeat_s = atoi(value);
	} else if (strcmp(arg, "durable") == 0) {
		options.durable = true;
	} else if (strcmp(arg, "quorum") == 0) {
		options.quorum = true;
	} else if (strcmp(arg, "ssl") == 0) {
		options.ssl = true;
	} else if (strcmp(arg, "ssl_ca") == 0) {
		options.ssl_ca = value;
	} else if (strcmp(arg, "ssl_verify") == 0) {
		options.ssl_verify = strcmp(value, "false") != 0;
	} else if (strcmp(arg, "bench") == 0) {
		bench_left = strtoull(value, NULL, 10);
	} else if (strcmp(arg, "numbered_keys") == 0) {
		for (int i = 0; i < atoi(value); i++)
			key[keys.n_bind++] = must_format("host-%06d.example.org", i);
	} else if (strcmp(arg, "numbered_unbinds") == 0) {
		for (int i = 0; i < atoi(value); i++)
			no_key[keys.n_unbind++] = must_format("host-%06d.example.org", i);
	} else {
		fprintf(stderr, "unknown option %s\n", arg);
		exit(2);
	}
}

static void forget_keys(void)
{
	while (keys.n_bind > 0)
		free(key[--keys.n_bind]);
	while (keys.n_unbind > 0)
		free(no_key[--keys.n_unbind]);
}

/* "a b / c": bind a and b, unbind c. */
static void set_keys(char *words)
{
	char *save = NULL;
	bool behind = false;

	forget_keys();
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		if (strcmp(w, "/") == 0)
			behind = true;
		else if (behind)
			no_key[keys.n_unbind++] = must_strdup(w);
		else
			key[keys.n_bind++] = must_strdup(w);
	}
}

static void reverse_unbinds(void)
{
	for (size_t i = 0; i < keys.n_unbind / 2; i++) {
		char *last = no_key[keys.n_unbind - 1 - i];

		no_key[keys.n_unbind - 1 - i] = no_key[i];
		no_key[i] = last;
	}
	broker_unbind_again(broker);
}

static void lost(const struct why *why)
{
	printf("lost %s\n", why->text);
	fflush(stdout);
}

/* "KEY N BYTES" */
static void flood(const char *words)
{
	int n = 0, n_bytes = 0, n_ok = 0;
	char routing_key[64], *body;
	struct why why;

	must(sscanf(words, "%63s %d %d", routing_key, &n, &n_bytes) == 3);
	body = must_alloc((size_t)n_bytes);
	for (int i = 0; i < n; i++)
		n_ok += broker_publish(broker, routing_key, (struct text){ body, (size_t)n_bytes }, &why) == RC_OK;
	printf("flooded %d\n", n_ok);
	free(body);
}

static void obey(char *line)
{
	char *rest = strchr(line, ' '), *body;
	struct why why;

	if (rest != NULL)
		*rest++ = '\0';
	if (strcmp(line, "bind") == 0) {
		set_keys(rest);
		broker_rebind(broker);
	} else if (strcmp(line, "reverse") == 0) {
		reverse_unbinds();
	} else if (strcmp(line, "ack") == 0 || strcmp(line, "acks") == 0) {
		if (broker_ack(broker, strtoull(rest, NULL, 10), line[3] == 's', &why) != RC_OK)
			lost(&why);
	} else if (strcmp(line, "auto") == 0) {
		automatic = true;
	} else if (strcmp(line, "hold") == 0) {
		held = true;
	} else if (strcmp(line, "go") == 0) {
		held = false;
	} else if (strcmp(line, "tend") == 0) {
		not_tended = strcmp(rest, "off") == 0;
	} else if (strcmp(line, "skip") == 0) {
		skipped_ms += atoll(rest);
	} else if (strcmp(line, "publish") == 0) {
		body = strchr(rest, ' ');
		*body++ = '\0';
		printf("published %s\n", rc_name(broker_publish(broker, rest, text_of(body), &why)));
	} else if (strcmp(line, "flood") == 0) {
		flood(rest);
	} else {
		printf("unknown %s\n", line);
	}
	fflush(stdout);
}

static void read_commands(void)
{
	static char in[1 << 20];
	static size_t n;
	ssize_t got = read(0, in + n, sizeof(in) - n - 1);
	char *start = in, *end;

	if (got <= 0) {
		done = true;
		return;
	}
	n += (size_t)got;
	while ((end = memchr(start, '\n', n - (size_t)(start - in))) != NULL) {
		*end = '\0';
		obey(start);
		start = end + 1;
	}
	n -= (size_t)(start - in);
	memmove(in, start, n);
}

static const char *or_dash(struct text t)
{
	static char copy[4][256];
	static unsigned next;
	char *to = copy[next++ % 4];

	snprintf(to, sizeof(copy[0]), "%.*s", TEXT_ARG(t));
	return t.s == NULL ? "-" : to;
}

static void print_delivery(const struct broker_delivery *d)
{
	printf("message\t%llu\t%d\t%zu\t%llu\t%s\t%s\t%s\t%s\t", (unsigned long long)d->tag, d->redelivered, d->body.n,
	       (unsigned long long)d->full_bytes, or_dash(d->content_type), or_dash(d->compression),
	       or_dash(d->reply_to), or_dash(d->correlation_id));
	for (size_t i = 0; i < d->body.n && i < 200; i++)
		printf("%02x", (unsigned char)d->body.s[i]);
	printf("\n");
}

static void bench(uint64_t tag)
{
	struct why why;

	if (tag == 1)
		bench_start = mono_now();
	bench_left--;
	if ((tag % 1000 == 0 || bench_left == 0) && broker_ack(broker, tag, true, &why) != RC_OK)
		lost(&why);
	if (bench_left == 0)
		printf("bench %lld\n", (long long)mono_ms_between(bench_start, mono_now()));
}

static void receive_all(void)
{
	struct broker_delivery d;
	struct why why;
	enum rc rc;

	while ((rc = broker_receive(broker, &d, &why)) == RC_OK) {
		if (bench_left > 0) {
			bench(d.tag);
			continue;
		}
		print_delivery(&d);
		if (automatic && broker_ack(broker, d.tag, false, &why) != RC_OK)
			lost(&why);
	}
	if (rc == RC_PEER)
		lost(&why);
	fflush(stdout);
}

static void tell_notes(void)
{
	struct broker_note note;

	while (broker_take_note(broker, &note))
		printf("%s %s\n", note.warning ? "warning" : "info", note.what.text);
	fflush(stdout);
}

static bool connected(void)
{
	struct mono start = mono_now();
	struct why why;

	if (broker_connected(broker))
		return true;
	if (broker_connect(broker, &keys, &why) == RC_OK) {
		printf("connected %s %lld\n", broker_server_name(broker),
		       (long long)mono_ms_between(start, mono_now()));
		tell_notes();
		return true;
	}
	lost(&why);
	return false;
}

int main(int argc, char **argv)
{
	struct mono tended = { 0 };
	struct why why;

	keys.bind = (const char *const *)key;
	keys.unbind = (const char *const *)no_key;
	for (int i = 1; i < argc; i++)
		set_option(argv[i]);
	options.server = server;
	broker = broker_new(&options);
	while (!done) {
		bool up = connected();
		struct pollfd p[] = { { .fd = 0, .events = POLLIN },
				      { .fd = held ? -1 : broker_fd(broker), .events = POLLIN } };

		if (up && !held)
			receive_all();
		(void)poll(p, ARRAY_LEN(p), up ? TICK_MS : PAUSE_MS);
		if (p[0].revents != 0)
			read_commands();
		if (up && !not_tended && mono_ms_between(tended, mono_now()) >= TICK_MS) {
			tended = mono_now();
			if (broker_connected(broker) &&
			    broker_tend(broker, &keys, mono_after_ms(tended, skipped_ms), &why) != RC_OK)
				lost(&why);
			tell_notes();
		}
	}
	broker_free(broker);
	forget_keys();
	return 0;
}
