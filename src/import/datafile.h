/*
 * munin's datafile: what the master knows of its hosts, their services and fields, as text. Bytes in, lists out; no I/O.
 *
 * `GROUP;HOST:SERVICE.graph_title …`, `GROUP;HOST:SERVICE.FIELD.label …`; groups may be nested (`A;B;HOST`), and so may
 * services of multigraph plugins (`disk.sda`): which parts are the service's is known from its own graph_ lines.
 * Source: munin 2.0.73, Munin::Master::Utils munin_writeconfig(), Munin::Master::UpdateWorker _get_rrd_file_name().
 */
#ifndef IMPORT_DATAFILE_H
#define IMPORT_DATAFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/rc.h"
#include "base/text.h"

enum { DATAFILE_MAX_PARTS = 64 };
#define DATAFILE_MAX_BYTES ((size_t)1 << 30)

struct datafile_field {
	struct text name;
	char type; /* of its .rrd file's name: g, d, c, a */
	struct datafile_field *next;
};

struct datafile_line {
	struct text text; /* "graph_title CPU usage", "system.label system" */
	struct datafile_line *next;
};

struct datafile_service {
	struct text path; /* "GROUP;HOST" */
	struct text host, name;
	struct datafile_line *line, *last_line; /* in order */
	struct datafile_field *field, *last_field;
	struct datafile_service *next;
};

struct datafile {
	struct arena arena;
	struct map by_name; /* "path NUL name" → struct datafile_service */
	struct datafile_service *service, *last;
	size_t n_services, n_passed_over; /* lines that are no service's */
};

/*
 * Read a datafile. Lines that say nothing about a service are passed over.
 * Errors   RC_REFUSED it does not begin as munin's does
 * Owner    texts are slices of bytes; *out is ended by datafile_fini(), also after an error.
 */
CHECKED enum rc datafile_read(struct text bytes, struct datafile *out, struct why *why);
void datafile_fini(struct datafile *d);

/* Where munin keeps this field's values, below its dbdir: "GROUP/HOST-SERVICE-FIELD-g.rrd". Appended. */
void datafile_rrd(const struct datafile_service *s, const struct datafile_field *f, struct buf *out);

/*
 * Append the plugin's info as a poller would send it. False, with nothing appended: it has no field, a name that
 * munin gives to no plugin, or is too large even without its attributes.
 */
bool datafile_info(const struct datafile_service *s, struct buf *out);

#endif
