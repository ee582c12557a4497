/*
 * The loop of thread `carbon`: one round is what epoll reports, one read of each socket, and then everything handed
 * over. Nothing is read while what was read before cannot be accepted: then TCP holds the senders back, and the kernel
 * drops datagrams and counts them.
 */
#include "carbon/carbon.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "carbon/intake.h"
#include "carbon/listen.h"

enum {
	READ_BYTES = 256 * 1024,
	EVENTS = 256,
	DATAGRAMS = 32,         /* in one call */
	DATAGRAM_BYTES = 65536, /* more than UDP carries */
	MOST_CONNECTIONS = 10000,
	NAMES_MAX_BYTES = 256 * 1024 * 1024,
	STOP_MS = 500,
	GATHER_MS = 1, /* after a round of less than GATHER_BYTES more may gather: waking costs more than reading */
	GATHER_BYTES = 64 * 1024,
	NO_FILES_MS = 1000, /* no accept() for so long when the process has no more descriptors */
};

/* What epoll watches. */
struct watched {
	enum { WATCH_WAKE, WATCH_TCP, WATCH_UDP, WATCH_CONNECTION } kind;
	int fd;
	/* a connection or a UDP socket */
	struct intake_place place;
	uint32_t n_dropped; /* of a UDP socket, as the kernel counts */
	/* a connection */
	char *part; /* the beginning of a line, NULL: none */
	size_t n_part;
	bool skipping; /* up to the next line feed: the line is too long */
	struct watched *previous, *next;
};

struct carbon {
	/* fixed after start */
	struct carbon_options options;
	struct carbon_socket *socket;
	size_t n_sockets, max_connections;
	pthread_t thread;
	int wake_fd, epoll_fd;
	/* any thread */
	atomic_bool stopping;
	/* thread carbon only */
	struct intake *intake;
	struct watched *watched; /* the wake, then each socket's TCP and UDP */
	struct watched *connections;
	size_t n_connections;
	bool accepting;
	struct mono accept_again; /* not before, when not accepting */
	bool stalled;
	size_t n_read;   /* bytes of this round */
	char *bytes;     /* room for a part of a line, a read, and what the parser may look at behind it */
	char *datagrams; /* DATAGRAMS of them, each likewise */
};

