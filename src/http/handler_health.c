/*
 * Is the daemon alive, and could it do its work now: for load balancers, supervisors and checks.
 */
#include "http/request.h"

void handle_healthz(struct request *r, struct answer *a)
{
	(void)r;
	a->validated = false;
	buf_add_str(&a->body, "{\"status\": \"ok\"}");
}

void handle_readyz(struct request *r, struct answer *a)
{
	const struct http_options *o = &r->server->options;

	a->validated = false;
	if (o->ready == NULL) {
		buf_add_str(&a->body, "{}");
	} else if (!o->ready(o->ready_argument, &a->body)) {
		a->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		a->retry_after_s = ANSWER_RETRY_S;
	}
}
