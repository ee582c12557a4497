#include "test.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/content.h"

static amqp_bytes_t bytes(const char *s)
{
	return amqp_cstring_bytes(s);
}

static amqp_table_entry_t header_of(const char *key, uint8_t kind, const char *value)
{
	return (amqp_table_entry_t){ .key = bytes(key), .value = { .kind = kind, .value.bytes = bytes(value) } };
}

static void assert_text(struct text t, const char *expected)
{
	if (expected == NULL)
		assert_null(t.s);
	else
		assert_true(t.s != NULL && text_is(t, expected));
}

static void an_absent_property_is_not_an_empty_one(void **state)
{
	struct content_store store = { 0 };
	struct content *m = content_take(&store);
	amqp_basic_properties_t p = { ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
				      .content_type = bytes("application/json"),
				      .correlation_id = bytes("without its flag") };

	content_begin(m, &p, 0);
	assert_text(m->content_type, "application/json");
	assert_text(m->reply_to, "");
	assert_text(m->correlation_id, NULL);
	assert_text(m->compression, NULL);
	assert_text(m->probe, NULL);
	assert_int_equal(m->body.n, 0);
	content_give_back(&store, m);
	content_store_fini(&store);
	(void)state;
}

static const struct {
	const char *key;
	uint8_t kind;
	const char *value, *compression, *probe;
} headers[] = {
	{ "compression", AMQP_FIELD_KIND_UTF8, "zlib", "zlib", NULL },
	{ "compression", AMQP_FIELD_KIND_BYTES, "gzip", "gzip", NULL },
	{ "compression", AMQP_FIELD_KIND_VOID, "", NULL, NULL },
	{ "compression", AMQP_FIELD_KIND_I32, "", NULL, NULL },
	{ "Compression", AMQP_FIELD_KIND_UTF8, "zlib", NULL, NULL },
	{ "compressio", AMQP_FIELD_KIND_UTF8, "zlib", NULL, NULL },
	{ "x-numeter-probe", AMQP_FIELD_KIND_UTF8, "1-2", NULL, "1-2" },
	{ "x-numeter-probe", AMQP_FIELD_KIND_BOOLEAN, "", NULL, "" },
	{ "", AMQP_FIELD_KIND_UTF8, "zlib", NULL, NULL },
};

static void headers_are_taken_when_they_are_texts(void **state)
{
	struct content_store store = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		amqp_table_entry_t entry = header_of(headers[i].key, headers[i].kind, headers[i].value);
		amqp_basic_properties_t p = { ._flags = AMQP_BASIC_HEADERS_FLAG,
					      .headers = { .num_entries = 1, .entries = &entry } };
		struct content *m = content_take(&store);

		content_begin(m, &p, 0);
		assert_text(m->compression, headers[i].compression);
		assert_text(m->probe, headers[i].probe);
		content_give_back(&store, m);
	}
	content_store_fini(&store);
	(void)state;
}

/* Each property at its longest, headers longer than any property may be and given twice. */
static void long_texts_are_cut_and_fit(void **state)
{
	struct content_store store = { 0 };
	struct content *m = content_take(&store);
	char longest[256] = "", longer[70000] = "";
	amqp_table_entry_t entry[4];
	amqp_basic_properties_t p = { ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG |
						AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
				      .headers = { .num_entries = 4, .entries = entry } };

	memset(longest, 'p', sizeof(longest) - 1);
	memset(longer, 'h', sizeof(longer) - 1);
	for (int i = 0; i < 4; i++)
		entry[i] = header_of(i % 2 == 0 ? "compression" : CONTENT_PROBE_HEADER, AMQP_FIELD_KIND_UTF8, longer);
	p.content_type = p.reply_to = p.correlation_id = bytes(longest);
	content_begin(m, &p, 0);
	assert_text(m->content_type, longest);
	assert_text(m->reply_to, longest);
	assert_text(m->correlation_id, longest);
	assert_int_equal(m->compression.n, 255);
	assert_int_equal(m->probe.n, 255);
	assert_int_equal(m->n_kept, sizeof(m->kept));
	content_give_back(&store, m);
	content_store_fini(&store);
	(void)state;
}

