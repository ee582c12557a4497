#include "ctl/table.h"
#include "ctl/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/plain.h"

enum { GAP = 2, FORMATTED_BYTES = 256 };

void text_table_init(struct text_table *t, size_t n_columns)
{
	must(n_columns > 0);
	*t = (struct text_table){ .n_columns = n_columns };
	arena_init(&t->arena);
	t->align = must_alloc(n_columns * sizeof(*t->align) + 1);
}

void text_table_fini(struct text_table *t)
{
	free(t->cell);
	free(t->align);
	arena_fini(&t->arena);
	*t = (struct text_table){ .n_columns = 0 };
}

void text_table_add(struct text_table *t, struct text cell)
{
	struct buf plain;

	buf_init(&plain, SIZE_MAX);
	plain_add(&plain, cell);
	array_grow(&t->cell, &t->capacity, t->n_cells, sizeof(*t->cell));
	t->cell[t->n_cells++] = arena_text(&t->arena, buf_text(&plain));
	buf_fini(&plain);
}

void text_table_column(struct text_table *t, struct text heading, enum table_align align)
{
	must(t->n_cells < t->n_columns);
	t->align[t->n_cells] = align;
	text_table_add(t, heading);
}

void text_table_addf(struct text_table *t, const char *format, ...)
{
	char cell[FORMATTED_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(cell, sizeof(cell), format, args);
	va_end(args);
	text_table_add(t, text_of(cell));
}

size_t text_table_rows(const struct text_table *t)
{
	return t->n_cells / t->n_columns - 1;
}

static size_t column_width(const struct text_table *t, size_t column)
{
	size_t most = 0;

	for (size_t i = column; i < t->n_cells; i += t->n_columns) {
		size_t width = plain_width(t->cell[i]);

		most = width > most ? width : most;
	}
	return most;
}

/* Without blanks at the end of the line that began there. */
static void trim_line(struct buf *out, size_t begin)
{
	while (out->n > begin && out->at[out->n - 1] == ' ')
		out->n--;
}

static bool is_empty(const struct text_table *t, size_t column)
{
	for (size_t i = t->n_columns + column; i < t->n_cells; i += t->n_columns)
		if (t->cell[i].n > 0)
			return false;
	return true;
}

void text_table_print(const struct text_table *t, struct buf *out)
{
	size_t *width = must_alloc(t->n_columns * sizeof(*width) + 1), begin = out->n;
	bool *left_out = must_alloc(t->n_columns + 1);

	must(t->n_columns > 0);
	for (size_t c = 0; c < t->n_columns; c++) {
		width[c] = column_width(t, c);
		left_out[c] = t->leaves_out_empty && is_empty(t, c);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % t->n_columns, pad = width[c] - plain_width(t->cell[i]);

		if (!left_out[c]) {
			plain_pad(out, t->align[c] == TABLE_RIGHT ? pad : 0);
			buf_add_text(out, t->cell[i]);
			plain_pad(out, GAP + (t->align[c] == TABLE_LEFT ? pad : 0));
		}
		if (c + 1 == t->n_columns) {
			trim_line(out, begin);
			buf_add_str(out, "\n");
			begin = out->n;
		}
	}
	free(width);
	free(left_out);
}

void text_table_show(const struct text_table *t)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	text_table_print(t, &out);
	show_buf(&out);
	buf_fini(&out);
}
