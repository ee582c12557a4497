/*
 * The glue to libmicrohttpd: a daemon with its thread pool for each listening socket, and the life of a request.
 *
 * A request is opened by its request line, begun when its headers have come, answered when its body has, and freed
 * when the reply has gone. An answer known from the headers alone still lets a small body in first: closing a socket
 * with unread bytes would reset the connection and the client might never see the answer.
 */
#include "http/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/access.h"
#include "http/listen.h"
#include "http/request.h"
#include "query/folder.h"
#include "query/seen_files.h"

enum {
	TIMEOUT_S = 30,
	MAX_CONNECTIONS = 4096,
	CONNECTION_BYTES = 32 * 1024,  /* request line and headers; above this MHD maps memory anew for every request */
	DRAIN_MAX_BYTES = 1024 * 1024, /* of a body nobody wants, before the connection is cut */
	OVERRUN_FACTOR = 4,            /* an ingest body without length may be that many times too long before that */
	MIN_THREADS = 4, /* a metadata store that hangs holds the threads that ask it: leave some for the others */
	MAX_THREADS = 8,
	KEPT_MAX_BYTES = 64 * 1024 * 1024,     /* of replies of values, and as much of metadata */
	KEPT_ONCE_MAX_BYTES = 4 * 1024 * 1024, /* few, so that the memory they take one after the other is near */
	STOP_WAIT_MS = 1200,
	STOP_LAST_WORD_MS = 300,
};

struct text request_header(const struct request *r, const char *name)
{
	const char *value = NULL;
	size_t n = 0;

	if (MHD_lookup_connection_value_n(r->connection, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES)
		return TEXT_NONE;
	return value == NULL ? TEXT("") : (struct text){ value, n };
}

struct search {
	struct text name, found;
};

static enum MHD_Result look(void *search, enum MHD_ValueKind kind, const char *key, size_t key_bytes, const char *value,
			    size_t value_bytes)
{
	struct search *s = search;

	(void)kind;
	if (!text_equal((struct text){ key, key_bytes }, s->name))
		return MHD_YES;
	s->found = value == NULL ? TEXT("") : (struct text){ value, value_bytes };
	return MHD_NO;
}

/* Not MHD's own look-up: that takes HOST for host. */
struct text request_parameter(const struct request *r, const char *name)
{
	struct search s = { text_of(name), TEXT_NONE };

	MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, look, &s);
	return s.found;
}

struct gathering {
	struct text name, *found;
	size_t n, max;
};

static enum MHD_Result gather(void *gathering, enum MHD_ValueKind kind, const char *key, size_t key_bytes,
			      const char *value, size_t value_bytes)
{
	struct gathering *g = gathering;

	(void)kind;
	if (text_equal((struct text){ key, key_bytes }, g->name)) {
		if (g->n < g->max)
			g->found[g->n] = value == NULL ? TEXT("") : (struct text){ value, value_bytes };
		g->n++;
	}
	return MHD_YES;
}

struct text *request_parameters(const struct request *r, const char *name, size_t max, size_t *n)
{
	struct gathering g = { .name = text_of(name), .max = max };

	g.found = must_alloc(max * sizeof(*g.found));
	MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, gather, &g);
	*n = g.n;
	return g.found;
}

static enum method method_of(const char *name)
{
	static const struct {
		const char *name;
		enum method method;
	} methods[] = {
		{ MHD_HTTP_METHOD_GET, METHOD_GET },
		{ MHD_HTTP_METHOD_HEAD, METHOD_HEAD },
		{ MHD_HTTP_METHOD_POST, METHOD_POST },
		{ MHD_HTTP_METHOD_OPTIONS, METHOD_OPTIONS },
	};

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(name, methods[i].name) == 0)
			return methods[i].method;
	return METHOD_OTHER;
}

static void *open_request(void *server, const char *uri, struct MHD_Connection *connection)
{
	struct request *r = must_alloc(sizeof(*r));
	const char *query = strchr(uri, '?'), *nul = strstr(uri, "%00");

	r->server = server;
	r->connection = connection;
	r->words = atomic_load(&r->server->words);
	r->nul_in_path = nul != NULL && (query == NULL || nul < query);
	answer_init(&r->answer);
	access_open(r, uri);
	return r;
}

/* MHD calls this with what is left of the request, also when the connection was lost. */
static void close_request(void *server, struct MHD_Connection *connection, void **context,
			  enum MHD_RequestTerminationCode how)
{
	struct http_server *s = server;
	struct request *r = *context;

	(void)connection;
	(void)how;
	if (r == NULL)
		return;
	*context = NULL;
	access_end(r);
	ingest_free(r);
	answer_fini(&r->answer);
	if (r->begun) {
		lock_take(&s->lock);
		s->n_busy--;
		if (s->n_busy == 0)
			signal_all(&s->idle);
		lock_give_back(&s->lock);
	}
	free(r);
}

