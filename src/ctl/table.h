/*
 * A table for people: columns as wide as their widest cell, two blanks between them, the same on a terminal and in a
 * pipe. Programs take --json instead.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct text_table {
	struct arena arena;
	struct text *cell; /* as it is shown, row by row; the headings first */
	size_t n_cells, capacity;
	size_t n_columns;
	enum table_align *align;
	bool leaves_out_empty; /* columns without a single cell that says something */
};

/* As many columns are then to be named by text_table_column(). */
void text_table_init(struct text_table *t, size_t n_columns);
void text_table_fini(struct text_table *t);
/* The heading of the next column, before any cell. */
void text_table_column(struct text_table *t, struct text heading, enum table_align align);
/* The next cell, left to right, row by row; stored text is made plain. */
void text_table_add(struct text_table *t, struct text cell);
void text_table_addf(struct text_table *t, const char *format, ...) PRINTF_LIKE(2, 3);
size_t text_table_rows(const struct text_table *t); /* without the headings */
/* No blanks at the ends of lines. Without rows only the headings. */
void text_table_print(const struct text_table *t, struct buf *out);
/* The same on stdout. */
void text_table_show(const struct text_table *t);

#endif
