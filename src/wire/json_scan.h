/*
 * The inner loop of the JSON reader: how many bytes of a text may be taken as they are. Plain is every ASCII byte but
 * quote, backslash and the control characters. Private to wire/; two twins that a test compares byte for byte.
 */
#ifndef WIRE_JSON_SCAN_H
#define WIRE_JSON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool json_is_plain(char c)
{
	return c >= 0x20 && (signed char)c >= 0 && c != '"' && c != '\\';
}

/* The plain bytes at the front of the 8 at p. A subtraction borrows only past a hit, so the lowest hit is true. */
static inline size_t json_plain_of_8(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t x, quote, backslash, hits;

	memcpy(&x, p, 8);
	x = le64toh(x);
	quote = x ^ (ones * '"');
	backslash = x ^ (ones * '\\');
	hits = (x | ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops;
	return hits == 0 ? 8 : (size_t)__builtin_ctzll(hits) / 8;
}

#ifdef __SSE2__
enum { JSON_BLOCK = 16 };

/* Signed "less than blank" holds for control characters and for everything above ASCII. */
static inline size_t json_plain_of_block(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hits = _mm_or_si128(
		_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
		_mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));

	return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(hits) | 0x10000);
}
#else
enum { JSON_BLOCK = 8 };

static inline size_t json_plain_of_block(const char *p)
{
	return json_plain_of_8(p);
}
#endif

/* The first byte from p on that is not plain, or end. */
static inline const char *json_plain_end(const char *p, const char *end)
{
	while (end - p >= JSON_BLOCK) {
		size_t n = json_plain_of_block(p);

		p += n;
		if (n < JSON_BLOCK)
			return p;
	}
	while (p < end && json_is_plain(*p))
		p++;
	return p;
}

/* The same, with the plain bytes copied to *out, which has room for end - p bytes and is moved on. */
static inline const char *json_plain_copy(const char *p, const char *end, char **out)
{
	char *o = *out;

	while (end - p >= JSON_BLOCK) {
		size_t n = json_plain_of_block(p);

		memcpy(o, p, JSON_BLOCK);
		p += n;
		o += n;
		if (n < JSON_BLOCK)
			goto done;
	}
	while (p < end && json_is_plain(*p))
		*o++ = *p++;
done:
	*out = o;
	return p;
}

#endif