static void begin(struct request *r, const char *path, const char *method, const char *version)
{
	struct http_server *s = r->server;
	struct answer *a = &r->answer;

	r->begun = true;
	r->begun_at = mono_now();
	lock_take(&s->lock);
	s->n_busy++;
	lock_give_back(&s->lock);
	r->method = method_of(method);
	access_begin(r, method, version);
	r->page_file = page_find(path);
	r->route = r->nul_in_path ? NULL : routes_find(path, s->options.ingest_enabled);
	if (r->route == NULL) {
		answer_error(a, MHD_HTTP_NOT_FOUND, "Not found", "no such path");
		r->decided = true;
	} else if (r->method == METHOD_OPTIONS) {
		a->status = MHD_HTTP_NO_CONTENT;
		a->allow = routes_allow(r->route);
		r->decided = true;
	} else if ((r->route->methods & r->method) == 0) {
		answer_error(a, MHD_HTTP_METHOD_NOT_ALLOWED, "Method not allowed", routes_allow(r->route));
		a->allow = routes_allow(r->route);
		r->decided = true;
	} else if (r->route->fn == NULL) {
		ingest_begin(r);
	}
}

/* Whether waiting for the body makes no sense: it is long, or the client holds it back until it is asked for. */
static bool answer_at_once(const struct request *r)
{
	struct text length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	if (!r->decided)
		return false;
	return (length.s != NULL && strtoull(length.s, NULL, 10) > DRAIN_MAX_BYTES) ||
	       request_header(r, MHD_HTTP_HEADER_EXPECT).s != NULL;
}

static enum MHD_Result send_answer(struct request *r)
{
	struct answer_form form = {
		.accept_encoding = request_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING),
		.if_none_match = request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH),
		.origin = request_header(r, MHD_HTTP_HEADER_ORIGIN),
		.preflight = r->method == METHOD_OPTIONS,
		.closing = atomic_load(&r->server->closing),
	};

	if (r->route != NULL && r->route->cors)
		form.cors_origin = r->words->cors_origin;
	histogram_note(r->route != NULL ? r->route->took : HISTOGRAM_HTTP_OTHER, mono_now().ns - r->begun_at.ns, 1);
	r->answered = true;
	return answer_send(&r->answer, &form, r->connection);
}

/* False: too much of what nobody wants. */
static bool take_body(struct request *r, struct text piece)
{
	size_t limit = DRAIN_MAX_BYTES;

	if (r->call != NULL) {
		ingest_body(r, piece);
		if (limit < OVERRUN_FACTOR * r->server->options.ingest_max_bytes)
			limit = OVERRUN_FACTOR * r->server->options.ingest_max_bytes;
	}
	r->drained_bytes += piece.n;
	return r->drained_bytes <= limit;
}

static enum MHD_Result serve(void *server, struct MHD_Connection *connection, const char *path, const char *method,
			     const char *version, const char *body, size_t *body_bytes, void **context)
{
	struct request *r = *context;

	(void)server;
	(void)connection;
	if (!r->begun) {
		begin(r, path, method, version);
		return answer_at_once(r) ? send_answer(r) : MHD_YES;
	}
	if (*body_bytes > 0) {
		struct text piece = { body, *body_bytes };

		*body_bytes = 0;
		return take_body(r, piece) ? MHD_YES : MHD_NO;
	}
	if (r->suspended) {
		ingest_answer(r);
	} else if (!r->decided && r->call != NULL) {
		r->suspended = ingest_end(r);
		if (r->suspended)
			return MHD_YES;
	} else if (!r->decided) {
		r->route->fn(r, &r->answer);
	}
	return send_answer(r);
}

static unsigned choose_threads(unsigned asked)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (asked > 0)
		return asked;
	return cores < MIN_THREADS ? MIN_THREADS : cores > MAX_THREADS ? MAX_THREADS : (unsigned)cores;
}

/* MHD's threads inherit the mask: signals are the main loop's. */
static struct MHD_Daemon *start_daemon(struct http_server *s, int fd, unsigned n_threads)
{
	struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)n_threads, NULL },
					 { MHD_OPTION_END, 0, NULL } };
	struct MHD_Daemon *d;
	sigset_t all, before;

	if (n_threads < 2)
		pool[0] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, serve, s,
			     MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_CONNECTION_TIMEOUT,
			     (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
			     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_URI_LOG_CALLBACK,
			     open_request, s, MHD_OPTION_NOTIFY_COMPLETED, close_request, s, MHD_OPTION_ARRAY, pool,
			     MHD_OPTION_END);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return d;
}

static struct http_words *new_words(const char *cors_origin, const char *token, const struct http_words *older)
{
	struct http_words *w = must_alloc(sizeof(*w));

