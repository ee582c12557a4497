/*
 * The REST questions: parameters in, query's answer out.
 */
#include <stdio.h>

#include "http/headers.h"
#include "http/request.h"

/* Together with the view of what is gone: a second. */
enum {
	YOUNG_MS = 900 - GONE_YOUNG_MS /* within a second, the asking included */,
	REFRESH_MS = 500 /* asked again in good time, so that nobody has to wait */
};

static void plain(struct answer *a, const char *text)
{
	a->content_type = "text/plain; charset=utf-8";
	buf_add_str(&a->body, text);
}

static void redirect(struct answer *a, unsigned status, const char *location)
{
	a->status = status;
	a->location = location;
	a->validated = false;
	plain(a, location);
}

void handle_root(struct request *r, struct answer *a)
{
	(void)r;
	redirect(a, MHD_HTTP_FOUND, "/numeter-storage/ui/");
}

void handle_base(struct request *r, struct answer *a)
{
	(void)r;
	redirect(a, MHD_HTTP_MOVED_PERMANENTLY, "/numeter-storage/");
}

/* Relative, so that it holds behind any prefix of a proxy. */
void handle_ui(struct request *r, struct answer *a)
{
	(void)r;
	redirect(a, MHD_HTTP_MOVED_PERMANENTLY, "ui/");
}

void handle_index(struct request *r, struct answer *a)
{
	a->vary = MHD_HTTP_HEADER_ACCEPT;
	if (headers_want_html(request_header(r, MHD_HTTP_HEADER_ACCEPT))) {
		redirect(a, MHD_HTTP_FOUND, "ui/");
		return;
	}
	plain(a, "index pass");
}

bool request_needs(struct request *r, const char *name, struct text *out, struct answer *a)
{
	char detail[64];

	*out = request_parameter(r, name);
	if (out->s != NULL)
		return true;
	snprintf(detail, sizeof(detail), "%s is missing", name);
	answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", detail);
	return false;
}

void question_add(struct buf *question, struct text t)
{
	if (t.s != NULL)
		buf_addf(question, "%zu:", t.n);
	buf_add_text(question, t);
	buf_add_str(question, ",");
}

/* ---- metadata: what another client writes is seen within a second ---- */

typedef enum rc meta_fn(const struct query *q, struct text host, struct text plugin, struct buf *out, struct why *why);

/* A question to the metadata store. */
struct meta_question {
	meta_fn *fn;
	enum meta_hash hash;
	bool any_hash; /* the answer is made of several, `hash` is not looked at */
	struct text host, plugin;
	struct buf key;
};

enum freshness { STALE, USABLE, FRESH };

static unsigned changes_of(const struct query *q, const struct meta_question *m)
{
	return m->any_hash ? meta_changes_any(q->meta)
			   : meta_changes(q->meta, m->hash, m->host) +
				     meta_changes(q->meta, META_DELETED_HOSTS, TEXT_NONE) +
				     meta_changes(q->meta, META_DELETED_PLUGINS, TEXT_NONE);
}

/* From the beginning of the read that made it. */
static enum freshness judge(const struct query *q, const struct meta_question *m, const struct kept *k)
{
	int64_t age_ms;

	if (k == NULL || k->basis.meta.changes != changes_of(q, m))
		return STALE;
	age_ms = mono_ms_between(k->basis.meta.asked, mono_now());
	return age_ms < REFRESH_MS ? FRESH : age_ms < YOUNG_MS ? USABLE : STALE;
}

static enum rc ask(struct request *r, const struct meta_question *m, struct answer *a, struct why *why)
{
	const struct query *q = &r->server->query;
	unsigned changes = changes_of(q, m);
	struct mono asked = mono_now();
	enum rc rc = m->fn(q, m->host, m->plugin, &a->body, why);

	if (rc != RC_OK) {
		answer_rc(a, rc, why);
		return rc;
	}
	answer_keep(a, r->words->cors_origin);
	a->kept->basis.meta.asked = asked;
	a->kept->basis.meta.changes = changes;
	kept_put(r->server->kept_meta, buf_text(&m->key), a->kept);
	return rc;
}

/* Of those who want what is no longer fresh one asks; the others take what is still usable, or wait for the one. */
static void answer_meta(struct request *r, const struct meta_question *m, struct answer *a)
{
	struct http_server *s = r->server;
	struct text key = buf_text(&m->key);
	bool landed = false;

	for (;;) {
		struct kept *k = kept_find(s->kept_meta, key);
		enum freshness freshness = judge(&s->query, m, k);
		struct why why = { "" };
		enum flight flight;
		enum rc rc = RC_OK;

		if (freshness == FRESH) {
			a->kept = k;
			return;
		}
		if (landed &&
		    freshness == STALE) { /* too large to be kept, or written to at once: no use in queueing */
			kept_let_go(k);
			(void)ask(r, m, a, &why);
			return;
		}
		flight = flight_begin(s->flights, key, freshness == STALE, &rc, &why);
		if (flight == FLIGHT_OTHERS) {
			a->kept = k;
			return;
		}
		kept_let_go(k);
		if (flight == FLIGHT_MINE) {
			rc = ask(r, m, a, &why);
			flight_end(s->flights, key, rc, &why);
			return;
		}
		if (rc != RC_OK) {
			answer_rc(a, rc, &why);
			return;
		}
		landed = true;
	}
}

