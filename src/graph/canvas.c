#include "graph/canvas.h"

#include <math.h>
#include <string.h>

enum { TEXT_MAX_BYTES = 512 };

static const char ellipsis[] = "\xe2\x80\xa6";

const struct theme theme_light = { .paper = 0xFFFFFF,
				   .ink = 0x24292F,
				   .faint_ink = 0x656D76,
				   .grid = 0xE4E7EB,
				   .frame = 0xAFB8C1,
				   .warning = 0xBF8700,
				   .critical = 0xCF222E };
const struct theme theme_dark = { .paper = 0x15191E,
				  .ink = 0xE6EDF3,
				  .faint_ink = 0x9198A1,
				  .grid = 0x2A3038,
				  .frame = 0x59626D,
				  .warning = 0xD29922,
				  .critical = 0xF85149 };

void canvas_colour(struct canvas *c, uint32_t rgb, double opacity)
{
	cairo_set_source_rgba(c->cairo, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0,
			      opacity);
}

void canvas_rule(struct canvas *c, double x0, double y0, double x1, double y1)
{
	cairo_set_line_width(c->cairo, 1);
	cairo_move_to(c->cairo, floor(x0) + 0.5, floor(y0) + 0.5);
	cairo_line_to(c->cairo, floor(x1) + 0.5, floor(y1) + 0.5);
	cairo_stroke(c->cairo);
}

static double brightness(uint32_t rgb)
{
	return (0.299 * (rgb >> 16 & 255) + 0.587 * (rgb >> 8 & 255) + 0.114 * (rgb & 255)) / 255;
}

uint32_t canvas_visible(const struct canvas *c, uint32_t rgb)
{
	uint32_t mixed = 0;

	if (fabs(brightness(rgb) - brightness(c->theme->paper)) >= 0.1)
		return rgb;
	for (unsigned shift = 0; shift < 24; shift += 8)
		mixed |= ((rgb >> shift & 255) * 6 + (c->theme->ink >> shift & 255) * 4) / 10 << shift;
	return mixed;
}

/* Bytes of the character at s, which is well-formed UTF-8. */
static size_t character_bytes(const char *s)
{
	unsigned char b = (unsigned char)*s;

	return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

/* As cairo takes it: well-formed, no control characters, ended by NUL, at most so many bytes. */
static void make_clean(struct text t, char out[TEXT_MAX_BYTES])
{
	size_t n = 0;

	if (!text_is_utf8(t))
		t = TEXT("?");
	for (size_t i = 0; i < t.n;) {
		size_t bytes = character_bytes(t.s + i);

		if (n + bytes >= TEXT_MAX_BYTES)
			break;
		memcpy(out + n, t.s + i, bytes);
		i += bytes;
		if (bytes == 1 && ((unsigned char)out[n] < 0x20 || out[n] == 0x7F))
			out[n] = ' ';
		if (out[n] != ' ' || n == 0 || out[n - 1] != ' ') /* of several blanks one is enough */
			n += bytes;
	}
	out[n] = '\0';
}

static void choose_font(struct canvas *c, double size_px, bool bold)
{
	cairo_select_font_face(c->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
			       bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(c->cairo, size_px);
}

static double width_of(struct canvas *c, const char *s)
{
	cairo_text_extents_t e;

	cairo_text_extents(c->cairo, s, &e);
	return e.x_advance;
}

/* As many whole characters as fit, with an ellipsis behind when some do not; by halves. */
static double cut(struct canvas *c, char s[TEXT_MAX_BYTES], double most_px)
{
	size_t boundary[TEXT_MAX_BYTES + 1], n = 0, fits = 0, most;
	char tried[TEXT_MAX_BYTES + sizeof(ellipsis)];
	double width = width_of(c, s);

	if (width <= most_px)
		return width;
	for (size_t i = 0; s[i] != '\0'; i += character_bytes(s + i))
		boundary[n++] = i;
	for (most = n; fits < most;) {
		size_t middle = (fits + most + 1) / 2;

		if (middle == n) {
			most = n - 1;
			continue;
		}
		memcpy(tried, s, boundary[middle]);
		memcpy(tried + boundary[middle], ellipsis, sizeof(ellipsis));
		if (width_of(c, tried) <= most_px)
			fits = middle;
		else
			most = middle - 1;
	}
	if (n == 0 || boundary[fits] + sizeof(ellipsis) > TEXT_MAX_BYTES)
		s[0] = '\0';
	else
		memcpy(s + boundary[fits], ellipsis, sizeof(ellipsis));
	if (width_of(c, s) > most_px)
		s[0] = '\0';
	return width_of(c, s);
}

double canvas_text(struct canvas *c, double x, double y, const struct lettering *l, struct text t)
{
	char s[TEXT_MAX_BYTES];
	double width;

	make_clean(t, s);
	choose_font(c, l->size_px, l->bold);
	width = cut(c, s, l->most_px);
	canvas_colour(c, l->colour, 1);
	cairo_move_to(c->cairo, l->align == ALIGN_LEFT ? x : l->align == ALIGN_RIGHT ? x - width : x - width / 2, y);
	cairo_show_text(c->cairo, s);
	cairo_new_path(c->cairo);
	return width;
}

void canvas_text_upwards(struct canvas *c, double x, double y, const struct lettering *l, struct text t)
{
	cairo_save(c->cairo);
	cairo_translate(c->cairo, x, y);
	cairo_rotate(c->cairo, -M_PI / 2);
	(void)canvas_text(c, 0, 0, l, t);
	cairo_restore(c->cairo);
}

double canvas_text_width(struct canvas *c, double size_px, struct text t)
{
	char s[TEXT_MAX_BYTES];

	make_clean(t, s);
	choose_font(c, size_px, false);
	return width_of(c, s);
}
