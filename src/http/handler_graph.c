/*
 * A graph as a picture: parameters in, PNG or SVG out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "graph/picture.h"
#include "http/request.h"
#include "query/table.h"
#include "wire/number.h"

enum {
	WIDTH_PX = 800,
	HEIGHT_PX = 400,
	DRAWING_MAX = 2,    /* at once: a picture takes up to 64 MB */
	SLOTS_LEAST = 2500, /* a day of minutes, a week of five minutes and a year of hours … */
	SLOTS_A_PIXEL = 4,  /* … are drawn as they are on pictures of the usual size */
	STALE_STEPS = 3,
	PICTURE_MAX_BYTES = 64 * 1024 * 1024,
};

/* No script, whatever comes in. */
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'";

struct graph_question {
	struct query_values asked;
	struct text host, plugin, only;
	struct picture_options options;
};

/* ---- drawing ---- */

static void wait_for_turn(struct http_server *s)
{
	lock_take(&s->lock);
	while (s->n_drawing == DRAWING_MAX)
		signal_wait(&s->drawn, &s->lock);
	s->n_drawing++;
	lock_give_back(&s->lock);
}

static void end_turn(struct http_server *s)
{
	lock_take(&s->lock);
	s->n_drawing--;
	signal_all(&s->drawn);
	lock_give_back(&s->lock);
}

/* What was read, as the graph takes it: each column with the slots of the table. */
static struct graph_values *values_of(const struct table *t)
{
	struct graph_values *v = must_alloc(sizeof(*v));
	struct text *name = must_alloc((t->n + 1) * sizeof(*name));
	double **value = must_alloc((t->n + 1) * sizeof(*value));

	*v = (struct graph_values){ t->start_s, t->step_s, table_n_slots(t), t->n, name, value };
	for (size_t c = 0; c < t->n; c++) {
		name[c] = t->column[c].ds;
		value[c] = must_alloc((v->n_slots + 1) * sizeof(double));
		for (size_t i = 0; i < v->n_slots; i++)
			value[c][i] = table_value(t, &t->column[c], i);
	}
	return v;
}

static void free_values(struct graph_values *v)
{
	for (size_t c = 0; c < v->n_columns; c++)
		free(v->value[c]);
	free((void *)(uintptr_t)v->value);
	free((void *)(uintptr_t)v->name);
	free(v);
}

static int64_t coarsest_step(const struct table *t)
{
	int64_t step_s = t->step_s;

	for (size_t i = 0; i < t->n; i++)
		if (t->column[i].own_step_s > step_s)
			step_s = t->column[i].own_step_s;
	return step_s;
}

static enum rc draw_table(const struct graph_question *g, const struct query_plan *plan, const struct table *t,
			  struct buf *out, struct why *why)
{
	struct graph_plugin plugin = {
		.host = g->host, .plugin = g->plugin, .info = query_plan_info(plan), .only = g->only
	};
	struct picture_options options = g->options;
	struct graph_definition d;
	struct graph_values *v;
	struct graph_plot p;
	enum rc rc;

	plugin.n_ds = query_plan_ds(plan, &plugin.ds);
	options.host = g->host;
	options.stale_after_s = STALE_STEPS * coarsest_step(t);
	graph_definition_read(&plugin, &d);
	v = values_of(t);
	graph_plot_make(&d, v, &p);
	free_values(v);
	rc = picture_draw(&d, &p, &options, out, why);
	graph_plot_fini(&p);
	graph_definition_fini(&d);
	return rc;
}

/* As many slots as help the eye, fewer when there are many ds. */
static struct table_shape shape_of(const struct graph_question *g, size_t n_ds)
{
	struct table_shape shape = { .max_points = (int64_t)g->options.width_px * SLOTS_A_PIXEL };

	if (shape.max_points < SLOTS_LEAST)
		shape.max_points = SLOTS_LEAST;
	if (n_ds > 0 && shape.max_points > GRAPH_MAX_SLOTS / (int64_t)n_ds)
		shape.max_points = GRAPH_MAX_SLOTS / (int64_t)n_ds;
	return shape;
}

static enum rc draw(struct request *r, const struct graph_question *g, const struct query_plan *plan, struct buf *out,
		    struct query_basis *basis, struct why *why)
{
	const struct text *ds;
	struct table_shape shape = shape_of(g, query_plan_ds(plan, &ds));
	struct table t;
	enum rc rc;

	table_init(&t);
	wait_for_turn(r->server);
	rc = query_plan_read(&r->server->query, plan, &shape, g->options.now_s, &t, basis, why);
	if (rc == RC_OK)
		rc = draw_table(g, plan, &t, out, why);
	end_turn(r->server);
	table_fini(&t);
	return rc;
}