static void wake(void *argument)
{
	struct carbon *c = argument;
	uint64_t one = 1;

	if (write(c->wake_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it wakes anyway */
	}
}

static enum rc accept_points(void *argument, const struct numbered *point, size_t n, uint32_t accepted_s,
			     struct why *why)
{
	struct carbon *c = argument;
	uint64_t position;
	enum rc rc = engine_accept(c->options.engine, point, n, accepted_s, &position, why);

	if (rc == RC_OK)
		counter_add(COUNTER_POINTS_CARBON, n);
	return rc;
}

static void submit_batch(void *argument, struct batch *b)
{
	struct carbon *c = argument;

	ingest_submit(c->options.ingest, b);
}

static uint32_t n_forgets_now(void *argument)
{
	const struct carbon *c = argument;

	return c->options.n_forgets(c->options.mark_argument);
}

static uint32_t mark_now(void *argument)
{
	struct carbon *c = argument;

	return c->options.mark(c->options.mark_argument);
}

static void watch(struct carbon *c, struct watched *w, int operation, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	must(epoll_ctl(c->epoll_fd, operation, w->fd, &e) == 0);
}

/* Take connections, or leave them to wait in the kernel. */
static void set_accepting(struct carbon *c, bool accepting)
{
	if (c->accepting == accepting)
		return;
	c->accepting = accepting;
	for (size_t i = 0; i < c->n_sockets; i++)
		watch(c, &c->watched[1 + 2 * i], EPOLL_CTL_MOD, accepting ? EPOLLIN : 0);
}

static void add_connection(struct carbon *c, int fd)
{
	struct watched *w = must_alloc(sizeof(*w));
	const int on = 1;

	(void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	*w = (struct watched){ .kind = WATCH_CONNECTION, .fd = fd, .place = INTAKE_START, .next = c->connections };
	if (w->next != NULL)
		w->next->previous = w;
	c->connections = w;
	c->n_connections++;
	counter_add(COUNTER_CARBON_CONNECTIONS, 1);
	watch(c, w, EPOLL_CTL_ADD, EPOLLIN);
}

static void free_connection(struct watched *w)
{
	close(w->fd);
	free(w->part);
	free(w);
}

static void end_connection(struct carbon *c, struct watched *w)
{
	if (w->next != NULL)
		w->next->previous = w->previous;
	if (w->previous != NULL)
		w->previous->next = w->next;
	else
		c->connections = w->next;
	c->n_connections--;
	free_connection(w);
	set_accepting(c, true);
}

static void take_connections(struct carbon *c, const struct watched *w)
{
	static struct log_limit full;

	for (;;) {
		int fd;

		if (c->n_connections >= c->max_connections) {
			log_limited(&full, LOG_LEVEL_WARNING, "carbon.full", "connections=%zu: more must wait",
				    c->n_connections);
			set_accepting(c, false);
			c->accept_again = (struct mono){ INT64_MAX };
			return;
		}
		fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			add_connection(c, fd);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			log_limited(&full, LOG_LEVEL_WARNING, "carbon.full",
				    "connections=%zu why=\"%s\": more must wait", c->n_connections, strerror(errno));
			set_accepting(c, false);
			c->accept_again = mono_after_ms(mono_now(), NO_FILES_MS);
		}
		return;
	}
}

/* Keep what stands behind the last line feed until the rest of its line comes. */
static void keep_part(struct carbon *c, struct watched *w, const char *bytes, size_t n)
{
	if (n > LINE_MAX_BYTES + 1) { /* a CR may be the last */
		intake_refuse(c->intake, (struct text){ bytes, n }, "a line without an end");
		w->skipping = true;
		n = 0;
	}
	if (n > 0 && w->part == NULL)
		w->part = must_alloc(LINE_MAX_BYTES + 1);
	if (n > 0)
		memcpy(w->part, bytes, n);
	w->n_part = n;
	if (n == 0) {
		free(w->part);
		w->part = NULL;
	}
}

static void take_bytes(struct carbon *c, struct watched *w, const char *bytes, size_t n)
{
	size_t taken;

	if (w->skipping) {
		const char *feed = memchr(bytes, '\n', n);

		if (feed == NULL)
			return;
		w->skipping = false;
		n -= (size_t)(feed + 1 - bytes);
		bytes = feed + 1;
	}
	taken = intake_take(c->intake, &w->place, bytes, n);
	keep_part(c, w, bytes + taken, n - taken);
}

/* One read; the others have their turn before the next. */
static void read_connection(struct carbon *c, struct watched *w)
{
	char *into = c->bytes + LINE_MAX_BYTES + 1;
	ssize_t n = read(w->fd, into, READ_BYTES);

	if (n > 0) {
		c->n_read += (size_t)n;
		into -= w->n_part;
		if (w->n_part > 0)
			memcpy(into, w->part, w->n_part);
		take_bytes(c, w, into, w->n_part + (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (w->n_part > 0)
		intake_refuse(c->intake, (struct text){ w->part, w->n_part }, "the connection ended within this line");
	end_connection(c, w);
}

/* How many datagrams the kernel has dropped so far; its counter comes with a datagram. */
static void note_drops(struct watched *w, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		uint32_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&n, CMSG_DATA(h), sizeof(n));
		counter_add(COUNTER_CARBON_DROPPED, n - w->n_dropped);
		w->n_dropped = n;
	}
}

static void read_datagrams(struct carbon *c, struct watched *w)
{
	struct mmsghdr m[DATAGRAMS] = { 0 };
	struct iovec v[DATAGRAMS];
	_Alignas(struct cmsghdr) char control[DATAGRAMS][CMSG_SPACE(sizeof(uint32_t))];
	int n;

	for (int i = 0; i < DATAGRAMS; i++) {
		v[i] = (struct iovec){ c->datagrams + (size_t)i * (DATAGRAM_BYTES + INTAKE_SLACK), DATAGRAM_BYTES };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i],
						.msg_iovlen = 1,
						.msg_control = control[i],
						.msg_controllen = sizeof(control[i]) };
	}
	n = recvmmsg(w->fd, m, DATAGRAMS, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		char *bytes = v[i].iov_base;
		size_t n_bytes = m[i].msg_len;

		c->n_read += n_bytes;
		note_drops(w, &m[i].msg_hdr);
		if (n_bytes > 0 && bytes[n_bytes - 1] != '\n')
			bytes[n_bytes++] = '\n'; /* the end of a datagram ends a line */
		intake_take(c->intake, &w->place, bytes, n_bytes);
	}
	if (n > 0)
		counter_add(COUNTER_CARBON_DATAGRAMS, (uint64_t)n);
}

