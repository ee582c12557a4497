#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "base/lock.h"
#include "base/mem.h"
#include "http/answer.h"

enum { BODY_BYTES = 10000, MANY = 1000, THREADS = 4 };

/* A reply of n bytes of one letter; held by the caller. */
static struct kept *new_reply(char letter, size_t n)
{
	struct answer a;
	struct kept *k;

	answer_init(&a);
	for (size_t i = 0; i < n; i++)
		buf_add(&a.body, &letter, 1);
	answer_keep(&a, NULL);
	k = a.kept;
	a.kept = NULL;
	answer_fini(&a);
	return k;
}

static void put(struct kept_replies *r, const char *question, char letter, size_t n)
{
	struct kept *k = new_reply(letter, n);

	kept_put(r, text_of(question), k);
	kept_let_go(k);
}

/* The letter of the reply kept, 0 when there is none. */
static char letter_of(struct kept_replies *r, const char *question)
{
	struct kept *k = kept_find(r, text_of(question));
	char letter = k == NULL ? '\0' : k->body.s[0];

	kept_let_go(k);
	return letter;
}

static void what_was_put_is_found_until_replaced(void **state)
{
	struct kept_replies *r = kept_replies_new(1024 * 1024);
	struct kept *old;

	put(r, "one", 'a', BODY_BYTES);
	put(r, "two", 'b', BODY_BYTES);
	assert_int_equal(letter_of(r, "one"), 'a');
	assert_int_equal(letter_of(r, "two"), 'b');
	assert_int_equal(letter_of(r, "three"), 0);
	old = kept_find(r, TEXT("one"));
	put(r, "one", 'c', 100);
	assert_int_equal(letter_of(r, "one"), 'c');
	/* who holds it may still send it */
	assert_int_equal(old->body.n, BODY_BYTES);
	assert_int_equal(old->body.s[BODY_BYTES - 1], 'a');
	kept_let_go(old);
	kept_replies_free(r);
	(void)state;
}

static void what_is_forgotten_stays_with_who_holds_it(void **state)
{
	struct kept_replies *r = kept_replies_new(1024 * 1024);
	struct kept *old;

	put(r, "one", 'a', BODY_BYTES);
	put(r, "two", 'b', BODY_BYTES);
	old = kept_find(r, TEXT("one"));
	kept_replies_forget(r);
	assert_int_equal(letter_of(r, "one"), 0);
	assert_int_equal(letter_of(r, "two"), 0);
	assert_int_equal(old->body.s[0], 'a');
	kept_let_go(old);
	put(r, "one", 'c', 100);
	assert_int_equal(letter_of(r, "one"), 'c');
	kept_replies_free(r);
	(void)state;
}

static void memory_is_bounded_and_the_last_used_stay(void **state)
{
	const size_t room_for = 100;
	struct kept_replies *r = kept_replies_new(room_for * (BODY_BYTES + 2048 + 16));
	size_t n_kept = 0;
	char question[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(question, sizeof(question), "q%d", i);
		put(r, question, 'a', BODY_BYTES);
		assert_int_equal(letter_of(r, question), 'a');
		if (i > 0)
			assert_int_equal(letter_of(r, "q0"), 'a');
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(question, sizeof(question), "q%d", i);
		n_kept += letter_of(r, question) != 0;
	}
	assert_true(n_kept > room_for / 2 && n_kept <= room_for);
	put(r, "large", 'a', 2 * room_for * BODY_BYTES);
	assert_int_equal(letter_of(r, "large"), 0);
	assert_int_equal(letter_of(r, "q0"), 'a');
	kept_replies_free(r);
	(void)state;
}

static void a_question_asked_again_is_known(void **state)
{
	struct kept_replies *r = kept_replies_new(1024);
	char question[16];
	int n_wrong = 0;

	for (int i = 0; i < MANY; i++) {
		snprintf(question, sizeof(question), "q%d", i);
		n_wrong += kept_asked_before(r, text_of(question));
		assert_true(kept_asked_before(r, text_of(question)));
	}
	assert_int_equal(n_wrong, 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(question, sizeof(question), "q%d", i);
		n_wrong += !kept_asked_before(r, text_of(question));
	}
	assert_in_range(n_wrong, 0, MANY / 20); /* two in one place */
	kept_replies_free(r);
	(void)state;
}

static void the_etag_is_of_the_content(void **state)
{
	struct kept *a = new_reply('a', 10), *same = new_reply('a', 10), *other = new_reply('b', 10);

	assert_string_equal(a->etag, same->etag);
	assert_string_not_equal(a->etag, other->etag);
	assert_int_equal(strlen(a->etag), strlen("W/\"0123456789abcdef\""));
	kept_let_go(a);
	kept_let_go(same);
	kept_let_go(other);
	(void)state;
}

static void *put_and_find(void *replies)
{
	struct kept_replies *r = replies;
	char question[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(question, sizeof(question), "q%d", i % 50);
		put(r, question, 'a', 1000);
		letter_of(r, question);
	}
	return NULL;
}

static void many_threads_at_once(void **state)
{
	struct kept_replies *r = kept_replies_new(40 * 3000);
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		thread_start(&thread[i], "putter", put_and_find, r);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	kept_replies_free(r);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_replaced),
		cmocka_unit_test(what_is_forgotten_stays_with_who_holds_it),
		cmocka_unit_test(memory_is_bounded_and_the_last_used_stay),
		cmocka_unit_test(a_question_asked_again_is_known),
		cmocka_unit_test(the_etag_is_of_the_content),
		cmocka_unit_test(many_threads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