/* ---- the answer ---- */

static void form(struct answer *a, bool png)
{
	a->content_type = png ? "image/png" : "image/svg+xml";
	a->policy = policy;
	a->dense = png;
}

static void print_question(const struct graph_question *g, struct buf *out)
{
	const struct picture_options *o = &g->options;

	question_add(out, TEXT("graph"));
	question_add(out, g->host);
	question_add(out, g->plugin);
	question_add(out, g->only);
	question_add(out, g->asked.rest.res);
	question_add(out, g->asked.rest.from);
	question_add(out, g->asked.rest.until);
	buf_addf(out, "%u,%u,%d,%d", o->width_px, o->height_px, o->dark, o->png);
}

static void answer_plan(struct request *r, const struct graph_question *g, const struct query_plan *plan,
			struct text question, struct answer *a)
{
	struct http_server *s = r->server;
	struct kept *k = kept_find(s->kept_data, question);
	struct query_basis basis;
	struct why why = { "" };
	enum rc rc;

	if (k != NULL && query_values_hold(&s->query, plan, g->options.now_s, &k->basis.data)) {
		a->kept = k;
		form(a, g->options.png);
		return;
	}
	kept_let_go(k);
	buf_fini(&a->body);
	buf_init(&a->body, PICTURE_MAX_BYTES);
	rc = draw(r, g, plan, &a->body, &basis, &why);
	if (rc != RC_OK) {
		answer_rc(a, rc, &why);
		return;
	}
	form(a, g->options.png);
	if (basis.until_s > g->options.now_s && kept_asked_before(s->kept_data, question)) {
		answer_keep(a, r->words->cors_origin);
		a->kept->basis.data = basis;
		kept_put(s->kept_data, question, a->kept);
	}
}

static void answer_graph(struct request *r, struct graph_question *g, struct answer *a)
{
	struct query_plan *plan = NULL;
	struct why why = { "" };
	struct buf question;
	enum rc rc;

	g->asked.host = &g->host;
	g->asked.plugin = &g->plugin;
	g->asked.n_hosts = g->asked.n_plugins = 1;
	g->options.now_s = wall_now().s;
	rc = query_plan(&r->server->query, &g->asked, &plan, &why);
	if (rc != RC_OK) {
		answer_rc(a, rc, &why);
		return;
	}
	buf_init(&question, ANSWER_MAX_BYTES);
	print_question(g, &question);
	answer_plan(r, g, plan, buf_text(&question), a);
	buf_fini(&question);
	query_plan_free(plan);
}

/* A whole number of pixels; false: the answer is the error. */
static bool read_size(struct request *r, const char *name, unsigned otherwise, unsigned *out, struct answer *a)
{
	struct text t = request_parameter(r, name);
	int64_t px = otherwise;
	char detail[96];

	if (t.s != NULL && (t.n == 0 || t.n > 4 || strspn(t.s, "0123456789") < t.n || !number_parse_seconds(t, &px) ||
			    px < PICTURE_LEAST_PX || px > PICTURE_MOST_PX)) {
		snprintf(detail, sizeof(detail), "%s: expected a whole number of pixels from %d to %d", name,
			 PICTURE_LEAST_PX, PICTURE_MOST_PX);
		answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", detail);
		return false;
	}
	*out = (unsigned)px;
	return true;
}

static bool read_dark(struct request *r, bool *out, struct answer *a)
{
	struct text t = request_parameter(r, "dark");

	*out = text_is(t, "1");
	if (t.s == NULL || *out || text_is(t, "0"))
		return true;
	answer_error(a, MHD_HTTP_BAD_REQUEST, "Args error", "dark: expected 0 or 1");
	return false;
}

static void handle_graph(struct request *r, bool png, struct answer *a)
{
	struct graph_question g = { .only = request_parameter(r, "ds"),
				    .options = { .png = png },
				    .asked.rest = { .res = request_parameter(r, "res"),
						    .from = request_parameter(r, "from"),
						    .until = request_parameter(r, "until") } };

	if (request_needs(r, "host", &g.host, a) && request_needs(r, "plugin", &g.plugin, a) &&
	    read_size(r, "width", WIDTH_PX, &g.options.width_px, a) &&
	    read_size(r, "height", HEIGHT_PX, &g.options.height_px, a) && read_dark(r, &g.options.dark, a))
		answer_graph(r, &g, a);
}

void handle_graph_svg(struct request *r, struct answer *a)
{
	handle_graph(r, false, a);
}

void handle_graph_png(struct request *r, struct answer *a)
{
	handle_graph(r, true, a);
}
