/*
 * Looking after what is stored: hosts that are gone, plugins that a host no longer has, files without points; what was
 * removed and may be wanted back; hosts with a new name. A cleaning every wsp_clean_time, on thread `upkeep`; the rest when
 * somebody asks. One action at a time: the others wait.
 * Source: docs/spec/system.md "Redis layout"; docs/formats/metadata.md "What is gone"; docs/formats/trash.md;
 * docs/decisions/0008-upkeep.md.
 *
 * Errors of all   RC_PEER the metadata store is away, or the daemon is stopping · RC_DISK
 *                 Cut short at any moment, also by a kill, what was begun is finished or undone by the next upkeep_recover().
 * Threads         any, several at once.
 */
#ifndef UPKEEP_UPKEEP_H
#define UPKEEP_UPKEEP_H

#include "flush/flush.h"
#include "ingest/ingest.h"
#include "meta/gone.h"

/* Tell each line of the host-list that is in use. */
typedef void upkeep_line_fn(void *argument, const char *key);
typedef void upkeep_lines_fn(void *argument, upkeep_line_fn *line, void *line_argument);

/* All is borrowed until upkeep_free(). */
struct upkeep_options {
	struct meta *meta;
	struct gone *gone;
	struct engine *engine;
	struct flush *flush;
	struct ingest *ingest;
	const char *wsp_path;
	unsigned md5_digits;
	const char *trash_path; /* NULL: <wsp_path>/.trash */
	int64_t clean_time_s, gone_s, trash_s;
	int64_t max_future_s;    /* further ahead of the clock no stored point is */
	bool deletes;            /* what is stale is noted, and at the next cleaning goes into the trash; else noted */
	int64_t started_s;       /* Unix seconds: what is newer the engine knows */
	upkeep_lines_fn *listed; /* binding keys, "#" for all; none when no list is in use */
	void *listed_argument;
};

struct upkeep;

/* Errors: RC_DISK wsp_path cannot be opened. Owner: *out is ended by upkeep_free(). */
CHECKED enum rc upkeep_new(const struct upkeep_options *options, struct upkeep **out, struct why *why);
/* Clean when it is time, from now on. */
void upkeep_start(struct upkeep *u);
/* What runs ends as it would, who waits for its turn is told RC_PEER. */
void upkeep_stop(struct upkeep *u);
void upkeep_free(struct upkeep *u);

/* The clocks of an action: Unix seconds, and how long the daemon has run. */
struct upkeep_when {
	int64_t now_s, up_s;
	bool leapt; /* the wall clock went ahead of that, see upkeep_has_leapt(): age cannot be told by it */
};
struct upkeep_when upkeep_now(const struct upkeep *u);

/* Did the wall clock go on by an hour more since the start than time did? */
static inline bool upkeep_has_leapt(int64_t started_wall_s, int64_t now_s, int64_t up_s)
{
	return now_s - started_wall_s - up_s > 3600;
}

/*
 * Is a cleaning due? last: LAST_WSP_CLEAN as it is stored (TEXT_NONE: not there); garbage or the future count as never. Not
 * before the daemon has run for an hour, or clean_time_s when that is less: hosts were silent while it was away; nor after
 * a leap of the clock.
 */
bool upkeep_is_due(struct text last, struct upkeep_when when, int64_t clean_time_s);

/* Finish or undo what a kill has cut short. */
CHECKED enum rc upkeep_recover(struct upkeep *u, struct upkeep_when when, struct why *why);

/*
 * Clean now. Whether something is stale is judged, and the trash emptied, only when the daemon has run long enough and its
 * clock has not leapt, see upkeep_is_due(); "judged" says so. dry_run: tell only.
 * {"dry_run", "judged", "clock_leapt", "deletes", "hosts": [{"host", "last", "why"}], "plugins": [{"host", "plugin", "last"}], "files": ["…"],
 * "returned": ["…"], "removed": ["…"], "failed": [{"host", "why"}]} is appended to out.
 */
CHECKED enum rc upkeep_clean(struct upkeep *u, struct upkeep_when when, bool dry_run, struct buf *out, struct why *why);

/*
 * Move a host, "HOST", one of its plugins, "HOST/PLUGIN", or one data source, "HOST/PLUGIN/DS", into the trash.
 * {"entry", "kind", "host", "plugin", "ds"}. Errors also: RC_ABSENT · RC_REFUSED a link, or another host's folder, is in the
 * way.
 */
CHECKED enum rc upkeep_delete(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out,
			      struct why *why);

/* {"trash": [{"entry", "kind", "host", "plugin", "ds", "time", "why", "state"}], "noted": [{"host", "plugin", "folder"}]} */
CHECKED enum rc upkeep_list(struct upkeep *u, struct buf *out, struct why *why);

/*
 * Bring back an entry of the trash by its name, or all of "HOST", "HOST/PLUGIN", "HOST/PLUGIN/DS", and show again what was
 * noted of it. Files that exist are kept and filled (wsp_fill()); an entry of which a file knows more than those have room
 * for, or is damaged, stays with these files.
 * {"restored": ["entry"…], "kept": [{"entry", "without_room": N, "damaged": N}…], "shown": [{"host", "plugin"}…],
 * "files": N, "filled": N}. Errors also: RC_ABSENT · RC_REFUSED
 */
CHECKED enum rc upkeep_restore(struct upkeep *u, struct text what, struct upkeep_when when, struct buf *out,
			       struct why *why);

/*
 * Give a host another name, with all that is stored of it. {"host", "new", "folder"}. Errors also: RC_ABSENT no such host ·
 * RC_REFUSED the new name is none, or has something already; or a link is in the way.
 */
CHECKED enum rc upkeep_rename(struct upkeep *u, struct text host, struct text new_name, struct upkeep_when when,
			      struct buf *out, struct why *why);

struct upkeep_stats {
	uint64_t n_hosts, n_plugins; /* noted as gone */
	uint64_t n_files;            /* stale at the last cleaning of this run */
	uint64_t n_trash;
	bool is_unfinished; /* something begun is to be finished yet */
	int64_t cleaned_s;  /* Unix seconds, of this run; 0: not yet */
};
void upkeep_stats(struct upkeep *u, struct upkeep_stats *out);

#endif
