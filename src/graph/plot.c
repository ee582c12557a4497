#include "graph/plot.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "graph/rpn.h"

/* Making one plot. */
struct making {
	struct graph_definition *d;
	const struct graph_values *v;
	struct graph_plot *out;
	double **raw;       /* of each field, within its limits; NULL: made when asked for */
	double *slot;       /* one slot of every field, for a calculation */
	double *up, *down;  /* the stacks so far */
	bool any, piling;   /* something was drawn; something of the kinds …STACK was */
	bool area, stacked; /* how the last was drawn */
	double line_px;
};

static double *new_values(const struct making *m)
{
	return must_alloc((m->v->n_slots + 1) * sizeof(double));
}

static const double *column(const struct making *m, struct text ds)
{
	for (size_t i = 0; i < m->v->n_columns; i++)
		if (text_equal(m->v->name[i], ds))
			return m->v->value[i];
	return NULL;
}

/* Beyond its limits a value is unknown, as rrdtool has it, and so is what is none. */
static double within(const struct graph_range *limits, double v)
{
	return !isfinite(v) || v < limits->min || v > limits->max ? (double)NAN : v;
}

static void add_up(const struct making *m, const struct graph_field *f, double *out)
{
	for (size_t i = 0; i < m->v->n_slots; i++)
		out[i] = NAN;
	for (size_t k = 0; k < f->n_sum; k++) {
		const double *c = column(m, f->sum[k]);

		for (size_t i = 0; c != NULL && i < m->v->n_slots; i++)
			if (!isnan(c[i]))
				out[i] = isnan(out[i]) ? c[i] : out[i] + c[i];
	}
}

static void read_raw(const struct making *m, const struct graph_field *f, double *out)
{
	const double *c = f->source.s == NULL ? NULL : column(m, f->source);

	if (f->source.s == NULL)
		add_up(m, f, out);
	for (size_t i = 0; i < m->v->n_slots; i++) {
		if (f->source.s != NULL)
			out[i] = c == NULL ? (double)NAN : c[i];
		out[i] = within(&f->limits, out[i]);
	}
}

static size_t find_field(void *argument, struct text name)
{
	const struct graph_definition *d = argument;
	const struct graph_field *f = graph_definition_find(d, name);

	return f == NULL ? SIZE_MAX : (size_t)(f - d->field);
}

static double *raw_of(struct making *m, size_t field)
{
	if (m->raw[field] == NULL) {
		m->raw[field] = new_values(m);
		read_raw(m, &m->d->field[field], m->raw[field]);
	}
	return m->raw[field];
}

static void calculate_each(struct making *m, const struct rpn *p, double *out)
{
	for (size_t k = 0; k < p->n; k++)
		if (rpn_variable(p, k) != SIZE_MAX)
			(void)raw_of(m, rpn_variable(p, k));
	for (size_t i = 0; i < m->v->n_slots; i++) {
		for (size_t k = 0; k < p->n; k++) {
			size_t field = rpn_variable(p, k);

			if (field != SIZE_MAX)
				m->slot[field] = m->raw[field][i];
		}
		out[i] = rpn_eval(p, m->slot);
	}
}

/* What is shown of a field. */
static void calculate(struct making *m, size_t field, double *out)
{
	const struct graph_field *f = &m->d->field[field];
	const double *raw = raw_of(m, field);
	struct why why = { "" };
	struct rpn *p;

	memcpy(out, raw, m->v->n_slots * sizeof(double));
	if (f->cdef.s == NULL)
		return;
	p = must_alloc(sizeof(*p));
	if (rpn_parse(f->cdef, find_field, m->d, p, &why) == RC_OK)
		calculate_each(m, p, out);
	else
		graph_definition_note(m->d, "%.*s is drawn as it came, its cdef cannot be calculated: %s",
				      TEXT_ARG(f->name), why.text);
	free(p);
}

static void take_figures(struct graph_line *l, size_t n_slots)
{
	double sum = 0;
	size_t n = 0;

	l->last = l->min = l->mean = l->max = NAN;
	for (size_t i = 0; i < n_slots; i++) {
		double v = l->value[i];

		if (isnan(v))
			continue;
		l->last = v;
		l->min = n == 0 || v < l->min ? v : l->min;
		l->max = n == 0 || v > l->max ? v : l->max;
		sum += v;
		n++;
	}
	if (n > 0)
		l->mean = sum / (double)n;
}

