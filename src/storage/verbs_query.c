/*
 * Verbs that ask what the REST API is asked, and answer the same JSON: hosts, one host's plugins, an info, values, when
 * who was last heard of.
 */
#include "storage/control_verbs.h"

#include "control/request.h"
#include "wire/reply.h"

/* Reading the arguments of one request; the first fault stays. */
struct arguments {
	struct arena arena;
	struct text request;
	enum rc rc;
	struct why *why;
};

static struct arguments begin(struct text request, struct why *why)
{
	struct arguments a = { .request = request, .why = why };

	arena_init(&a.arena);
	return a;
}

static struct text may_have(struct arguments *a, const char *name)
{
	struct text t = TEXT_NONE;

	if (a->rc == RC_OK)
		a->rc = control_argument_text(&a->arena, a->request, name, &t, a->why);
	return t;
}

static struct text needs(struct arguments *a, const char *name)
{
	struct text t = may_have(a, name);

	if (a->rc == RC_OK && t.s == NULL)
		a->rc = because(a->why, RC_REFUSED, "%s is missing", name);
	return t;
}

static enum rc end(struct arguments *a)
{
	arena_fini(&a->arena);
	return a->rc;
}

static enum rc run_hosts(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;

	(void)request;
	return query_hosts(v->query, answer, why);
}

static enum rc run_list(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arguments a = begin(request, why);
	struct text host = needs(&a, "host");

	if (a.rc == RC_OK)
		a.rc = query_list(v->query, host, answer, why);
	return end(&a);
}

static enum rc run_info(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arguments a = begin(request, why);
	struct text host = needs(&a, "host"), plugin = needs(&a, "plugin");

	if (a.rc == RC_OK)
		a.rc = query_info(v->query, host, plugin, answer, why);
	return end(&a);
}

static struct query_data values_asked(struct arguments *a)
{
	return (struct query_data){
		.host = needs(a, "host"),
		.plugin = needs(a, "plugin"),
		.ds = may_have(a, "ds"),
		.res = may_have(a, "res"),
		.from = may_have(a, "from"),
		.until = may_have(a, "until"),
		.max_points = may_have(a, "max_points"),
		.reduce = may_have(a, "reduce"),
	};
}

static enum rc run_data(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arguments a = begin(request, why);
	struct query_data asked = values_asked(&a);

	(void)needs(&a, "ds");
	if (a.rc == RC_OK)
		a.rc = query_data(v->query, &asked, wall_now().s, answer, why);
	return end(&a);
}

static enum rc run_values(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arguments a = begin(request, why);
	struct query_data one = values_asked(&a);
	struct query_values asked = {
		.host = &one.host, .plugin = &one.plugin, .n_hosts = 1, .n_plugins = 1, .rest = one
	};
	struct query_plan *plan = NULL;
	struct query_basis basis;

	if (a.rc == RC_OK)
		a.rc = query_plan(v->query, &asked, &plan, why);
	if (a.rc == RC_OK)
		a.rc = query_values(v->query, plan, wall_now().s, answer, &basis, why);
	query_plan_free(plan);
	return end(&a);
}

static enum rc run_last_seen(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arguments a = begin(request, why);
	struct text host = may_have(&a, "host");

	if (a.rc == RC_OK)
		a.rc = query_last_seen(v->query, host, wall_now().s, answer, why);
	return end(&a);
}

/* ---- how many plugins each host has: what no REST call says without their infos ---- */

struct counting {
	const struct control_view *v;
	struct buf *answer;
	struct why *why;
	size_t n_hosts, n_plugins;
};

static enum rc count_plugin(void *argument, struct text field, struct text value)
{
	struct counting *c = argument;

	(void)field;
	(void)value;
	c->n_plugins++;
	return RC_OK;
}

static enum rc count_host(void *argument, struct text field, struct text value)
{
	struct counting *c = argument;
	enum rc rc;

	(void)value;
	c->n_plugins = 0;
	rc = meta_each(c->v->meta, META_INFOS, field, count_plugin, c, c->why);
	if (rc != RC_OK)
		return rc;
	buf_add_str(c->answer, c->n_hosts++ == 0 ? "" : ", ");
	reply_string(c->answer, field);
	buf_addf(c->answer, ": %zu", c->n_plugins);
	return RC_OK;
}

static enum rc run_plugin_counts(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct counting c = { .v = argument, .answer = answer, .why = why };
	enum rc rc;

	(void)request;
	buf_add_str(answer, "{");
	rc = meta_each(c.v->meta, META_HOSTS, TEXT_NONE, count_host, &c, why);
	buf_add_str(answer, "}");
	return rc;
}

static const char *const host_argument[] = { "host", NULL };
static const char *const info_arguments[] = { "host", "plugin", NULL };
static const char *const data_arguments[] = { "host",  "plugin",     "ds",     "res", "from",
					      "until", "max_points", "reduce", NULL };

const struct control_verb verb_hosts = { .name = "hosts", .run = run_hosts };
const struct control_verb verb_list = { .name = "list", .argument = host_argument, .run = run_list };
const struct control_verb verb_info = { .name = "info", .argument = info_arguments, .run = run_info };
const struct control_verb verb_data = { .name = "data", .argument = data_arguments, .run = run_data };
const struct control_verb verb_values = { .name = "values", .argument = data_arguments, .run = run_values };
const struct control_verb verb_last_seen = { .name = "last_seen", .argument = host_argument, .run = run_last_seen };
const struct control_verb verb_plugin_counts = { .name = "plugin_counts", .run = run_plugin_counts };
