/*
 * One .wsp file: Graphite's Whisper format, readable by Graphite's own tools. This is the library: header, slots,
 * update, update_many, fetch, as python-whisper does them. The tree, host folders and the product's own rules about
 * old points are in values/. Nothing here opens by name outside the descriptor or folder it is given.
 *
 * Source   docs/formats/whisper.md; docs/spec/wire.md F; python-whisper 1.1.4.
 */
#ifndef WSP_WSP_H
#define WSP_WSP_H

#include <stdbool.h>

#include "base/rc.h"
#include "model/point.h"
#include "model/retention.h"

struct wsp_archive {
	uint64_t offset; /* bytes from the file's start */
	uint32_t step_s, n_points;
};

struct overlay;

/*
 * An open file. Embed it, it owns only fd. Fixed after open, but for seen_base_s, zero_from and rewrite, which are
 * the writing thread's.
 */
struct wsp {
	int fd;                  /* -1: there is no file, only zeros and overlay */
	uint64_t zero_from;      /* offset from which on all is zero, and is not read; UINT64_MAX: not known */
	bool rewrite;            /* what reads back right is written all the same: the disk may not have it */
	struct overlay *overlay; /* borrowed; not NULL: writes go there, reads see it over the file */
	enum aggregation aggregation;
	uint32_t max_retention_s; /* as the header says */
	float xff;
	size_t n_archives;
	struct wsp_archive archive[RETENTION_MAX_ARCHIVES]; /* finest first */
	int64_t seen_base_s[RETENTION_MAX_ARCHIVES];        /* what slot 0 was seen to hold; 0: not yet */
	int64_t guess_base_s[RETENTION_MAX_ARCHIVES];       /* perhaps, as in the file before; 0: no guess */
};

enum wsp_allocate { WSP_RESERVE, WSP_SPARSE };

/* Header of a file with r's archives, and its whole length. For tests, tools and create. */
uint64_t wsp_file_bytes(const struct retention *r);

/*
 * Make a file that is either complete or not there: O_TMPFILE in dir_fd, space reserved (or sparse), header, linkat.
 * Errors   RC_REFUSED name exists already (why says so; open it instead) · RC_DISK (ENOSPC…): nothing is left behind
 * Owner    out->fd is open for reading and writing, ended by wsp_close().
 */
CHECKED enum rc wsp_create(int dir_fd, const char *name, const struct retention *r, enum wsp_allocate allocate,
			   struct wsp *out, struct why *why);

/*
 * Read the header of an open file and check it against the file's length.
 * Errors   RC_DAMAGED header impossible, or the file is shorter than its archives · RC_DISK
 * Owner    on RC_OK out owns taken_fd; on failure taken_fd is closed.
 */
CHECKED enum rc wsp_attach(int taken_fd, struct wsp *out, struct why *why);
/* What the last of several files had in common with the next: its header. Zeroed to begin with; one thread. */
struct wsp_seen {
	size_t n_header; /* 0: none yet */
	unsigned char header[16 + 12 * RETENTION_MAX_ARCHIVES];
	uint64_t file_bytes;
	struct wsp wsp;
};
/* wsp_attach() of a file that was opened for writing; quicker when it has the header of the one before. */
CHECKED enum rc wsp_attach_like(int taken_fd, struct wsp_seen *seen, struct wsp *out, struct why *why);
/* Before w is closed: what was seen of it is a guess for the next file, which was often made at the same time. */
void wsp_remember(const struct wsp *w, struct wsp_seen *seen);
/* open() + wsp_attach(). Errors also: RC_ABSENT. */
CHECKED enum rc wsp_open(const char *path, bool writable, struct wsp *out, struct why *why);
/* The new file that r will make, without making it: blank, to be given an overlay. Errors: RC_REFUSED r is impossible. */
CHECKED enum rc wsp_imagine(const struct retention *r, struct wsp *out, struct why *why);
void wsp_close(struct wsp *w);

/*
 * One point, as whisper.update(): same bytes in the file.
 * Errors   RC_REFUSED t_s is ahead of now_s, or older than the longest retention · RC_DISK, RC_DAMAGED
 */
CHECKED enum rc wsp_update(struct wsp *w, struct point p, int64_t now_s, struct why *why);

/*
 * Many points in any order, as whisper.update_many(): same set of (archive, timestamp, value). Points too old are
 * dropped, future ones written. points are not changed.
 */
CHECKED enum rc wsp_update_many(struct wsp *w, const struct point *points, size_t n, int64_t now_s, struct why *why);

/* Outcome of wsp_store(). */
struct wsp_stored {
	size_t n_written;    /* points that went in */
	size_t n_kept;       /* points whose slot was left as stored: rules b and c */
	size_t n_too_old;    /* t_s < accepted_s - max_retention_s: left out */
	int64_t held_from_s; /* the earliest finest slot whose coarse slots were held back; 0: none */
};

struct wsp_how {
	bool again;       /* perhaps stored in part before: coarse slots over fresh points are worked out anew */
	bool hold_coarse; /* of fresh points only the finest archive is written; wsp_catch_up() does the rest */
};

