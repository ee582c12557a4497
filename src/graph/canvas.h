/*
 * What one draws with: colours, lines and text of any bytes, cut to fit. Private to the picture.
 */
#ifndef GRAPH_CANVAS_H
#define GRAPH_CANVAS_H

#include <cairo.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct theme {
	uint32_t paper, ink, faint_ink, grid, frame, warning, critical;
};

struct canvas {
	cairo_t *cairo; /* borrowed */
	const struct theme *theme;
};

extern const struct theme theme_light, theme_dark;

enum align { ALIGN_LEFT, ALIGN_MIDDLE, ALIGN_RIGHT };

struct lettering {
	double size_px;
	bool bold;
	uint32_t colour;
	enum align align;
	double most_px; /* cut with an ellipsis beyond */
};

/* A line's colour, moved towards the ink when it would hardly show on this paper. */
uint32_t canvas_visible(const struct canvas *c, uint32_t rgb);
void canvas_colour(struct canvas *c, uint32_t rgb, double opacity);
/* A thin line on whole pixels. */
void canvas_rule(struct canvas *c, double x0, double y0, double x1, double y1);
/* y: of the base line. Returns the width drawn. */
double canvas_text(struct canvas *c, double x, double y, const struct lettering *l, struct text t);
/* From below upwards, its middle at y. */
void canvas_text_upwards(struct canvas *c, double x, double y, const struct lettering *l, struct text t);
double canvas_text_width(struct canvas *c, double size_px, struct text t);

#endif
