#include "ctl/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/plain.h"
#include "graph/axis.h"

enum { NOBODY = -1, FOOT_ROWS = 2, ROWS_A_TICK = 4, COLUMNS_A_TICK = 11, LEAST_INNER_COLUMNS = 12, LINE_WEIGHS = 3 };

/* Where lines without colours have to be told apart, by their number. */
static const char letters[] = "#*+o=x%@~^&$";

/* Drawing one chart: dots of which each remembers the line that set it last. */
struct drawing {
	const struct graph_plot *plot;
	const struct chart_options *o;
	struct axis values, times;
	size_t label_columns;  /* of the vertical axis, its line included */
	size_t columns, rows;  /* of the inner part, in characters */
	size_t dots_x, dots_y; /* of one character */
	size_t width, height;  /* in dots */
	short *owner;          /* of each dot; row 0 is at the bottom */
};

static size_t dots_x(const struct chart_options *o)
{
	return o->utf8 ? 2 : 1;
}

size_t chart_dots(const struct chart_options *o)
{
	return o->columns * dots_x(o);
}

/* ---- dots ---- */

static long row_of(const struct drawing *d, double v)
{
	double part = (v - d->values.low) / (d->values.high - d->values.low);

	/* what lies beyond the axis by numbers without measure stays there */
	return lround(fmin(fmax(part, -10), 10) * (double)(d->height - 1));
}

/* Without colours areas differ by how they are filled. */
static bool is_filled(const struct drawing *d, size_t line, size_t x, long y)
{
	size_t how = line % 4;

	if (!d->o->utf8 || d->o->colours != CHART_NO_COLOURS || d->plot->n_lines == 1 || how == 0)
		return true;
	if (how == 1)
		return (x + (size_t)y) % 2 == 0;
	return how == 2 ? y % 2 == 0 : x % 2 == 0;
}

static void set_run(struct drawing *d, size_t line, size_t x, long from, long to, bool filling)
{
	if (from > to) {
		long swap = from;

		from = to;
		to = swap;
	}
	for (long y = from < 0 ? 0 : from; y <= to && y < (long)d->height; y++)
		if (!filling || is_filled(d, line, x, y))
			d->owner[(size_t)y * d->width + x] = (short)line;
}

/* The slots that one column of dots stands for: mean of their ends, and how far the line goes up and down. */
struct stretch {
	bool known;
	double low, high, least, most;
};

static struct stretch look(const struct drawing *d, const struct graph_line *l, size_t x)
{
	const struct graph_plot *p = d->plot;
	double a_dot_s = (double)(d->o->until_s - d->o->from_s) / (double)d->width;
	double begin_s = (double)(d->o->from_s - p->start_s) + (double)x * a_dot_s;
	double first = floor(begin_s / (double)p->step_s), last = ceil((begin_s + a_dot_s) / (double)p->step_s) - 1;
	struct stretch s = { .known = false };
	size_t n = 0;

	for (double i = fmax(first, 0); i <= fmax(first, last) && i < (double)p->n_slots; i++) {
		double low = l->low[(size_t)i], high = l->high[(size_t)i];

		if (isnan(high))
			continue;
		s.least = n == 0 ? high : fmin(s.least, high);
		s.most = n == 0 ? high : fmax(s.most, high);
		s.low += low;
		s.high += high;
		n++;
	}
	s.known = n > 0;
	s.low /= n > 0 ? (double)n : 1;
	s.high /= n > 0 ? (double)n : 1;
	return s;
}

static void draw_area(struct drawing *d, size_t line, size_t x, struct stretch s)
{
	long bottom = row_of(d, s.low), top = row_of(d, s.high);

	if (s.low != 0 && top != bottom) /* this row is the area's below */
		bottom += top > bottom ? 1 : -1;
	else if (s.low != 0)
		return;
	set_run(d, line, x, bottom, top, true);
	set_run(d, line, x, top, top, false);
}

static void draw_line(struct drawing *d, size_t line, size_t x, struct stretch s, const long *before)
{
	long least = row_of(d, s.least), most = row_of(d, s.most);

	if (before != NULL && *before > most + 1)
		most = *before - 1;
	else if (before != NULL && *before < least - 1)
		least = *before + 1;
	set_run(d, line, x, least, most, false);
}

static void draw(struct drawing *d, size_t line)
{
	const struct graph_line *l = &d->plot->line[line];
	bool joined = false;
	long before = 0;

	for (size_t x = 0; x < d->width; x++) {
		struct stretch s = look(d, l, x);

		if (s.known && l->area)
			draw_area(d, line, x, s);
		else if (s.known)
			draw_line(d, line, x, s, joined ? &before : NULL);
		joined = s.known;
		before = s.known ? row_of(d, s.high) : 0;
	}
}

