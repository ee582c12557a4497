/*
 * What is drawn of a graph: the values of each line after limits, calculation, sums and stacking, its figures for the
 * legend, and the span of the vertical axis. Sans I/O.
 */
#ifndef GRAPH_PLOT_H
#define GRAPH_PLOT_H

#include "graph/definition.h"

/* What was read: n_slots of every column, the first at start_s. */
struct graph_values {
	int64_t start_s, step_s;
	size_t n_slots, n_columns;
	const struct text *name;
	double *const *value; /* NAN: not known */
};

struct graph_line {
	const struct graph_field *field; /* whose name, label and draw it has */
	bool area, downwards;
	double width_px;
	uint32_t colour;
	double *value;               /* of itself, for the legend */
	double *low, *high;          /* where it is drawn: high is the line, low the bottom of an area. NAN: a gap */
	double last, min, mean, max; /* of value; NAN: none is known */
};

/* Every plot's limit, over all lines together. */
enum { GRAPH_MAX_SLOTS = 2000000 };

struct graph_plot {
	struct graph_line *line; /* in drawing order */
	size_t n_lines;
	int64_t start_s, step_s;
	size_t n_slots;
	double low, high; /* of all that is drawn, 0 included; equal when nothing is known */
	int64_t newest_s; /* the last slot with a value that is drawn; INT64_MIN: none */
};

/*
 * A field whose cdef cannot be calculated is drawn as it was read; d gets a note.
 * Owner    graph_plot_fini(); out borrows from d.
 */
void graph_plot_make(struct graph_definition *d, const struct graph_values *v, struct graph_plot *out);
void graph_plot_fini(struct graph_plot *p);

#endif
