#include "test.h"

#include <pthread.h>
#include <string.h>

#include "base/lock.h"
#include "http/flight.h"

enum { THREADS = 4 };

static struct flights *flights;
static atomic_int n_began, n_mine, n_landed;

static void *wait_for_it(void *unused)
{
	enum rc rc = RC_OK;
	struct why why = { "" };

	(void)unused;
	atomic_fetch_add(&n_began, 1);
	switch (flight_begin(flights, TEXT("a"), true, &rc, &why)) {
	case FLIGHT_MINE: /* came after it had landed */
		atomic_fetch_add(&n_mine, 1);
		flight_end(flights, TEXT("a"), RC_OK, &why);
		break;
	case FLIGHT_LANDED:
		if (rc == RC_PEER && strcmp(why.text, "away") == 0)
			atomic_fetch_add(&n_landed, 1);
		break;
	case FLIGHT_OTHERS:
		break;
	}
	return NULL;
}

static void one_asks_and_the_others_get_its_outcome(void **state)
{
	struct why why = { "" }, away = { "away" };
	enum rc rc = RC_OK;
	pthread_t thread[THREADS];

	flights = flights_new();
	assert_int_equal(flight_begin(flights, TEXT("a"), true, &rc, &why), FLIGHT_MINE);
	assert_int_equal(flight_begin(flights, TEXT("a"), false, &rc, &why), FLIGHT_OTHERS);
	assert_int_equal(flight_begin(flights, TEXT("b"), true, &rc, &why), FLIGHT_MINE);
	flight_end(flights, TEXT("b"), RC_OK, &why);
	for (int i = 0; i < THREADS; i++)
		thread_start(&thread[i], "asker", wait_for_it, NULL);
	while (atomic_load(&n_began) < THREADS)
		sched_yield();
	flight_end(flights, TEXT("a"), RC_PEER, &away);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(n_mine + n_landed, THREADS);
	assert_int_equal(flight_begin(flights, TEXT("a"), true, &rc, &why), FLIGHT_MINE);
	flight_end(flights, TEXT("a"), RC_OK, &why);
	flights_free(flights);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_asks_and_the_others_get_its_outcome) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