/* ---- characters ---- */

/* One of 6 × 6 × 6. */
static unsigned nearest_of_256(uint32_t rgb)
{
	unsigned part[3];

	for (unsigned i = 0; i < 3; i++) {
		unsigned v = rgb >> (16 - 8 * i) & 0xff;

		part[i] = v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
	}
	return 16 + 36 * part[0] + 6 * part[1] + part[2];
}

/* Dark blue and purple can hardly be read on black. */
static uint32_t lightened(uint32_t rgb)
{
	unsigned r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;

	if (3 * r + 6 * g + b >= 700)
		return rgb;
	return (r + (255 - r) * 2 / 5) << 16 | (g + (255 - g) * 2 / 5) << 8 | (b + (255 - b) * 2 / 5);
}

static void begin_colour(const struct chart_options *o, uint32_t rgb, struct buf *out)
{
	rgb = lightened(rgb);
	if (o->colours == CHART_ALL_COLOURS)
		buf_addf(out, "\033[38;2;%u;%u;%um", rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff);
	else if (o->colours == CHART_256_COLOURS)
		buf_addf(out, "\033[38;5;%um", nearest_of_256(rgb));
}

static void begin_dim(const struct chart_options *o, struct buf *out)
{
	if (o->colours != CHART_NO_COLOURS)
		buf_add_str(out, "\033[2m");
}

static void end_colour(const struct chart_options *o, struct buf *out)
{
	if (o->colours != CHART_NO_COLOURS)
		buf_add_str(out, "\033[0m");
}

static void add_braille(struct buf *out, unsigned dots)
{
	const char bytes[3] = { '\xe2', (char)(0xa0 + (dots >> 6)), (char)(0x80 + (dots & 0x3f)) };

	buf_add(out, bytes, sizeof(bytes));
}

/* The line that most of a character's dots are of, lines before areas; and its dots as braille has them. */
static int judge(const struct drawing *d, size_t column, size_t row, unsigned *braille)
{
	static const unsigned char bit[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };
	int best = NOBODY, most = 0;
	short seen[8];
	size_t n = 0;

	*braille = 0;
	for (size_t y = 0; y < d->dots_y; y++)
		for (size_t x = 0; x < d->dots_x; x++) {
			size_t from_below = (d->rows - 1 - row) * d->dots_y + (d->dots_y - 1 - y);
			short owner = d->owner[from_below * d->width + column * d->dots_x + x];

			if (owner == NOBODY)
				continue;
			*braille |= bit[y][x];
			seen[n++] = owner;
		}
	for (size_t i = 0; i < n; i++) {
		int weight = 0;

		for (size_t k = 0; k < n; k++)
			if (seen[k] == seen[i])
				weight += d->plot->line[seen[i]].area ? 1 : LINE_WEIGHS;
		if (weight > most) {
			most = weight;
			best = seen[i];
		}
	}
	return best;
}

/* What stands where nothing is drawn: the grid at the ticks, the line of zero. */
static const char *blank(const struct drawing *d, size_t column, bool tick, bool zero)
{
	if (zero)
		return d->o->utf8 ? "─" : "-";
	if (!tick)
		return " ";
	return d->o->utf8 ? "┈" : column % 4 == 3 ? "." : " ";
}

/* The tick whose line goes through this row; NULL: none. */
static const struct axis_tick *tick_in(const struct drawing *d, size_t row)
{
	for (size_t i = 0; i < d->values.n_ticks; i++) {
		long y = row_of(d, d->values.tick[i].at);

		if (y >= 0 && d->rows - 1 - (size_t)y / d->dots_y == row)
			return &d->values.tick[i];
	}
	return NULL;
}

static void print_row(const struct drawing *d, size_t row, struct buf *out)
{
	const struct axis_tick *tick = tick_in(d, row);
	struct text label = plain_begin(text_of(tick == NULL ? "" : tick->label), d->label_columns - 2);
	bool zero = tick != NULL && tick->at == 0 && d->values.low < 0;
	int was = NOBODY - 1; /* colours are not begun again for each character */

	plain_pad(out, d->label_columns - 2 - plain_width(label));
	buf_add_text(out, label);
	buf_add_str(out, d->o->utf8 ? tick != NULL ? " ┤" : " │" : tick != NULL ? " +" : " |");
	for (size_t c = 0; c < d->columns; c++) {
		unsigned braille;
		int line = judge(d, c, row, &braille);

		if (line != was) {
			end_colour(d->o, out);
			if (line == NOBODY)
				begin_dim(d->o, out);
			else
				begin_colour(d->o, d->plot->line[line].colour, out);
		}
		was = line;
		if (line == NOBODY)
			buf_add_str(out, blank(d, c, tick != NULL, zero));
		else if (d->o->utf8)
			add_braille(out, braille);
		else
			buf_addf(out, "%c", letters[(size_t)line % (sizeof(letters) - 1)]);
	}
	end_colour(d->o, out);
	buf_add_str(out, "\n");
}

