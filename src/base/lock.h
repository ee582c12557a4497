/*
 * A mutex that knows its holder, and a condition variable on the monotonic clock. No I/O, callback or log call is
 * made with a lock held; a function that needs one opens with lock_must_hold().
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/instant.h"

struct lock {
	pthread_mutex_t mutex;
	atomic_int holder; /* thread id of the holder, 0 when free */
};

struct signal {
	pthread_cond_t condition;
};

void lock_init(struct lock *l);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_give_back(struct lock *l);
void lock_must_hold(struct lock *l);

void signal_init(struct signal *s);
void signal_fini(struct signal *s);
void signal_all(struct signal *s);
/* Wait with l held until signalled; may wake for nothing, so wait in a loop on a condition. */
void signal_wait(struct signal *s, struct lock *l);
/* Likewise, until `deadline` at most; false when it has passed. */
bool signal_wait_until(struct signal *s, struct lock *l, struct mono deadline);

/* Start a named thread (name ≤ 15 bytes, seen in ps and logs) with all signals blocked; ends the process on failure. */
void thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

/* The calling thread alone gives way to others when the processors do not do for all; it cannot be undone. */
void thread_give_way(void);

#endif
