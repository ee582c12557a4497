/*
 * A graph as PNG or SVG, drawn by cairo. The only file of the program that knows of cairo are those behind this header.
 */
#ifndef GRAPH_PICTURE_H
#define GRAPH_PICTURE_H

#include <stdbool.h>

#include "base/buf.h"
#include "graph/plot.h"

enum { PICTURE_LEAST_PX = 200, PICTURE_MOST_PX = 4000 };

struct picture_options {
	unsigned width_px, height_px; /* of the whole picture */
	bool dark, png;               /* else light, SVG */
	struct text host;
	int64_t now_s;
	int64_t stale_after_s; /* data that ends so long before now is stamped with its time; 0: never */
};

/*
 * Appended to out. Memory: 4 bytes a pixel for PNG; of SVG what the lines need.
 * Errors   RC_ABSENT this build cannot draw · RC_FULL over out's ceiling
 * Threads  any
 */
CHECKED enum rc picture_draw(const struct graph_definition *d, const struct graph_plot *p,
			     const struct picture_options *o, struct buf *out, struct why *why);

#endif