static size_t column_of(const struct drawing *d, double t_s)
{
	double part = (t_s - (double)d->o->from_s) / (double)(d->o->until_s - d->o->from_s);
	double column = floor(part * (double)d->columns);

	return column < 0 ? 0 : column >= (double)d->columns ? d->columns - 1 : (size_t)column;
}

static void print_foot(const struct drawing *d, struct buf *out)
{
	char *mark = must_alloc(d->columns + 1);
	size_t at = 0; /* where the labels have come to */

	for (size_t i = 0; i < d->times.n_ticks; i++)
		mark[column_of(d, d->times.tick[i].at)] = 1;
	plain_pad(out, d->label_columns - 1);
	buf_add_str(out, d->o->utf8 ? "└" : "+");
	for (size_t c = 0; c < d->columns; c++)
		buf_add_str(out, d->o->utf8 ? mark[c] ? "┬" : "─" : mark[c] ? "+" : "-");
	buf_add_str(out, "\n");
	for (size_t i = 0; i < d->times.n_ticks; i++) {
		struct text label = text_of(d->times.tick[i].label);
		size_t middle = d->label_columns + column_of(d, d->times.tick[i].at), half = label.n / 2;
		size_t begin = middle < half ? 0 : middle - half;

		if ((at > 0 && begin < at + 1) || begin + label.n > d->o->columns)
			continue;
		plain_pad(out, begin - at);
		buf_add_text(out, label);
		at = begin + label.n;
	}
	buf_add_str(out, "\n");
	free(mark);
}

void chart_draw(const struct graph_plot *p, const struct chart_options *o, struct buf *out)
{
	struct drawing d = { .plot = p, .o = o, .dots_x = dots_x(o), .dots_y = o->utf8 ? 4 : 1 };

	must(o->rows >= CHART_LEAST_ROWS && o->columns >= CHART_LEAST_COLUMNS && o->until_s > o->from_s);
	d.rows = o->rows - FOOT_ROWS;
	axis_of_values(p->low, p->high, o->base, (unsigned)(d.rows / ROWS_A_TICK + 1), &d.values);
	for (size_t i = 0; i < d.values.n_ticks; i++) {
		size_t width = plain_width(text_of(d.values.tick[i].label)) + 2;

		d.label_columns = width > d.label_columns ? width : d.label_columns;
	}
	if (d.label_columns > o->columns - LEAST_INNER_COLUMNS)
		d.label_columns = o->columns - LEAST_INNER_COLUMNS;
	d.columns = o->columns - d.label_columns;
	axis_of_times(o->from_s, o->until_s, (unsigned)(d.columns / COLUMNS_A_TICK + 1), &d.times);
	d.width = d.columns * d.dots_x;
	d.height = d.rows * d.dots_y;
	d.owner = must_alloc(d.width * d.height * sizeof(*d.owner));
	for (size_t i = 0; i < d.width * d.height; i++)
		d.owner[i] = NOBODY;
	for (size_t i = 0; i < p->n_lines && i < INT16_MAX; i++)
		draw(&d, i);
	for (size_t row = 0; row < d.rows; row++)
		print_row(&d, row, out);
	print_foot(&d, out);
	free(d.owner);
}

void chart_add_mark(const struct graph_plot *p, size_t i, const struct chart_options *o, struct buf *out)
{
	static const unsigned char fill[4] = { 0xff, 0x6a, 0xd2, 0x47 }; /* as is_filled() has it */

	begin_colour(o, p->line[i].colour, out);
	if (!o->utf8) {
		buf_addf(out, "%c ", letters[i % (sizeof(letters) - 1)]);
	} else if (!p->line[i].area) {
		buf_add_str(out, "──");
	} else {
		unsigned dots = o->colours == CHART_NO_COLOURS && p->n_lines > 1 ? fill[i % 4] : 0xff;

		add_braille(out, dots);
		add_braille(out, dots);
	}
	end_colour(o, out);
}
