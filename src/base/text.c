#include "base/text.h"

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text text_trim(struct text t)
{
	while (t.n > 0 && is_blank(t.s[0])) {
		t.s++;
		t.n--;
	}
	while (t.n > 0 && is_blank(t.s[t.n - 1]))
		t.n--;
	return t;
}

/* Bytes of the well-formed sequence at p (1 to 4), 0 when there is none within n. RFC 3629 section 4. */
static size_t sequence_len(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		len = 2;
	else if (p[0] >= 0xE0 && p[0] <= 0xEF)
		len = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		len = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0;
	else if (p[0] == 0xED)
		high = 0x9F;
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool text_is_utf8(struct text t)
{
	const unsigned char *p = (const unsigned char *)t.s;
	size_t i = 0;

	while (i < t.n) {
		uint64_t eight;

		if (t.n - i >= 8) {
			memcpy(&eight, p + i, 8);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		size_t len = sequence_len(p + i, t.n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

/* One `[...]` set at p (just behind the bracket); *end is set behind it. Returns whether c is in it. */
static bool set_takes(struct text pattern, size_t p, char c, size_t *end)
{
	bool inverted = false, found = false, first = true;

	if (p < pattern.n && (pattern.s[p] == '!' || pattern.s[p] == '^')) {
		inverted = true;
		p++;
	}
	for (; p < pattern.n && (pattern.s[p] != ']' || first); p++, first = false) {
		unsigned char low = (unsigned char)pattern.s[p], high = low;

		if (p + 2 < pattern.n && pattern.s[p + 1] == '-' && pattern.s[p + 2] != ']') {
			high = (unsigned char)pattern.s[p + 2];
			p += 2;
		}
		if ((unsigned char)c >= low && (unsigned char)c <= high)
			found = true;
	}
	*end = p < pattern.n ? p + 1 : pattern.n;
	return found != inverted;
}

bool text_matches(struct text t, struct text pattern)
{
	size_t i = 0, p = 0, star_p = SIZE_MAX, star_i = 0;

	while (i < t.n || p < pattern.n) {
		bool taken = false;
		size_t next = p + 1;

		if (p < pattern.n && pattern.s[p] == '*') {
			star_p = p++;
			star_i = i;
			continue;
		}
		if (p < pattern.n && i < t.n) {
			if (pattern.s[p] == '?')
				taken = true;
			else if (pattern.s[p] == '[')
				taken = set_takes(pattern, p + 1, t.s[i], &next);
			else if (pattern.s[p] == '\\' && p + 1 < pattern.n) {
				taken = pattern.s[p + 1] == t.s[i];
				next = p + 2;
			} else
				taken = pattern.s[p] == t.s[i];
		}
		if (taken) {
			p = next;
			i++;
		} else if (star_p != SIZE_MAX && star_i < t.n) {
			p = star_p + 1;
			i = ++star_i;
		} else {
			return false;
		}
	}
	return true;
}

static uint64_t mixed(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide r = (wide)a * b;

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

uint64_t text_hash(struct text t, uint64_t seed)
{
	uint64_t h = seed ^ UINT64_C(0x9E3779B97F4A7C15), a, b;
	const char *p = t.s;
	size_t n = t.n;

	for (; n > 16; n -= 16, p += 16) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		h = mixed(a ^ UINT64_C(0xA0761D6478BD642F), b ^ h);
	}
	a = b = 0;
	if (n > 8) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, n - 8);
	} else if (n > 0) {
		memcpy(&a, p, n);
	}
	h = mixed(a ^ UINT64_C(0xE7037ED1A0B428DB), b ^ h);
	return mixed(h ^ seed, UINT64_C(0x8EBC6AF09C88C6E3) ^ t.n);
}

size_t text_distance(struct text a, struct text b)
{
	size_t row[65];

	if (a.n > 64 || b.n > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t above = row[j], best = diagonal + (a.s[i - 1] == b.s[j - 1] ? 0 : 1);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[b.n];
}