static const struct {
	uint64_t announced;
	size_t piece[3];
	bool complete[3];
	size_t n;
} bodies[] = {
	{ 3, { 3 }, { true }, 3 },
	{ 6, { 1, 2, 3 }, { false, false, true }, 6 },
	{ 6, { 4, 0, 9 }, { false, false, true }, 6 }, /* longer than announced */
	{ BROKER_MAX_BODY_BYTES, { BROKER_MAX_BODY_BYTES - 1, 1 }, { false, true }, BROKER_MAX_BODY_BYTES },
	{ BROKER_MAX_BODY_BYTES + 5,
	  { BROKER_MAX_BODY_BYTES - 1, 3, 3 },
	  { false, false, true },
	  BROKER_MAX_BODY_BYTES },
	{ UINT64_MAX, { BROKER_MAX_BODY_BYTES, 7, 0 }, { false, false, false }, BROKER_MAX_BODY_BYTES },
};

static void bodies_are_put_together_and_cut(void **state)
{
	struct content_store store = { 0 };
	amqp_basic_properties_t p = { 0 };
	char *sent = must_alloc(BROKER_MAX_BODY_BYTES);

	for (size_t i = 0; i < BROKER_MAX_BODY_BYTES; i++)
		sent[i] = (char)(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct content *m = content_take(&store);
		size_t at = 0;

		content_begin(m, &p, bodies[i].announced);
		for (size_t j = 0; j < 3; j++) {
			if (bodies[i].piece[j] == 0)
				continue;
			assert_int_equal(content_add(m, (amqp_bytes_t){ bodies[i].piece[j], sent + at }),
					 bodies[i].complete[j]);
			at += bodies[i].piece[j] > 100 ? 0 : bodies[i].piece[j];
		}
		assert_int_equal(m->body.n, bodies[i].n);
		assert_true(m->full_bytes == bodies[i].announced);
		if (bodies[i].n < 100)
			assert_memory_equal(m->body.at, sent, bodies[i].n);
		content_give_back(&store, m);
	}
	free(sent);
	content_store_fini(&store);
	(void)state;
}

static void a_message_is_used_again_without_its_past(void **state)
{
	struct content_store store = { 0 };
	struct content *m = content_take(&store), *again;
	amqp_table_entry_t entry = header_of("compression", AMQP_FIELD_KIND_UTF8, "zlib");
	amqp_basic_properties_t p = { ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
				      .content_type = bytes("text/plain"),
				      .headers = { .num_entries = 1, .entries = &entry } },
				none = { 0 };

	content_begin(m, &p, 4);
	assert_true(content_add(m, bytes("body")));
	m->next = m;
	content_give_back(&store, m);
	again = content_take(&store);
	assert_ptr_equal(again, m);
	assert_null(again->next);
	content_begin(again, &none, 0);
	assert_text(again->content_type, NULL);
	assert_text(again->compression, NULL);
	assert_int_equal(again->body.n, 0);
	content_give_back(&store, again);
	content_give_back(&store, NULL);
	content_store_fini(&store);
	(void)state;
}

static void many_spare_messages_do_not_pile_up(void **state)
{
	struct content_store store = { 0 };
	struct content *m[200];

	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		m[i] = content_take(&store);
	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		content_give_back(&store, m[i]);
	assert_true(store.n_spare < ARRAY_LEN(m));
	content_store_fini(&store);
	assert_int_equal(store.n_spare, 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_property_is_not_an_empty_one),
		cmocka_unit_test(headers_are_taken_when_they_are_texts),
		cmocka_unit_test(long_texts_are_cut_and_fit),
		cmocka_unit_test(bodies_are_put_together_and_cut),
		cmocka_unit_test(a_message_is_used_again_without_its_past),
		cmocka_unit_test(many_spare_messages_do_not_pile_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
