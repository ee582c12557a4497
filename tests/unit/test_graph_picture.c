/* Pictures are made of anything; what is on them is looked at as pixels. */
#include "test.h"

#include <cairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rc.h"
#include "graph/picture.h"
#include "graph_scratch.h"

enum { PICTURE_BYTES = 16 * 1024 * 1024 };

struct reader {
	const struct buf *from;
	size_t at;
};

static cairo_status_t read_bytes(void *argument, unsigned char *out, unsigned n)
{
	struct reader *r = argument;

	if (r->from->n - r->at < n)
		return CAIRO_STATUS_READ_ERROR;
	memcpy(out, r->from->at + r->at, n);
	r->at += n;
	return CAIRO_STATUS_SUCCESS;
}

static void draw(const struct scratch_graph *g, struct picture_options o, struct buf *out)
{
	struct why why;

	buf_init(out, PICTURE_BYTES);
	if (picture_draw(&g->d, &g->p, &o, out, &why) != RC_OK)
		fail_msg("%s", why.text);
}

/* How many pixels of a PNG have this colour. */
static size_t count_pixels(const struct buf *png, uint32_t rgb)
{
	struct reader r = { png, 0 };
	cairo_surface_t *s = cairo_image_surface_create_from_png_stream(read_bytes, &r);
	int width = cairo_image_surface_get_width(s), height = cairo_image_surface_get_height(s);
	size_t n = 0;

	assert_int_equal(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint32_t pixel;

			memcpy(&pixel,
			       cairo_image_surface_get_data(s) + (size_t)y * (size_t)cairo_image_surface_get_stride(s) +
				       (size_t)x * 4,
			       4);
			n += (pixel & 0xFFFFFF) == rgb;
		}
	cairo_surface_destroy(s);
	return n;
}

static void sizes_and_themes(void **state)
{
	static const unsigned sizes[] = { PICTURE_LEAST_PX, 333, 800, PICTURE_MOST_PX };
	struct scratch_column c[] = { { "a", { 1, 2, 3, 4 } } };
	struct scratch_graph g;
	struct buf out;

	scratch_graph_make(&g, NULL, c, 1, NULL);
	for (size_t w = 0; w < ARRAY_LEN(sizes); w++) {
		unsigned height = sizes[ARRAY_LEN(sizes) - 1 - w];

		draw(&g, (struct picture_options){ .width_px = sizes[w], .height_px = height, .png = true }, &out);
		assert_memory_equal(out.at, "\x89PNG\r\n\x1a\n", 8);
		assert_int_equal(bytes_get_be32((const unsigned char *)out.at + 16), sizes[w]);
		assert_int_equal(bytes_get_be32((const unsigned char *)out.at + 20), height);
		buf_fini(&out);
	}
	draw(&g, (struct picture_options){ .width_px = 400, .height_px = 300, .png = true }, &out);
	assert_true(count_pixels(&out, 0xFFFFFF) > 400 * 300 / 2);
	assert_true(count_pixels(&out, 0x00CC00) > 50); /* the line, and its place in the legend */
	buf_fini(&out);
	draw(&g, (struct picture_options){ .width_px = 400, .height_px = 300, .png = true, .dark = true }, &out);
	assert_int_equal(count_pixels(&out, 0xFFFFFF), 0);
	assert_true(count_pixels(&out, 0x15191E) > 400 * 300 / 2);
	buf_fini(&out);
	draw(&g, (struct picture_options){ .width_px = 400, .height_px = 300 }, &out);
	assert_memory_equal(out.at, "<?xml", 5);
	buf_fini(&out);
	scratch_graph_fini(&g);
	(void)state;
}

static size_t line_pixels(double b, double c, uint32_t rgb)
{
	struct scratch_column column[] = { { "a", { 5, b, c, 5 } } };
	struct scratch_graph g;
	struct buf out;
	size_t n;

	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"draw\": \"AREA\", \"colour\": \"ff0000\"}}}", column, 1, NULL);
	draw(&g, (struct picture_options){ .width_px = 800, .height_px = 400, .png = true }, &out);
	n = count_pixels(&out, rgb);
	buf_fini(&out);
	scratch_graph_fini(&g);
	return n;
}

static void a_gap_is_a_gap(void **state)
{
	/* red at 0.9 on white; the two slots in the middle are half of the area */
	size_t whole = line_pixels(5, 5, 0xFF1919), gap = line_pixels(NAN, NAN, 0xFF1919);

	assert_true(whole > 100000);
	assert_true(gap > whole / 2 - whole / 50 && gap < whole / 2 + whole / 50);
	(void)state;
}

