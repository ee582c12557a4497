/*
 * Which host has which folder of the tree, as the metadata says; and patterns of hosts, plugins and data sources.
 */
#ifndef CTL_TENANTS_H
#define CTL_TENANTS_H

#include "base/map.h"
#include "ctl/metadata.h"

struct tenants {
	struct map folder_of; /* host → folder below the root */
	struct map host_of;   /* folder → host */
};

/* Returns EXIT_FINE, or what asking said: *why. Owner: out, either way ended by tenants_fini(). */
CHECKED int tenants_read(struct asker *asker, struct tenants *out, struct why *why);
void tenants_fini(struct tenants *h);
/* TEXT_NONE: nobody's. */
struct text tenants_of_folder(const struct tenants *h, struct text folder);

/* HOST[/PLUGIN[/DS]], each with `*`, `?` and `[a-z]`; a `/` in a host's name is met by `?`. */
struct pattern {
	struct text host, plugin, ds; /* TEXT_NONE: any */
};
/* t: as long as the pattern. */
struct pattern pattern_read(const char *t);
/* Does one of n fit? No pattern at all: yes. A folder of nobody goes by its last part. */
bool patterns_fit(const struct pattern *p, size_t n, struct text host, struct text folder, struct text plugin,
		  struct text ds);

#endif
