#include "test.h"

#include <string.h>

#include "base/crc32c.h"

typedef uint32_t crc_fn(uint32_t crc, const void *bytes, size_t n);
static crc_fn *const ways[] = { crc32c, crc32c_by_table };

static void gives_the_vectors_of_rfc_3720(void **state)
{
	unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];

	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		assert_int_equal(ways[w](0, "", 0), 0);
		assert_int_equal(ways[w](0, "123456789", 9), 0xe3069283);
		assert_int_equal(ways[w](0, zeros, 32), 0x8a9136aa);
		assert_int_equal(ways[w](0, ones, 32), 0x62a8ab43);
		assert_int_equal(ways[w](0, up, 32), 0x46dd794e);
		assert_int_equal(ways[w](0, down, 32), 0x113fdb5c);
	}
	(void)state;
}

/* One byte after another, by the definition. */
static uint32_t bit_by_bit(const unsigned char *p, size_t n)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void twins_are_equal_at_every_length_and_offset(void **state)
{
	static unsigned char bytes[20000];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(random >> 24);
	}
	for (size_t n = 0; n < 9000; n += n < 300 ? 1 : 97)
		for (size_t from = 0; from < 9; from++) {
			uint32_t expected = bit_by_bit(bytes + from, n);

			assert_int_equal(crc32c(0, bytes + from, n), expected);
			assert_int_equal(crc32c_by_table(0, bytes + from, n), expected);
		}
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), bit_by_bit(bytes, sizeof(bytes)));
	(void)state;
}

static void goes_on_where_it_stopped(void **state)
{
	static unsigned char bytes[7000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	for (size_t cut = 0; cut <= sizeof(bytes); cut += 13)
		for (size_t w = 0; w < ARRAY_LEN(ways); w++)
			assert_int_equal(ways[w](ways[w](0, bytes, cut), bytes + cut, sizeof(bytes) - cut),
					 bit_by_bit(bytes, sizeof(bytes)));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_vectors_of_rfc_3720),
		cmocka_unit_test(twins_are_equal_at_every_length_and_offset),
		cmocka_unit_test(goes_on_where_it_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
