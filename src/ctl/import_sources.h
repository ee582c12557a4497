/*
 * Where imports come from: one function each, run by the command.
 */
#ifndef CTL_IMPORT_SOURCES_H
#define CTL_IMPORT_SOURCES_H

#include "ctl/import.h"
#include "ctl/import_map.h"

struct import_options {
	struct import_map map;
	const char *layout;   /* "graphite", "numeter" */
	const char *archives; /* "config", "rrd" */
	const char *renames;  /* "OLD=NEW,OLD=NEW" */
	const char *as;       /* host of a tar: its name here */
};

/* Each adds its series and runs the import. Returns what numeterctl ends with. */
CHECKED int import_whisper(struct import *im, const char *folder, const struct import_options *o);
CHECKED int import_rrd(struct import *im, const char *folder, const struct import_options *o);
CHECKED int import_host(struct import *im, const char *path, const struct import_options *o);

#endif
