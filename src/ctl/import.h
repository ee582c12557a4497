/*
 * What every import does: series are gathered with where they come from, prepared host by host as files in the staging
 * folder of the tree, and adopted by the daemon, or by the store itself when none runs. Whose values come from where is
 * the source's matter (import_whisper.c, import_rrd.c, import_host.c).
 *
 * Killed at any moment and begun again it comes to the same: a staged file is the series' at once or not at all, filling
 * changes no value that is there, and what was left in the staging folder goes at the next start.
 */
#ifndef CTL_IMPORT_H
#define CTL_IMPORT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/text.h"
#include "ctl/command.h"

/* One series, and where the source finds it: texts in the import's arena. */
struct import_series {
	struct text host, plugin, ds;
	const char *path; /* for people and for the source */
	size_t index;     /* the source's own */
	const void *of;   /* the source's own */
};

struct import_source {
	/*
	 * Make the file `name` in the staging folder: one new .wsp file. *n_points: the values in it.
	 * Errors   RC_END there are none: no file is needed · any other: this one is left out, why says why
	 */
	enum rc (*stage)(void *argument, const struct import_series *s, int staging_fd, const char *name,
			 uint64_t *n_points, struct why *why);
	/* Append the payload of this plugin's info, or of the host's MyInfo. false: it has none. Either may be NULL. */
	bool (*info)(void *argument, const struct import_series *s, struct buf *out);
	bool (*myinfo)(void *argument, struct text host, struct buf *out);
	/* The i-th info beside those of series, of plugin *plugin; false: there are no more. May be NULL. */
	bool (*more_info)(void *argument, size_t i, struct text *plugin, struct buf *out);
	struct text host; /* the one that there is, even without a series; TEXT_NONE: as the series say */
	void *argument;
};

struct import {
	/* fixed after open */
	struct ctl *ctl;
	const struct config *config;
	bool dry_run, replace;
	double rate; /* files a second; 0: as fast as it goes */
	/* the rest is import.c's */
	struct arena arena;
	struct import_series *series;
	size_t n_series, capacity;
	struct buf skipped; /* JSON, elements of a list */
	size_t n_skipped;
	int staging_fd, lock_fd;
	struct mono began;
	struct buf files; /* of the request being put together */
	size_t n_files, first_of_batch, n_staged;
	uint64_t n_hosts, n_new, n_over, n_points, n_infos, n_empty, n_future, n_aside;
};

/* replace, dry_run and rate as the options say; NULL: not given. Returns EXIT_FINE, or what numeterctl ends with: said. */
CHECKED int import_open(struct import *im, struct ctl *ctl, const char *replace, const char *dry_run, const char *rate);
/* The staging folder, empty, locked against another import. Not for a dry run. Returns as above. */
CHECKED int import_stage_open(struct import *im);
/* Texts are copied. A name outside the rules is skipped here. */
void import_add(struct import *im, struct import_series s);
/* This was left out, and why. */
void import_skip(struct import *im, const char *path, const char *why);
/* Bring all that was added; a dry run tells it instead. Prints the account. Returns what numeterctl ends with. */
CHECKED int import_run(struct import *im, const struct import_source *source);
void import_close(struct import *im);

#endif
