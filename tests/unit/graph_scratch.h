/* A plot from an info and a table of values written down in a test. */
#ifndef TESTS_UNIT_GRAPH_SCRATCH_H
#define TESTS_UNIT_GRAPH_SCRATCH_H

#include <math.h>
#include <string.h>

#include "graph/plot.h"
#include "test.h"

enum { SCRATCH_SLOTS = 4, SCRATCH_COLUMNS = 6 };

struct scratch_column {
	const char *name;
	double value[SCRATCH_SLOTS];
};

struct scratch_graph {
	struct text name[SCRATCH_COLUMNS];
	double *value[SCRATCH_COLUMNS];
	struct graph_definition d;
	struct graph_plot p;
};

static inline void scratch_graph_make(struct scratch_graph *g, const char *info, struct scratch_column *column,
				      size_t n, const char *only)
{
	struct graph_plugin plugin = { .host = TEXT("h"),
				       .plugin = TEXT("p"),
				       .info = text_of(info),
				       .ds = g->name,
				       .n_ds = n,
				       .only = text_of(only) };

	assert_true(n <= SCRATCH_COLUMNS);
	for (size_t i = 0; i < n; i++) {
		g->name[i] = text_of(column[i].name);
		g->value[i] = column[i].value;
	}
	graph_definition_read(&plugin, &g->d);
	graph_plot_make(&g->d, &(struct graph_values){ 1400003460, 60, SCRATCH_SLOTS, n, g->name, g->value }, &g->p);
}

static inline void scratch_graph_fini(struct scratch_graph *g)
{
	graph_plot_fini(&g->p);
	graph_definition_fini(&g->d);
}

#endif