/*
 * The product's write: update_many under the three rules of docs/spec/system.md "Files".
 * (a) The archive is chosen by age at the point's own accepted_s: the first whose slots still hold the point's time. (A point just one
 *     lap old is one for the next archive; whisper puts it in the slot of the newest, where no reader sees it.)
 * (b) What is too old for the finest archive is reduced per coarse slot by the file's aggregation, and written only into
 *     an empty slot or when the batch brings every point the slot can hold.
 * (c) An older slot time never replaces a newer one in a shared slot.
 * Of points with the same t_s the last given wins; the value of a finest slot is that of its latest t_s. Where one minute
 * comes fresh and late, the fresh points count. Fresh points in order of time give the points of update_many().
 *
 * Storing a batch again, at once or days later, changes no value that a reader sees. One thing it may do: points of a
 * coarse slot that stayed empty because too few of them were known (xff) may fill it when they come again as old points;
 * not while the finest archive still holds them, which shows that they were here before.
 * `again` after a first try that was cut short gives what one whole try gives; so it does when of fresh points any of the
 * writes were lost afterwards. (With late points among them, a coarser value may then count a late one in that the whole
 * try left out.)
 * Errors   RC_DISK, RC_DAMAGED
 */
CHECKED enum rc wsp_store(struct wsp *w, const struct taken *points, size_t n, struct wsp_how how,
			  struct wsp_stored *out, struct why *why);

/*
 * Work out the coarse slots over all that the finest archive holds from from_s on: what wsp_store() held back.
 * Errors   RC_DISK, RC_DAMAGED
 */
CHECKED enum rc wsp_catch_up(struct wsp *w, int64_t from_s, struct why *why);
/* Would a point at t_s take the place of a slot that wsp_catch_up(from_s) still needs? */
bool wsp_overtakes(const struct wsp *w, int64_t t_s, int64_t from_s);

/*
 * Read one series over a span of time, as whisper.fetch(): the archive is the first whose retention covers
 * now_s - from_s.
 *
 * Shape    out->value[0 .. out->n), NAN where there is no point. A span inside one step yields one slot.
 * Units    from_s, until_s, now_s: Unix seconds; slots on step boundaries in (from_s, until_s].
 * Errors   RC_REFUSED until_s < from_s · RC_ABSENT span outside the retention or wholly in the future
 *          RC_FULL over 8 Mi slots in one answer · RC_DAMAGED the file ends early · RC_DISK
 * Owner    fills out, which the caller ends with span_fini().
 */
CHECKED enum rc wsp_fetch(const struct wsp *w, int64_t from_s, int64_t until_s, int64_t now_s, struct span *out,
			  struct why *why);
/*
 * The time of the newest slot of the finest archive that holds a point; 0: the file has none. However old it is.
 * Errors   RC_DAMAGED, RC_DISK
 */
CHECKED enum rc wsp_newest(const struct wsp *w, uint32_t *t_s, struct why *why);
/*
 * Give into what from knows and into does not: in each archive of into an empty slot, or one that still holds the time of
 * an earlier lap, gets from's value of that slot, out of from's archive of the same step, or reduced by into's aggregation
 * and xff out of a finer one. Nothing is invented out of a coarser one, and no value of into is changed. Doing it again
 * changes nothing. Both may have any archives. What from has of times after latest_s is left out.
 * Errors   RC_FULL from has an archive of over 8 Mi slots · RC_DAMAGED, RC_DISK: some slots may be filled
 */
CHECKED enum rc wsp_fill(struct wsp *into, const struct wsp *from, int64_t latest_s, struct why *why);
/*
 * Fill an empty archive of a new file in one go: value[i] is that of the slot at first_s + i × its step, NAN: unknown.
 * first_s is on a step boundary, n at most the archive's slots. No other archive is touched.
 * Errors   RC_REFUSED a time before 1970 or after 2106 · RC_DISK
 */
CHECKED enum rc wsp_lay(struct wsp *w, size_t level, int64_t first_s, const double *value, size_t n, struct why *why);
/*
 * Has w, with archives like other's, in each slot that other knows, up to latest_s, a value of that time or a later one?
 * Then there is nothing to give it. *covers: the answer. Errors: RC_FULL an archive of over 8 Mi slots · RC_DAMAGED, RC_DISK.
 */
CHECKED enum rc wsp_covers(const struct wsp *w, const struct wsp *other, int64_t latest_s, bool *covers,
			   struct why *why);
/*
 * How many values of other, up to latest_s, has w no room for, which wsp_fill() has given all it can take? One is held
 * where w knows something of its slot's time in an archive of the same step or a finer one that divides it; and it is not
 * missed where such an archive reaches back as far as other's and has gone past it. Errors: as wsp_covers().
 */
CHECKED enum rc wsp_lost(const struct wsp *w, const struct wsp *other, int64_t latest_s, uint64_t *n_lost,
			 struct why *why);
/*
 * Empty every slot with a time after latest_s: it would stand in the way of points to come. Archives that have one are
 * laid out anew, without what lies in wrong places. Errors: as wsp_covers(); an archive may be written in part then.
 */
CHECKED enum rc wsp_clear_future(struct wsp *w, int64_t latest_s, uint64_t *n_cleared, struct why *why);
/* The bytes of header and archives: what may lie behind them is no one's. */
uint64_t wsp_length(const struct wsp *w);
/* How many slots of all archives hold a value, however old. Errors: RC_DAMAGED, RC_DISK. */
CHECKED enum rc wsp_count(const struct wsp *w, uint64_t *n_known, struct why *why);
/* Will wsp_fetch() read the finest archive alone? Then coarse ones need not be up to date. */
bool wsp_fetches_finest(const struct wsp *w, int64_t from_s, int64_t now_s);

#endif