static void serve(struct carbon *c, struct watched *w)
{
	uint64_t ignored;

	switch (w->kind) {
	case WATCH_WAKE:
		(void)!read(w->fd, &ignored, sizeof(ignored));
		break;
	case WATCH_TCP:
		take_connections(c, w);
		break;
	case WATCH_UDP:
		read_datagrams(c, w);
		break;
	case WATCH_CONNECTION:
		read_connection(c, w);
		break;
	}
}

/* Only for news from ingest and for time to pass: sockets wait. */
static void wait_aside(struct carbon *c, int64_t ms)
{
	struct pollfd one = { .fd = c->wake_fd, .events = POLLIN };
	uint64_t ignored;

	if (poll(&one, 1, (int)ms) > 0)
		(void)!read(c->wake_fd, &ignored, sizeof(ignored));
}

/* A little rest. News from ingest end it and are left for the next round. */
static void gather(const struct carbon *c)
{
	struct pollfd one = { .fd = c->wake_fd, .events = POLLIN };

	(void)poll(&one, 1, GATHER_MS);
}

static void finish_round(struct carbon *c)
{
	static struct log_limit limit;
	bool stalled;

	intake_end(c->intake, mono_now());
	stalled = intake_stalled(c->intake);
	if (stalled && !c->stalled) {
		counter_add(COUNTER_CARBON_STALLS, 1);
		log_limited(&limit, LOG_LEVEL_WARNING, "carbon.stalled",
			    "lines=%zu: nothing is read until they are taken", intake_n_waiting(c->intake));
	}
	c->stalled = stalled;
}

static int timeout_ms(struct carbon *c)
{
	struct mono now = mono_now();
	int64_t ms = -1, accept_ms;

	if (!intake_due(c->intake, now, &ms))
		ms = -1;
	if (!c->accepting && c->accept_again.ns != INT64_MAX) {
		accept_ms = mono_ms_between(now, c->accept_again);
		if (accept_ms <= 0) {
			set_accepting(c, true);
			accept_ms = 0;
		}
		if (ms < 0 || accept_ms < ms)
			ms = accept_ms;
	}
	return (int)ms;
}

static void round_of(struct carbon *c)
{
	struct epoll_event event[EVENTS];
	int n, ms = timeout_ms(c);

	if (c->stalled) {
		wait_aside(c, ms);
		intake_begin(c->intake, wall_now().s);
		finish_round(c);
		return;
	}
	n = epoll_wait(c->epoll_fd, event, EVENTS, ms);
	c->n_read = 0;
	intake_begin(c->intake, wall_now().s);
	for (int i = 0; i < n && !intake_stalled(c->intake); i++)
		serve(c, event[i].data.ptr);
	finish_round(c);
	if (c->n_read > 0 && c->n_read < GATHER_BYTES)
		gather(c);
}

