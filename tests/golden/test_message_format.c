/* The examples of docs/formats/message.md do what the page says of them. Argument: that file. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fileio.h"
#include "wire/message.h"

static const char *page_path;
static struct arena arena;

static bool take_until(struct text *rest, const char *mark, struct text *part)
{
	const char *stop = memmem(rest->s, rest->n, mark, strlen(mark));

	if (stop == NULL)
		return false;
	*part = (struct text){ rest->s, (size_t)(stop - rest->s) };
	rest->n -= part->n + strlen(mark);
	rest->s = stop + strlen(mark);
	return true;
}

static struct text bytes_of_hex(struct text hex)
{
	char *bytes = arena_alloc(&arena, hex.n);
	size_t n = 0;

	for (size_t i = 0; i + 1 < hex.n; i += 3)
		bytes[n++] = (char)strtoul((char[]){ hex.s[i], hex.s[i + 1], '\0' }, NULL, 16);
	return (struct text){ bytes, n };
}

/* What became of one message, in the words of the page. */
static const char *outcome(bool taken, const struct message *m, const struct refusal *refusal)
{
	static const char *const kinds[] = {
		[MESSAGE_DATA] = "data", [MESSAGE_INFO] = "info",   [MESSAGE_MYINFO] = "myinfo",
		[MESSAGE_PING] = "ping", [MESSAGE_EMPTY] = "empty",
	};

	if (taken)
		return kinds[m->kind];
	return refusal->reason == REASON_INFO ? "refused-info" : reason_code(refusal->reason);
}

static void check_example(struct text header, struct text body)
{
	struct text how = TEXT_NONE, words = header, *document = &body;
	struct refusal refusal;
	struct message message;
	size_t n = 1;
	bool taken;

	assert_true(take_until(&words, " ", &how));
	if (text_is(how, "ndjson"))
		assert_int_equal(message_split(&arena, body, true, 10, &document, &n, NULL), RC_OK);
	for (size_t i = 0; i < n; i++) {
		struct text expected;

		if (!take_until(&words, " ", &expected))
			expected = words;
		if (text_is(how, "amqp"))
			taken = message_read_amqp(&arena, body, TEXT("application/json"), TEXT_NONE, &message,
						  &refusal);
		else if (text_is(how, "amqp-hex"))
			taken = message_read_amqp(&arena, bytes_of_hex(body), TEXT("application/json"),
						  TEXT("application/x-gzip"), &message, &refusal);
		else
			taken = message_read_http(&arena, document[i], &message, &refusal);
		if (!text_is(expected, outcome(taken, &message, &refusal)))
			fail_msg("%.*s\n%.*s\n%s: %s", TEXT_ARG(header), TEXT_ARG(document[i]),
				 outcome(taken, &message, &refusal), refusal.detail);
	}
}

static void examples_do_what_the_page_says(void **state)
{
	struct text rest, skipped, header = TEXT_NONE, body = TEXT_NONE;
	size_t n = 0;
	struct buf b;

	arena_init(&arena);
	buf_init(&b, 1 << 20);
	assert_int_equal(fileio_read_all(page_path, &b, NULL), RC_OK);
	rest = buf_text(&b);
	while (take_until(&rest, "\n```", &skipped)) {
		assert_true(take_until(&rest, "\n", &header) && take_until(&rest, "\n```", &body));
		check_example(header, body);
		n++;
	}
	assert_int_equal(n, 19);
	buf_fini(&b);
	arena_fini(&arena);
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(examples_do_what_the_page_says) };

	page_path = argc > 1 ? argv[1] : "docs/formats/message.md";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
