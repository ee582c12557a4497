/*
 * The name of a foreign series → host, plugin and ds. Pure.
 * Source: docs/import.md "From Graphite"; docs/formats/carbon.md.
 */
#ifndef CTL_IMPORT_MAP_H
#define CTL_IMPORT_MAP_H

#include "base/arena.h"
#include "base/rc.h"
#include "model/point.h"

/* Options as given; NULL: not. */
struct import_map {
	const char *prefix; /* names must begin so, and a dot behind it; both are taken off */
	const char *rule;   /* --map: "host.plugin+.ds", "-.host.plugin.ds": see docs/import.md */
	const char *host;   /* all under this one: the name is plugin and ds */
};

/* Errors: RC_REFUSED the rule is none. */
CHECKED enum rc import_map_check(const struct import_map *m, struct why *why);

/*
 * name: parts with dots between, carbon's tags behind a `;`. out->folder is left empty.
 * Errors   RC_ABSENT it is not below the prefix · RC_REFUSED it does not fit the rule, or makes no valid names
 * Owner    slices of name, of *m, or in a.
 */
CHECKED enum rc import_map_name(const struct import_map *m, struct text name, struct arena *a, struct series *out,
				struct why *why);

#endif