/* What was read is handed over; when that cannot be done soon it is lost, as what stood in the sockets is. */
static void hand_over_rest(struct carbon *c)
{
	struct mono deadline = mono_after_ms(mono_now(), STOP_MS);
	size_t left;

	for (;;) {
		intake_begin(c->intake, wall_now().s);
		intake_end(c->intake, mono_now());
		left = intake_n_waiting(c->intake);
		if (!intake_busy(c->intake) && (left == 0 || mono_ms_between(mono_now(), deadline) <= 0))
			break;
		wait_aside(c, 20);
	}
	if (left > 0)
		log_line(LOG_LEVEL_WARNING, "carbon.dropped", "lines=%zu: could not be accepted before the end", left);
}

static void *run(void *argument)
{
	struct carbon *c = argument;

	while (!atomic_load(&c->stopping))
		round_of(c);
	hand_over_rest(c);
	return NULL;
}

static size_t connection_limit(size_t asked)
{
	size_t n = asked == 0 ? MOST_CONNECTIONS : asked;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 * 3 < n)
		n = files.rlim_cur / 4 * 3;
	return n == 0 ? 1 : n;
}

static void watch_sockets(struct carbon *c)
{
	c->watched = must_alloc((1 + 2 * c->n_sockets) * sizeof(*c->watched));
	c->watched[0] = (struct watched){ .kind = WATCH_WAKE, .fd = c->wake_fd };
	for (size_t i = 0; i < c->n_sockets; i++) {
		c->watched[1 + 2 * i] = (struct watched){ .kind = WATCH_TCP, .fd = c->socket[i].tcp_fd };
		c->watched[2 + 2 * i] =
			(struct watched){ .kind = WATCH_UDP, .fd = c->socket[i].udp_fd, .place = INTAKE_START };
	}
	for (size_t i = 0; i < 1 + 2 * c->n_sockets; i++)
		watch(c, &c->watched[i], EPOLL_CTL_ADD, EPOLLIN);
	c->accepting = true;
}

enum rc carbon_start(const struct carbon_options *options, struct carbon **out, struct why *why)
{
	struct carbon *c = must_alloc(sizeof(*c));
	enum rc rc;

	c->options = *options;
	rc = carbon_sockets_open(options->listen, &c->socket, &c->n_sockets, why);
	if (rc != RC_OK) {
		free(c);
		return rc;
	}
	c->max_connections = connection_limit(options->max_connections);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	must(c->wake_fd >= 0 && c->epoll_fd >= 0);
	c->bytes = must_alloc(LINE_MAX_BYTES + 1 + READ_BYTES + INTAKE_SLACK);
	c->datagrams = must_alloc((size_t)DATAGRAMS * (DATAGRAM_BYTES + INTAKE_SLACK));
	watch_sockets(c);
	c->intake = intake_new(&(struct intake_options){
		.registry = engine_registry(options->engine),
		.accept = accept_points,
		.submit = submit_batch,
		.wake = wake,
		.mark = mark_now,
		.n_forgets = n_forgets_now,
		.argument = c,
		.schema = options->schema,
		.max_future_s = options->max_future_s,
		.known_max_bytes = options->names_max_bytes == 0 ? NAMES_MAX_BYTES : options->names_max_bytes,
	});
	thread_start(&c->thread, "carbon", run, c);
	*out = c;
	return RC_OK;
}

void carbon_change(struct carbon *c, const struct schema *schema, int64_t max_future_s)
{
	if (c != NULL)
		intake_change(c->intake, schema, max_future_s);
}

void carbon_stop(struct carbon *c)
{
	if (c == NULL)
		return;
	atomic_store(&c->stopping, true);
	wake(c);
	must(pthread_join(c->thread, NULL) == 0);
	for (struct watched *w = c->connections, *next; w != NULL; w = next) {
		next = w->next;
		free_connection(w);
	}
	intake_free(c->intake);
	carbon_sockets_close(c->socket, c->n_sockets);
	close(c->epoll_fd);
	close(c->wake_fd);
	free(c->watched);
	free(c->bytes);
	free(c->datagrams);
	free(c);
}

int carbon_port(const struct carbon *c)
{
	return c->n_sockets == 0 ? 0 : c->socket[0].port;
}
