/*
 * The C parts of bench/drain.py: who fills the queue, the bare consumer, and our receiving alone.
 *
 *	drain publish PORT N HOSTS     N messages into the queue, as pollers of HOSTS hosts send them in the last hours
 *	drain bare PORT N              a consumer that reads and acknowledges every 1000, and nothing else
 *	drain receive PORT N           our client and decoder, acknowledging every 10 ms as with a journal; nothing is stored
 *
 * Each prints seconds and its CPU seconds (user and system) from the first message to the last.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/instant.h"
#include "broker/broker.h"
#include "ingest/ingest.h"

enum { PREFETCH = 2000, STEP_S = 60, VALUES = 6, ACK_EVERY_MS = 10, GATHER_MS = 1 };
#define QUEUE "storage-bench"

struct meter {
	struct mono start;
	double cpu_s;
};

static double cpu_s(void)
{
	struct rusage u;

	must(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct meter begin(void)
{
	return (struct meter){ mono_now(), cpu_s() };
}

static int end(struct meter m)
{
	printf("%.3f %.3f\n", (double)(mono_now().ns - m.start.ns) / 1e9, cpu_s() - m.cpu_s);
	return 0;
}

static void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "drain: %s failed\n", what);
		exit(1);
	}
}

static amqp_connection_state_t connect_to(int port)
{
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *s = amqp_tcp_socket_new(c);

	check(amqp_socket_open(s, "127.0.0.1", port) == AMQP_STATUS_OK, "connecting");
	check(amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
		      AMQP_RESPONSE_NORMAL,
	      "login");
	check(amqp_channel_open(c, 1) != NULL, "opening a channel");
	check(amqp_queue_declare(c, 1, amqp_cstring_bytes(QUEUE), 0, 1, 0, 0, amqp_empty_table) != NULL, "the queue");
	return c;
}

/* The body of a poller's cast: six of a plugin's values, as texts and as rates. */
static int write_body(char *out, size_t room, long i, long hosts, long t_s)
{
	static const char *const names[VALUES] = { "user", "nice", "system", "idle", "iowait", "softirq" };
	char values[512];
	int n = 0;

	for (int k = 0; k < VALUES; k++)
		n += snprintf(values + n, sizeof(values) - (size_t)n,
			      k % 2 == 0 ? "%s\\\\\\\"%s\\\\\\\": \\\\\\\"%ld\\\\\\\"" : "%s\\\\\\\"%s\\\\\\\": %ld.25",
			      k == 0 ? "" : ", ", names[k], (i * 7 + k * 131) % 99991);
	return snprintf(
		out, room,
		"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"poller_msg\\\", \\\"args\\\": "
		"{\\\"args\\\": {\\\"message\\\": \\\"{\\\\\\\"TimeStamp\\\\\\\": \\\\\\\"%ld\\\\\\\", "
		"\\\\\\\"Plugin\\\\\\\": \\\\\\\"cpu\\\\\\\", \\\\\\\"Values\\\\\\\": {%s}}\\\"}}, "
		"\\\"_unique_id\\\": \\\"%032lx\\\", \\\"_context_topic\\\": \\\"host-%06ld\\\", "
		"\\\"_context_plugin\\\": \\\"cpu\\\", \\\"_context_type\\\": \\\"data\\\", "
		"\\\"_context_hostid\\\": \\\"host-%06ld\\\"}\"}",
		t_s, values, i, i % hosts, i % hosts);
}

static int publish(int port, long n, long hosts)
{
	amqp_connection_state_t c = connect_to(port);
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG |
			  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.content_encoding = amqp_cstring_bytes("utf-8"),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	/* the last tick is the minute that goes on */
	long first_s = (long)wall_now().s / STEP_S * STEP_S - (n - 1) / hosts * STEP_S;
	struct meter m;
	char body[4096];

	check(amqp_queue_purge(c, 1, amqp_cstring_bytes(QUEUE)) != NULL, "emptying the queue");
	m = begin();
	for (long i = 0; i < n; i++) {
		int length = write_body(body, sizeof(body), i, hosts, first_s + i / hosts * STEP_S);

		check(amqp_basic_publish(c, 1, amqp_empty_bytes, amqp_cstring_bytes(QUEUE), 0, 0, &p,
					 (amqp_bytes_t){ (size_t)length, body }) == AMQP_STATUS_OK,
		      "publishing");
	}
	check(amqp_channel_close(c, 1, AMQP_REPLY_SUCCESS).reply_type == AMQP_RESPONSE_NORMAL, "closing the channel");
	end(m);
	amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(c);
	return 0;
}

