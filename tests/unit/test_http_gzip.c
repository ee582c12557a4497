#include "test.h"

#include <stdlib.h>

#include "http/gzip.h"

enum { MAX_BYTES = 1024 * 1024 };

static void comes_back_as_it_went(void **state)
{
	struct buf plain, packed, again;

	buf_init(&plain, MAX_BYTES);
	buf_init(&packed, MAX_BYTES);
	buf_init(&again, MAX_BYTES);
	for (int i = 0; i < 20000; i++)
		buf_addf(&plain, "%d, null, ", i);
	assert_true(gzip_pack(buf_text(&plain), &packed));
	assert_true(packed.n < plain.n / 2);
	assert_int_equal(gzip_unpack(buf_text(&packed), &again, NULL), RC_OK);
	assert_true(text_equal(buf_text(&plain), buf_text(&again)));
	buf_fini(&plain);
	buf_fini(&packed);
	buf_fini(&again);
	(void)state;
}

static void what_does_not_shrink_stays(void **state)
{
	struct buf noise, packed;
	uint32_t v = 1;

	buf_init(&noise, MAX_BYTES);
	buf_init(&packed, MAX_BYTES);
	for (int i = 0; i < 4000; i++) {
		char c;

		v = v * 1664525 + 1013904223;
		c = (char)(v >> 24);
		buf_add(&noise, &c, 1);
	}
	assert_false(gzip_pack(buf_text(&noise), &packed));
	assert_int_equal(packed.n, 0);
	assert_false(gzip_pack(TEXT("short"), &packed));
	buf_fini(&noise);
	buf_fini(&packed);
	(void)state;
}

/* Every cut and every flipped byte is a code, and never more than the ceiling. */
static void torn_streams_are_refused(void **state)
{
	struct buf plain, packed, out;

	buf_init(&plain, MAX_BYTES);
	buf_init(&packed, MAX_BYTES);
	buf_init(&out, 4000);
	for (int i = 0; i < 400; i++)
		buf_addf(&plain, "%d,", i * 7919);
	assert_true(gzip_pack(buf_text(&plain), &packed));
	for (size_t n = 0; n < packed.n; n++) {
		buf_clear(&out);
		assert_int_equal(gzip_unpack((struct text){ packed.at, n }, &out, NULL), RC_REFUSED);
	}
	for (size_t i = 0; i < packed.n; i++) {
		enum rc rc;

		buf_clear(&out);
		packed.at[i] ^= 1;
		rc = gzip_unpack(buf_text(&packed), &out, NULL);
		assert_true(rc == RC_OK || rc == RC_REFUSED || rc == RC_FULL);
		packed.at[i] ^= 1;
	}
	buf_add_str(&packed, "x");
	buf_clear(&out);
	assert_int_equal(gzip_unpack(buf_text(&packed), &out, NULL), RC_REFUSED);
	assert_int_equal(gzip_unpack(TEXT(""), &out, NULL), RC_REFUSED);
	buf_fini(&plain);
	buf_fini(&packed);
	buf_fini(&out);
	(void)state;
}

static void a_bomb_stops_at_the_ceiling(void **state)
{
	struct buf zeros, packed, out;

	buf_init(&zeros, MAX_BYTES);
	buf_init(&packed, MAX_BYTES);
	buf_init(&out, 100000);
	memset(buf_room(&zeros, MAX_BYTES), 0, MAX_BYTES);
	zeros.n = MAX_BYTES;
	assert_true(gzip_pack(buf_text(&zeros), &packed));
	assert_int_equal(gzip_unpack(buf_text(&packed), &out, NULL), RC_FULL);
	assert_true(out.capacity <= 200002);
	buf_fini(&zeros);
	buf_fini(&packed);
	buf_fini(&out);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_went),
		cmocka_unit_test(what_does_not_shrink_stays),
		cmocka_unit_test(torn_streams_are_refused),
		cmocka_unit_test(a_bomb_stops_at_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
