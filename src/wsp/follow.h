/*
 * Going on with a file: what is remembered of it from one write to the next, so that the usual batch (fresh points, none
 * older than the newest that the file holds) is written without reading anything. The bytes that reach the file are
 * those of wsp_store(); a test holds both equal.
 *
 * The memory is believed only while the file is the one that was written last: same inode, same time of change to the
 * nanosecond. Whatever another program does to a file changes that, and the next write reads again. (Not believed either
 * is a file whose finest archive holds a time newer than the batch, and a late batch does not begin a memory. A newer time in
 * a coarse archive alone is not looked for: only another program, or a clock that went back, can have put it there.)
 * Source   docs/decisions/0006-a-file-is-remembered-while-nobody-touches-it.md
 */
#ifndef WSP_FOLLOW_H
#define WSP_FOLLOW_H

#include "wsp/wsp.h"

enum { WSP_MEMO_ARCHIVES = 4 };

/* Zeroed: nothing is remembered. Whose layout it is, is the caller's to know. */
struct wsp_memo {
	uint64_t changed_ns;                 /* the file's time of change; 0: nothing is remembered */
	double newest;                       /* value of the slot of newest_s */
	double value[WSP_MEMO_ARCHIVES - 1]; /* of each archive, the aggregate over its slots below the open coarse */
	uint32_t base_s[WSP_MEMO_ARCHIVES];  /* slot, without the newest of them; base_s: 0 when it is empty */
	uint32_t newest_s;                   /* the newest finest slot; all others hold older times */
	uint32_t inode;                      /* its last 32 bits */
	uint16_t n_known[WSP_MEMO_ARCHIVES - 1]; /* slots in value[] */
	uint8_t layout;                          /* the caller's */
	bool finest_alone;                       /* nothing is known of the coarse archives */
};

/* Is the open file fd still as m remembers it? */
bool wsp_memo_holds(const struct wsp_memo *m, int fd);

/*
 * wsp_store() of a batch that goes on where m ends, into the open file fd, which m holds; layout has its archives,
 * aggregation and xff, the rest of it is not looked at.
 * Answer   *followed: stored, and m goes on; false: the batch is of another kind, nothing was written, m stands.
 * Errors   RC_DISK: m is zeroed, and the batch is to be stored again by wsp_store()
 */
CHECKED enum rc wsp_follow(const struct wsp *layout, int fd, struct wsp_memo *m, const struct taken *points, size_t n,
			   bool hold_coarse, bool *followed, struct wsp_stored *out, struct why *why);

/*
 * What there is to remember of w, into which points were stored last; m is zeroed when it cannot be followed. Scratch is
 * WSP_LEARN_BYTES that are the caller's; m->layout is left to him.
 */
enum { WSP_LEARN_BYTES = 64 << 10 };
void wsp_learn(const struct wsp *w, const struct taken *points, size_t n, bool held, unsigned char *scratch,
	       struct wsp_memo *m);

#endif
