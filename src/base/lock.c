#include "base/lock.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/rc.h"

enum { GIVING_WAY = 10 }; /* nice: about a tenth of what others get, while they want it */

static _Thread_local int own_id;

static int thread_id(void)
{
	if (own_id == 0)
		own_id = gettid();
	return own_id;
}

void lock_init(struct lock *l)
{
	must(pthread_mutex_init(&l->mutex, NULL) == 0);
	atomic_init(&l->holder, 0);
}

void lock_fini(struct lock *l)
{
	must(pthread_mutex_destroy(&l->mutex) == 0);
}

void lock_take(struct lock *l)
{
	must(pthread_mutex_lock(&l->mutex) == 0);
	atomic_store_explicit(&l->holder, thread_id(), memory_order_relaxed);
}

void lock_give_back(struct lock *l)
{
	atomic_store_explicit(&l->holder, 0, memory_order_relaxed);
	must(pthread_mutex_unlock(&l->mutex) == 0);
}

void lock_must_hold(struct lock *l)
{
	must(atomic_load_explicit(&l->holder, memory_order_relaxed) == thread_id());
}

void signal_init(struct signal *s)
{
	pthread_condattr_t attributes;

	must(pthread_condattr_init(&attributes) == 0);
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->condition, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
}

void signal_fini(struct signal *s)
{
	must(pthread_cond_destroy(&s->condition) == 0);
}

void signal_all(struct signal *s)
{
	must(pthread_cond_broadcast(&s->condition) == 0);
}

void signal_wait(struct signal *s, struct lock *l)
{
	lock_must_hold(l);
	must(pthread_cond_wait(&s->condition, &l->mutex) == 0);
	atomic_store_explicit(&l->holder, thread_id(), memory_order_relaxed);
}

bool signal_wait_until(struct signal *s, struct lock *l, struct mono deadline)
{
	struct timespec t = { deadline.ns / 1000000000, deadline.ns % 1000000000 };
	int error;

	lock_must_hold(l);
	error = pthread_cond_timedwait(&s->condition, &l->mutex, &t);
	atomic_store_explicit(&l->holder, thread_id(), memory_order_relaxed);
	return error == 0;
}

void thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument)
{
	sigset_t all, before;

	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_create(thread, NULL, run, argument) == 0);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	pthread_setname_np(*thread, name);
}

void thread_give_way(void)
{
	/* Linux: of this thread; one started with a higher one by its user stays there */
	if (getpriority(PRIO_PROCESS, 0) < GIVING_WAY)
		(void)setpriority(PRIO_PROCESS, 0, GIVING_WAY);
}
