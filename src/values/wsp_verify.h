/*
 * Look at one file of the tree without changing anything, also while a daemon writes it: what looks damaged is read again
 * until it was not written meanwhile.
 */
#ifndef VALUES_WSP_VERIFY_H
#define VALUES_WSP_VERIFY_H

#include <sys/stat.h>

#include "values/wsp_walk.h"
#include "wsp/check.h"

/* One thing that is wrong: a word for programs, a sentence for people. Borrowed for the call. */
typedef void wsp_finding_fn(void *argument, const char *kind, const char *text);

struct wsp_verify {
	int64_t latest_s; /* no slot may be newer */
	bool has_owner;   /* the daemon's user is known: may it read and write the file? */
	uid_t uid;
	gid_t gid;
	wsp_finding_fn *found;
	void *argument;
};

/*
 * Kinds: "unreadable" "owner" "header" "short" "long", and of slots "base" "time" "place" "future" "nan".
 * *damaged: the content is, so that a repair would do something.
 * Errors   RC_ABSENT it is gone meanwhile
 */
CHECKED enum rc wsp_verify_file(const struct wsp_verify *v, const struct wsp_found *f, bool *damaged, struct why *why);

/* Was the file written in the last few milliseconds, or since `before`? Then what was read may be of two writes. */
bool wsp_is_settled(const struct stat *st, const struct stat *before);

#endif
