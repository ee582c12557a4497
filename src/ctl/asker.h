/*
 * Who does what a command asks for: the daemon, over its socket, or while none runs a child process of our own, which opens
 * the store as the daemon's user and runs the same verbs. (A child, as what becomes another user stays that, and the
 * command may have files of its own to write.)
 */
#ifndef CTL_ASKER_H
#define CTL_ASKER_H

#include <sys/types.h>

#include "ctl/answer.h"

enum asker_kind {
	ASKER_FILES, /* the tree, locked, and the metadata; what the journal holds is left there */
	ASKER_WHOLE, /* all, as the daemon opens it: what the journal holds is read, and flush writes it */
};

/* Embed it. */
struct asker {
	struct ctl *ctl;
	enum asker_kind kind;
	bool daemon_answers; /* it did once: when it goes away, its files are left alone */
	pid_t child;         /* 0: none, the daemon answers or nothing was asked yet */
	int fd;              /* to the child */
	struct buf rest;
};

void asker_init(struct asker *s, struct ctl *ctl, enum asker_kind kind);
/*
 * Ask one thing. Returns EXIT_FINE; else what numeterctl ends with, unless the caller has a use for a "no": why is on
 * stderr. Either way the caller ends out with answer_close().
 */
CHECKED int asker_ask(struct asker *s, struct text request, struct answer *out);
/* The same, but nothing is printed: *why says it. */
CHECKED int asker_ask_quietly(struct asker *s, struct text request, struct answer *out, struct why *why);
/* The child closes the store and is waited for. */
void asker_close(struct asker *s);

#endif
