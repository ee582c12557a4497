/*
 * One request while it is answered, and the server it came to: shared by the files of this folder, nobody else.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/histogram.h"
#include "base/lock.h"
#include "http/answer.h"
#include "http/flight.h"
#include "http/page.h"
#include "http/server.h"

enum method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_OPTIONS = 8,
	METHOD_OTHER = 16,
	METHODS_READ = METHOD_GET | METHOD_HEAD,
};

struct request;
/* Fill answer (already 200, JSON, empty). */
typedef void route_fn(struct request *r, struct answer *answer);

struct route {
	const char *path;
	unsigned methods; /* of enum method; OPTIONS is always answered */
	bool cors;        /* may be read from http_cors_origin */
	enum histogram took;
	route_fn *fn; /* NULL: ingest, which takes a body */
};

struct ingest_call;
struct access_note;

/* Made when the request line has come, ended when the reply has gone or the connection was lost. */
struct request {
	struct http_server *server;
	struct MHD_Connection *connection;
	bool nul_in_path; /* MHD hands the path over up to its first NUL: such a path is no path of ours */
	bool begun;       /* headers have come; counted in server->n_busy */
	bool decided;     /* answer stands */
	bool suspended;   /* until ingest has stored */
	const struct route *route;
	const struct page_file *page_file; /* when the route is that of the page */
	enum method method;
	bool answered;                  /* the answer was queued */
	struct access_note *access;     /* for the access log; NULL: there is none */
	struct mono begun_at;           /* its headers have come */
	const struct http_words *words; /* those of when it began */
	struct answer answer;
	size_t drained_bytes;     /* of a body that nobody wants */
	struct ingest_call *call; /* ingest only */
};

/* What http_server_change() changes: never changed itself, and kept until the server ends, since requests hold it. */
struct http_words {
	char *cors_origin; /* NULL: none */
	struct text token; /* of ingest, s == NULL: none */
	const struct http_words *older;
};

struct http_server {
	/* fixed after start */
	struct http_options options; /* without its texts */
	struct MHD_Daemon **daemon;
	struct listener *listener;
	size_t n_daemons;
	struct query query; /* the one given, with folders of our own */
	struct folders *folders;
	struct page *page;
	/* each with locks of its own */
	struct kept_replies *kept_once; /* of values, whose questions came once so far: most never come again */
	struct kept_replies *kept_data, *kept_meta;
	struct flights *flights;
	/* any thread */
	_Atomic(const struct http_words *) words; /* never NULL */
	atomic_bool closing;
	atomic_size_t held_bytes; /* of ingest bodies in memory */
	/* under lock */
	struct lock lock;
	struct signal idle; /* n_busy has become 0 */
	size_t n_busy;
	unsigned n_drawing;          /* pictures in the making: their memory is bounded by their number */
	struct signal drawn;         /* n_drawing has become less */
	struct ingest_call *waiting; /* for ingest */
	bool abandoning;             /* nobody may start to wait any more */
};

/* A request header, TEXT_NONE when absent. */
struct text request_header(const struct request *r, const char *name);
/* The first query parameter of that name, decoded: s == NULL when absent, s != NULL and n == 0 when empty. */
struct text request_parameter(const struct request *r, const char *name);

/*
 * All of that name, in order: *out is yours to free, its texts are the request's. At most `max`; *n says how many there are,
 * also beyond.
 */
struct text *request_parameters(const struct request *r, const char *name, size_t max, size_t *n);
/* A parameter that must be there. False: the answer is the error. */
bool request_needs(struct request *r, const char *name, struct text *out, struct answer *a);
/* A question as a key: parts of any bytes, each with its length in front; one that is not there has none. */
void question_add(struct buf *question, struct text part);

/* The route of a path; NULL when there is none. With ingest off its path is unknown. */
const struct route *routes_find(const char *path, bool ingest_enabled);
/* "GET, HEAD, OPTIONS" */
const char *routes_allow(const struct route *route);

route_fn handle_index, handle_base, handle_root, handle_hosts, handle_hinfo, handle_list, handle_info, handle_data;
route_fn handle_categories, handle_last_seen, handle_values, handle_page, handle_ui, handle_graph_svg, handle_graph_png;
route_fn handle_metrics, handle_healthz, handle_readyz, handle_status;

/*
 * Ingest, in the order of a request's life. begin: judge the headers, r->decided when refused. body: take a piece.
 * end: split, decode and hand over; true: suspended until the batch is stored, then answer; false: answer now.
 */
void ingest_begin(struct request *r);
void ingest_body(struct request *r, struct text piece);
bool ingest_end(struct request *r);
void ingest_answer(struct request *r);
void ingest_free(struct request *r);
/* Wake all that wait for ingest; each is answered with 503, its batch ends by itself. */
void ingest_abandon(struct http_server *s);

#endif
