#include "graph/legend.h"

#include <math.h>
#include <stdio.h>

#include "base/rc.h"
#include "graph/axis.h"

enum {
	ROW_PX = 15,
	SIZE_PX = 11,
	SWATCH_PX = 9,
	FIGURE_PX = 66,
	FIGURES = 4,
	LABEL_LEAST_PX = 60, /* narrower than that figures are left out, from the right */
	COLUMN_LEAST_PX = 390,
	GAP_PX = 24,
	ONE_COLUMN_ROWS = 6,
};

static const char *const headings[FIGURES] = { "last", "min", "avg", "max" };

void legend_arrange(struct legend *l, const struct graph_plot *plot, unsigned base, double x, double width,
		    double most_height)
{
	size_t n = plot->n_lines, most_rows = most_height < 2 * ROW_PX ? 0 : (size_t)(most_height / ROW_PX) - 1;

	*l = (struct legend){ .plot = plot, .base = base, .x = x, .width = width, .n_columns = 1 };
	if (n > ONE_COLUMN_ROWS || n > most_rows)
		l->n_columns = (size_t)fmax(1, floor((width + GAP_PX) / COLUMN_LEAST_PX));
	l->n_rows = (n + l->n_columns - 1) / l->n_columns;
	if (l->n_rows > most_rows)
		l->n_rows = most_rows;
	l->n_shown = l->n_rows * l->n_columns < n ? l->n_rows * l->n_columns : n;
	if (l->n_shown < n && l->n_shown > 0)
		l->n_shown--; /* for the words on how many there are */
	l->height = l->n_rows == 0 ? 0 : (double)((l->n_rows + 1) * ROW_PX);
}

static size_t figures_that_fit(double width)
{
	size_t n = FIGURES;

	while (n > 0 && width - SWATCH_PX - 6 - (double)(n * FIGURE_PX) < LABEL_LEAST_PX)
		n--;
	return n;
}

static void draw_heading(const struct legend *l, struct canvas *c, double x, double width, double y)
{
	size_t n = figures_that_fit(width);
	const struct lettering right = {
		.size_px = SIZE_PX, .colour = c->theme->faint_ink, .align = ALIGN_RIGHT, .most_px = FIGURE_PX
	};

	(void)l;
	for (size_t i = 0; i < n; i++)
		canvas_text(c, x + width - (double)((n - 1 - i) * FIGURE_PX), y, &right, text_of(headings[i]));
}

static void draw_row(const struct legend *l, struct canvas *c, const struct graph_line *line, double x, double width,
		     double y)
{
	size_t n = figures_that_fit(width);
	const double figure[FIGURES] = { line->last, line->min, line->mean, line->max };
	const struct lettering left = { .size_px = SIZE_PX,
					.colour = c->theme->ink,
					.most_px = width - SWATCH_PX - 6 - (double)(n * FIGURE_PX) };
	struct lettering right = {
		.size_px = SIZE_PX, .colour = c->theme->ink, .align = ALIGN_RIGHT, .most_px = FIGURE_PX - 6
	};
	char printed[AXIS_LABEL_BYTES];
	double label_x = x + SWATCH_PX + 6;

	canvas_colour(c, canvas_visible(c, line->colour), 1);
	cairo_rectangle(c->cairo, x, y - SWATCH_PX + 1, SWATCH_PX, SWATCH_PX);
	cairo_fill(c->cairo);
	if (line->downwards)
		label_x += canvas_text(c, label_x, y, &left, TEXT("\xe2\x88\x92 "));
	canvas_text(c, label_x, y, &left, line->field->label);
	for (size_t i = 0; i < n; i++) {
		axis_print_value(figure[i], l->base, printed);
		canvas_text(c, x + width - (double)((n - 1 - i) * FIGURE_PX), y, &right, text_of(printed));
	}
}

void legend_draw(const struct legend *l, struct canvas *c, double y)
{
	double step = (l->width + GAP_PX) / (double)l->n_columns, width = step - GAP_PX;
	const struct lettering faint = { .size_px = SIZE_PX, .colour = c->theme->faint_ink, .most_px = width };
	char more[48];

	if (l->n_rows == 0)
		return;
	y += SIZE_PX;
	for (size_t i = 0; i < l->n_columns && i * l->n_rows < l->n_shown; i++)
		draw_heading(l, c, l->x + (double)i * step, width, y);
	for (size_t i = 0; i < l->n_shown; i++) {
		size_t column = i / l->n_rows, row = i % l->n_rows + 1;

		draw_row(l, c, &l->plot->line[i], l->x + (double)column * step, width, y + (double)(row * ROW_PX));
	}
	if (l->n_shown < l->plot->n_lines) {
		size_t column = l->n_shown / l->n_rows, row = l->n_shown % l->n_rows + 1;

		snprintf(more, sizeof(more), "and %zu more", l->plot->n_lines - l->n_shown);
		canvas_text(c, l->x + (double)column * step, y + (double)(row * ROW_PX), &faint, text_of(more));
	}
}
