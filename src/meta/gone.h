/*
 * What is noted as gone, as a view in memory of DELETED_HOSTS and DELETED_PLUGINS: for who must ask for every name. What
 * this process writes there is seen at once, what another client writes within GONE_YOUNG_MS, or four
 * times what reading the two takes.
 * Source: docs/formats/metadata.md "What is gone".
 */
#ifndef META_GONE_H
#define META_GONE_H

#include "base/instant.h"
#include "meta/meta.h"

enum { GONE_YOUNG_MS = 200 };

struct gone;

/* meta is borrowed until gone_free(). */
struct gone *gone_new(struct meta *meta);
void gone_free(struct gone *g);

/* A view that does not change. */
struct gone_view;

/*
 * The view of now. g NULL: nothing is gone.
 * Errors   RC_PEER, RC_DISK the metadata store is away
 * Owner    *out is given back by gone_give_back(); NULL then stands for "nothing is gone" everywhere.
 * Threads  any; one reads at a time, and no lock is held over I/O. Meanwhile the others get the view of before, but wait
 *          when this process has written since.
 */
CHECKED enum rc gone_take(struct gone *g, struct mono now, struct gone_view **out, struct why *why);
/* The view taken last, however old it is; NULL: none yet. Without I/O. Owner: as above. */
struct gone_view *gone_last(struct gone *g);
void gone_give_back(struct gone_view *v);

bool gone_any(const struct gone_view *v);
bool gone_host(const struct gone_view *v, struct text host);
/* The plugin itself; whether its host is gone is another question. */
bool gone_plugin(const struct gone_view *v, struct text host, struct text plugin);
/* How many there are of both. */
void gone_count(const struct gone_view *v, size_t *n_hosts, size_t *n_plugins);

/* Each entry as it is stored. host and plugin are borrowed; plugin.s NULL: a host's own. */
typedef void gone_each_fn(void *argument, struct text host, struct text plugin, struct text folder);
void gone_each(const struct gone_view *v, gone_each_fn *fn, void *argument);

/* The field of DELETED_PLUGINS: "host@plugin". Appended to out. */
void gone_plugin_field(struct text host, struct text plugin, struct buf *out);

#endif
