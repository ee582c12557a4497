#include "base/base64.h"

#include <stdint.h>

void base64_add(struct buf *out, struct text t)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *o = buf_room(out, (t.n + 2) / 3 * 4);

	if (o == NULL || t.n == 0)
		return;
	for (size_t i = 0; i < t.n; i += 3) {
		uint32_t three = 0;
		size_t n = t.n - i < 3 ? t.n - i : 3;

		for (size_t j = 0; j < 3; j++)
			three = three << 8 | (j < n ? (unsigned char)t.s[i + j] : 0U);
		for (size_t j = 0; j < 4; j++)
			*o++ = j <= n ? letters[three >> (18 - 6 * j) & 63] : '=';
	}
	out->n += (t.n + 2) / 3 * 4;
}

/* -1: no letter of base64. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_add_decoded(struct buf *out, struct text t)
{
	size_t n_bytes = t.n / 4 * 3, n_before = out->n;
	unsigned n_padding = 0;
	char *o;

	if (t.n % 4 != 0)
		return false;
	if (t.n == 0)
		return true;
	if (t.s[t.n - 1] == '=')
		n_padding = t.s[t.n - 2] == '=' ? 2 : 1;
	o = buf_room(out, n_bytes);
	if (o == NULL)
		return true; /* out->full says so */
	for (size_t i = 0; i < t.n; i += 4) {
		uint32_t four = 0;

		for (size_t j = 0; j < 4; j++) {
			int v = i + j >= t.n - n_padding ? 0 : value_of(t.s[i + j]);

			if (v < 0)
				return false;
			four = four << 6 | (uint32_t)v;
		}
		*o++ = (char)(four >> 16);
		*o++ = (char)(four >> 8);
		*o++ = (char)four;
	}
	out->n = n_before + n_bytes - n_padding;
	return true;
}
