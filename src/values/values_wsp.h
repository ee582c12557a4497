/*
 * The values engine of .wsp files: <root>/<folder>/<plugin>/<ds>.wsp, made on a series' first known value with the
 * archives its names pick. Nothing is ever read or written outside root. A damaged file met while writing is moved to
 * the quarantine, counted, reported once, and made anew.
 * Source: docs/spec/system.md "Files".
 */
#ifndef VALUES_VALUES_WSP_H
#define VALUES_VALUES_WSP_H

#include "model/schema.h"
#include "values/values.h"
#include "wsp/wsp.h"

struct values_wsp_options {
	const char *root;            /* absolute folder, made when absent */
	const struct schema *schema; /* borrowed while open; not changed meanwhile */
	enum wsp_allocate allocate;
	const char *quarantine_path; /* absolute folder, made when needed; NULL: <root>/.quarantine */
};

/*
 * Open the tree and lock it (<root>/.lock) against a second daemon.
 * Errors   RC_REFUSED another daemon holds it: why names its pid · RC_DISK
 * Owner    *out is ended by values_close().
 */
CHECKED enum rc values_wsp_open(const struct values_wsp_options *options, struct values **out, struct why *why);

/*
 * New files get their archives by this schema from now on; files that exist keep theirs. Files that are written and have
 * other archives than the schema gives them are counted (files_differ), and after some time one log line says how many they
 * are and names one.
 * Owner    schema is borrowed while open, as is every one before it: a thread may be at work with it
 * Threads  one at a time
 */
void values_wsp_use_schema(struct values *values, const struct schema *schema);

#endif