static int consume_bare(int port, long n)
{
	amqp_connection_state_t c = connect_to(port);
	struct timeval patience = { .tv_sec = 20 };
	struct meter m = { 0 };
	uint64_t tag = 0;

	check(amqp_basic_qos(c, 1, 0, PREFETCH, 0) != NULL, "the prefetch");
	m = begin();
	check(amqp_basic_consume(c, 1, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, 0, 0, 0, amqp_empty_table) != NULL,
	      "consuming");
	for (long i = 0; i < n; i++) {
		amqp_envelope_t e;

		amqp_maybe_release_buffers(c);
		check(amqp_consume_message(c, &e, &patience, 0).reply_type == AMQP_RESPONSE_NORMAL, "reading");
		tag = e.delivery_tag;
		amqp_destroy_envelope(&e);
		if ((i + 1) % (PREFETCH / 2) == 0 || i + 1 == n)
			check(amqp_basic_ack(c, 1, tag, 1) == AMQP_STATUS_OK, "acknowledging");
	}
	/* its answer comes when all of that was taken */
	check(amqp_channel_close(c, 1, AMQP_REPLY_SUCCESS).reply_type == AMQP_RESPONSE_NORMAL, "closing the channel");
	end(m);
	amqp_connection_close(c, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(c);
	return 0;
}

static int receive(int port, long n)
{
	char address[] = "127.0.0.1";
	struct broker_server server = { address, port };
	struct broker_options options = {
		.server = &server,
		.n_servers = 1,
		.user = "guest",
		.password = "guest",
		.vhost = "/",
		.exchange = "numeter",
		.queue = QUEUE,
		.prefetch = PREFETCH,
		.heartbeat_s = 30,
	};
	static const char *const key[] = { "nothing" };
	struct broker_keys keys = { .bind = key, .n_bind = 1 };
	struct broker *b = broker_new(&options);
	struct batch *batch = batch_new(INPUT_AMQP);
	struct broker_delivery d;
	struct mono acked;
	struct meter m;
	struct why why;

	if (broker_connect(b, &keys, &why) != RC_OK) {
		fprintf(stderr, "drain: %s\n", why.text);
		return 1;
	}
	m = begin();
	acked = m.start;
	for (long taken = 0; taken < n;) {
		struct mono now;
		enum rc rc;

		while ((rc = broker_receive(b, &d, &why)) == RC_OK) {
			struct item *i = batch_add_amqp(batch, d.body, d.content_type, d.compression, d.tag);

			check(i->decoded && i->message.n_samples == VALUES, "decoding");
			taken++;
		}
		check(rc == RC_END, "reading");
		now = mono_now();
		if (batch->n > 0 && (taken == n || mono_ms_between(acked, now) >= ACK_EVERY_MS)) {
			check(broker_ack(b, batch->item[batch->n - 1].tag, true, &why) == RC_OK, "acknowledging");
			batch_reset(batch);
			acked = now;
		}
		if (taken < n)
			poll(NULL, 0, GATHER_MS);
	}
	end(m);
	broker_free(b);
	batch_free(batch);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "publish") == 0)
		return publish(atoi(argv[2]), atol(argv[3]), atol(argv[4]));
	if (argc == 4 && strcmp(argv[1], "bare") == 0)
		return consume_bare(atoi(argv[2]), atol(argv[3]));
	if (argc == 4 && strcmp(argv[1], "receive") == 0)
		return receive(atoi(argv[2]), atol(argv[3]));
	fprintf(stderr, "usage: drain publish PORT N HOSTS | bare PORT N | receive PORT N\n");
	return 2;
}
