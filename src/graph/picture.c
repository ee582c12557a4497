#include "graph/picture.h"

#include <cairo-svg.h>
#include <math.h>
#include <stdio.h>

#include "graph/axis.h"
#include "graph/canvas.h"
#include "graph/legend.h"

enum {
	EDGE_PX = 10,
	TITLE_PX = 15,
	SMALL_PX = 11,
	HEAD_PX = 30, /* of the title */
	FOOT_PX = 22, /* of the times */
	VERTICAL_LABEL_PX = 18,
	NOTE_PX = 14,
	VALUE_TICK_PX = 36, /* from one to the next, about */
	TIME_TICK_PX = 64,
	PLOT_LEAST_PX = 60,
	THRESHOLDS_MAX = 4, /* more of them would be a carpet */
};

struct picture {
	struct canvas canvas;
	const struct graph_definition *d;
	const struct graph_plot *p;
	const struct picture_options *o;
	struct legend legend;
	struct axis values, times;
	double x, y, width, height; /* of the plot */
};

static double x_of(const struct picture *x, double t_s)
{
	return x->x + (t_s - x->times.low) / (x->times.high - x->times.low) * x->width;
}

static double y_of(const struct picture *x, double v)
{
	double share = (v - x->values.low) / (x->values.high - x->values.low);

	return x->y + x->height - fmin(fmax(share, -1), 2) * x->height;
}

/* ---- where everything goes ---- */

static void arrange(struct picture *x)
{
	const struct graph_plot *p = x->p;
	double whole_width = x->o->width_px, whole_height = x->o->height_px, left = 0, notes;
	bool nothing = p->newest_s == INT64_MIN;

	notes = (double)(x->d->n_notes * NOTE_PX);
	legend_arrange(&x->legend, p, x->d->base, EDGE_PX, whole_width - 2 * EDGE_PX,
		       fmin(whole_height * 0.5, whole_height - HEAD_PX - FOOT_PX - PLOT_LEAST_PX - EDGE_PX - notes));
	x->y = HEAD_PX;
	x->height = fmax(whole_height - HEAD_PX - FOOT_PX - EDGE_PX - x->legend.height - notes, 1);
	axis_of_values(nothing ? 0 : p->low, nothing ? 1 : p->high, x->d->base,
		       (unsigned)(x->height / VALUE_TICK_PX) + 1, &x->values);
	for (size_t i = 0; i < x->values.n_ticks; i++)
		left = fmax(left, canvas_text_width(&x->canvas, SMALL_PX, text_of(x->values.tick[i].label)));
	x->x = floor(EDGE_PX + (x->d->vertical_label.n > 0 ? VERTICAL_LABEL_PX : 0) + fmin(left, whole_width / 4) + 6);
	x->width = fmax(whole_width - x->x - EDGE_PX - 4, 1);
	axis_of_times(p->start_s, p->start_s + (int64_t)p->n_slots * p->step_s, (unsigned)(x->width / TIME_TICK_PX) + 1,
		      &x->times);
}

/* ---- behind the lines ---- */

static void draw_grid(struct picture *x)
{
	struct canvas *c = &x->canvas;

	for (size_t i = 0; i < x->values.n_ticks; i++) {
		double y = y_of(x, x->values.tick[i].at);

		canvas_colour(c, x->values.tick[i].at == 0 ? c->theme->frame : c->theme->grid, 1);
		canvas_rule(c, x->x, y, x->x + x->width, y);
	}
	canvas_colour(c, c->theme->grid, 1);
	for (size_t i = 0; i < x->times.n_ticks; i++) {
		double at = x_of(x, x->times.tick[i].at);

		canvas_rule(c, at, x->y, at, x->y + x->height);
	}
}

static void draw_axes(struct picture *x)
{
	struct canvas *c = &x->canvas;
	const struct lettering right = {
		.size_px = SMALL_PX, .colour = c->theme->faint_ink, .align = ALIGN_RIGHT, .most_px = x->x - 6
	};
	const struct lettering middle = {
		.size_px = SMALL_PX, .colour = c->theme->faint_ink, .align = ALIGN_MIDDLE, .most_px = TIME_TICK_PX
	};
	double last_x = -TIME_TICK_PX;

	canvas_colour(c, c->theme->frame, 1);
	canvas_rule(c, x->x, x->y, x->x, x->y + x->height);
	canvas_rule(c, x->x, x->y + x->height, x->x + x->width, x->y + x->height);
	for (size_t i = 0; i < x->values.n_ticks; i++)
		canvas_text(c, x->x - 6, y_of(x, x->values.tick[i].at) + 4, &right, text_of(x->values.tick[i].label));
	for (size_t i = 0; i < x->times.n_ticks; i++) {
		double at = x_of(x, x->times.tick[i].at);

		/* one at the very end would run out of the picture; months of 28 days crowd */
		if (at > x->o->width_px - 16 || at - last_x < TIME_TICK_PX * 0.6)
			continue;
		canvas_text(c, at, x->y + x->height + 15, &middle, text_of(x->times.tick[i].label));
		last_x = at;
	}
}

