/*
 * The view of what is noted as gone.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "meta/gone.h"

static struct meta *meta;
static struct gone *gone;
static struct mono now = { 1000000000 };

static int set_up(void **state)
{
	meta = meta_memory_open();
	gone = gone_new(meta);
	(void)state;
	return 0;
}

static int tear_down(void **state)
{
	gone_free(gone);
	meta_close(meta);
	(void)state;
	return 0;
}

static void put(enum meta_hash hash, struct text field, const char *folder)
{
	struct meta_write w = { folder == NULL ? META_DELETE : META_SET, { hash, TEXT_NONE, field }, text_of(folder) };

	assert_int_equal(meta_apply(meta, &w, 1, NULL), RC_OK);
}

/* As another client writes: nobody is told. */
static void put_unseen(enum meta_hash hash, struct text field, const char *folder)
{
	struct meta_write w = { META_SET, { hash, TEXT_NONE, field }, text_of(folder) };

	assert_int_equal(meta->ops->apply(meta, &w, 1, NULL), RC_OK);
}

static struct gone_view *take(void)
{
	struct gone_view *v;

	assert_int_equal(gone_take(gone, now, &v, NULL), RC_OK);
	return v;
}

static bool host_is_gone(struct text host)
{
	struct gone_view *v = take();
	bool is = gone_host(v, host);

	gone_give_back(v);
	return is;
}

static bool plugin_is_gone(struct text host, struct text plugin)
{
	struct gone_view *v = take();
	bool is = gone_plugin(v, host, plugin);

	gone_give_back(v);
	return is;
}

static void nothing_is_gone_without_a_view(void **state)
{
	struct gone_view *v = (void *)1;
	size_t n_hosts, n_plugins;

	assert_int_equal(gone_take(NULL, now, &v, NULL), RC_OK);
	assert_null(v);
	assert_false(gone_any(v));
	assert_false(gone_host(v, TEXT("h")));
	assert_false(gone_plugin(v, TEXT("h"), TEXT("p")));
	gone_count(v, &n_hosts, &n_plugins);
	assert_int_equal(n_hosts + n_plugins, 0);
	gone_give_back(v);
	assert_null(gone_last(gone));
	(void)state;
}

static void our_own_writes_are_seen_at_once(void **state)
{
	assert_false(host_is_gone(TEXT("h")));
	put(META_DELETED_HOSTS, TEXT("h"), "/r/0c/h");
	assert_true(host_is_gone(TEXT("h")));
	assert_false(host_is_gone(TEXT("H")));
	assert_false(plugin_is_gone(TEXT("h"), TEXT("cpu")));
	put(META_DELETED_PLUGINS, TEXT("h@cpu"), "/r/0c/h/cpu");
	assert_true(plugin_is_gone(TEXT("h"), TEXT("cpu")));
	assert_false(plugin_is_gone(TEXT("h"), TEXT("cp")));
	put(META_DELETED_HOSTS, TEXT("h"), NULL);
	assert_false(host_is_gone(TEXT("h")));
	(void)state;
}

static void those_of_others_within_a_moment(void **state)
{
	assert_false(host_is_gone(TEXT("h")));
	put_unseen(META_DELETED_HOSTS, TEXT("h"), "/r/0c/h");
	now = mono_after_ms(now, GONE_YOUNG_MS - 1);
	assert_false(host_is_gone(TEXT("h"))); /* costs no question */
	now = mono_after_ms(now, 1);
	assert_true(host_is_gone(TEXT("h")));
	(void)state;
}

/* A metadata store that is slow: each look at the hosts waits. */
static struct meta_ops slow;
static const struct meta_ops *quick;
static atomic_int n_looks, n_allowed;

static enum rc slow_each(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
			 struct why *why)
{
	if (hash == META_DELETED_HOSTS) {
		int number = atomic_fetch_add(&n_looks, 1);

		while (atomic_load(&n_allowed) <= number)
			sched_yield();
	}
	return quick->each(m, hash, host, fn, argument, why);
}

static void *take_in_a_thread(void *argument)
{
	*(struct gone_view **)argument = take();
	return NULL;
}

static void one_loads_at_a_time_and_the_others_go_on(void **state)
{
	struct gone_view *theirs = NULL, *third = NULL;
	pthread_t loader, waiter;

	quick = meta->ops;
	slow = *quick;
	slow.each = slow_each;
	atomic_store(&n_looks, 0);
	atomic_store(&n_allowed, 0);
	assert_false(host_is_gone(TEXT("h")));
	meta->ops = &slow;
	now = mono_after_ms(now, GONE_YOUNG_MS * 1000);
	assert_int_equal(pthread_create(&loader, NULL, take_in_a_thread, &theirs), 0);
	while (atomic_load(&n_looks) == 0)
		sched_yield();
	assert_false(host_is_gone(TEXT("h"))); /* by the view of before */
	put(META_DELETED_HOSTS, TEXT("h"), "/r/0c/h");
	assert_int_equal(pthread_create(&waiter, NULL, take_in_a_thread, &third), 0);
	atomic_store(&n_allowed, 9);
	assert_int_equal(pthread_join(loader, NULL), 0);
	assert_int_equal(pthread_join(waiter, NULL), 0);
	assert_true(gone_host(third, TEXT("h"))); /* we have written it */
	assert_int_equal(atomic_load(&n_looks), 2);
	gone_give_back(theirs);
	gone_give_back(third);
	meta->ops = quick;
	(void)state;
}

static void an_at_in_a_name_is_not_the_one_between(void **state)
{
	put(META_DELETED_PLUGINS, TEXT("a@b@c"), "/r/0c/a@b/c");
	put(META_DELETED_PLUGINS, TEXT("x@y@z"), "/r/0c/x/y@z");
	put(META_DELETED_PLUGINS, TEXT("m@n@o"), "moved by hand");
	put(META_DELETED_PLUGINS, TEXT("nobody's"), "/r");
	assert_true(plugin_is_gone(TEXT("a@b"), TEXT("c")));
	assert_false(plugin_is_gone(TEXT("a"), TEXT("b@c")));
	assert_true(plugin_is_gone(TEXT("x"), TEXT("y@z")));
	assert_false(plugin_is_gone(TEXT("x@y"), TEXT("z")));
	assert_true(plugin_is_gone(TEXT("m"), TEXT("n@o")));
	(void)state;
}

static void a_view_taken_stays_as_it_is(void **state)
{
	struct gone_view *before, *after, *last;
	size_t n_hosts, n_plugins;

	put(META_DELETED_HOSTS, TEXT("h"), "/r/0c/h");
	before = take();
	put(META_DELETED_HOSTS, TEXT("h"), NULL);
	put(META_DELETED_HOSTS, TEXT("k"), "/r/0c/k");
	put(META_DELETED_HOSTS, TEXT("l"), "/r/0c/l");
	after = take();
	assert_true(gone_host(before, TEXT("h")));
	assert_false(gone_host(before, TEXT("k")));
	assert_true(gone_host(after, TEXT("k")));
	gone_give_back(before);
	last = gone_last(gone);
	assert_ptr_equal(last, after);
	gone_count(last, &n_hosts, &n_plugins);
	assert_int_equal(n_hosts, 2);
	assert_int_equal(n_plugins, 0);
	gone_give_back(last);
	gone_give_back(after);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_gone_without_a_view, set_up, tear_down),
		cmocka_unit_test_setup_teardown(our_own_writes_are_seen_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(those_of_others_within_a_moment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_loads_at_a_time_and_the_others_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_at_in_a_name_is_not_the_one_between, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_view_taken_stays_as_it_is, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
