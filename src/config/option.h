/*
 * The table of options: everything that parser, --check-config, sample file and manual know about an option stands in
 * its row. A new option is a new row and a field in struct config (or struct schema_rule for [archives NAME]).
 * Source: docs/spec/system.md "Configuration".
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stddef.h>

#include "config/kind.h"

struct option {
	const char *key;
	const struct kind *kind; /* how its value is read, written and named */
	const char *unit;        /* of a number; NULL: none */
	const char *preset;      /* the default, as it would stand in a file; "" is none */
	const char *preset_said; /* what the manual says instead where the preset is found at start; else NULL */
	int64_t least, most;     /* of a number; most is also the longest text, in bytes */
	const char *const *choices;
	bool reloadable;    /* taken over while running */
	bool secret;        /* never shown */
	bool kept;          /* a key of the original: stands active in the sample file */
	bool empty_is_none; /* `key =` means none, not the default */
	const char *sentence;
	const char *heading; /* of the group that begins with this row; else NULL */
	size_t offset, size; /* of the field in its struct */
};

struct option_table {
	const struct option *row;
	size_t n;
	const char *const *retired; /* keys that older versions had and this one does not need; NULL behind the last */
};

extern const struct option_table option_global;   /* [global], fields of struct config */
extern const struct option_table option_archives; /* [archives NAME], fields of struct schema_rule */

enum { OPTION_UNKNOWN = -1 };

/* The row's index, or OPTION_UNKNOWN. */
int option_find(const struct option_table *t, const char *key);
/* The known key that is the fewest edits away; NULL when key is over 64 bytes. */
const char *option_nearest(const struct option_table *t, const char *key);
bool option_is_retired(const struct option_table *t, const char *key);

/* Where the row's field lies in its struct. */
static inline void *option_field(const struct option *o, void *base)
{
	return (char *)base + o->offset;
}

static inline const void *option_field_const(const struct option *o, const void *base)
{
	return (const char *)base + o->offset;
}

#endif
