/*
 * The REST questions: parameters in, query's answer out.
 */
#include <stdio.h>

#include "http/request.h"

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

void handle_index(struct request *r, struct answer *a)
{
	(void)r;
	plain(a, "index pass");
}

/* A parameter that must be there. False: the answer is the error. */
static bool need(struct request *r, const char *name, struct text *out, struct answer *a)
{
	char detail[64];

	*out = request_parameter(r, name);
	if (out->s != NULL)
		return true;
	snprintf(detail, sizeof(detail), "%s is missing", name);
	answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", detail);
	return false;
}

static void finish(struct answer *a, enum rc rc, const struct why *why)
{
	if (rc != RC_OK)
		answer_rc(a, rc, why);
}

void handle_hosts(struct request *r, struct answer *a)
{
	struct why why = { "" };

	finish(a, query_hosts(r->server->options.query, &a->body, &why), &why);
}

void handle_hinfo(struct request *r, struct answer *a)
{
	struct why why = { "" };
	struct text host;

	if (need(r, "host", &host, a))
		finish(a, query_host(r->server->options.query, host, &a->body, &why), &why);
}

void handle_list(struct request *r, struct answer *a)
{
	struct why why = { "" };
	struct text host;

	if (!need(r, "host", &host, a))
		return;
	if (host.n == 0) /* the one parameter that may not be empty, as in the original */
		answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", "host is empty");
	else
		finish(a, query_list(r->server->options.query, host, &a->body, &why), &why);
}

void handle_info(struct request *r, struct answer *a)
{
	struct why why = { "" };
	struct text host, plugin;

	if (need(r, "host", &host, a) && need(r, "plugin", &plugin, a))
		finish(a, query_info(r->server->options.query, host, plugin, &a->body, &why), &why);
}

void handle_data(struct request *r, struct answer *a)
{
	struct why why = { "" };
	struct query_data asked = { .res = request_parameter(r, "res"),
				    .from = request_parameter(r, "from"),
				    .until = request_parameter(r, "until"),
				    .max_points = request_parameter(r, "max_points") };

	if (need(r, "host", &asked.host, a) && need(r, "plugin", &asked.plugin, a) && need(r, "ds", &asked.ds, a))
		finish(a, query_data(r->server->options.query, &asked, wall_now().s, &a->body, &why), &why);
}
