/*
 * The table below a graph: each line with its colour, label and figures. Private to the picture.
 */
#ifndef GRAPH_LEGEND_H
#define GRAPH_LEGEND_H

#include "graph/canvas.h"
#include "graph/plot.h"

struct legend {
	const struct graph_plot *plot;
	unsigned base;
	double x, width;          /* where it may be */
	size_t n_columns, n_rows; /* rows: of each column */
	size_t n_shown;
	double height; /* that it takes, heading included */
};

/* Arrange all lines within a height, as many as fit; the last row says how many are not shown. */
void legend_arrange(struct legend *l, const struct graph_plot *plot, unsigned base, double x, double width,
		    double most_height);
void legend_draw(const struct legend *l, struct canvas *c, double y);

#endif