static void answer_question(struct request *r, const char *what, struct meta_question m, struct answer *a)
{
	buf_init(&m.key, ANSWER_MAX_BYTES);
	question_add(&m.key, text_of(what));
	question_add(&m.key, m.host);
	question_add(&m.key, m.plugin);
	answer_meta(r, &m, a);
	buf_fini(&m.key);
}

static enum rc ask_hosts(const struct query *q, struct text host, struct text plugin, struct buf *out, struct why *why)
{
	(void)host;
	(void)plugin;
	return query_hosts(q, out, why);
}

static enum rc ask_host(const struct query *q, struct text host, struct text plugin, struct buf *out, struct why *why)
{
	(void)plugin;
	return query_host(q, host, out, why);
}

static enum rc ask_list(const struct query *q, struct text host, struct text plugin, struct buf *out, struct why *why)
{
	(void)plugin;
	return query_list(q, host, out, why);
}

void handle_hosts(struct request *r, struct answer *a)
{
	answer_question(r, "hosts", (struct meta_question){ .fn = ask_hosts, .hash = META_HOSTS }, a);
}

void handle_hinfo(struct request *r, struct answer *a)
{
	struct meta_question m = { .fn = ask_host, .hash = META_HOSTS };

	if (request_needs(r, "host", &m.host, a))
		answer_question(r, "hinfo", m, a);
}

void handle_list(struct request *r, struct answer *a)
{
	struct meta_question m = { .fn = ask_list, .hash = META_INFOS };

	if (!request_needs(r, "host", &m.host, a))
		return;
	if (m.host.n == 0) /* the one parameter that may not be empty, as in the original */
		answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", "host is empty");
	else
		answer_question(r, "list", m, a);
}

void handle_info(struct request *r, struct answer *a)
{
	struct meta_question m = { .fn = query_info, .hash = META_INFOS };

	if (request_needs(r, "host", &m.host, a) && request_needs(r, "plugin", &m.plugin, a))
		answer_question(r, "info", m, a);
}

static enum rc ask_categories(const struct query *q, struct text host, struct text plugin, struct buf *out,
			      struct why *why)
{
	(void)plugin;
	return query_categories(q, host, out, why);
}

void handle_categories(struct request *r, struct answer *a)
{
	struct text host = request_parameter(r, "host");

	answer_question(r, "categories",
			(struct meta_question){
				.fn = ask_categories, .hash = META_INFOS, .any_hash = host.s == NULL, .host = host },
			a);
}

void handle_last_seen(struct request *r, struct answer *a)
{
	struct why why = { "" };
	enum rc rc = query_last_seen(&r->server->query, request_parameter(r, "host"), wall_now().s, &a->body, &why);

	if (rc != RC_OK)
		answer_rc(a, rc, &why);
}

/* ---- values ---- */

static bool holds(const struct http_server *s, const struct query_data *asked, int64_t now_s, const struct kept *k)
{
	return k != NULL && query_data_holds(&s->query, asked, now_s, &k->basis.data);
}

/* A reply that is kept and still holds, held for you; NULL: none. */
static struct kept *find_data(struct http_server *s, const struct query_data *asked, struct text question,
			      int64_t now_s)
{
	struct kept *k = kept_find(s->kept_data, question);

	if (holds(s, asked, now_s, k))
		return k;
	kept_let_go(k);
	k = kept_find(s->kept_once, question);
	if (holds(s, asked, now_s, k)) {
		kept_put(s->kept_data, question, k);
		return k;
	}
	kept_let_go(k);
	return NULL;
}

static void answer_data(struct request *r, const struct query_data *asked, struct text question, struct answer *a)
{
	struct http_server *s = r->server;
	int64_t now_s = wall_now().s;
	struct query_basis basis;
	struct why why = { "" };
	enum rc rc;

	a->kept = find_data(s, asked, question, now_s);
	if (a->kept != NULL)
		return;
	rc = query_data_based(&s->query, asked, now_s, &a->body, &basis, &why);
	if (rc != RC_OK) {
		answer_rc(a, rc, &why);
	} else if (basis.until_s > now_s) {
		bool again = kept_asked_before(s->kept_data, question);

		answer_keep(a, r->words->cors_origin);
		a->kept->basis.data = basis;
		kept_put(again ? s->kept_data : s->kept_once, question, a->kept);
	}
}

void handle_data(struct request *r, struct answer *a)
{
	struct query_data asked = { .res = request_parameter(r, "res"),
				    .from = request_parameter(r, "from"),
				    .until = request_parameter(r, "until"),
				    .max_points = request_parameter(r, "max_points"),
				    .reduce = request_parameter(r, "reduce") };
	struct buf question;

	if (!request_needs(r, "host", &asked.host, a) || !request_needs(r, "plugin", &asked.plugin, a) ||
	    !request_needs(r, "ds", &asked.ds, a))
		return;
	buf_init(&question, ANSWER_MAX_BYTES);
	question_add(&question, asked.host);
	question_add(&question, asked.plugin);
	question_add(&question, asked.ds);
	question_add(&question, asked.res);
	question_add(&question, asked.from);
	question_add(&question, asked.until);
	question_add(&question, asked.max_points);
	question_add(&question, asked.reduce);
	answer_data(r, &asked, buf_text(&question), a);
	buf_fini(&question);
}
