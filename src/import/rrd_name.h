/*
 * Which series an .rrd file's path means where no datafile says it. Pure.
 * Source: docs/import.md "From munin", "From any other .rrd files".
 */
#ifndef IMPORT_RRD_NAME_H
#define IMPORT_RRD_NAME_H

#include <stdbool.h>

#include "base/arena.h"
#include "model/point.h"

/*
 * munin's: "GROUP/HOST-PLUGIN-FIELD-g.rrd". host: "GROUP/HOST" where it is known from elsewhere, else TEXT_NONE: then the
 * host ends at the first `-` behind the last dot, or at the first one at all. False: it is no such path.
 * Owner    slices of path.
 */
bool rrd_name_munin(struct text path, struct text host, struct series *out);

/*
 * Any other: HOST/PLUGIN.rrd has the file's data sources, HOST/PLUGIN/TYPE.rrd (collectd) is data source TYPE, or
 * TYPE.NAME where the file has several; folders between are the plugin's, with `-` between. False: it stands at the top,
 * without a host.
 * Owner    slices of path and ds, or in a.
 */
bool rrd_name_plain(struct text path, struct text ds, bool only_one, struct arena *a, struct series *out);

#endif
