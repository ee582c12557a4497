/*
 * What a graph of a plugin looks like, read from its info: munin's configuration as the pollers send it. Sans I/O.
 * Source: docs/spec/wire.md C1; munin's plugin reference.
 */
#ifndef GRAPH_DEFINITION_H
#define GRAPH_DEFINITION_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/text.h"

enum { GRAPH_MAX_FIELDS = 200, GRAPH_MAX_NOTES = 4 };

enum graph_draw {
	GRAPH_LINE,
	GRAPH_AREA,
	GRAPH_STACK,     /* on top of the one before, drawn as that is */
	GRAPH_AREASTACK, /* an area on top of the stack so far */
	GRAPH_LINESTACK,
};

/* "min:max", "max", "min:", ":max". NAN: no such end. */
struct graph_range {
	double min, max;
};

struct graph_field {
	struct text name, label;
	struct text source;     /* the data source that is read; s == NULL: the sum below */
	const struct text *sum; /* data sources */
	size_t n_sum;
	struct text cdef;     /* s == NULL: none */
	struct text negative; /* a field drawn downwards beside this one; s == NULL: none */
	enum graph_draw draw;
	double line_px;
	bool has_colour;
	uint32_t colour; /* 0xRRGGBB */
	struct graph_range limits, warning, critical;
	bool hidden; /* read and calculated with, not drawn for itself */
};

struct graph_definition {
	struct arena arena;
	struct text title, vertical_label; /* ${graph_period} is filled in */
	unsigned base;                     /* 1000 or 1024 */
	struct graph_field *field;         /* in the order in which they are drawn */
	size_t n_fields, field_capacity;
	struct text note[GRAPH_MAX_NOTES]; /* what could not be drawn, and why */
	size_t n_notes;
};

/* Which plugin it is. */
struct graph_plugin {
	struct text host, plugin;
	struct text info;      /* stored JSON; s == NULL: none */
	const struct text *ds; /* what there is to read, the info's and others */
	size_t n_ds;
	struct text only; /* comma list: these fields are drawn; s == NULL: all */
};

/* Whatever the info holds, something is made of it. Borrows the texts of p. Ended by graph_definition_fini(). */
void graph_definition_read(const struct graph_plugin *p, struct graph_definition *out);
void graph_definition_fini(struct graph_definition *d);
const struct graph_field *graph_definition_find(const struct graph_definition *d, struct text name);
void graph_definition_note(struct graph_definition *d, const char *format, ...) PRINTF_LIKE(2, 3);

/* munin's default colours, the i-th, again from the first behind the last. */
uint32_t graph_colour(size_t i);

#endif