/* ---- lines ---- */

static bool is_known(const struct graph_line *l, const struct graph_plot *p, size_t i)
{
	return i < p->n_slots && !isnan(l->high[i]);
}

/* A run of known slots, [from, until): its edge through the slots' middles, to the slots' borders at both ends. */
static void trace(struct picture *x, const double *value, size_t from, size_t until, bool backwards)
{
	const struct graph_plot *p = x->p;
	cairo_t *cairo = x->canvas.cairo;
	double start_s = (double)p->start_s, step_s = (double)p->step_s, first = start_s + (double)from * step_s,
	       end = start_s + (double)until * step_s;

	cairo_line_to(cairo, x_of(x, backwards ? end : first), y_of(x, value[backwards ? until - 1 : from]));
	for (size_t i = from; i < until; i++) {
		size_t at = backwards ? until - 1 - (i - from) : i;

		cairo_line_to(cairo, x_of(x, start_s + ((double)at + 0.5) * step_s), y_of(x, value[at]));
	}
	cairo_line_to(cairo, x_of(x, backwards ? first : end), y_of(x, value[backwards ? from : until - 1]));
}

static void draw_run(struct picture *x, const struct graph_line *l, size_t from, size_t until)
{
	struct canvas *c = &x->canvas;

	cairo_new_path(c->cairo);
	trace(x, l->high, from, until, false);
	if (l->area) {
		trace(x, l->low, from, until, true);
		cairo_close_path(c->cairo);
		canvas_colour(c, canvas_visible(c, l->colour), 0.9);
		cairo_fill(c->cairo);
		return;
	}
	canvas_colour(c, canvas_visible(c, l->colour), 1);
	cairo_set_line_width(c->cairo, l->width_px < 1.25 ? 1.25 : l->width_px);
	cairo_set_line_join(c->cairo, CAIRO_LINE_JOIN_BEVEL);
	cairo_stroke(c->cairo);
}

static void draw_lines(struct picture *x)
{
	const struct graph_plot *p = x->p;

	for (size_t k = 0; k < p->n_lines; k++)
		for (size_t i = 0; i < p->n_slots; i++) {
			size_t until = i;

			while (is_known(&p->line[k], p, until))
				until++;
			if (until > i)
				draw_run(x, &p->line[k], i, until);
			i = until;
		}
}

/* ---- thresholds ---- */

struct threshold {
	double at;
	bool upper, critical;
};

static void add_threshold(struct threshold t, struct threshold *all, size_t *n)
{
	for (size_t i = 0; i < *n && i < THRESHOLDS_MAX; i++)
		if (all[i].at == t.at && all[i].upper == t.upper && all[i].critical == t.critical)
			return;
	if (isnan(t.at))
		return;
	if (*n < THRESHOLDS_MAX)
		all[*n] = t;
	(*n)++;
}

/* A line where warning or critical begins, a breath of colour beyond; what lies outside the graph is not drawn. */
static void draw_threshold(struct picture *x, const struct threshold *t)
{
	struct canvas *c = &x->canvas;
	static const double dash[] = { 4, 3 };
	double y = y_of(x, t->at), beyond = t->upper ? x->y : x->y + x->height;
	uint32_t colour = t->critical ? c->theme->critical : c->theme->warning;

	if (t->at < x->values.low || t->at > x->values.high)
		return;
	canvas_colour(c, colour, 0.08);
	cairo_rectangle(c->cairo, x->x, fmin(y, beyond), x->width, fabs(beyond - y));
	cairo_fill(c->cairo);
	canvas_colour(c, colour, 0.9);
	cairo_set_dash(c->cairo, dash, 2, 0);
	canvas_rule(c, x->x, y, x->x + x->width, y);
	cairo_set_dash(c->cairo, NULL, 0, 0);
}

static void draw_thresholds(struct picture *x)
{
	struct threshold t[THRESHOLDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < x->p->n_lines; i++) {
		const struct graph_line *l = &x->p->line[i];

		if (l->downwards)
			continue;
		add_threshold((struct threshold){ l->field->warning.max, true, false }, t, &n);
		add_threshold((struct threshold){ l->field->warning.min, false, false }, t, &n);
		add_threshold((struct threshold){ l->field->critical.max, true, true }, t, &n);
		add_threshold((struct threshold){ l->field->critical.min, false, true }, t, &n);
	}
	for (size_t i = 0; i < n && n <= THRESHOLDS_MAX; i++)
		draw_threshold(x, &t[i]);
}

/* ---- words ---- */