	*w = (struct http_words){ .token = TEXT_NONE, .older = older };
	if (cors_origin != NULL)
		w->cors_origin = must_strdup(cors_origin);
	if (token != NULL)
		w->token = text_of(must_strdup(token));
	return w;
}

static void free_words(const struct http_words *w)
{
	free(w->cors_origin);
	free((void *)(uintptr_t)w->token.s);
	free((void *)(uintptr_t)w);
}

static bool is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void http_server_change(struct http_server *s, const char *cors_origin, const char *ingest_token)
{
	const struct http_words *now = s == NULL ? NULL : atomic_load(&s->words);

	if (s == NULL || (is_same(now->cors_origin, cors_origin) && is_same(now->token.s, ingest_token)))
		return;
	atomic_store(&s->words, new_words(cors_origin, ingest_token, now));
	/* their headers were made for the other origin */
	kept_replies_forget(s->kept_once);
	kept_replies_forget(s->kept_data);
	kept_replies_forget(s->kept_meta);
}

static void free_server(struct http_server *s)
{
	for (size_t i = 0; i < s->options.n_listen; i++)
		listener_close(&s->listener[i]);
	free(s->listener);
	free(s->daemon);
	kept_replies_free(s->kept_once);
	kept_replies_free(s->kept_data);
	kept_replies_free(s->kept_meta);
	flights_free(s->flights);
	page_free(s->page);
	folders_free(s->folders);
	seen_files_free(s->query.seen);
	for (const struct http_words *w = atomic_load(&s->words), *older; w != NULL; w = older) {
		older = w->older;
		free_words(w);
	}
	signal_fini(&s->idle);
	signal_fini(&s->drawn);
	lock_fini(&s->lock);
	free(s);
}

static struct http_server *new_server(const struct http_options *options)
{
	struct http_server *s = must_alloc(sizeof(*s));

	s->options = *options;
	s->options.listen = NULL;
	s->options.cors_origin = s->options.ingest_token = NULL;
	s->folders = folders_new();
	s->query = *options->query;
	s->query.folders = s->folders;
	s->query.seen = seen_files_new();
	s->kept_once = kept_replies_new(KEPT_ONCE_MAX_BYTES);
	s->kept_data = kept_replies_new(KEPT_MAX_BYTES);
	s->kept_meta = kept_replies_new(KEPT_MAX_BYTES);
	s->flights = flights_new();
	s->page = page_new();
	atomic_init(&s->words, new_words(options->cors_origin, options->ingest_token, NULL));
	s->daemon = must_alloc((options->n_listen + 1) * sizeof(struct MHD_Daemon *));
	s->listener = must_alloc((options->n_listen + 1) * sizeof(*s->listener));
	for (size_t i = 0; i < options->n_listen; i++)
		s->listener[i].fd = -1;
	lock_init(&s->lock);
	signal_init(&s->idle);
	signal_init(&s->drawn);
	return s;
}

enum rc http_server_start(const struct http_options *options, struct http_server **out, struct why *why)
{
	struct http_server *s = new_server(options);
	enum rc rc = RC_OK;

	/* Every address first: a start that fails has answered nobody. */
	for (size_t i = 0; i < options->n_listen && rc == RC_OK; i++)
		rc = listener_open(&options->listen[i], options->socket_mode, &s->listener[i], why);
	while (rc == RC_OK && s->n_daemons < options->n_listen) {
		s->daemon[s->n_daemons] =
			start_daemon(s, s->listener[s->n_daemons].fd, choose_threads(options->n_threads));
		if (s->daemon[s->n_daemons] == NULL)
			rc = because(why, RC_DISK, "start the HTTP server: %s", strerror(errno));
		else
			s->n_daemons++;
	}
	if (rc != RC_OK) {
		http_server_stop(s);
		return rc;
	}
	*out = s;
	return RC_OK;
}

/* Wait until no request is in hand. */
static void wait_idle(struct http_server *s, int64_t wait_ms)
{
	struct mono deadline = mono_after_ms(mono_now(), wait_ms);

	lock_take(&s->lock);
	while (s->n_busy > 0 && signal_wait_until(&s->idle, &s->lock, deadline))
		;
	lock_give_back(&s->lock);
}

void http_server_stop(struct http_server *s)
{
	if (s == NULL)
		return;
	atomic_store(&s->closing, true);
	for (size_t i = 0; i < s->n_daemons; i++)
		MHD_quiesce_daemon(s->daemon[i]); /* hands the listening socket back */
	wait_idle(s, STOP_WAIT_MS);
	ingest_abandon(s);
	wait_idle(s, STOP_LAST_WORD_MS);
	for (size_t i = 0; i < s->n_daemons; i++)
		MHD_stop_daemon(s->daemon[i]);
	free_server(s);
}
