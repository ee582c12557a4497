/*
 * Values of many plugins of many hosts in one reply.
 */
#include <stdio.h>
#include <stdlib.h>

#include "http/request.h"

enum { NAMES_MAX = 2 * QUERY_MAX_PAIRS }; /* of hosts or plugins, repeated ones counted */

static void answer_plan(struct request *r, const struct query_plan *plan, struct text question, struct answer *a)
{
	struct http_server *s = r->server;
	struct kept *k = kept_find(s->kept_data, question);
	int64_t now_s = wall_now().s;
	struct query_basis basis;
	struct why why = { "" };
	enum rc rc;

	if (k != NULL && query_values_hold(&s->query, plan, now_s, &k->basis.data)) {
		a->kept = k;
		return;
	}
	kept_let_go(k);
	rc = query_values(&s->query, plan, now_s, &a->body, &basis, &why);
	if (rc != RC_OK) {
		answer_rc(a, rc, &why);
	} else if (basis.until_s > now_s && kept_asked_before(s->kept_data, question)) {
		answer_keep(a, r->words->cors_origin);
		a->kept->basis.data = basis;
		kept_put(s->kept_data, question, a->kept);
	}
}

static void print_question(const struct query_values *asked, struct buf *out)
{
	question_add(out, TEXT("values"));
	for (size_t i = 0; i < asked->n_hosts; i++)
		question_add(out, asked->host[i]);
	question_add(out, TEXT_NONE);
	for (size_t i = 0; i < asked->n_plugins; i++)
		question_add(out, asked->plugin[i]);
	question_add(out, TEXT_NONE);
	question_add(out, asked->rest.ds);
	question_add(out, asked->rest.res);
	question_add(out, asked->rest.from);
	question_add(out, asked->rest.until);
	question_add(out, asked->rest.max_points);
	question_add(out, asked->rest.reduce);
}

static void answer_values(struct request *r, const struct query_values *asked, struct answer *a)
{
	struct query_plan *plan = NULL;
	struct why why = { "" };
	struct buf question;
	enum rc rc = query_plan(&r->server->query, asked, &plan, &why);

	if (rc != RC_OK) {
		answer_rc(a, rc, &why);
		return;
	}
	buf_init(&question, ANSWER_MAX_BYTES);
	print_question(asked, &question);
	answer_plan(r, plan, buf_text(&question), a);
	buf_fini(&question);
	query_plan_free(plan);
}

/* All of that name; NULL: the answer is the error. */
static struct text *need_some(struct request *r, const char *name, size_t *n, struct answer *a)
{
	struct text *found = request_parameters(r, name, NAMES_MAX, n), first;
	char detail[96];

	if (*n > 0 && *n <= NAMES_MAX)
		return found;
	free(found);
	if (*n > NAMES_MAX) {
		snprintf(detail, sizeof(detail), "%s: given %zu times, expected at most %d", name, *n, NAMES_MAX);
		answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", detail);
	} else {
		(void)request_needs(r, name, &first, a);
	}
	return NULL;
}

void handle_values(struct request *r, struct answer *a)
{
	struct query_values asked = { .rest = { .ds = request_parameter(r, "ds"),
						.res = request_parameter(r, "res"),
						.from = request_parameter(r, "from"),
						.until = request_parameter(r, "until"),
						.max_points = request_parameter(r, "max_points"),
						.reduce = request_parameter(r, "reduce") } };
	struct text *host, *plugin = NULL;

	host = need_some(r, "host", &asked.n_hosts, a);
	if (host != NULL)
		plugin = need_some(r, "plugin", &asked.n_plugins, a);
	if (plugin != NULL) {
		asked.host = host;
		asked.plugin = plugin;
		answer_values(r, &asked, a);
	}
	free(host);
	free(plugin);
}