static void draw_title(struct picture *x)
{
	struct canvas *c = &x->canvas;
	double room = x->o->width_px - 2 * EDGE_PX, taken;
	const struct lettering title = {
		.size_px = TITLE_PX, .bold = true, .colour = c->theme->ink, .most_px = room * 0.65
	};
	struct lettering host = { .size_px = SMALL_PX, .colour = c->theme->faint_ink, .align = ALIGN_RIGHT };
	const struct lettering upwards = {
		.size_px = SMALL_PX, .colour = c->theme->faint_ink, .align = ALIGN_MIDDLE, .most_px = x->height + 8
	};

	taken = canvas_text(c, EDGE_PX, 20, &title, x->d->title);
	host.most_px = room - taken - 12;
	canvas_text(c, x->o->width_px - EDGE_PX, 20, &host, x->o->host);
	if (x->d->vertical_label.n > 0)
		canvas_text_upwards(c, EDGE_PX + SMALL_PX, x->y + x->height / 2, &upwards, x->d->vertical_label);
}

/* "last seen …" when what there is ended a while ago, "no data" when there is nothing. */
static void draw_stamp(struct picture *x)
{
	struct canvas *c = &x->canvas;
	const struct lettering l = { .size_px = SMALL_PX,
				     .bold = true,
				     .colour = c->theme->warning,
				     .align = ALIGN_RIGHT,
				     .most_px = x->width - 12 };
	char stamp[64] = "no data", when[AXIS_LABEL_BYTES];
	double width;

	if (x->p->newest_s != INT64_MIN) {
		if (x->o->stale_after_s == 0 || x->o->now_s - x->p->newest_s <= x->o->stale_after_s)
			return;
		axis_print_time(x->p->newest_s, when);
		snprintf(stamp, sizeof(stamp), "last seen %s", when);
	}
	width = fmin(canvas_text_width(c, SMALL_PX, text_of(stamp)) * 1.15, x->width - 12);
	canvas_colour(c, c->theme->paper, 0.85);
	cairo_rectangle(c->cairo, x->x + x->width - width - 10, x->y + 4, width + 8, SMALL_PX + 7);
	cairo_fill(c->cairo);
	canvas_text(c, x->x + x->width - 6, x->y + SMALL_PX + 6, &l, text_of(stamp));
}

static void draw_notes(struct picture *x)
{
	struct canvas *c = &x->canvas;
	const struct lettering l = { .size_px = SMALL_PX,
				     .colour = c->theme->warning,
				     .most_px = x->o->width_px - 2 * EDGE_PX };
	double y = x->o->height_px - EDGE_PX / 2.0 - (double)((x->d->n_notes - 1) * NOTE_PX) - 2;

	for (size_t i = 0; i < x->d->n_notes; i++)
		canvas_text(c, EDGE_PX, y + (double)(i * NOTE_PX), &l, x->d->note[i]);
}

static void draw_all(struct picture *x)
{
	struct canvas *c = &x->canvas;

	canvas_colour(c, c->theme->paper, 1);
	cairo_paint(c->cairo);
	arrange(x);
	draw_grid(x);
	cairo_save(c->cairo);
	cairo_rectangle(c->cairo, x->x, x->y - 1, x->width, x->height + 2);
	cairo_clip(c->cairo);
	draw_lines(x);
	draw_thresholds(x);
	cairo_restore(c->cairo);
	draw_axes(x);
	draw_title(x);
	draw_stamp(x);
	legend_draw(&x->legend, c, x->y + x->height + FOOT_PX + 4);
	draw_notes(x);
}

/* ---- out ---- */

static cairo_status_t write_bytes(void *out, const unsigned char *bytes, unsigned n)
{
	buf_add(out, bytes, n);
	return ((struct buf *)out)->full ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

enum rc picture_draw(const struct graph_definition *d, const struct graph_plot *p, const struct picture_options *o,
		     struct buf *out, struct why *why)
{
	struct picture x = { .d = d, .p = p, .o = o };
	cairo_surface_t *surface;
	cairo_status_t status;

	must(o->width_px >= PICTURE_LEAST_PX && o->width_px <= PICTURE_MOST_PX && o->height_px >= PICTURE_LEAST_PX &&
	     o->height_px <= PICTURE_MOST_PX);
	if (o->png)
		surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)o->width_px, (int)o->height_px);
	else
		surface = cairo_svg_surface_create_for_stream(write_bytes, out, o->width_px, o->height_px);
	x.canvas = (struct canvas){ cairo_create(surface), o->dark ? &theme_dark : &theme_light };
	draw_all(&x);
	status = cairo_status(x.canvas.cairo);
	cairo_destroy(x.canvas.cairo);
	if (status == CAIRO_STATUS_SUCCESS && o->png)
		status = cairo_surface_write_to_png_stream(surface, write_bytes, out);
	cairo_surface_finish(surface);
	if (status == CAIRO_STATUS_SUCCESS)
		status = cairo_surface_status(surface);
	cairo_surface_destroy(surface);
	if (out->full)
		return because(why, RC_FULL, "the picture would be over %zu bytes", out->max);
	if (status != CAIRO_STATUS_SUCCESS)
		return because(why, RC_DISK, "draw: %s", cairo_status_to_string(status));
	return RC_OK;
}
