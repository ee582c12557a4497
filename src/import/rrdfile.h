/*
 * An .rrd file as librrd reads it: its data sources and the rows of its AVERAGE archives.
 * Source: rrdfetch(1), rrdinfo(1), rrdcreate(1) of rrdtool 1.7.
 */
#ifndef IMPORT_RRDFILE_H
#define IMPORT_RRDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum { RRDFILE_MAX_DS = 1000, RRDFILE_MAX_ARCHIVES = 100, RRDFILE_MAX_VALUES = 64 << 20 };

/* Row i covers the step_s seconds that end at first_end_s + i * step_s. */
struct rrdfile_archive {
	uint32_t step_s;
	size_t n_rows;
	int64_t first_end_s;
	double xff;
	double *value; /* n_rows × n_ds, a row at a time; NAN: unknown */
};

struct rrdfile {
	size_t n_ds, n_archives, n_others; /* n_others: of MIN, MAX and so on, which are not read */
	char **ds;
	struct rrdfile_archive *archive; /* finest first */
	int64_t last_update_s;
};

/* Was librrd there when this was built? Without, all that is read is refused. */
bool rrdfile_is_built(void);

/*
 * Read an open file (borrowed) whole.
 * Errors   RC_REFUSED no .rrd file, not of this machine's kind, or too large · RC_DAMAGED · RC_DISK
 * Owner    *out is ended by rrdfile_fini(), on RC_OK only.
 * Threads  one at a time.
 */
CHECKED enum rc rrdfile_read(int fd, struct rrdfile *out, struct why *why);
void rrdfile_fini(struct rrdfile *r);

/* The names of its data sources alone: out->ds, out->n_ds. Otherwise as rrdfile_read(). */
CHECKED enum rc rrdfile_read_names(int fd, struct rrdfile *out, struct why *why);

#endif
