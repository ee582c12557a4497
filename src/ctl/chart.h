/*
 * A plot drawn with the characters of a terminal: braille dots, eight a character, or plain ASCII. Pure functions; what is
 * drawn comes from graph/plot.h as for the pictures.
 */
#ifndef CTL_CHART_H
#define CTL_CHART_H

#include <stdbool.h>

#include "base/buf.h"
#include "graph/plot.h"

enum { CHART_LEAST_COLUMNS = 30, CHART_MOST_COLUMNS = 1000, CHART_LEAST_ROWS = 4, CHART_MOST_ROWS = 300 };

enum chart_colours { CHART_NO_COLOURS, CHART_256_COLOURS, CHART_ALL_COLOURS };

struct chart_options {
	size_t columns, rows; /* of all, labels and axes included */
	bool utf8;            /* else ASCII */
	enum chart_colours colours;
	unsigned base;
	int64_t from_s, until_s;
};

/* How many dots side by side the lines have at most: more slots than that cannot be told apart. */
size_t chart_dots(const struct chart_options *o);

/* Appends exactly o->rows lines of at most o->columns columns. */
void chart_draw(const struct graph_plot *p, const struct chart_options *o, struct buf *out);

/* What the i-th line is drawn with, two columns wide, for a legend. */
void chart_add_mark(const struct graph_plot *p, size_t i, const struct chart_options *o, struct buf *out);

#endif