static void stale_data_is_stamped(void **state)
{
	struct scratch_column c[] = { { "a", { 1, 2, NAN, NAN } } };
	struct picture_options o = {
		.width_px = 800, .height_px = 400, .png = true, .now_s = 1400003520 + 180, .stale_after_s = 180
	};
	struct scratch_graph g;
	struct buf fresh, stale;

	scratch_graph_make(&g, NULL, c, 1, NULL);
	draw(&g, o, &fresh);
	o.now_s++;
	draw(&g, o, &stale);
	assert_int_equal(count_pixels(&fresh, 0xBF8700), 0);
	assert_true(count_pixels(&stale, 0xBF8700) > 20);
	buf_fini(&fresh);
	buf_fini(&stale);
	scratch_graph_fini(&g);
	(void)state;
}

static void thresholds_within_the_graph_are_drawn(void **state)
{
	struct scratch_column c[] = { { "a", { 80, 90, 95, 100 } } };
	struct scratch_graph g;
	struct buf out;

	scratch_graph_make(&g, "{\"Infos\": {\"a\": {\"warning\": \"92\", \"critical\": \"5000\"}}}", c, 1, NULL);
	draw(&g, (struct picture_options){ .width_px = 800, .height_px = 400, .png = true }, &out);
	assert_true(count_pixels(&out, 0xFAF5EB) > 1000); /* a breath of the warning's colour above 92 */
	assert_int_equal(count_pixels(&out, 0xFBEDEE), 0);
	buf_fini(&out);
	scratch_graph_fini(&g);
	(void)state;
}

static void any_text_can_be_drawn(void **state)
{
	static const char *const titles[] = {
		"", " ", "\\u0000\\u0001<&>\\\"'", "\\ud83d\\ude00 \\u202e\\u0301", "%s%n", "\\u007f\\t\\n\\r",
	};
	struct scratch_column c[] = { { "\xff\xfe", { -1e308, 1e308, NAN, 0 } }, { "b", { 5e-324, 0, 1e-300, 0 } } };
	char info[8192], words[4096];
	struct scratch_graph g;
	struct buf out;

	for (size_t i = 0; i < sizeof(words) - 1; i++)
		words[i] = i % 3 == 0 ? '\xc3' : i % 3 == 1 ? '\xa4' : 'W';
	words[sizeof(words) - 1] = '\0';
	for (size_t i = 0; i <= ARRAY_LEN(titles); i++) {
		const char *title = i < ARRAY_LEN(titles) ? titles[i] : words;

		snprintf(info, sizeof(info),
			 "{\"Title\": \"%s\", \"Vlabel\": \"%s\", \"Infos\": {\"b\": {\"label\": \"%s\"}}}", title,
			 i < ARRAY_LEN(titles) ? title : "", i < ARRAY_LEN(titles) ? title : "");
		for (int png = 0; png < 2; png++) {
			scratch_graph_make(&g, info, c, 2, NULL);
			draw(&g,
			     (struct picture_options){ .width_px = PICTURE_LEAST_PX,
						       .height_px = PICTURE_LEAST_PX,
						       .png = png == 1,
						       .host = TEXT("\xff host") },
			     &out);
			assert_true(out.n > 500);
			buf_fini(&out);
			scratch_graph_fini(&g);
		}
	}
	(void)state;
}

static void a_ceiling_is_told(void **state)
{
	struct scratch_column c[] = { { "a", { 1, 2, 3, 4 } } };
	struct picture_options o = { .width_px = 400, .height_px = 300 };
	struct scratch_graph g;
	struct buf out;

	scratch_graph_make(&g, NULL, c, 1, NULL);
	for (int png = 0; png < 2; png++) {
		o.png = png == 1;
		buf_init(&out, 100);
		assert_int_equal(picture_draw(&g.d, &g.p, &o, &out, NULL), RC_FULL);
		buf_fini(&out);
	}
	scratch_graph_fini(&g);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_themes),      cmocka_unit_test(a_gap_is_a_gap),
		cmocka_unit_test(stale_data_is_stamped), cmocka_unit_test(thresholds_within_the_graph_are_drawn),
		cmocka_unit_test(any_text_can_be_drawn), cmocka_unit_test(a_ceiling_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
