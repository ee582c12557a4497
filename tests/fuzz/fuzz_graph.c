/*
 * Any bytes as a plugin's info, and as a cdef. A definition and a plot come of it whatever it holds; what is drawn has a
 * finite axis, and texts that are UTF-8 or were no JSON strings.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/chart.h"
#include "graph/axis.h"
#include "graph/plot.h"
#include "graph/rpn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 5 };

static double columns[3][SLOTS] = { { 1, -2, NAN, 1e300, 0 },
				    { NAN, NAN, NAN, NAN, NAN },
				    { 5, 5e-324, -1e308, 1e308, 7 } };

static size_t find(void *argument, struct text name)
{
	(void)argument;
	return text_is(name, "a") ? 0 : text_is(name, "b") ? 1 : SIZE_MAX;
}

static void calculate(struct text cdef)
{
	static const double value[] = { 3, NAN };
	struct rpn *p = must_alloc(sizeof(*p));
	double result;

	if (rpn_parse(cdef, find, NULL, p, NULL) == RC_OK) {
		must(p->n >= 1 && p->n <= RPN_MAX_WORDS);
		result = rpn_eval(p, value);
		must(isnan(result) || isfinite(result));
	}
	free(p);
}

static void check_plot(const struct graph_plot *p, const struct graph_definition *d)
{
	struct axis axis;
	char label[AXIS_LABEL_BYTES];

	must(isfinite(p->low) && isfinite(p->high) && p->low <= 0 && p->high >= 0);
	axis_of_values(p->low, p->high, d->base, 8, &axis);
	must(axis.low < axis.high && axis.n_ticks <= AXIS_MAX_TICKS);
	for (size_t i = 0; i < p->n_lines; i++) {
		axis_print_value(p->line[i].mean, d->base, label);
		for (size_t k = 0; k < SLOTS; k++)
			must(isnan(p->line[i].high[k]) == isnan(p->line[i].low[k]));
	}
}

/* On a terminal: as many lines as asked for. */
static void draw_chart(const struct graph_plot *p, const struct graph_definition *d, bool utf8)
{
	const struct chart_options o = { .columns = 40,
					 .rows = 8,
					 .utf8 = utf8,
					 .base = d->base,
					 .from_s = p->start_s,
					 .until_s = p->start_s + SLOTS * p->step_s };
	struct buf b;
	size_t lines = 0;

	buf_init(&b, SIZE_MAX);
	chart_draw(p, &o, &b);
	for (size_t i = 0; i < b.n; i++)
		lines += b.at[i] == '\n';
	must(lines == o.rows);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct text ds[] = { TEXT_INIT("a"), TEXT_INIT("b"), TEXT_INIT("c") };
	double *value[] = { columns[0], columns[1], columns[2] };
	struct text input = { (const char *)data, size };
	struct graph_plugin plugin = { TEXT("h"), TEXT("p"), input, ds, 3, TEXT_NONE };
	struct graph_definition d;
	struct graph_plot p;

	if (size > 4096)
		return 0;
	calculate(input);
	graph_definition_read(&plugin, &d);
	must(d.base == 1000 || d.base == 1024);
	must(d.n_fields <= GRAPH_MAX_FIELDS && d.n_notes <= GRAPH_MAX_NOTES);
	graph_plot_make(&d, &(struct graph_values){ 1400003460, 60, SLOTS, 3, ds, value }, &p);
	check_plot(&p, &d);
	draw_chart(&p, &d, size % 2 == 0);
	graph_plot_fini(&p);
	graph_definition_fini(&d);
	return 0;
}