/* munin's ways to draw, in the light of what was drawn before; true: on top of that. */
static bool choose_way(struct making *m, struct graph_line *l)
{
	bool first = !m->any;

	m->any = true;
	switch (l->field->draw) {
	case GRAPH_LINE:
		m->area = false;
		return false;
	case GRAPH_AREA:
		m->area = true;
		return false;
	case GRAPH_STACK: /* with nothing below it, it is a line */
		m->area = m->area && !first;
		return !first;
	case GRAPH_AREASTACK:
		m->area = true;
		first = !m->piling;
		m->piling = true;
		return !first;
	case GRAPH_LINESTACK:
		m->area = false;
		first = !m->piling;
		m->piling = true;
		return !first;
	}
	return false;
}

/* Where the line runs: from 0, or from the top of the one before. What is not known adds nothing to those above. */
static void lay(struct making *m, struct graph_line *l, bool stacked)
{
	double *pile = l->downwards ? m->down : m->up, sign = l->downwards ? -1 : 1;

	for (size_t i = 0; i < m->v->n_slots; i++) {
		double bottom = stacked ? pile[i] : 0, top = bottom + l->value[i];
		bool known = isfinite(top); /* numbers beyond all measure pile up to none */

		l->low[i] = known ? sign * bottom : (double)NAN;
		l->high[i] = known ? sign * top : (double)NAN;
		pile[i] = known ? top : bottom;
	}
}

static void measure(struct graph_plot *p, const struct graph_line *l)
{
	for (size_t i = 0; i < p->n_slots; i++) {
		int64_t slot_s = p->start_s + (int64_t)i * p->step_s;

		if (isnan(l->high[i]))
			continue;
		p->low = fmin(p->low, l->high[i]);
		p->high = fmax(p->high, l->high[i]);
		if (slot_s > p->newest_s)
			p->newest_s = slot_s;
	}
}

static void add_line(struct making *m, size_t field, uint32_t colour, bool downwards)
{
	struct graph_plot *p = m->out;
	struct graph_line *l = &p->line[p->n_lines++];

	*l = (struct graph_line){ .field = &m->d->field[field], .colour = colour, .downwards = downwards };
	l->value = new_values(m);
	l->low = new_values(m);
	l->high = new_values(m);
	calculate(m, field, l->value);
	take_figures(l, p->n_slots);
	if (!downwards) { /* its negative goes the same way */
		m->stacked = choose_way(m, l);
		m->line_px = l->field->line_px;
	}
	l->area = m->area;
	l->width_px = m->line_px;
	lay(m, l, m->stacked);
	measure(p, l);
}

void graph_plot_make(struct graph_definition *d, const struct graph_values *v, struct graph_plot *out)
{
	struct making m = { .d = d, .v = v, .out = out };
	size_t n_drawn = 0;

	*out = (struct graph_plot){
		.start_s = v->start_s, .step_s = v->step_s, .n_slots = v->n_slots, .newest_s = INT64_MIN
	};
	out->line = must_alloc((2 * d->n_fields + 1) * sizeof(*out->line));
	m.raw = must_alloc((d->n_fields + 1) * sizeof(*m.raw));
	m.slot = must_alloc((d->n_fields + 1) * sizeof(*m.slot));
	m.up = new_values(&m);
	m.down = new_values(&m);
	for (size_t i = 0; i < d->n_fields; i++) {
		const struct graph_field *f = &d->field[i], *negative;
		uint32_t colour = f->has_colour ? f->colour : graph_colour(n_drawn);

		if (f->hidden)
			continue;
		n_drawn++;
		add_line(&m, i, colour, false);
		negative = f->negative.s == NULL ? NULL : graph_definition_find(d, f->negative);
		if (negative != NULL)
			add_line(&m, (size_t)(negative - d->field), colour, true);
	}
	for (size_t i = 0; i < d->n_fields; i++)
		free(m.raw[i]);
	free(m.raw);
	free(m.slot);
	free(m.up);
	free(m.down);
}

void graph_plot_fini(struct graph_plot *p)
{
	for (size_t i = 0; i < p->n_lines; i++) {
		free(p->line[i].value);
		free(p->line[i].low);
		free(p->line[i].high);
	}
	free(p->line);
	*p = (struct graph_plot){ .line = NULL };
}
