/*
 * What munin-node answers to `config PLUGIN` and `fetch PLUGIN`, line by line → graphs, their attributes, their fields
 * with attributes and values. No I/O, no clock. A plugin that says `multigraph NAME` answers for several graphs.
 *
 * Read as the original read it, with its slips mended: a field's name is what stands before the last `.value` of the
 * line (blanks and dots too), a value is the word behind it. Lines that say nothing are passed over.
 * Source: munin's protocol (guide.munin-monitoring.org, "Data exchange between master and node", "Multigraph plugins",
 * "dirtyconfig"); docs/spec/wire.md C5, D.
 */
#ifndef MUNIN_ANSWER_H
#define MUNIN_ANSWER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"

enum { ANSWER_MAX_FIELDS = 20000, ANSWER_MAX_GRAPHS = 2000, ANSWER_MAX_LINES = 400000, ANSWER_MAX_BYTES = 16 << 20 };

struct answer_attribute {
	struct text name, value;
	struct answer_attribute *next;
};

struct answer_field {
	struct text name;
	bool has_value;                                      /* the answer has a line NAME.value */
	struct text value;                                   /* one word as printed; `U` for whatever is not one word */
	struct answer_attribute *attribute, *last_attribute; /* in order; a repeated one holds the last value */
	struct answer_field *next;
};

struct answer_graph {
	struct text name;                                    /* fit for a plugin's name */
	struct answer_attribute *attribute, *last_attribute; /* graph_title, … */
	struct answer_field *field, *last_field;             /* in order */
	size_t n_fields;
	struct answer_graph *next;
};

struct answer {
	struct arena arena; /* holds everything below */
	struct map fields;  /* "graph number, field" → struct answer_field */
	struct answer_graph *graph, *last_graph, *current;
	size_t n_graphs, n_fields, n_lines, n_bytes;
	size_t n_refused; /* names and fields that could not be taken */
	bool is_config;
	bool has_values;        /* any */
	bool bad_exit, unknown; /* the node says that the plugin failed, or that there is no such one */
};

void answer_setup(struct answer *a);
void answer_teardown(struct answer *a);
/*
 * Begin an answer of this plugin; what was in a is gone. In an answer to `config` a value's name holds no blank: what
 * looks like one there is text for people.
 */
void answer_begin(struct answer *a, struct text plugin, bool is_config);

enum answer_state { ANSWER_GOES_ON, ANSWER_ENDED, ANSWER_TOO_LONG };
/* The next line. ENDED: it was the dot, and nothing else. TOO_LONG: a limit is passed; nothing more is taken. */
enum answer_state answer_take(struct answer *a, struct text line);

/* NULL when there is none. */
const struct answer_attribute *answer_find(const struct answer_attribute *first, const char *name);
struct answer_field *answer_field(const struct answer *a, const struct answer_graph *graph, struct text name);

/*
 * A name as munin writes plugins' names: A-Z a-z 0-9 _ - . : @, not beginning with a dot, at most 251 bytes.
 * What a graph calls itself becomes one: other bytes become `_`, so does a dot at the beginning.
 */
bool answer_is_plugin_name(struct text t);

#endif
